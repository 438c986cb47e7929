/* Unit tests of quantize/layer: a layer is read as it is stored, and scales that move out of an
 * input change nothing that the model says: such a folder is written and held to the old one. */
#include "quantize/layer.h"

#include "engine/reference_check.h"

#include "check_suites.h"

#include <math.h>
#include <string.h>

enum { N_IDS = 24, VOCABULARY = 307 };

static qg_arena *arena;
static qg_err err;

static void setup(void)
{
    fixture_begin();
    arena = fixture_arena();
    qg_err_clear(&err);
}

static qg_source open_source(const char *folder)
{
    qg_source s;

    ck_assert_msg(qg_source_open(&s, arena, folder, &err) == QG_OK, "%s", err.message);
    return s;
}

static qg_float_layer read_layer(const qg_source *source, int index)
{
    qg_float_layer l;

    ck_assert_int_eq(qg_float_layer_read(&l, arena, source, index, 2, &err), QG_OK);
    return l;
}

START_TEST(a_layer_is_read_as_it_is_stored)
{
    qg_source source = open_source(fixture_model("m", &(qg_synth_options){.seed = 2}));
    qg_float_layer l = read_layer(&source, 1);
    const qg_tensor *down =
        qg_checkpoint_find(source.checkpoint, "model.layers.1.mlp.down_proj.weight");
    qg_float_linear *readers[QGK_MAX_SEGMENTS];

    ck_assert_int_eq(l.n_linears, 7);
    ck_assert_int_eq(qg_float_layer_readers(&l, QG_INPUT_QKV, readers), 3);
    ck_assert_str_eq(readers[2]->item->name, "model.layers.1.self_attn.v_proj");
    ck_assert_int_eq(qg_float_layer_readers(&l, QG_INPUT_MLP, readers), 2);
    ck_assert_int_eq(qg_float_layer_readers(&l, QG_INPUT_DOWN, readers), 1);
    ck_assert_int_eq(qg_float_layer_width(&l, QG_INPUT_DOWN), source.config.intermediate_size);
    for (size_t i = 0; i < (size_t)down->n_elements; i += 97)
        ck_assert_float_eq(readers[0]->w[i], qgk_float_at(down->data, down->dtype, i));
}
END_TEST

START_TEST(opt_has_its_biases)
{
    qg_source source =
        open_source(fixture_model("m", &(qg_synth_options){.family = "opt", .seed = 2}));
    qg_float_layer l = read_layer(&source, 0);

    ck_assert_int_eq(l.n_linears, 6);
    for (int i = 0; i < 6; i++)
        ck_assert_ptr_nonnull(l.linear[i].bias.v);
    ck_assert_ptr_nonnull(l.mlp_norm.bias.v);
}
END_TEST

/* ---- folding ---- */

/* Scales from 1/4 to 4, equal where tied. */
static float *some_scales(int k, const int32_t *tie)
{
    float *s = QG_NEW_N(arena, float, (size_t)k);

    for (int j = 0; j < k; j++)
        s[j] = exp2f((float)((tie ? tie[j] : j) * 37 % 17) / 4 - 2);
    return s;
}

static void fold(qg_float_layer *l, qg_input input)
{
    qg_float_linear *readers[QGK_MAX_SEGMENTS];
    int k = qg_float_layer_width(l, input);
    const int32_t *tie;

    ck_assert_int_eq(qg_float_layer_tie(&tie, arena, l, input, &err), QG_OK);
    float *s = some_scales(k, tie);
    qg_float_layer_divide(l, input, s, tie);
    for (int n = qg_float_layer_readers(l, input, readers); n-- > 0;)
        for (int i = 0; i < readers[n]->item->n * k; i++)
            readers[n]->w[i] *= s[i % k];
}

typedef struct change {
    const char *name;
    const float *v;
} change;

static change changes[64];
static int n_changes;

static void note(const qg_float_vector *v)
{
    if (v->tensor)
        changes[n_changes++] = (change){v->tensor->name, v->v};
}

static void put(qg_tensor_spec *spec, void *data, void *user)
{
    (void)user;
    for (int c = 0; c < n_changes; c++)
        if (strcmp(changes[c].name, spec->name) == 0)
            for (int64_t i = 0; i < spec->shape[0] * (spec->n_dims == 2 ? spec->shape[1] : 1); i++)
                qgk_float_put(data, spec->dtype, (size_t)i, changes[c].v[i]);
}

/* Moves scales out of every input that can, in all layers, and compares what the model says. */
static int assert_nothing_changes(const char *before, const char *after)
{
    qg_source source = open_source(before);
    const int32_t *ids = fixture_ids(N_IDS, VOCABULARY, 3);
    int n_folds = 0;

    n_changes = 0;
    for (int i = 0; i < source.config.n_layers; i++) {
        qg_float_layer l = read_layer(&source, i);
        for (int in = 0; in < QG_N_INPUTS; in++)
            if (qg_float_layer_can_fold(&l, (qg_input)in)) {
                fold(&l, (qg_input)in);
                n_folds++;
            }
        note(&l.attention_norm.weight), note(&l.attention_norm.bias);
        note(&l.mlp_norm.weight), note(&l.mlp_norm.bias);
        for (int k = 0; k < l.n_linears; k++) {
            note(&l.linear[k].bias);
            changes[n_changes++] = (change){
                qg_arena_format(arena, "%s.weight", l.linear[k].item->name), l.linear[k].w};
        }
    }
    fixture_tensors(after, put, NULL, NULL);
    double *x = reference_logits(arena, before, ids, N_IDS);
    double *y = reference_logits(arena, after, ids, N_IDS);
    for (int i = 0; i < N_IDS * VOCABULARY; i++)
        ck_assert_double_eq_tol(x[i], y[i], 0.02); /* weights are halves again */
    return n_folds;
}

static int fold_model(qg_synth_options o)
{
    const char *before = fixture_model("before", &o), *after = fixture_model("after", &o);

    fixture_vary_vectors(before);
    fixture_vary_vectors(after);
    return assert_nothing_changes(before, after);
}

START_TEST(scales_move_through_a_llama)
{
    ck_assert_int_eq(fold_model((qg_synth_options){.seed = 5}), 2 * 4);
}
END_TEST

/* Four query heads on two KV heads. */
START_TEST(grouped_queries_share_their_scales)
{
    ck_assert_int_eq(
        fold_model((qg_synth_options){
            .seed = 6, .hidden_size = 96, .n_heads = 4, .n_kv_heads = 2, .head_dim = 24}),
        2 * 4);
}
END_TEST

START_TEST(scales_move_through_an_opt)
{
    ck_assert_int_eq(fold_model((qg_synth_options){.family = "opt", .seed = 7}), 2 * 4);
}
END_TEST

START_TEST(a_gelu_lets_no_scale_through)
{
    const char *folder = fixture_model("m", &(qg_synth_options){.family = "opt", .seed = 8});

    fixture_set(folder, "config.json", "activation_function", "\"gelu\"");
    qg_source source = open_source(folder);
    qg_float_layer l = read_layer(&source, 0);
    ck_assert(!qg_float_layer_can_fold(&l, QG_INPUT_DOWN));
    ck_assert(qg_float_layer_can_fold(&l, QG_INPUT_MLP));
}
END_TEST

START_TEST(norms_behind_their_blocks_let_no_scale_through)
{
    const char *folder = fixture_model("m", &(qg_synth_options){.family = "opt", .seed = 8});

    fixture_set(folder, "config.json", "do_layer_norm_before", "false");
    qg_source source = open_source(folder);
    qg_float_layer l = read_layer(&source, 0);
    ck_assert(!qg_float_layer_can_fold(&l, QG_INPUT_QKV));
    ck_assert(!qg_float_layer_can_fold(&l, QG_INPUT_MLP));
    ck_assert(qg_float_layer_can_fold(&l, QG_INPUT_O));
}
END_TEST

/* w / s' is a half, and s' is what makes it so. */
START_TEST(a_norm_keeps_to_what_can_be_stored)
{
    const char *folder = fixture_model("m", &(qg_synth_options){.seed = 9});

    fixture_vary_vectors(folder);
    qg_source source = open_source(folder);
    qg_float_layer before = read_layer(&source, 0), l = read_layer(&source, 0);
    float *s = some_scales(source.config.hidden_size, NULL);
    l.attention_norm.weight.v[3] = before.attention_norm.weight.v[3] = 0;
    qg_float_layer_divide(&l, QG_INPUT_QKV, s, NULL);
    for (int j = 0; j < source.config.hidden_size; j++) {
        float w = l.attention_norm.weight.v[j];
        ck_assert_float_eq(w, qgk_float_from_half(qgk_half_from_float(w)));
        ck_assert_float_eq_tol(w * s[j], before.attention_norm.weight.v[j], 1e-6f);
    }
    ck_assert_float_eq(s[3], 1);
}
END_TEST

Suite *layer_check(void)
{
    Suite *s = suite_create("layer_check");
    TCase *t = tcase_create("layer");

    tcase_add_checked_fixture(t, setup, fixture_end);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, a_layer_is_read_as_it_is_stored);
    tcase_add_test(t, opt_has_its_biases);
    tcase_add_test(t, scales_move_through_a_llama);
    tcase_add_test(t, grouped_queries_share_their_scales);
    tcase_add_test(t, scales_move_through_an_opt);
    tcase_add_test(t, a_gelu_lets_no_scale_through);
    tcase_add_test(t, norms_behind_their_blocks_let_no_scale_through);
    tcase_add_test(t, a_norm_keeps_to_what_can_be_stored);
    suite_add_tcase(s, t);
    return s;
}
