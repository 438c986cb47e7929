/* Unit tests of quantize/quantize: folders of every form hold what rounding_check.h makes of the
 * plain folder's weights, as the method's oracle reads them, open in the engine, and keep all that
 * is not quantized byte for byte; what must be refused leaves nothing. */
#include "quantize/quantize.h"

#include "base/file.h"
#include "engine/reference_check.h"
#include "quantize/rounding_check.h"

#include "check_suites.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static qg_arena *arena;
static qg_err err;

static void setup(void)
{
    fixture_begin();
    arena = fixture_arena();
    qg_err_clear(&err);
}

static void must(qg_status s)
{
    char text[1024];

    if (s != QG_OK)
        ck_abort_msg("%s", qg_err_format(&err, text, sizeof text));
}

/* ---- folders ---- */

/* A place for a folder to make, below the one where fixture_model() writes. */
static const char *place(const char *name)
{
    const char *near =
        fixture_model(qg_arena_format(arena, "near-%s", name), &(qg_synth_options){.n_layers = 1});

    return qg_path_join(arena, qg_path_dir(arena, near), name);
}

static const qg_checkpoint *tensors_of(const char *folder)
{
    const qg_checkpoint *c;

    must(qg_checkpoint_open(&c, arena, folder, &err));
    return c;
}

static qg_str bytes_of(const char *folder, const char *name)
{
    qg_str text;

    must(qg_file_map(&text, arena, qg_path_join(arena, folder, name), &err));
    return text;
}

/* ---- forms ---- */

static const struct form {
    qg_recipe recipe;
    rounding rounding;
} forms[] = {
    {{.format = "gptq", .group_size = 32}, {4, true, false, 15}},
    {{.format = "gptq", .bits = 8, .group_size = 64, .symmetric = -1}, {8, false, false, 0}},
    {{.format = "gptq_v2", .group_size = 32, .symmetric = -1, .act_order = true},
     {4, false, false, 0}},
    {{.format = "gptq", .bits = 8, .group_size = 32, .act_order = true}, {8, true, false, 255}},
    {{.format = "gptq_v2", .group_size = -1}, {4, true, false, 15}},
    {{.format = "awq", .group_size = 32}, {4, false, false, 0}},
    {{.format = "awq", .group_size = 64, .symmetric = 1}, {4, true, false, 15}},
    {{.format = "compressed-tensors", .bits = 4, .group_size = 32}, {4, true, false, 15}},
    {{.format = "compressed-tensors", .bits = 4, .group_size = 64, .symmetric = -1},
     {4, false, false, 0}},
    {{.format = "compressed-tensors", .bits = 8, .group_size = 32}, {8, true, false, 255}},
    {{.format = "compressed-tensors", .bits = 8, .activations = "int8"}, {8, true, false, 255}},
    {{.format = "bitsandbytes"}, {8, true, true, 254}},
};
enum { N_FORMS = sizeof forms / sizeof *forms };

static const qg_recipe group32 = {.group_size = 32};

/* A linear of a quantized folder, for its oracle. */
typedef struct stored {
    const qg_storage *storage;
    qgk_stored bits;
    const qg_tensor *part[QGK_MAX_PARTS];
} stored;

static void find_stored(stored *out, const qg_storage *storage, const qg_checkpoint *c,
                        const qg_tensor *plain)
{
    int base = (int)strlen(plain->name) - (int)strlen(".weight");

    *out = (stored){.storage = storage, .bits = {.config = &storage->config}};
    out->bits.shape = (qgk_shape){(int)plain->shape[0], (int)plain->shape[1],
                                  storage->config.group_size, storage->config.bits};
    if (out->bits.shape.group < 0)
        out->bits.shape.group = out->bits.shape.k;
    for (int i = 0; storage->method->parts[i].suffix; i++) {
        const qg_tensor *t =
            qg_checkpoint_find(c, qg_arena_format(arena, "%.*s.%s", base, plain->name,
                                                  storage->method->parts[i].suffix));
        ck_assert(t || storage->method->parts[i].optional);
        out->part[i] = t;
        out->bits.part[i] = t ? t->data : NULL;
        out->bits.dtype[i] = t ? t->dtype : QGK_F16;
    }
}

/* The group of each input: by its g_idx where the form has one, else one after the other. */
static void find_groups(int *groups, const stored *s)
{
    const qgk_part *parts = s->storage->method->parts;

    for (int k = 0; k < s->bits.shape.k; k++) {
        groups[k] = k / s->bits.shape.group;
        for (int i = 0; parts[i].suffix; i++)
            if (strcmp(parts[i].suffix, "g_idx") == 0 && s->part[i])
                groups[k] = (int)qgk_word_at(s->part[i]->data, (size_t)k);
    }
}

/* Inputs of larger norm come in groups before. */
static void assert_order(const int *groups, const qg_tensor *plain)
{
    int k = (int)plain->shape[1];
    double *norms = QG_NEW_N(arena, double, (size_t)k);

    for (int64_t i = 0; i < plain->n_elements; i++) {
        double w = (double)qgk_float_at(plain->data, plain->dtype, (size_t)i);
        norms[i % k] += w * w;
    }
    for (int i = 0; i < k; i++)
        for (int j = 0; j < k; j++)
            if (groups[i] < groups[j] && !(norms[i] >= norms[j]))
                ck_abort_msg("'%s': inputs %d and %d are in each other's place", plain->name, i, j);
}

/* Sums of squares. */
typedef struct sums {
    double of_error, of_weights;
} squares;

static void compare_row(const stored *s, const qg_tensor *plain, const int *groups, int row,
                        rounding r, squares *sums)
{
    int k = s->bits.shape.k;
    float *got = QG_NEW_N(arena, float, (size_t)k);
    double *w = QG_NEW_N(arena, double, (size_t)k);
    int *codes = QG_NEW_N(arena, int, (size_t)k), *at = QG_NEW_N(arena, int, (size_t)k);

    s->storage->method->oracle(got, &s->bits, row);
    for (int g = 0; g < k / s->bits.shape.group; g++) {
        double scale;
        int n = 0, zero;
        for (int i = 0; i < k; i++)
            if (groups[i] == g) {
                at[n] = i;
                w[n++] = (double)qgk_float_at(plain->data, plain->dtype,
                                              (size_t)row * (size_t)k + (size_t)i);
            }
        ck_assert_int_eq(n, s->bits.shape.group);
        round_group(codes, &scale, &zero, w, n, r);
        for (int i = 0; i < n; i++) {
            double rounded = scale * (codes[i] - zero);
            if (!(fabs((double)got[at[i]] - rounded) <= 1e-5 * scale))
                ck_abort_msg("'%s' row %d input %d: %g instead of %g", plain->name, row, at[i],
                             (double)got[at[i]], rounded);
            sums->of_error += (w[i] - rounded) * (w[i] - rounded);
            sums->of_weights += w[i] * w[i];
        }
    }
}

static void compare_linear(const qg_storage *storage, const qg_checkpoint *c,
                           const qg_tensor *plain, rounding r, squares *sums)
{
    qg_arena_mark mark = qg_arena_here(arena);
    int *groups = QG_NEW_N(arena, int, (size_t)plain->shape[1]);
    stored s;

    find_stored(&s, storage, c, plain);
    find_groups(groups, &s);
    if (storage->config.act_order)
        assert_order(groups, plain);
    for (int row = 0; row < s.bits.shape.n; row++)
        compare_row(&s, plain, groups, row, r, sums);
    qg_arena_rewind(arena, mark);
}

static bool is_layer_linear(const qg_tensor *t)
{
    return t->n_dims == 2 && strstr(t->name, ".layers.");
}

/* Every tensor of the plain folder is in the other, rounded or as it was. */
static void compare_tensors(const char *plain, const char *made, rounding r,
                            const qg_quantized *result)
{
    const qg_checkpoint *before = tensors_of(plain), *after = tensors_of(made);
    qg_model_config config;
    qg_storage storage;
    squares sums = {0};
    int n_linears = 0;

    must(qg_config_read(&config, arena, made, NULL, &err));
    must(qg_storage_choose(&storage, &config, after, NULL, NULL, &err));
    ck_assert_ptr_null(storage.said.guess);
    for (size_t i = 0; i < qg_checkpoint_count(before); i++) {
        const qg_tensor *t = qg_checkpoint_at(before, i), *same;
        if (is_layer_linear(t)) {
            compare_linear(&storage, after, t, r, &sums);
            n_linears++;
            continue;
        }
        same = qg_checkpoint_find(after, t->name);
        ck_assert_msg(same && same->dtype == t->dtype && same->n_bytes == t->n_bytes &&
                          memcmp(same->data, t->data, t->n_bytes) == 0,
                      "'%s' is not what it was", t->name);
    }
    ck_assert_int_eq((int)result->n_linears, n_linears);
    ck_assert_uint_eq((size_t)result->bytes_before, qg_checkpoint_bytes(before));
    ck_assert_uint_eq((size_t)result->bytes_after, qg_checkpoint_bytes(after));
    ck_assert_double_eq_tol(result->weight_error, sqrt(sums.of_error / sums.of_weights), 1e-6);
}

static void compare_others(const char *plain, const char *made)
{
    static const char *const copied[] = {"tokenizer.json",
                                         "tokenizer_config.json",
                                         "special_tokens_map.json",
                                         "generation_config.json",
                                         "vocab.json",
                                         "merges.txt"};

    for (size_t i = 0; i < sizeof copied / sizeof *copied; i++)
        if (qg_file_exists(qg_path_join(arena, plain, copied[i])))
            ck_assert(qg_str_eq(bytes_of(plain, copied[i]), bytes_of(made, copied[i])));
}

static qg_quantized *quantize(const char *plain, const char *made, qg_recipe recipe)
{
    qg_quantize_options o = {.choice = {.recipe = recipe}};
    qg_quantized *result;

    must(qg_quantize_folder(&result, arena, plain, made, &o, &err));
    return result;
}

static void quantize_and_compare(const char *plain, const struct form *f)
{
    const char *made = place("made");
    qg_quantized *result = quantize(plain, made, f->recipe);

    ck_assert_str_eq(result->format, f->recipe.format);
    ck_assert_int_eq(result->bits, f->rounding.bits);
    compare_tensors(plain, made, f->rounding, result);
    compare_others(plain, made);
    qg_engine_info info = qg_engine_describe(fixture_open(made, &(qg_engine_options){0}));
    ck_assert_int_eq(info.n_params,
                     qg_engine_describe(fixture_open(plain, &(qg_engine_options){0})).n_params);
}

START_TEST(a_trained_llama_is_rounded)
{
    quantize_and_compare(fixture_path("golden/models/tiny-llama"), &forms[_i * (N_FORMS / 3)]);
}
END_TEST

static const char *kin(const char *family, const char *dtype, bool bias)
{
    const char *folder =
        fixture_model(family, &(qg_synth_options){.family = family,
                                                  .seed = 11,
                                                  .dtype = dtype,
                                                  .hidden_size = 128,
                                                  .n_heads = 4,
                                                  .n_kv_heads = strcmp(family, "opt") ? 2 : 4,
                                                  .head_dim = 32,
                                                  .intermediate_size = 192,
                                                  .attention_bias = bias});

    fixture_vary_vectors(folder);
    return folder;
}

START_TEST(an_opt_is_rounded)
{
    quantize_and_compare(kin("opt", "bfloat16", false), &forms[_i]);
}
END_TEST

START_TEST(a_qwen2_is_rounded)
{
    quantize_and_compare(kin("qwen2", "float32", false), &forms[_i]);
}
END_TEST

START_TEST(threads_do_not_change_a_byte)
{
    const char *plain = kin("llama", "bfloat16", true), *one = place("one"),
               *three = place("three");
    qg_quantize_options o = {.choice = {.recipe = forms[_i].recipe}, .n_threads = 1};
    qg_quantized *a, *b;

    must(qg_quantize_folder(&a, arena, plain, one, &o, &err));
    o.n_threads = 3;
    must(qg_quantize_folder(&b, arena, plain, three, &o, &err));
    ck_assert(qg_str_eq(bytes_of(one, "model.safetensors"), bytes_of(three, "model.safetensors")));
    ck_assert(qg_str_eq(bytes_of(one, "config.json"), bytes_of(three, "config.json")));
    ck_assert_double_eq(a->weight_error, b->weight_error);
}
END_TEST

/* ---- the configuration ---- */

START_TEST(the_configuration_is_kept_and_added_to)
{
    const char *plain = fixture_path("golden/models/tiny-llama"), *made = place("made");
    const qg_json *before, *after;
    qg_quantized *result = quantize(plain, made, (qg_recipe){0});
    qg_str text;

    must(qg_json_read(&before, arena, qg_path_join(arena, plain, "config.json"), 1 << 20, &err));
    must(qg_json_read(&after, arena, qg_path_join(arena, made, "config.json"), 1 << 20, &err));
    ck_assert_uint_eq(qg_json_len(after), qg_json_len(before) + 1);
    for (qg_json_iter it = {0}; qg_json_next(before, &it);)
        ck_assert_int_eq(qg_json_type_of(qg_json_get(after, it.key.ptr)),
                         qg_json_type_of(it.value));
    const qg_json *q = qg_json_get(after, "quantization_config");
    ck_assert(qg_json_str(qg_json_get(q, "quant_method"), &text) && qg_str_is(text, "gptq"));
    ck_assert_str_eq(result->format, "gptq"); /* the defaults */
    ck_assert_int_eq(result->bits, 4);
    ck_assert_int_eq(result->group_size, 128);
}
END_TEST

START_TEST(an_empty_configuration_is_replaced)
{
    const char *plain = kin("llama", "float16", false), *made = place("made");

    fixture_set(plain, "config.json", "quantization_config", "null");
    quantize(plain, made, group32);
    fixture_open(made, &(qg_engine_options){.quantization = "gptq"});
}
END_TEST

static void remember(void *user, const char *label, double done)
{
    double *last = user;

    ck_assert_msg(label && strncmp(label, "layer ", 6) == 0, "%s", label);
    ck_assert_double_ge(done, *last);
    ck_assert_double_le(done, 1);
    *last = done;
}

START_TEST(progress_grows)
{
    double last = 0;
    qg_quantized *result;
    qg_quantize_options o = {.on_progress = remember, .user = &last};

    must(qg_quantize_folder(&result, arena, fixture_path("golden/models/tiny-llama"), place("made"),
                            &o, &err));
    ck_assert_double_gt(last, 0.5);
}
END_TEST

static volatile sig_atomic_t flag;

/* A signal comes in the middle of the third layer. */
static void raise_flag(void *user, const char *label, double done)
{
    (void)user;
    (void)done;
    if (strncmp(label, "layer 3/", 8) == 0)
        flag = 1;
}

START_TEST(a_signal_stops_behind_the_layer_at_hand)
{
    qg_quantized *result;
    qg_quantize_options o = {.on_progress = raise_flag, .stop = &flag};
    const char *model = fixture_path("golden/models/tiny-llama"), *made = place("made");
    const char *kept = qg_arena_format(arena, "%s.partial", made);

    flag = 0;
    ck_assert_int_eq(qg_quantize_folder(&result, arena, model, made, &o, &err), QG_ESTOPPED);
    ck_assert_ptr_nonnull(strstr(err.context, "3 of 4 layers are kept"));
    ck_assert(!qg_dir_exists(made));
    ck_assert(qg_dir_exists(kept));
    qg_err_clear(&err);
    o.stop = NULL; /* and goes on there */
    must(qg_quantize_folder(&result, arena, model, made, &o, &err));
    ck_assert(!qg_dir_exists(kept));
}
END_TEST

/* ---- what must be refused ---- */

static size_t count_files(const char *folder)
{
    char **names;
    size_t n;

    must(qg_dir_list(&names, &n, arena, folder, &err));
    return n;
}

/* Refused with these words, and nothing is left beside `made`. */
static void refuse(const char *plain, const char *made, qg_recipe recipe, qg_status status,
                   const char *words)
{
    const char *above = qg_path_dir(arena, made);
    size_t n_before = count_files(above);
    qg_quantized *result;
    char text[2 * QG_ERR_TEXT];
    qg_quantize_options o = {.choice = {.recipe = recipe}};
    qg_status s = qg_quantize_folder(&result, arena, plain, made, &o, &err);

    qg_err_format(&err, text, sizeof text);
    ck_assert_msg(s == status, "%s instead of %s: %s", qg_status_name(s), qg_status_name(status),
                  text);
    ck_assert_msg(strstr(text, words), "'%s' does not say '%s'", text, words);
    qg_err_clear(&err);
    ck_assert_uint_eq(count_files(above), n_before);
}

START_TEST(folders_that_cannot_be_are_refused)
{
    const char *plain = kin("llama", "float16", false), *made = place("made");

    refuse(plain, plain, group32, QG_EEXISTS, "exists already");
    refuse(plain, qg_path_join(arena, plain, "made"), group32, QG_EREFUSED,
           "lies inside the model");
    refuse(qg_path_join(arena, plain, "none"), made, group32, QG_ENOTFOUND, "none");
    refuse(plain, made, (qg_recipe){.format = "gguf"}, QG_EARG, "format 'gguf' is unknown");
    quantize(plain, made, group32);
    refuse(made, place("again"), group32, QG_EREFUSED, "it is quantized already (config.json)");
    refuse(plain, made, group32, QG_EEXISTS, "exists already");
}
END_TEST

START_TEST(groups_must_divide)
{
    const char *plain = fixture_model("wide", &(qg_synth_options){.hidden_size = 576,
                                                                  .n_layers = 1,
                                                                  .n_heads = 9,
                                                                  .n_kv_heads = 3,
                                                                  .head_dim = 64,
                                                                  .intermediate_size = 256});

    refuse(plain, place("made"), (qg_recipe){0}, QG_EFORMAT,
           "has 576 inputs, which groups of 128 do not divide; "
           "these would: -1, 96, 64");
}
END_TEST

/* A number made `value`, another number of rows, or no tensor at all. */
typedef struct damage {
    const char *name;
    qgk_half value;
    int64_t rows;
} damage;

static void apply(qg_tensor_spec *spec, void *data, void *user)
{
    const damage *d = user;

    if (strcmp(spec->name, d->name) != 0)
        return;
    if (d->value)
        memcpy((char *)data + 10, &d->value, sizeof d->value);
    else if (d->rows)
        spec->shape[0] = d->rows;
    else
        spec->name = NULL;
}

START_TEST(damaged_weights_are_named)
{
    static const struct {
        damage damage;
        qg_status status;
        const char *words;
    } cases[] = {
        {{"model.layers.1.mlp.up_proj.weight", .value = 0x7c00},
         QG_ENONFINITE,
         "tensor 'model.layers.1.mlp.up_proj.weight' holds 1 infinite or NaN values"},
        {{"model.layers.0.self_attn.o_proj.weight", .value = 0x7e00},
         QG_ENONFINITE,
         "tensor 'model.layers.0.self_attn.o_proj.weight' holds 1 infinite or NaN values"},
        {{.name = "model.layers.1.mlp.up_proj.weight"},
         QG_EFORMAT,
         "tensor 'model.layers.1.mlp.up_proj.weight' is missing"},
        {{"model.layers.1.mlp.up_proj.weight", .rows = 190},
         QG_EFORMAT,
         "tensor 'model.layers.1.mlp.up_proj.weight' has shape [190, 128], config.json makes it "
         "[192, 128]"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *plain = kin("llama", "float16", false);
        const char *made = place(qg_arena_format(arena, "made%zu", i));
        fixture_tensors(plain, apply, (void *)&cases[i].damage, NULL);
        refuse(plain, made, group32, cases[i].status, cases[i].words);
        qg_dir_remove(plain);
    }
}
END_TEST

/* 65536 as a bfloat16. */
START_TEST(values_beyond_float16_are_named)
{
    const damage d = {"model.layers.1.mlp.down_proj.weight", .value = 0x4780, 0};
    const char *plain = kin("llama", "bfloat16", false), *made = place("made");

    fixture_tensors(plain, apply, (void *)&d, NULL);
    refuse(plain, made, group32, QG_ENONFINITE,
           "tensor 'model.layers.1.mlp.down_proj.weight': 1 values exceed 65504");
}
END_TEST

START_TEST(a_full_disk_leaves_nothing)
{
    const char *made = place("made");
    struct rlimit limit = {200000, RLIM_INFINITY};

    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    refuse(fixture_path("golden/models/tiny-llama"), made, (qg_recipe){0}, QG_ENOSPACE, "made");
    limit.rlim_cur = RLIM_INFINITY;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}
END_TEST

START_TEST(failing_allocations_leave_no_folder)
{
    const char *plain = kin("llama", "float16", false), *made = place("made");
    qg_quantize_options o = {.choice = {.recipe = forms[2].recipe}, .n_threads = 1};
    qg_quantized *result;

    for (long n = 1;; n += 1 + n / 50) {
        qg_err_clear(&err);
        qg_arena_fail_after(n);
        qg_status s = qg_quantize_folder(&result, arena, plain, made, &o, &err);
        bool unused = qg_arena_fail_after(0);
        ck_assert_msg(s == (unused ? QG_OK : QG_ENOMEM), "allocation %ld: %s: %s", n,
                      qg_status_name(s), err.message);
        if (unused)
            break;
        ck_assert(!qg_dir_exists(made));
    }
}
END_TEST

Suite *quantize_check(void)
{
    Suite *s = suite_create("quantize_check");
    TCase *c = tcase_create("quantize");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, fixture_end);
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, a_trained_llama_is_rounded, 0, 3); /* a large one is slow */
    tcase_add_loop_test(c, an_opt_is_rounded, 0, N_FORMS);
    tcase_add_loop_test(c, a_qwen2_is_rounded, 0, N_FORMS);
    tcase_add_loop_test(c, threads_do_not_change_a_byte, 0, N_FORMS);
    tcase_add_test(c, the_configuration_is_kept_and_added_to);
    tcase_add_test(c, an_empty_configuration_is_replaced);
    tcase_add_test(c, progress_grows);
    tcase_add_test(c, a_signal_stops_behind_the_layer_at_hand);
    tcase_add_test(c, folders_that_cannot_be_are_refused);
    tcase_add_test(c, groups_must_divide);
    tcase_add_test(c, damaged_weights_are_named);
    tcase_add_test(c, values_beyond_float16_are_named);
    tcase_add_test(c, a_full_disk_leaves_nothing);
    tcase_add_test(c, failing_allocations_leave_no_folder);
    return s;
}
