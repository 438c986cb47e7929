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

    ck_assert_msg(t != NULL, "%s", name);
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
    tcase_add_test(t, a_window_must_fit_the_model);
    tcase_add_test(t, states_that_overflow_are_told);
    suite_add_tcase(s, t);
    return s;
}
