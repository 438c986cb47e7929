/* Unit tests of engine/contrast and what it stands on: tiers agree, a kernel that is planted wrong
 * is the one that is named, also where it is wrong for one token alone; steps end in the logits of
 * the plain forward pass; weights read from disk are those that are multiplied. */
#include "engine/contrast.h"

#include "engine/reference_check.h"

#include "check_suites.h"

#include <math.h>
#include <string.h>

enum { TOKENS = 19, VOCABULARY = 307 };

static qg_arena *arena;
static qg_err err;

static void setup(void)
{
    fixture_begin();
    arena = fixture_arena();
    qg_err_clear(&err);
}

static const char *model(const char *name, const char *family, const qg_recipe *recipe)
{
    qg_synth_options o = {.family = family, .recipe = recipe, .seed = 3};
    if (recipe) { /* sizes that groups of 32 divide */
        o.hidden_size = 64;
        o.n_heads = 4;
        o.n_kv_heads = strcmp(family, "opt") == 0 ? 4 : 2;
        o.intermediate_size = 96;
    }
    const char *folder = fixture_model(name, &o);

    if (!recipe)
        fixture_vary_vectors(folder);
    return folder;
}

static qg_contrast *open_tiers(const char *folder, const char *tier)
{
    qg_contrast_model truth = {folder, NULL, NULL, "ref"}, other = {folder, NULL, NULL, tier};
    qg_contrast *c;

    ck_assert_msg(qg_contrast_open(&c, arena, &truth, &other, 1, TOKENS, &err) == QG_OK, "%s",
                  err.message);
    return c;
}

static size_t run(const qg_contrast_entry **e, qg_contrast *c)
{
    size_t n;

    ck_assert_msg(qg_contrast_run(e, &n, c, fixture_ids(TOKENS, VOCABULARY, 5), NULL, NULL, &err) ==
                      QG_OK,
                  "%s", err.message);
    return n;
}

START_TEST(tiers_agree_in_every_part)
{
    static const char *const families[] = {"llama", "opt", "qwen2"};
    static const qg_recipe w4 = {.format = "gptq", .bits = 4, .group_size = 32};
    const qg_contrast_entry *e;

    for (int quantized = 0; quantized < 2; quantized++)
        for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
            const char *name = qg_arena_format(arena, "%s-%d", families[f], quantized);
            size_t n = run(&e, open_tiers(model(name, families[f], quantized ? &w4 : NULL), NULL));
            ck_assert_uint_gt(n, 15);
            ck_assert_int_eq(e[0].part, QG_PART_EMBED);
            ck_assert_int_eq(e[n - 1].part, QG_PART_HEAD);
            for (size_t i = 0; i < n; i++)
                ck_assert_msg(e[i].error < 5e-6, "%s layer %d %s: %g", name, e[i].layer,
                              qg_part_name(e[i].part), e[i].error);
        }
}
END_TEST

/* ---- planted faults ---- */

static qgk_table right; /* of the other, before the fault */

static qgk_table *kernels_of(qg_contrast *c)
{
    qgk_ctx *ctx = qg_layerwise_ctx(qg_contrast_other(c));

    right = *ctx->table;
    return (qgk_table *)ctx->table; /* its own, and no constant */
}

static void wrong_rmsnorm(qgk_ctx *ctx, qgk_act *out, const qgk_act *x, const float *w, int rows,
                          int cols, float eps)
{
    right.rmsnorm(ctx, out, x, w, rows, cols, eps);
    ((float *)out)[cols - 1] *= 1.01f; /* a tail */
}

static void wrong_swiglu(qgk_ctx *ctx, qgk_act *out, const qgk_act *gate_up, int rows, int cols)
{
    right.swiglu(ctx, out, gate_up, rows, cols);
    ((float *)out)[0] += 0.01f;
}

static void wrong_attention(qgk_ctx *ctx, qgk_act *out, const qgk_act *q, int stride,
                            const qgk_kv *kv, const qgk_batch *batch, int n_heads, float scale,
                            int window)
{
    right.attention(ctx, out, q, stride, kv, batch, n_heads, scale * 1.01f, window);
}

static int n_calls; /* of products of many rows: q, k and v are one, then comes o */

static void wrong_second(qgk_ctx *ctx, void *out, const qgk_act *x, const qgk_weight *w, int rows,
                         int f32_out)
{
    right.linear[QGK_FORMAT_F16].product(ctx, out, x, w, rows, f32_out);
    if (rows > 1 && ++n_calls == 2)
        ((float *)out)[w->n - 1] += 0.1f;
}

static void wrong_alone(qgk_ctx *ctx, void *out, const qgk_act *x, const qgk_weight *w, int rows,
                        int f32_out)
{
    right.linear[QGK_FORMAT_F16].product(ctx, out, x, w, rows, f32_out);
    if (rows == 1)
        ((float *)out)[0] += 0.1f;
}

/* The first entry that is wrong, and nothing before it. */
static const qg_contrast_entry *first_wrong(qg_contrast *c)
{
    const qg_contrast_entry *e;
    size_t n = run(&e, c);

    for (size_t i = 0; i < n; i++)
        if (e[i].error > 2e-5)
            return &e[i];
    ck_abort_msg("nothing is wrong");
    return NULL;
}

static void names(qg_contrast *c, int layer, qg_part part)
{
    const qg_contrast_entry *e = first_wrong(c);

    ck_assert_str_eq(qg_part_name(e->part), qg_part_name(part));
    ck_assert_int_eq(e->layer, layer);
}

START_TEST(a_wrong_kernel_is_named)
{
    const char *folder = model("m", "llama", NULL);
    qg_contrast *c = open_tiers(folder, NULL);

    kernels_of(c)->rmsnorm = wrong_rmsnorm;
    names(c, 0, QG_PART_ATTENTION_NORM);
    c = open_tiers(folder, NULL);
    kernels_of(c)->swiglu = wrong_swiglu;
    names(c, 0, QG_PART_ACTIVATION);
    c = open_tiers(folder, "ref");
    kernels_of(c)->attention = wrong_attention;
    names(c, 0, QG_PART_ATTENTION);
    c = open_tiers(folder, NULL);
    kernels_of(c)->linear[QGK_FORMAT_F16].product = wrong_second;
    n_calls = 0;
    names(c, 0, QG_PART_O);
}
END_TEST

START_TEST(a_kernel_wrong_for_one_token_is_named)
{
    qg_contrast *c = open_tiers(model("m", "llama", NULL), NULL);

    kernels_of(c)->linear[QGK_FORMAT_F16].product = wrong_alone;
    const qg_contrast_entry *e = first_wrong(c);
    ck_assert_int_eq(e->part, QG_PART_Q);
    ck_assert(e->is_alone);
}
END_TEST

static void wrong_alone_attention(qgk_ctx *ctx, qgk_act *out, const qgk_act *q, int stride,
                                  const qgk_kv *kv, const qgk_batch *batch, int n_heads,
                                  float scale, int window)
{
    right.attention(ctx, out, q, stride, kv, batch, n_heads,
                    batch->n_rows == 1 ? scale * 1.1f : scale, window);
}

START_TEST(a_decode_step_that_goes_wrong_is_named)
{
    qg_contrast *c = open_tiers(model("m", "llama", NULL), NULL);

    kernels_of(c)->attention = wrong_alone_attention;
    const qg_contrast_entry *e = first_wrong(c);
    ck_assert_int_eq(e->part, QG_PART_ATTENTION);
    ck_assert(e->is_alone);
}
END_TEST

/* ---- checkpoints ---- */

static void double_row(qg_tensor_spec *spec, void *data, void *user)
{
    qgk_half *h = data;

    if (strcmp(spec->name, user) != 0)
        return;
    for (int64_t i = 0; i < spec->shape[1]; i++)
        h[2 * spec->shape[1] + i] =
            qgk_half_from_float(2 * qgk_float_from_half(h[2 * spec->shape[1] + i]));
}

START_TEST(a_changed_weight_is_seen_where_it_is)
{
    const char *plain = model("a", "llama", NULL), *changed = model("b", "llama", NULL);
    static char name[] = "model.layers.1.mlp.up_proj.weight";
    qg_contrast_model truth = {plain, NULL, NULL, NULL}, other = {changed, NULL, NULL, NULL};
    const qg_contrast_entry *e;
    qg_contrast *c;

    fixture_tensors(changed, double_row, name, NULL);
    ck_assert_int_eq(qg_contrast_open(&c, arena, &truth, &other, 2, TOKENS, &err), QG_OK);
    size_t n = run(&e, c);
    for (size_t i = 0; i < n; i++) {
        bool is_it = e[i].layer == 1 && e[i].part == QG_PART_UP;
        ck_assert_msg((e[i].error > 1e-3) == is_it, "layer %d %s: %g", e[i].layer,
                      qg_part_name(e[i].part), e[i].error);
        if (!is_it)
            continue;
        ck_assert_int_eq(e[i].channel, 2);
        ck_assert_double_eq_tol(e[i].channel_error, 1, 1e-3);
        ck_assert_int_eq(e[i].misfit.cell.row, 2);
        ck_assert_str_eq(e[i].name, "model.layers.1.mlp.up_proj");
        ck_assert_int_eq(e[i].excess_row, 2);
    }
}
END_TEST

START_TEST(other_shapes_are_refused)
{
    qg_contrast_model truth = {model("a", "llama", NULL), NULL, NULL, NULL};
    qg_contrast_model other = {fixture_model("b", &(qg_synth_options){.n_layers = 3, .seed = 1}),
                               NULL, NULL, NULL};
    qg_contrast *c;

    ck_assert_int_eq(qg_contrast_open(&c, arena, &truth, &other, 1, TOKENS, &err), QG_EREFUSED);
    ck_assert_ptr_nonnull(strstr(err.message, "models of two shapes"));
    qg_err_clear(&err);
    other.folder = "nowhere";
    ck_assert_int_eq(qg_contrast_open(&c, arena, &truth, &other, 1, TOKENS, &err), QG_ENOTFOUND);
}
END_TEST

/* ---- what it stands on ---- */

typedef struct logits {
    double *expected; /* [TOKENS][VOCABULARY] log-probabilities */
    int row;
    double worst;
} logits;

static void compare_logits(void *user, qg_step step, qgk_act *x, int rows, int k)
{
    logits *l = user;

    if (step != QG_STEP_LOGITS)
        return;
    ck_assert_int_eq(k, VOCABULARY);
    for (int r = 0; r < rows; r++, l->row++) {
        double own[VOCABULARY];
        for (int j = 0; j < VOCABULARY; j++)
            own[j] = (double)((const float *)x)[r * VOCABULARY + j];
        reference_log_softmax(own, VOCABULARY);
        for (int j = 0; j < VOCABULARY; j++)
            l->worst = fmax(l->worst, fabs(own[j] - l->expected[l->row * VOCABULARY + j]));
    }
}

START_TEST(steps_end_in_the_logits)
{
    const char *folder = model("m", "opt", NULL);
    const int32_t *ids = fixture_ids(TOKENS, VOCABULARY, 5);
    logits l = {.expected = reference_logits(arena, folder, ids, TOKENS)};
    qg_contrast *c = open_tiers(folder, NULL);
    qg_layerwise *lw = qg_contrast_other(c);
    float *states = QG_NEW_N(arena, float, 65536);

    for (int i = 0; i < TOKENS; i++)
        reference_log_softmax(l.expected + i * VOCABULARY, VOCABULARY);
    qg_layerwise_watch(lw, compare_logits, &l);
    qg_layerwise_embed(lw, states, ids);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(qg_layerwise_load(lw, i, NULL, NULL, &err), QG_OK);
        ck_assert_int_eq(qg_layerwise_run(lw, states, NULL, NULL, &err), QG_OK);
    }
    ck_assert_int_eq(qg_layerwise_logits(lw, states, 0, QG_LAYERWISE_ROWS, &err), QG_OK);
    ck_assert_int_eq(
        qg_layerwise_logits(lw, states, QG_LAYERWISE_ROWS, TOKENS - QG_LAYERWISE_ROWS, &err),
        QG_OK);
    ck_assert_int_eq(l.row, TOKENS);
    ck_assert_double_lt(l.worst, 1e-4);
}
END_TEST

/* y = W x by rows read from disk, against the kernels' product of the same linear. */
static void reads_what_is_multiplied(const char *folder, const char *method)
{
    qg_contrast_model m = {folder, method, NULL, "ref"};
    const qg_checkpoint *checkpoint;
    qg_model_config config;
    qg_inventory inventory;
    qg_dequantizer d;
    qg_contrast *c;

    ck_assert_int_eq(qg_contrast_open(&c, arena, &m, &m, 1, 4, &err), QG_OK);
    ck_assert_int_eq(qg_config_read(&config, arena, folder, qg_family_names(), &err), QG_OK);
    const qg_family *family = qg_family_find(config.model_type);
    ck_assert_int_eq(qg_checkpoint_open(&checkpoint, arena, folder, &err), QG_OK);
    ck_assert_int_eq(qg_inventory_make(&inventory, arena, family, &config, &err), QG_OK);
    const qg_item *item = qg_inventory_find(&inventory, 1, QG_ITEM_O);
    qg_layerwise *lw = qg_contrast_other(c);
    ck_assert_int_eq(qg_layerwise_load(lw, 1, NULL, NULL, &err), QG_OK);
    ck_assert_msg(
        qg_dequantizer_find(&d, arena, checkpoint, qg_layerwise_storage(lw), item, &err) == QG_OK,
        "%s", err.message);
    float *x = QG_NEW_N(arena, float, (size_t)item->k),
          *y = QG_NEW_N(arena, float, (size_t)item->n);
    float *row = QG_NEW_N(arena, float, (size_t)item->k);
    for (int j = 0; j < item->k; j++)
        x[j] = (float)(j * 7 % 11) / 11 - 0.4f;
    qgk_ctx *ctx = qg_layerwise_ctx(lw);
    const qgk_weight *w = &qg_layerwise_layer(lw)->o.weight[0];
    ctx->table->linear[w->format].product(ctx, y, (qgk_act *)x, w, 1, 0);
    for (int i = 0; i < item->n; i++) {
        double sum = w->bias ? (double)w->bias[i] : 0;
        qg_dequantize_row(row, &d, i);
        for (int j = 0; j < item->k; j++)
            sum += (double)row[j] * (double)x[j];
        ck_assert_double_eq_tol(sum, (double)y[i], 1e-4);
    }
}

START_TEST(rows_from_disk_are_what_is_multiplied)
{
    static const qg_recipe gptq = {
        .format = "gptq", .bits = 4, .group_size = 32, .act_order = true};
    static const qg_recipe awq = {.format = "awq", .bits = 4, .group_size = 32};

    reads_what_is_multiplied(model("g", "llama", &gptq), NULL);
    reads_what_is_multiplied(model("a", "llama", &awq), NULL);
    reads_what_is_multiplied(model("o", "opt", NULL), NULL);
}
END_TEST

START_TEST(int8_made_while_loading_is_plain_on_disk)
{
    const char *folder = model("m", "llama", NULL);
    qg_contrast_model m = {folder, "int8", "float", "ref"}, fp16 = {folder, NULL, NULL, "ref"};
    const qg_contrast_entry *e;
    qg_contrast *c;

    ck_assert_int_eq(qg_contrast_open(&c, arena, &fp16, &m, 1, TOKENS, &err), QG_OK);
    size_t n = run(&e, c);
    for (size_t i = 0; i < n; i++) {
        if (!e[i].has_weights)
            continue;
        ck_assert_double_eq(e[i].misfit.error, 0);
        /* rounding to nearest: what it is expected to cost */
        ck_assert_double_gt(e[i].excess, 0.3);
        ck_assert_double_lt(e[i].excess, 2);
    }
}
END_TEST

START_TEST(memory_may_run_out)
{
    const char *folder = model("m", "llama", NULL);
    qg_contrast_model a = {folder, NULL, NULL, "ref"}, b = {folder, "int8", NULL, "ref"};
    const int32_t *ids = fixture_ids(4, VOCABULARY, 5);
    const qg_contrast_entry *e;
    size_t n_entries;
    qg_contrast *c;
    qg_status s;
    long n = 0;

    do {
        qg_arena *fresh = qg_arena_create();
        qg_arena_fail_after(n += 1 + n / 8);
        s = qg_contrast_open(&c, fresh, &a, &b, 1, 4, NULL);
        if (s == QG_OK)
            s = qg_contrast_run(&e, &n_entries, c, ids, NULL, NULL, NULL);
        ck_assert(s == QG_OK || s == QG_ENOMEM);
        qg_arena_free(fresh);
    } while (!qg_arena_fail_after(0));
    ck_assert_int_eq(s, QG_OK);
}
END_TEST

Suite *contrast_check(void)
{
    Suite *s = suite_create("contrast_check");
    TCase *t = tcase_create("contrast");

    tcase_add_checked_fixture(t, setup, fixture_end);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, tiers_agree_in_every_part);
    tcase_add_test(t, a_wrong_kernel_is_named);
    tcase_add_test(t, a_kernel_wrong_for_one_token_is_named);
    tcase_add_test(t, a_decode_step_that_goes_wrong_is_named);
    tcase_add_test(t, a_changed_weight_is_seen_where_it_is);
    tcase_add_test(t, other_shapes_are_refused);
    tcase_add_test(t, steps_end_in_the_logits);
    tcase_add_test(t, rows_from_disk_are_what_is_multiplied);
    tcase_add_test(t, int8_made_while_loading_is_plain_on_disk);
    tcase_add_test(t, memory_may_run_out);
    suite_add_tcase(s, t);
    return s;
}
