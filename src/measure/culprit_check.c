/* Unit tests of measure/culprit and suspect: faults that are planted into checkpoints of both
 * embedded models by every method are named, whole ones are not, and what cannot be said is said
 * so. The models are made once, before the tests. */
#include "measure/culprit.h"

#include "base/folder_check.h"
#include "engine/engine.h"
#include "measure/suspect.h"
#include "quantize/quantize.h"
#include "suite/texts.h"

#include <math.h>
#include <unistd.h>

typedef enum family { LLAMA, OPT, N_FAMILIES } family;
typedef enum method { GPTQ, AWQ, INT8, N_METHODS } method;

static const char *const plain[N_FAMILIES] = {"golden/models/tiny-llama", "golden/models/tiny-opt"};
static char made[64]; /* folder of the whole models */
static qg_err err;

static const char prompt[] =
    "The committee of Lisbon met in 1974. Q: What is the capital of France? "
    "A: Paris, and that of Italy is Rome.";

static const char *whole(family f, method m)
{
    return qg_arena_format(arena, "%s/%d-%d", made, f, m);
}

static void make(family f, method m, qg_texts texts)
{
    static const qg_choice choices[N_METHODS] = {
        [GPTQ] = {.method = "gptq",
                  .recipe = {.bits = 4, .group_size = 64, .symmetric = 1, .act_order = true},
                  .damp = 0.01},
        [AWQ] = {.method = "awq", .recipe = {.bits = 4, .group_size = 64, .symmetric = -1}},
        [INT8] = {.method = "int8", .recipe = {.bits = 8}},
    };
    qg_quantize_options o = {.choice = choices[m],
                             .documents = texts.at,
                             .n_documents = texts.n,
                             .n_windows = 8,
                             .window = 256,
                             .tier = "avx2",
                             .n_threads = 1};
    qg_quantized *q;

    if (qg_quantize_folder(&q, arena, plain[f], whole(f, m), &o, &err) != QG_OK)
        ck_abort_msg("%s", err.message);
}

/* Once, and not for every test: making takes a while. */
static void make_all(void)
{
    qg_texts texts;

    if (getenv("QG_ROOT"))
        ck_assert_int_eq(chdir(getenv("QG_ROOT")), 0);
    snprintf(made, sizeof made, "/tmp/qg-culprit-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(made));
    arena = qg_arena_create();
    ck_assert_int_eq(qg_texts_documents(&texts, arena, "suites/data/calibration.txt", &err), QG_OK);
    for (int f = 0; f < N_FAMILIES; f++)
        for (int m = 0; m < N_METHODS; m++)
            make((family)f, (method)m, texts);
    qg_arena_free(arena);
}

static void remove_all(void)
{
    qg_dir_remove(made);
}

static void setup(void)
{
    folder_begin();
    qg_err_clear(&err);
}

/* ---- planting ---- */

static const char *copy_of(const char *from)
{
    const char *to = folder_path("copy");
    char **names;
    size_t n;

    qg_dir_remove(to);
    ck_assert_int_eq(qg_dir_make(to, &err), QG_OK);
    ck_assert_int_eq(qg_dir_list(&names, &n, arena, from, &err), QG_OK);
    for (size_t i = 0; i < n; i++) {
        qg_str content;
        ck_assert_int_eq(
            qg_file_read(&content, arena, qg_path_join(arena, from, names[i]), 1 << 26, &err),
            QG_OK);
        ck_assert_int_eq(qg_file_write(qg_path_join(arena, to, names[i]), content, &err), QG_OK);
    }
    return to;
}

/* The bits of a tensor, its first dimension being n0 and the last n1. */
typedef void fault(void *bits, size_t n_bytes, int n0, int n1);

static void plant(const char *in, const char *tensor, fault *f)
{
    const char *path = qg_path_join(arena, in, "model.safetensors");
    const qg_json *header, *t, *shape;
    int64_t begin, end, n0 = 1, n1 = 1;
    uint64_t length;
    qg_str file;

    ck_assert_int_eq(qg_file_read(&file, arena, path, 1 << 26, &err), QG_OK);
    memcpy(&length, file.ptr, sizeof length);
    ck_assert_int_eq(
        qg_json_parse(&header, arena, (qg_str){file.ptr + 8, (size_t)length}, "header", &err),
        QG_OK);
    t = qg_json_get(header, tensor);
    ck_assert_msg(t != NULL, "%s", tensor);
    shape = qg_json_get(t, "shape");
    qg_json_int(qg_json_at(shape, 0), &n0);
    qg_json_int(qg_json_at(shape, qg_json_len(shape) - 1), &n1);
    ck_assert(qg_json_int(qg_json_at(qg_json_get(t, "data_offsets"), 0), &begin));
    ck_assert(qg_json_int(qg_json_at(qg_json_get(t, "data_offsets"), 1), &end));
    f((char *)file.ptr + 8 + length + begin, (size_t)(end - begin), (int)n0, (int)n1);
    ck_assert_int_eq(qg_file_write(path, file, &err), QG_OK);
}

static void times(void *bits, size_t i, float factor)
{
    qgk_half *h = bits;

    h[i] = qgk_half_from_float(factor * qgk_float_from_half(h[i]));
}

/* Scales of groups are [groups][outputs] halves. */
static void two_groups(void *bits, size_t n_bytes, int n0, int n1)
{
    qgk_half *h = bits;

    (void)n_bytes, (void)n0;
    for (int j = 0; j < n1; j++) {
        qgk_half kept = h[j];
        h[j] = h[n1 + j];
        h[n1 + j] = kept;
    }
}

static void one_cell(void *bits, size_t n_bytes, int n0, int n1)
{
    (void)n_bytes, (void)n0;
    times(bits, (size_t)n1 + 5, 1.5f);
}

static void one_row(void *bits, size_t n_bytes, int n0, int n1)
{
    (void)n_bytes;
    for (int g = 0; g < n0; g++)
        times(bits, (size_t)(g * n1 + 7), 2);
}

/* Scales of INT8 are one an output. */
static void two_rows(void *bits, size_t n_bytes, int n0, int n1)
{
    unsigned char kept[4], *at = bits;
    size_t width = n_bytes / (size_t)(n0 * n1);

    memcpy(kept, at + 3 * width, width);
    memcpy(at + 3 * width, at + 4 * width, width);
    memcpy(at + 4 * width, kept, width);
}

static void twice(void *bits, size_t n_bytes, int n0, int n1)
{
    size_t width = n_bytes / (size_t)(n0 * n1);
    qgk_dtype d = width == 4 ? QGK_F32 : QGK_F16;

    qgk_float_put(bits, d, 5, 2 * qgk_float_at(bits, d, 5));
}

static void one_zero_point(void *bits, size_t n_bytes, int n0, int n1)
{
    (void)n_bytes, (void)n0, (void)n1;
    *(unsigned char *)bits ^= 1;
}

static void all_zero_points(void *bits, size_t n_bytes, int n0, int n1)
{
    unsigned char *b = bits;

    (void)n0, (void)n1;
    for (size_t i = 0; i < n_bytes; i++)
        b[i] = (unsigned char)(((b[i] & 15) == 15 ? 14 : (b[i] & 15) + 1) |
                               ((b[i] >> 4) == 15 ? 14 : (b[i] >> 4) + 1) << 4);
}

static void middle_codes(void *bits, size_t n_bytes, int n0, int n1)
{
    (void)n0, (void)n1;
    memset(bits, 0x88, n_bytes); /* weights of zero, where zero points are in the middle */
}

static void zeros(void *bits, size_t n_bytes, int n0, int n1)
{
    (void)n0, (void)n1;
    memset(bits, 0, n_bytes);
}

static void no_order(void *bits, size_t n_bytes, int n0, int n1)
{
    (void)n_bytes, (void)n1;
    for (int i = 0; i < n0; i++)
        qgk_word_put(bits, (size_t)i, (uint32_t)(i / 64));
}

/* Inputs 0 and 1 of other groups, in each other's. */
static void two_inputs(void *bits, size_t n_bytes, int n0, int n1)
{
    uint32_t first = qgk_word_at(bits, 0);

    (void)n_bytes, (void)n1;
    for (int i = 1; i < n0; i++) {
        uint32_t other = qgk_word_at(bits, (size_t)i);
        if (other == first)
            continue;
        qgk_word_put(bits, 0, other);
        qgk_word_put(bits, (size_t)i, first);
        return;
    }
}

static void one_channel(void *bits, size_t n_bytes, int n0, int n1)
{
    (void)n_bytes, (void)n0, (void)n1;
    times(bits, 11, 1.5f);
}

static void first_quarter(void *bits, size_t n_bytes, int n0, int n1)
{
    (void)n0, (void)n1;
    for (size_t i = 0; i < n_bytes / 8; i++)
        times(bits, i, 1.1f);
}

/* ---- asking ---- */

static qg_blame ask_of(const char *in, const char *reference, const char *text)
{
    qg_culprit_task t = {.case_id = "x/quality",
                         .metric = QG_METRIC_PPL,
                         .folder = in,
                         .threads = 1,
                         .reference = reference,
                         .text = text,
                         .window = 512};
    qg_blame b;

    ck_assert_msg(qg_culprit_find(&b, arena, &t, NULL, NULL, &err) == QG_OK, "%s: %s", err.context,
                  err.message);
    return b;
}

typedef struct planted {
    method m;
    const char *tensor[N_FAMILIES]; /* behind the layer's prefix */
    fault *fault;
    int layer;
    const char *part[N_FAMILIES];
    const char *says; /* a piece of the message, or "" */
} planted;

static const planted faults[] = {
    {GPTQ, {"self_attn.q_proj.scales", "self_attn.q_proj.scales"}, two_groups, 2, {"q", "q"}, ""},
    {GPTQ,
     {"mlp.down_proj.scales", "fc2.scales"},
     one_cell,
     3,
     {"down", "fc2"},
     "'quantize' wrote"},
    {GPTQ, {"self_attn.v_proj.scales", "self_attn.v_proj.scales"}, one_row, 1, {"v", "v"}, ""},
    {GPTQ, {"mlp.down_proj.g_idx", "fc2.g_idx"}, no_order, 1, {"down", "fc2"}, ""},
    {GPTQ, {"mlp.up_proj.g_idx", "fc1.g_idx"}, two_inputs, 0, {"up", "fc1"}, "'quantize' wrote"},
    {GPTQ,
     {"self_attn.o_proj.qweight", "self_attn.out_proj.qweight"},
     middle_codes,
     0,
     {"o", "o"},
     ""},
    {AWQ, {"mlp.down_proj.qzeros", "fc2.qzeros"}, one_zero_point, 1, {"down", "fc2"}, "zero point"},
    {AWQ, {"mlp.up_proj.qzeros", "fc1.qzeros"}, all_zero_points, 2, {"up", "fc1"}, ""},
    {AWQ, {"self_attn.q_proj.scales", "self_attn.q_proj.scales"}, two_groups, 2, {"q", "q"}, ""},
    {AWQ,
     {"mlp.down_proj.scales", "fc2.scales"},
     one_cell,
     3,
     {"down", "fc2"},
     "output 5 over inputs 64 to 127"},
    {AWQ,
     {"self_attn.v_proj.scales", "self_attn.v_proj.scales"},
     one_row,
     1,
     {"v", "v"},
     "output 7"},
    {INT8,
     {"self_attn.q_proj.weight_scale", "self_attn.q_proj.weight_scale"},
     two_rows,
     2,
     {"q", "q"},
     ""},
    {INT8,
     {"mlp.down_proj.weight_scale", "fc2.weight_scale"},
     twice,
     3,
     {"down", "fc2"},
     "output 5"},
    {INT8, {"self_attn.o_proj.weight", "self_attn.out_proj.weight"}, zeros, 0, {"o", "o"}, ""},
    {GPTQ,
     {"input_layernorm.weight", "self_attn_layer_norm.weight"},
     one_channel,
     2,
     {"attention_norm", "attention_norm"},
     "output 11"},
    {AWQ,
     {"post_attention_layernorm.weight", "final_layer_norm.weight"},
     one_channel,
     1,
     {"mlp_norm", "mlp_norm"},
     "output 11"},
    {INT8,
     {"input_layernorm.weight", "self_attn_layer_norm.weight"},
     one_channel,
     3,
     {"attention_norm", "attention_norm"},
     "output 11"},
};
enum { N_FAULTS = sizeof faults / sizeof *faults };

static const char *layer_prefix(family f, int layer)
{
    return qg_arena_format(arena, f == OPT ? "model.decoder.layers.%d." : "model.layers.%d.",
                           layer);
}

/* One fault in each family: _i is its number. */
START_TEST(a_planted_fault_is_named)
{
    const planted *p = &faults[_i];

    for (int f = 0; f < N_FAMILIES; f++) {
        const char *in = copy_of(whole((family)f, p->m));
        const char *prefix = layer_prefix((family)f, p->layer);
        plant(in, qg_arena_format(arena, "%s%s", prefix, p->tensor[f]), p->fault);
        qg_blame b = ask_of(in, plain[f], prompt);
        ck_assert_msg(strcmp(b.cause, QG_CAUSE_CHECKPOINT) == 0 && b.part &&
                          strcmp(b.part, p->part[f]) == 0 && b.layer == p->layer,
                      "%s of %s: %s", p->tensor[f], plain[f], b.message);
        ck_assert_msg(strstr(b.message, p->says), "'%s' lacks '%s'", b.message, p->says);
        ck_assert_int_eq((int)b.n_more, 0);
        ck_assert_msg(strncmp(b.tensor, prefix, strlen(prefix)) == 0, "%s", b.tensor);
        ck_assert_ptr_nonnull(strstr(b.fix, b.tensor));
    }
}
END_TEST

START_TEST(whole_models_name_nothing)
{
    static const char *const texts[] = {prompt, "Two plus two is", "If"};

    for (int f = 0; f < N_FAMILIES; f++)
        for (int m = 0; m < N_METHODS; m++)
            for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
                qg_blame b = ask_of(whole((family)f, (method)m), plain[f], texts[t]);
                ck_assert_msg(strcmp(b.cause, QG_CAUSE_METHOD) == 0 && !b.part, "%s by %d: %s",
                              plain[f], m, b.message);
                ck_assert_ptr_nonnull(strstr(b.message, "no part stands out"));
                ck_assert_uint_gt(b.n_parts, 40);
                ck_assert_str_eq(b.beside, "ref");
            }
}
END_TEST

START_TEST(the_groups_of_the_output_are_told)
{
    const char *in = copy_of(whole(LLAMA, AWQ));

    plant(in, "model.layers.3.mlp.down_proj.scales", one_cell);
    qg_blame b = ask_of(in, plain[LLAMA], prompt);
    ck_assert_int_eq((int)b.row, 5);
    ck_assert_int_eq((int)b.n_groups, 768 / 64);
    ck_assert_uint_eq(b.n_groups_shown, QG_BLAME_SHOWN);
    ck_assert_int_eq(b.groups[0].group, 1);
    ck_assert_int_eq((int)b.groups[0].first, 64);
    ck_assert_int_eq((int)b.groups[0].last, 127);
    /* half of the weights' size, where rounding makes a tenth */
    ck_assert_double_gt(b.groups[0].error, 0.4);
    ck_assert_double_lt(b.group_median, 0.15);
    ck_assert_double_lt(b.groups[1].error, b.groups[0].error);
    ck_assert_int_eq(b.rows[0].row, 5);
}
END_TEST

START_TEST(parts_that_nobody_quantizes_are_named_too)
{
    const char *in = copy_of(whole(LLAMA, INT8));

    plant(in, "model.embed_tokens.weight", first_quarter);
    qg_blame b = ask_of(in, plain[LLAMA], prompt);
    ck_assert_str_eq(b.part, "embed");
    ck_assert_int_eq((int)b.layer, -1);
    ck_assert_ptr_nonnull(strstr(b.message, "embed: it is not quantized"));
    in = copy_of(whole(OPT, INT8));
    plant(in, "model.decoder.embed_positions.weight", first_quarter);
    ck_assert_str_eq(ask_of(in, plain[OPT], prompt).part, "positions");
    in = copy_of(whole(OPT, INT8));
    plant(in, "model.decoder.final_layer_norm.weight", one_channel);
    ck_assert_str_eq(ask_of(in, plain[OPT], prompt).part, "final_norm");
}
END_TEST

START_TEST(another_configuration_is_named)
{
    const char *in = copy_of(whole(LLAMA, AWQ));
    const char *path = qg_path_join(arena, in, "config.json");
    qg_str text;

    ck_assert_int_eq(qg_file_read(&text, arena, path, 1 << 20, &err), QG_OK);
    char *at = (char *)text.ptr;
    int n = 0;
    for (; (at = strstr(at, "\"rope_theta\"")); n++) { /* in both spellings */
        at += strcspn(at, "0123456789");
        *at = '5'; /* 50000 for 10000 */
    }
    ck_assert_int_gt(n, 0);
    ck_assert_int_eq(qg_file_write(path, text, &err), QG_OK);
    qg_blame b = ask_of(in, plain[LLAMA], prompt);
    ck_assert_msg(b.part && strcmp(b.part, "attention") == 0, "%s", b.message);
    ck_assert_ptr_nonnull(strstr(b.message, "compare the two config.json"));
    ck_assert_ptr_null(b.tensor);
}
END_TEST

START_TEST(int8_made_while_loading_is_looked_at_as_it_lies_there)
{
    const char *in = copy_of(plain[LLAMA]);
    qg_culprit_task t = {.case_id = "x",
                         .metric = QG_METRIC_PPL,
                         .folder = in,
                         .method = "int8",
                         .reference = plain[LLAMA],
                         .text = prompt,
                         .window = 512};
    qg_blame b;

    ck_assert_int_eq(qg_culprit_find(&b, arena, &t, NULL, NULL, &err), QG_OK);
    ck_assert_msg(strcmp(b.cause, QG_CAUSE_METHOD) == 0, "%s", b.message);
    plant(in, "model.layers.2.mlp.gate_proj.weight", one_row);
    ck_assert_int_eq(qg_culprit_find(&b, arena, &t, NULL, NULL, &err), QG_OK);
    ck_assert_str_eq(b.part, "gate");
    ck_assert_int_eq((int)b.layer, 2);
}
END_TEST

START_TEST(the_reference_itself_has_no_other_truth)
{
    char hash[65];
    qg_culprit_task t = {.case_id = "x",
                         .metric = QG_METRIC_GOLDEN_LOGPROB_MAX,
                         .folder = plain[LLAMA],
                         .text = prompt,
                         .window = 512,
                         .blessed_hash = hash};
    qg_blame b;

    ck_assert_int_eq(qg_engine_hash_folder(hash, plain[LLAMA], &err), QG_OK);
    ck_assert_int_eq(qg_culprit_find(&b, arena, &t, NULL, NULL, &err), QG_OK);
    ck_assert_str_eq(b.cause, QG_CAUSE_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(b.message, "weights are those that the golden was made of"));
    hash[0] = hash[0] == 'f' ? 'e' : 'f';
    ck_assert_int_eq(qg_culprit_find(&b, arena, &t, NULL, NULL, &err), QG_OK);
    ck_assert_str_eq(b.cause, QG_CAUSE_CHECKPOINT);
    ck_assert_ptr_nonnull(strstr(b.message, "own weights are not those"));
    t.blessed_hash = NULL;
    t.tier = "ref";
    ck_assert_int_eq(qg_culprit_find(&b, arena, &t, NULL, NULL, &err), QG_OK);
    ck_assert_str_eq(b.cause, QG_CAUSE_UNKNOWN);
    ck_assert_ptr_null(b.beside);
}
END_TEST

START_TEST(what_cannot_be_run_is_an_error)
{
    qg_culprit_task t = {.case_id = "x",
                         .metric = QG_METRIC_PPL,
                         .folder = whole(LLAMA, AWQ),
                         .reference = plain[OPT],
                         .text = prompt,
                         .window = 512};
    qg_blame b;

    ck_assert_int_eq(qg_culprit_find(&b, arena, &t, NULL, NULL, &err), QG_EREFUSED);
    ck_assert_ptr_nonnull(strstr(err.message, "models of two shapes"));
    qg_err_clear(&err);
    t.window = 0;
    ck_assert_int_eq(qg_culprit_find(&b, arena, &t, NULL, NULL, &err), QG_EREFUSED);
    qg_err_clear(&err);
    t.folder = "nowhere";
    ck_assert_int_eq(qg_culprit_find(&b, arena, &t, NULL, NULL, &err), QG_ENOTFOUND);
}
END_TEST

START_TEST(a_task_reads_back_as_it_was)
{
    qg_culprit_task t = {.case_id = "a/quality",
                         .metric = QG_METRIC_PPL,
                         .prompt = "p01",
                         .folder = "f",
                         .method = "awq",
                         .threads = 3,
                         .text = "x\n\"y\"",
                         .window = 9};
    const qg_json *node;
    qg_culprit_task back;
    qg_json_writer w;
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_json_write_begin(&w, &b);
    qg_culprit_task_write(&w, &t);
    ck_assert_int_eq(qg_json_write_end(&w, &err), QG_OK);
    ck_assert_int_eq(qg_json_parse(&node, arena, qg_buf_view(&b), "t", &err), QG_OK);
    ck_assert_int_eq(qg_culprit_task_read(&back, arena, node, &err), QG_OK);
    ck_assert_str_eq(back.text, t.text);
    ck_assert_str_eq(back.method, "awq");
    ck_assert_ptr_null(back.reference);
    ck_assert_int_eq((int)back.threads, 3);
    ck_assert_int_eq(qg_json_parse(&node, arena, QG_STR("{\"folder\":3}"), "t", &err), QG_OK);
    ck_assert_int_eq(qg_culprit_task_read(&back, arena, node, &err), QG_EFORMAT);
}
END_TEST

/* ---- limits ---- */

START_TEST(a_norm_is_not_blamed_for_its_readers)
{
    double noise[1] = {1};
    qg_contrast_entry e[3] = {{.part = QG_PART_MLP_NORM, .channel_error = 0.5},
                              {.part = QG_PART_FC1, .has_weights = true},
                              {.part = QG_PART_FC2, .has_weights = true}};
    qg_suspicion *s;
    size_t n;

    e[1].misfit.noise = e[2].misfit.noise = noise;
    e[1].misfit.cell_median = e[2].misfit.cell_median = 0.29;
    ck_assert_int_eq(qg_suspects_of_checkpoint(&s, &n, arena, e, 3, NULL, &err), QG_OK);
    ck_assert_uint_eq(n, 1);
    ck_assert_ptr_eq(s[0].entry, &e[0]);
    e[2].misfit.shift.steps = 1; /* no reader of it */
    ck_assert_int_eq(qg_suspects_of_checkpoint(&s, &n, arena, e, 3, NULL, &err), QG_OK);
    ck_assert_uint_eq(n, 2);
    e[1].misfit.shift.steps = 1;
    ck_assert_int_eq(qg_suspects_of_checkpoint(&s, &n, arena, e, 3, NULL, &err), QG_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_ptr_eq(s[0].entry, &e[1]);
}
END_TEST

START_TEST(weights_that_are_not_nearest_have_other_limits)
{
    qg_contrast_entry e[2] = {{.part = QG_PART_Q, .has_weights = true},
                              {.part = QG_PART_K, .has_weights = true}};
    qg_quantized_linear l = {.projection = "k", .weight_error = 0.1};
    qg_quantized report = {.linears = &l, .n_linears = 1};
    qg_suspicion *s;
    size_t n;

    e[0].misfit.cell_median = e[1].misfit.cell_median = 0.5;
    e[0].misfit.shift.steps = e[1].misfit.input.steps = 5;
    e[1].misfit.error = 0.1;
    ck_assert_int_eq(qg_suspects_of_checkpoint(&s, &n, arena, e, 2, &report, &err), QG_OK);
    ck_assert_uint_eq(n, 0);
    e[1].misfit.error = 0.10001;
    ck_assert_int_eq(qg_suspects_of_checkpoint(&s, &n, arena, e, 2, &report, &err), QG_OK);
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(s[0].kind, QG_SUSPECTED_BY_REPORT);
    l.is_scaled = true;
    ck_assert_int_eq(qg_suspects_of_checkpoint(&s, &n, arena, e, 2, &report, &err), QG_OK);
    ck_assert_uint_eq(n, 0);
    e[0].excess = 2.5;
    e[1].excess_greatest = INFINITY;
    ck_assert_int_eq(qg_suspects_of_checkpoint(&s, &n, arena, e, 2, NULL, &err), QG_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(s[0].kind, QG_SUSPECTED_BY_OUTPUTS);
    ck_assert_int_eq(s[1].kind, QG_SUSPECTED_BY_OUTPUT);
}
END_TEST

START_TEST(tiers_have_a_limit_of_their_own)
{
    qg_contrast_entry e[3] = {{.part = QG_PART_Q, .error = 1e-5},
                              {.part = QG_PART_O, .layer = 0, .error = 3e-5},
                              {.part = QG_PART_O, .layer = 1, .error = 1e-6}};
    qg_suspicion *s;
    double usual;
    size_t n;

    ck_assert_int_eq(qg_suspects_of_tiers(&s, &n, arena, e, 3, &err), QG_OK);
    ck_assert_uint_eq(n, 1);
    ck_assert_ptr_eq(s[0].entry, &e[1]);
    ck_assert_int_eq(qg_suspect_usual(&usual, arena, e, 3, &e[1], &err), QG_OK);
    ck_assert_double_eq(usual, 1e-6);
    ck_assert_int_eq(qg_suspect_usual(&usual, arena, e, 3, &e[0], &err), QG_OK);
    ck_assert_double_eq(usual, 0);
}
END_TEST

Suite *culprit_check(void)
{
    Suite *s = suite_create("culprit_check");
    TCase *planted_case = tcase_create("planted"), *limits = tcase_create("limits");

    tcase_add_unchecked_fixture(planted_case, make_all, remove_all);
    tcase_add_checked_fixture(planted_case, setup, folder_end);
    tcase_set_timeout(planted_case, 120);
    tcase_add_loop_test(planted_case, a_planted_fault_is_named, 0, N_FAULTS);
    tcase_add_test(planted_case, whole_models_name_nothing);
    tcase_add_test(planted_case, the_groups_of_the_output_are_told);
    tcase_add_test(planted_case, parts_that_nobody_quantizes_are_named_too);
    tcase_add_test(planted_case, another_configuration_is_named);
    tcase_add_test(planted_case, int8_made_while_loading_is_looked_at_as_it_lies_there);
    tcase_add_test(planted_case, the_reference_itself_has_no_other_truth);
    tcase_add_test(planted_case, what_cannot_be_run_is_an_error);
    tcase_add_test(planted_case, a_task_reads_back_as_it_was);
    suite_add_tcase(s, planted_case);
    tcase_add_checked_fixture(limits, setup, folder_end);
    tcase_add_test(limits, a_norm_is_not_blamed_for_its_readers);
    tcase_add_test(limits, weights_that_are_not_nearest_have_other_limits);
    tcase_add_test(limits, tiers_have_a_limit_of_their_own);
    suite_add_tcase(s, limits);
    return s;
}
