/* Unit tests of quantize/quantize with a text: every method on a small model keeps nearer to what
 * it said than rounding does, goes on where a killed process ended, and gives the same bytes
 * whoever makes it; texts that are no use are refused. */
#include "quantize/quantize.h"

#include "base/file.h"
#include "engine/reference_check.h"
#include "engine/score.h"

#include "check_suites.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WINDOW = 32, N_WINDOWS = 6, VOCABULARY = 307 };

static qg_arena *arena;
static qg_err err;
static const char *plain, *above;
static qg_str text; /* one document, seven windows of WINDOW tokens and a rest */

static void setup(void)
{
    fixture_begin();
    arena = fixture_arena();
    qg_err_clear(&err);
    plain = fixture_model("plain", &(qg_synth_options){.seed = 11,
                                                       .n_layers = 3,
                                                       .hidden_size = 128,
                                                       .n_heads = 4,
                                                       .n_kv_heads = 2,
                                                       .head_dim = 32,
                                                       .intermediate_size = 192});
    fixture_vary_vectors(plain);
    above = qg_path_dir(arena, plain);
    char *bytes = qg_arena_alloc(arena, 7 * WINDOW + 11);
    for (size_t i = 0; i < 7 * WINDOW + 11; i++)
        bytes[i] = (char)('a' + i * i % 23);
    text = (qg_str){bytes, 7 * WINDOW + 11};
}

static const char *place(const char *name)
{
    return qg_path_join(arena, above, name);
}

static void must(qg_status s)
{
    char words[1024];

    if (s != QG_OK)
        ck_abort_msg("%s", qg_err_format(&err, words, sizeof words));
}

/* ---- recipes ---- */

static const struct recipe {
    const char *name;
    qg_choice choice, rounding; /* the same form, rounded to nearest */
} recipes[] = {
    {"gptq", {.method = "gptq", .recipe = {.group_size = 32}}, {.recipe = {.group_size = 32}}},
    {"gptq-order",
     {.method = "gptq",
      .recipe = {.format = "gptq_v2", .group_size = 32, .symmetric = -1, .act_order = true}},
     {.recipe = {.format = "gptq_v2", .group_size = 32, .symmetric = -1}}},
    {"gptq-compressed",
     {.method = "gptq", .recipe = {.format = "compressed-tensors", .bits = 4, .group_size = 32}},
     {.recipe = {.format = "compressed-tensors", .bits = 4, .group_size = 32}}},
    {"gptq-natural",
     {.method = "gptq", .recipe = {.group_size = 32}, .natural_order = true},
     {.recipe = {.group_size = 32}}},
    {"awq",
     {.method = "awq", .recipe = {.group_size = 32}},
     {.recipe = {.format = "awq", .group_size = 32}}},
    {"int8",
     {.method = "int8"},
     {.recipe = {.format = "compressed-tensors", .bits = 8, .activations = "int8"}}},
};
enum { N_RECIPES = sizeof recipes / sizeof *recipes };

static qg_quantize_options options_of(const qg_choice *choice, bool with_text)
{
    return (qg_quantize_options){.choice = *choice,
                                 .documents = &text,
                                 .n_documents = with_text,
                                 .n_windows = with_text ? N_WINDOWS : 0,
                                 .window = with_text ? WINDOW : 0,
                                 .n_threads = 1};
}

static qg_quantized *quantize(const char *folder, const qg_quantize_options *o)
{
    qg_quantized *q;

    must(qg_quantize_folder(&q, arena, plain, folder, o, &err));
    return q;
}

/* ---- what a model says ---- */

/* KL(plain || folder) in nats, mean over the tokens of the text; probabilities in double. */
static double divergence(const char *folder)
{
    qg_engine *a = fixture_open(plain, &(qg_engine_options){.max_model_len = 256});
    qg_engine *b = fixture_open(folder, &(qg_engine_options){.max_model_len = 256});
    qg_score x, y;
    double sum = 0;
    qg_ids ids;

    must(qg_tokenizer_encode(&ids, arena, qg_engine_tokenizer(a), text, 0, &err));
    must(qg_score_ids(&x, arena, a, &ids, 1, VOCABULARY, &err));
    must(qg_score_ids(&y, arena, b, &ids, 1, VOCABULARY, &err));
    for (int i = 0; i < x.n; i++) {
        double q[VOCABULARY];
        for (int k = 0; k < VOCABULARY; k++)
            q[y.next[i].top[k].id] = y.next[i].top[k].logprob;
        for (int k = 0; k < VOCABULARY; k++)
            sum +=
                exp(x.next[i].top[k].logprob) * (x.next[i].top[k].logprob - q[x.next[i].top[k].id]);
    }
    return sum / x.n;
}

START_TEST(it_says_what_the_plain_model_says)
{
    const struct recipe *r = &recipes[_i];
    qg_quantize_options o = options_of(&r->choice, true), n = options_of(&r->rounding, false);
    qg_quantized *made = quantize(place("made"), &o), *rounded = quantize(place("rounded"), &n);

    ck_assert_str_eq(made->method, r->choice.method);
    ck_assert_int_eq(made->n_windows, N_WINDOWS);
    ck_assert_int_eq(made->window, WINDOW);
    ck_assert_str_eq(made->format, rounded->format);
    ck_assert_uint_eq(made->n_linears, 21);
    ck_assert_int_eq(made->bytes_before, rounded->bytes_before);
    double of_made = divergence(place("made")), of_rounded = divergence(place("rounded"));
    ck_assert_msg(of_made < of_rounded, "%g against %g by rounding", of_made, of_rounded);
    for (size_t i = 0; i < made->n_linears; i++) {
        const qg_quantized_linear *l = &made->linears[i];
        ck_assert(l->is_calibrated);
        ck_assert(l->output_error > 0 && l->output_error < 0.5);
        ck_assert_uint_eq(l->n_outliers, 3);
        ck_assert_double_ge(l->outliers[0].ratio, l->outliers[1].ratio);
    }
}
END_TEST

/* Outputs are what gptq minds: less of them is lost than by rounding, at the price of weights. */
START_TEST(gptq_keeps_outputs_before_weights)
{
    qg_quantize_options o = options_of(&recipes[0].choice, true);
    qg_quantized *made = quantize(place("made"), &o);
    qg_quantize_options n = options_of(&recipes[0].rounding, false);
    qg_quantized *rounded = quantize(place("rounded"), &n);

    for (size_t i = 0; i < made->n_linears; i++) {
        ck_assert_double_lt(made->linears[i].output_error, rounded->linears[i].weight_error);
        ck_assert_double_gt(made->linears[i].weight_error, rounded->linears[i].weight_error);
    }
}
END_TEST

static qg_str bytes_of(const char *folder, const char *name)
{
    qg_str bytes;

    must(qg_file_map(&bytes, arena, qg_path_join(arena, folder, name), &err));
    return bytes;
}

START_TEST(threads_do_not_change_a_byte)
{
    qg_quantize_options o = options_of(&recipes[_i].choice, true);

    quantize(place("one"), &o);
    o.n_threads = 3;
    quantize(place("three"), &o);
    ck_assert(qg_str_eq(bytes_of(place("one"), "model.safetensors"),
                        bytes_of(place("three"), "model.safetensors")));
}
END_TEST

/* ---- killed in the middle ---- */

static void die_in_layer_3(void *user, const char *label, double done)
{
    (void)user, (void)done;
    if (strncmp(label, "layer 3/3", 9) == 0)
        _exit(9);
}

static char notices[512];

static void remember(void *user, const char *notice)
{
    (void)user;
    strncat(notices, notice, sizeof notices - strlen(notices) - 1);
}

START_TEST(a_killed_one_goes_on)
{
    qg_quantize_options o = options_of(&recipes[_i].choice, true);
    qg_quantized *q;

    quantize(place("whole"), &o);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        o.on_progress = die_in_layer_3;
        qg_quantize_folder(&q, arena, plain, place("made"), &o, &err);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WEXITSTATUS(status), 9);
    ck_assert(!qg_dir_exists(place("made")));
    ck_assert(qg_dir_exists(place("made.partial/layer-001")));
    ck_assert(!qg_file_exists(place("made.partial/config.json")));
    notices[0] = 0;
    o.on_notice = remember;
    quantize(place("made"), &o);
    ck_assert_ptr_nonnull(strstr(notices, "going on after layer 2 of 3"));
    ck_assert(!qg_dir_exists(place("made.partial")));
    ck_assert(qg_str_eq(bytes_of(place("whole"), "model.safetensors"),
                        bytes_of(place("made"), "model.safetensors")));
}
END_TEST

START_TEST(layers_of_another_recipe_are_dropped)
{
    qg_quantize_options o = options_of(&recipes[0].choice, true);
    qg_quantized *q;

    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        o.on_progress = die_in_layer_3;
        qg_quantize_folder(&q, arena, plain, place("made"), &o, &err);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    notices[0] = 0;
    o.on_notice = remember;
    o.choice.damp = 0.05;
    quantize(place("made"), &o);
    ck_assert_ptr_nonnull(strstr(notices, "layers of another recipe: they are dropped"));
}
END_TEST

START_TEST(an_existing_folder_is_replaced_by_force_alone)
{
    qg_quantize_options o = options_of(&recipes[0].rounding, false);
    qg_quantized *q;

    quantize(place("made"), &o);
    must(qg_file_write(place("made/mine.txt"), QG_STR("mine"), &err));
    ck_assert_int_eq(qg_quantize_folder(&q, arena, plain, place("made"), &o, &err), QG_EEXISTS);
    ck_assert_ptr_nonnull(strstr(err.message, "--force"));
    ck_assert(qg_file_exists(place("made/mine.txt")));
    qg_err_clear(&err);
    o.force = true;
    o.choice = recipes[4].rounding;
    quantize(place("made"), &o);
    ck_assert(!qg_file_exists(place("made/mine.txt")));
    fixture_open(place("made"), &(qg_engine_options){.quantization = "awq"});
    must(qg_file_write(place("file"), QG_STR("mine"), &err));
    ck_assert_int_eq(qg_quantize_folder(&q, arena, plain, place("file"), &o, &err), QG_EEXISTS);
}
END_TEST

/* ---- texts and settings ---- */

static void refuse(const qg_quantize_options *o, qg_status status, const char *words)
{
    char all[2 * QG_ERR_TEXT];
    qg_quantized *q;

    qg_err_clear(&err);
    qg_status s = qg_quantize_folder(&q, arena, plain, place("made"), o, &err);
    qg_err_format(&err, all, sizeof all);
    ck_assert_msg(s == status, "%s: %s", qg_status_name(s), all);
    ck_assert_msg(strstr(all, words), "'%s' does not say '%s'", all, words);
    ck_assert(!qg_dir_exists(place("made")) && !qg_dir_exists(place("made.partial")));
}

START_TEST(texts_that_are_no_use_are_refused)
{
    qg_quantize_options o = options_of(&recipes[0].choice, true);
    qg_str bad = QG_STR("not \xff UTF-8, and long enough for a window of its own");

    o.window = 250;
    refuse(&o, QG_EARG, "a window takes 250: give a longer text or a shorter window");
    o.window = WINDOW;
    o.documents = &bad;
    refuse(&o, QG_EARG, "calibration document 1");
    o.n_documents = 0;
    refuse(&o, QG_EARG, "method 'gptq' needs a text");
    o = options_of(&recipes[0].rounding, true);
    refuse(&o, QG_EARG, "method 'rtn' looks at no text");
}
END_TEST

START_TEST(fewer_windows_are_told)
{
    qg_quantize_options o = options_of(&recipes[0].choice, true);

    notices[0] = 0;
    o.on_notice = remember;
    o.n_windows = 100;
    ck_assert_int_eq(quantize(place("made"), &o)->n_windows, 7);
    ck_assert_str_eq(notices,
                     "the calibration text has 7 windows of 32 tokens, 100 were asked for");
}
END_TEST

/* One token again and again: the inputs of a layer have one direction. */
START_TEST(a_raised_damping_is_told)
{
    qg_quantize_options o = options_of(&recipes[0].choice, true);
    char *same = qg_arena_alloc(arena, 200);

    memset(same, 'a', 200);
    text = (qg_str){same, 200};
    notices[0] = 0;
    o.on_notice = remember;
    o.choice.damp = 1e-15;
    qg_quantized *q = quantize(place("made"), &o);
    ck_assert_ptr_nonnull(strstr(notices, "the damping was raised from 1e-15 to"));
    ck_assert_double_gt(q->linears[0].damp, 1e-15);
}
END_TEST

START_TEST(settings_that_make_no_sense_are_refused)
{
    static const struct {
        qg_choice choice;
        const char *words;
    } cases[] = {
        {{.method = "magic"}, "method 'magic' is unknown: rtn, int8, gptq, awq are there"},
        {{.method = "awq", .damp = 0.1}, "damping belongs to method gptq, not to awq"},
        {{.method = "gptq", .damp = 2}, "a damping of 2"},
        {{.method = "gptq", .damp = NAN}, "a damping of"},
        {{.method = "awq", .natural_order = true}, "a natural order belongs to method gptq"},
        {{.method = "gptq", .natural_order = true, .recipe = {.act_order = true}},
         "exclude each other"},
        {{.method = "gptq", .has_strength = true}, "a strength belongs to method int8"},
        {{.method = "int8", .has_strength = true, .strength = 1.5}, "a strength of 1.5"},
        {{.method = "int8", .recipe = {.bits = 4}}, "method int8 has 8 bits, not 4"},
        {{.method = "awq", .recipe = {.act_order = true}}, "method awq has no order"},
        {{.method = "gptq", .recipe = {.bits = 8, .activations = "int8"}},
         "8-bit activations belong to method int8"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        qg_quantize_options o = options_of(&cases[i].choice, true);
        refuse(&o, QG_EARG, cases[i].words);
    }
}
END_TEST

/* ---- inputs that never fire ---- */

static void silence(qg_tensor_spec *spec, void *data, void *user)
{
    (void)user;
    if (strcmp(spec->name, "model.layers.1.input_layernorm.weight") == 0)
        for (size_t i = 0; i < 8; i++)
            qgk_float_put(data, spec->dtype, i * 5, 0);
}

START_TEST(inputs_that_never_fire_do_no_harm)
{
    qg_quantize_options o = options_of(&recipes[_i].choice, true);

    fixture_tensors(plain, silence, NULL, NULL);
    qg_quantized *q = quantize(place("made"), &o);
    ck_assert_int_eq(q->linears[7].layer, 1);
    ck_assert_str_eq(q->linears[7].projection, "q");
    ck_assert_int_eq(q->linears[7].n_dead, 8);
    ck_assert_int_eq(q->linears[0].n_dead, 0);
    ck_assert_double_lt(divergence(place("made")), 0.5);
}
END_TEST

START_TEST(failing_allocations_leave_no_folder)
{
    qg_quantize_options o = options_of(&recipes[_i].choice, true);
    const char *made = place("made");
    qg_quantized *q;

    for (long n = 1;; n += 1 + n / 8) {
        qg_err_clear(&err);
        qg_arena_fail_after(n);
        qg_status s = qg_quantize_folder(&q, arena, plain, made, &o, &err);
        bool unused = qg_arena_fail_after(0);
        ck_assert_msg(s == (unused ? QG_OK : QG_ENOMEM), "allocation %ld: %s: %s", n,
                      qg_status_name(s), err.message);
        if (unused)
            break;
        ck_assert(!qg_dir_exists(made));
    }
}
END_TEST

START_TEST(the_folder_is_complete)
{
    qg_quantize_options o = options_of(&recipes[4].choice, true);
    const char *made = place("made");

    quantize(made, &o);
    ck_assert(qg_file_exists(qg_path_join(arena, made, "tokenizer.json")));
    ck_assert(qg_file_exists(qg_path_join(arena, made, "generation_config.json")));
    qg_str readme = bytes_of(made, "README.md");
    ck_assert(qg_str_starts(readme, QG_STR("---\nbase_model: \"plain\"\n")));
    ck_assert_ptr_nonnull(memmem(readme.ptr, readme.len, "| method | AWQ |", 16));
    char hash[QG_HASH_HEX];
    must(qg_engine_hash_folder(hash, made, &err));
    const char *line = qg_arena_format(arena, "\nquantgate_checkpoint: sha256:%s\n---\n", hash);
    ck_assert_ptr_nonnull(memmem(readme.ptr, readme.len, line, strlen(line)));
    qg_quantized *q;
    must(qg_quantized_from_json(&q, arena, bytes_of(made, QG_QUANTIZED_FILE), "report", &err));
    ck_assert_uint_eq(q->n_linears, 21);
}
END_TEST

Suite *calibrated_check(void)
{
    Suite *s = suite_create("calibrated_check");
    TCase *t = tcase_create("calibrated");

    tcase_add_checked_fixture(t, setup, fixture_end);
    tcase_set_timeout(t, 240);
    tcase_add_loop_test(t, it_says_what_the_plain_model_says, 0, N_RECIPES);
    tcase_add_test(t, gptq_keeps_outputs_before_weights);
    tcase_add_loop_test(t, threads_do_not_change_a_byte, 0, N_RECIPES);
    tcase_add_loop_test(t, a_killed_one_goes_on, 0, N_RECIPES);
    tcase_add_test(t, layers_of_another_recipe_are_dropped);
    tcase_add_test(t, an_existing_folder_is_replaced_by_force_alone);
    tcase_add_test(t, texts_that_are_no_use_are_refused);
    tcase_add_test(t, fewer_windows_are_told);
    tcase_add_test(t, a_raised_damping_is_told);
    tcase_add_test(t, settings_that_make_no_sense_are_refused);
    tcase_add_loop_test(t, inputs_that_never_fire_do_no_harm, 0, N_RECIPES);
    tcase_add_loop_test(t, failing_allocations_leave_no_folder, 0, N_RECIPES);
    tcase_add_test(t, the_folder_is_complete);
    suite_add_tcase(s, t);
    return s;
}
