/* Unit tests of engine/layerwise: the states behind the last layer, normed and multiplied with the
 * head by hand, are the logits of reference_check.h's plain forward pass; what linears are said to
 * read is what makes their outputs. */
#include "engine/layerwise.h"

#include "engine/reference_check.h"

#include "check_suites.h"

#include <math.h>
#include <string.h>

enum { WINDOW = 21, VOCABULARY = 307 };

static qg_arena *arena;
static qg_err err;

static void setup(void)
{
    fixture_begin();
    arena = fixture_arena();
    qg_err_clear(&err);
}

typedef struct model {
    const char *folder;
    qg_model_config config;
    const qg_checkpoint *checkpoint;
    const qg_family *family;
} model;

static model open_model(const char *folder)
{
    model m = {.folder = folder};

    ck_assert_int_eq(qg_config_read(&m.config, arena, folder, qg_family_names(), &err), QG_OK);
    ck_assert_int_eq(qg_checkpoint_open(&m.checkpoint, arena, folder, &err), QG_OK);
    m.family = qg_family_find(m.config.model_type);
    return m;
}

static qg_status try_open(qg_layerwise **out, const model *m, qg_layerwise_options o)
{
    return qg_layerwise_open(out, arena, m->checkpoint, &m->config, m->family, &o, &err);
}

static qg_layerwise *open_layers(const model *m, const char *tier, int n_threads)
{
    qg_layerwise *lw;

    ck_assert_msg(try_open(&lw, m,
                           (qg_layerwise_options){
                               .tier = tier, .n_threads = n_threads, .window = WINDOW}) == QG_OK,
                  "%s", err.message);
    return lw;
}

static float *run_all(const model *m, qg_layerwise *lw, const int32_t *ids)
{
    float *states = QG_NEW_N(arena, float, (size_t)WINDOW *(size_t)m->config.hidden_size);

    qg_layerwise_embed(lw, states, ids);
    for (int i = 0; i < m->config.n_layers; i++) {
        ck_assert_int_eq(qg_layerwise_load(lw, i, NULL, NULL, &err), QG_OK);
        ck_assert_int_eq(qg_layerwise_run(lw, states, NULL, NULL, &err), QG_OK);
    }
    return states;
}

/* ---- the end of the model, in double ---- */

static double value(const model *m, const char *name, size_t i)
{
    const qg_tensor *t = qg_checkpoint_find(m->checkpoint, name);

    if (!t)
        ck_abort_msg("no tensor '%s'", name);
    return (double)qgk_float_at(t->data, t->dtype, i);
}

static void norm_row(const model *m, double *out, const float *x, const char *name)
{
    int n = m->config.hidden_size;
    bool centred = m->family->layer_norm;
    double mean = 0, square = 0;
    const char *weight = qg_arena_format(arena, "%s.weight", name);
    const char *bias = qg_arena_format(arena, "%s.bias", name);

    for (int i = 0; i < n && centred; i++)
        mean += (double)x[i] / n;
    for (int i = 0; i < n; i++)
        square += ((double)x[i] - mean) * ((double)x[i] - mean) / n;
    for (int i = 0; i < n; i++) {
        out[i] =
            ((double)x[i] - mean) / sqrt(square + m->config.norm_eps) * value(m, weight, (size_t)i);
        if (centred)
            out[i] += value(m, bias, (size_t)i);
    }
}

/* log P of `id` behind one row of states; the head is tied. */
static double logprob(const model *m, const float *x, int32_t id)
{
    size_t hidden = (size_t)m->config.hidden_size;
    double *row = QG_NEW_N(arena, double, hidden);
    double *logits = QG_NEW_N(arena, double, VOCABULARY);
    const char *table = qg_arena_format(arena, "%s.weight", m->family->embed);

    norm_row(m, row, x, m->family->norm);
    for (size_t v = 0; v < VOCABULARY; v++)
        for (size_t i = 0; i < hidden; i++)
            logits[v] += row[i] * value(m, table, v * hidden + i);
    reference_log_softmax(logits, VOCABULARY);
    return logits[id];
}

static void assert_same_as_reference(const char *folder, const char *tier)
{
    model m = open_model(folder);
    const int32_t *ids = fixture_ids(WINDOW, VOCABULARY, 5);
    float *states = run_all(&m, open_layers(&m, tier, 2), ids);
    double *logits = reference_logits(arena, folder, ids, WINDOW);
    size_t hidden = (size_t)m.config.hidden_size;

    for (int t = 0; t < WINDOW; t += 5) {
        double *row = logits + (size_t)t * VOCABULARY;
        reference_log_softmax(row, VOCABULARY);
        for (int32_t id = 0; id < VOCABULARY; id += 61)
            ck_assert_double_eq_tol(logprob(&m, states + (size_t)t * hidden, id), row[id], 2e-4);
    }
}

START_TEST(a_llama_runs_as_a_whole_one)
{
    const char *folder = fixture_model("m", &(qg_synth_options){.seed = 3, .n_layers = 3});

    fixture_vary_vectors(folder);
    assert_same_as_reference(folder, "ref");
    assert_same_as_reference(folder, "auto");
}
END_TEST

START_TEST(an_opt_runs_as_a_whole_one)
{
    const char *folder = fixture_model("m", &(qg_synth_options){.family = "opt", .seed = 4});

    fixture_vary_vectors(folder);
    assert_same_as_reference(folder, "auto");
}
END_TEST

START_TEST(threads_change_no_bit)
{
    model m = open_model(fixture_model("m", &(qg_synth_options){.seed = 6}));
    const int32_t *ids = fixture_ids(WINDOW, VOCABULARY, 7);
    size_t n_bytes = (size_t)WINDOW * (size_t)m.config.hidden_size * sizeof(float);
    float *one = run_all(&m, open_layers(&m, NULL, 1), ids);

    ck_assert_mem_eq(one, run_all(&m, open_layers(&m, NULL, 3), ids), n_bytes);
}
END_TEST

/* ---- inputs ---- */

typedef struct taken {
    float *x[QG_N_INPUTS];
    int k[QG_N_INPUTS], n_calls;
} taken;

static void take(void *user, qg_input input, const qgk_act *x, int rows, int k)
{
    taken *t = user;

    ck_assert_int_eq(rows, WINDOW);
    ck_assert_int_eq(t->n_calls++, (int)input); /* in their order, each once */
    t->x[input] = qg_arena_copy(arena, x, (size_t)rows * (size_t)k * sizeof(float));
    t->k[input] = k;
}

/* Row t of the states moves by o's output and by down's: what o and down read must make it. */
START_TEST(inputs_are_what_linears_read)
{
    model m = open_model(fixture_model("m", &(qg_synth_options){.seed = 8}));
    qg_layerwise *lw = open_layers(&m, "ref", 1);
    size_t hidden = (size_t)m.config.hidden_size;
    float *before = QG_NEW_N(arena, float, WINDOW *hidden);
    taken t = {0};

    qg_layerwise_embed(lw, before, fixture_ids(WINDOW, VOCABULARY, 9));
    float *states = qg_arena_copy(arena, before, WINDOW * hidden * sizeof *before);
    ck_assert_int_eq(qg_layerwise_load(lw, 0, NULL, NULL, &err), QG_OK);
    ck_assert_int_eq(qg_layerwise_run(lw, states, take, &t, &err), QG_OK);
    ck_assert_int_eq(t.n_calls, QG_N_INPUTS);
    ck_assert_int_eq(t.k[QG_INPUT_QKV], m.config.hidden_size);
    ck_assert_int_eq(t.k[QG_INPUT_DOWN], m.config.intermediate_size);
    for (size_t row = 0; row < WINDOW; row += 7)
        for (size_t i = 0; i < hidden; i += 11) {
            double sum = (double)before[row * hidden + i];
            size_t o = (size_t)t.k[QG_INPUT_O], down = (size_t)t.k[QG_INPUT_DOWN];
            for (size_t j = 0; j < o; j++)
                sum += (double)t.x[QG_INPUT_O][row * o + j] *
                       value(&m, "model.layers.0.self_attn.o_proj.weight", i * o + j);
            for (size_t j = 0; j < down; j++)
                sum += (double)t.x[QG_INPUT_DOWN][row * down + j] *
                       value(&m, "model.layers.0.mlp.down_proj.weight", i * down + j);
            ck_assert_double_eq_tol((double)states[row * hidden + i], sum, 1e-4);
        }
}
END_TEST

START_TEST(a_peek_ends_at_its_input)
{
    model m = open_model(fixture_model("m", &(qg_synth_options){.seed = 8}));
    qg_layerwise *lw = open_layers(&m, NULL, 1);
    size_t n_bytes = (size_t)WINDOW * (size_t)m.config.hidden_size * sizeof(float);
    float *states = qg_arena_alloc(arena, n_bytes);
    taken whole = {0}, part;

    qg_layerwise_embed(lw, states, fixture_ids(WINDOW, VOCABULARY, 9));
    float *before = qg_arena_copy(arena, states, n_bytes);
    ck_assert_int_eq(qg_layerwise_load(lw, 0, NULL, NULL, &err), QG_OK);
    for (int last = 0; last < QG_N_INPUTS; last++) {
        part = (taken){0};
        ck_assert_int_eq(qg_layerwise_peek(lw, states, (qg_input)last, take, &part, &err), QG_OK);
        ck_assert_int_eq(part.n_calls, last + 1);
        ck_assert_mem_eq(states, before, n_bytes);
    }
    ck_assert_int_eq(qg_layerwise_run(lw, states, take, &whole, &err), QG_OK);
    ck_assert_mem_eq(part.x[QG_INPUT_DOWN], whole.x[QG_INPUT_DOWN],
                     (size_t)WINDOW * (size_t)whole.k[QG_INPUT_DOWN] * sizeof(float));
    ck_assert_mem_ne(states, before, n_bytes);
}
END_TEST

/* Doubles the weights of a linear of layer 1. */
static void double_linear(qg_tensor_spec *spec, void *data, void *user)
{
    if (strcmp(spec->name, user) == 0)
        for (size_t i = 0; i < (size_t)(spec->shape[0] * spec->shape[1]); i++)
            qgk_float_put(data, spec->dtype, i, 2 * qgk_float_at(data, spec->dtype, i));
}

static const struct {
    qg_item_kind kind;
    const char *name;
} of_llama[] = {{QG_ITEM_Q, "self_attn.q_proj"}, {QG_ITEM_K, "self_attn.k_proj"},
                {QG_ITEM_V, "self_attn.v_proj"}, {QG_ITEM_O, "self_attn.o_proj"},
                {QG_ITEM_GATE, "mlp.gate_proj"}, {QG_ITEM_UP, "mlp.up_proj"},
                {QG_ITEM_DOWN, "mlp.down_proj"}},
  of_opt[] = {{QG_ITEM_FC1, "fc1"}, {QG_ITEM_FC2, "fc2"}};

/* Put into the plain layer, twice the weights are what a folder with twice the weights has. */
static void assert_put(const char *family, qg_item_kind kind, const char *linear)
{
    qg_synth_options o = {.family = family, .seed = 12};
    model m = open_model(fixture_model(family, &o)), other;
    char *name = qg_arena_format(arena, m.family->layer, 1);
    const int32_t *ids = fixture_ids(WINDOW, VOCABULARY, 2);
    size_t n_bytes = (size_t)WINDOW * (size_t)m.config.hidden_size * sizeof(float);
    qg_layerwise *lw = open_layers(&m, NULL, 2);

    name = qg_arena_format(arena, "%s%s.weight", name, linear);
    const char *folder = fixture_model(qg_arena_format(arena, "%s-twice", family), &o);
    fixture_tensors(folder, double_linear, name, NULL);
    other = open_model(folder);
    const qg_tensor *t = qg_checkpoint_find(other.checkpoint, name);
    float *w = QG_NEW_N(arena, float, (size_t)t->n_elements);
    for (int64_t i = 0; i < t->n_elements; i++)
        w[i] = qgk_float_at(t->data, t->dtype, (size_t)i);
    float *states = qg_arena_alloc(arena, n_bytes), *truth = qg_arena_alloc(arena, n_bytes);
    qg_layerwise_embed(lw, states, ids);
    memcpy(truth, states, n_bytes);
    ck_assert_int_eq(qg_layerwise_load(lw, 1, NULL, NULL, &err), QG_OK);
    ck_assert_int_eq(qg_layerwise_put(lw, kind, w, &err), QG_OK);
    ck_assert_int_eq(qg_layerwise_run(lw, states, NULL, NULL, &err), QG_OK);
    ck_assert_int_eq(qg_layerwise_load(lw, 1, other.checkpoint, NULL, &err), QG_OK);
    ck_assert_int_eq(qg_layerwise_run(lw, truth, NULL, NULL, &err), QG_OK);
    ck_assert_mem_eq(states, truth, n_bytes);
}

START_TEST(other_weights_can_be_put_in)
{
    assert_put("llama", of_llama[_i].kind, of_llama[_i].name);
    if (_i < 2)
        assert_put("opt", of_opt[_i].kind, of_opt[_i].name);
}
END_TEST

START_TEST(a_window_must_fit_the_model)
{
    model m = open_model(fixture_model("m", &(qg_synth_options){.seed = 1}));
    qg_layerwise *lw;

    ck_assert_int_eq(try_open(&lw, &m, (qg_layerwise_options){.window = 257}), QG_EARG);
    ck_assert_str_eq(err.message, "a window of 257 tokens: the model takes 1 to 256");
    qg_err_clear(&err);
    ck_assert_int_eq(try_open(&lw, &m, (qg_layerwise_options){.window = 0}), QG_EARG);
}
END_TEST

START_TEST(states_that_overflow_are_told)
{
    model m = open_model(fixture_model("m", &(qg_synth_options){.seed = 1}));
    qg_layerwise *lw = open_layers(&m, NULL, 1);
    float *states = QG_NEW_N(arena, float, (size_t)WINDOW *(size_t)m.config.hidden_size);

    states[5] = INFINITY;
    ck_assert_int_eq(qg_layerwise_load(lw, 1, NULL, NULL, &err), QG_OK);
    ck_assert_int_eq(qg_layerwise_run(lw, states, NULL, NULL, &err), QG_ENONFINITE);
    ck_assert_str_eq(err.message, "layer 1 gives infinite or NaN states");
}
END_TEST

Suite *layerwise_check(void)
{
    Suite *s = suite_create("layerwise_check");
    TCase *t = tcase_create("layerwise");

    tcase_add_checked_fixture(t, setup, fixture_end);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, a_llama_runs_as_a_whole_one);
    tcase_add_test(t, an_opt_runs_as_a_whole_one);
    tcase_add_test(t, threads_change_no_bit);
    tcase_add_test(t, inputs_are_what_linears_read);
    tcase_add_test(t, a_peek_ends_at_its_input);
    tcase_add_loop_test(t, other_weights_can_be_put_in, 0, 7);
    tcase_add_test(t, a_window_must_fit_the_model);
    tcase_add_test(t, states_that_overflow_are_told);
    suite_add_tcase(s, t);
    return s;
}
