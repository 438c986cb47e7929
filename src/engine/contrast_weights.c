/* What the weights of a layer say: see contrast_internal.h. Folds are looked for in the order of
 * the layer, since v, up and fc1 are looked at with what was folded into their inputs taken out. */
#include "engine/contrast_internal.h"

#include <math.h>
#include <string.h>

static bool is_made_by_norm(qg_input input)
{
    return input == QG_INPUT_QKV || input == QG_INPUT_MLP;
}

static qg_status find_pair(qg_fold_pair *out, qg_contrast *c, qg_part part, qg_err *err)
{
    const qg_item *plain = qg_contrast_item(&c->truth, c->layer, part);
    const qg_item *other = qg_contrast_item(&c->other, c->layer, part);

    QG_PASS(qg_dequantizer_find(&out->plain, c->scratch, c->truth.checkpoint,
                                qg_layerwise_storage(c->truth.layers), plain, err));
    QG_PASS(qg_dequantizer_find(&out->other, c->scratch, c->other.checkpoint,
                                qg_layerwise_storage(c->other.layers), other, err));
    out->n = other->n;
    out->k = other->k;
    return QG_OK;
}

/* The linears that read an input; their number. */
static int readers_of(qg_part out[3], const qg_contrast *c, qg_input input)
{
    bool gate = c->truth.family->gate;

    switch (input) {
    case QG_INPUT_QKV:
        out[0] = QG_PART_Q;
        out[1] = QG_PART_K;
        out[2] = QG_PART_V;
        return 3;
    case QG_INPUT_O:
        out[0] = QG_PART_O;
        return 1;
    case QG_INPUT_MLP:
        out[0] = gate ? QG_PART_GATE : QG_PART_FC1;
        out[1] = QG_PART_UP;
        return gate ? 2 : 1;
    default:
        out[0] = gate ? QG_PART_DOWN : QG_PART_FC2;
        return 1;
    }
}

/* ---- folds ---- */

/* The output of the maker that input j reads: where several query heads share a KV head, their
 * inputs of o read one output of v. */
static int tie_of(const qg_model_config *m, qg_input input, int j)
{
    int repeats = m->n_heads / m->n_kv_heads;

    if (input != QG_INPUT_O)
        return j;
    return j / m->head_dim / repeats * m->head_dim + j % m->head_dim;
}

/* The maker's outputs [n] relative to the truth's. */
static qg_status maker_ratio(double *ratio, qg_contrast *c, qg_input input, int n, qg_err *err)
{
    const qg_layer *plain = qg_layerwise_layer(c->truth.layers);
    const qg_layer *other = qg_layerwise_layer(c->other.layers);
    qg_part maker = input == QG_INPUT_O     ? QG_PART_V
                    : c->truth.family->gate ? QG_PART_UP
                                            : QG_PART_FC1;
    qg_fold_pair pair;

    if (!is_made_by_norm(input)) {
        const float *f_in = c->folds[input == QG_INPUT_O ? QG_INPUT_QKV : QG_INPUT_MLP].inputs;
        QG_PASS(find_pair(&pair, c, maker, err));
        return qg_fold_rows(ratio, &pair, f_in, c->n_threads, c->scratch, err);
    }
    bool first = input == QG_INPUT_QKV;
    const float *w = first ? plain->attention_norm.weight : plain->mlp_norm.weight;
    const float *is = first ? other->attention_norm.weight : other->mlp_norm.weight;
    for (int j = 0; j < n; j++)
        ratio[j] = w[j] != 0 ? (double)is[j] / (double)w[j] : 1;
    return QG_OK;
}

/* Columns of the readers relative to the truth's [n]: of inputs that read the same output the mean,
 * of several readers the one that fits the maker best. */
static qg_status reader_ratio(double *ratio, qg_contrast *c, qg_input input, const double *maker,
                              int n, qg_err *err)
{
    const qg_model_config *m = &c->truth.config;
    int k = qg_contrast_inputs(m, input);
    double *of_one = QG_NEW_N(c->scratch, double, (size_t)k);
    double *joined = QG_NEW_N(c->scratch, double, (size_t)n);
    qg_part readers[3];
    int n_readers = readers_of(readers, c, input);
    qg_fold_pair pair;

    QG_NEED(of_one && joined, err);
    for (int r = 0; r < n_readers; r++) {
        QG_PASS(find_pair(&pair, c, readers[r], err));
        QG_PASS(qg_fold_columns(of_one, &pair, is_made_by_norm(input) ? maker : NULL, c->n_threads,
                                c->scratch, err));
        memset(joined, 0, (size_t)n * sizeof *joined);
        for (int j = 0; j < k; j++)
            joined[tie_of(m, input, j)] += of_one[j] * n / k;
        for (int j = 0; j < n; j++)
            if (r == 0 || isnan(ratio[j]) ||
                fabs(maker[j] * joined[j] - 1) < fabs(maker[j] * ratio[j] - 1))
                ratio[j] = joined[j];
    }
    return QG_OK;
}

static bool can_fold(const qg_contrast *c, qg_input input)
{
    const qg_model_config *m = &c->truth.config;

    if (c->same)
        return false;
    if (input == QG_INPUT_DOWN) /* what is between must pass a factor on */
        return c->truth.family->gate || strcmp(m->hidden_act, "relu") == 0;
    return input == QG_INPUT_O || !m->post_norm;
}

static qg_status choose_fold(qg_contrast *c, qg_input input, int n, qg_err *err)
{
    qg_contrast_fold *f = &c->folds[input];
    double *maker = QG_NEW_N(c->scratch, double, (size_t)n);
    double *readers = QG_NEW_N(c->scratch, double, (size_t)n);

    QG_NEED(maker && readers, err);
    QG_PASS(maker_ratio(maker, c, input, n, err));
    QG_PASS(reader_ratio(readers, c, input, maker, n, err));
    return qg_fold_choose(f->outputs, maker, readers, n, is_made_by_norm(input), c->scratch, err);
}

static qg_status find_fold(qg_contrast *c, qg_input input, qg_err *err)
{
    const qg_model_config *m = &c->truth.config;
    int k = qg_contrast_inputs(m, input);
    int n = input == QG_INPUT_O ? m->n_kv_heads * m->head_dim : k;
    qg_arena_mark mark = qg_arena_here(c->scratch);
    qg_contrast_fold *f = &c->folds[input];

    for (int j = 0; j < n; j++)
        f->outputs[j] = 1;
    if (can_fold(c, input))
        QG_PASS(choose_fold(c, input, n, err));
    for (int j = 0; j < k; j++)
        f->inputs[j] = f->outputs[tie_of(m, input, j)];
    qg_arena_rewind(c->scratch, mark);
    return QG_OK;
}

qg_status qg_contrast_find_folds(qg_contrast *c, qg_err *err)
{
    static const qg_input order[] = {QG_INPUT_QKV, QG_INPUT_O, QG_INPUT_MLP, QG_INPUT_DOWN};

    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        QG_TRY(find_fold(c, order[i], err), err, "looking for folded scales");
    return QG_OK;
}

/* ---- weights ---- */

static const float *kept_input(const qg_contrast *c, qg_input input)
{
    static const qg_step steps[] = {[QG_INPUT_QKV] = QG_STEP_QKV_INPUT,
                                    [QG_INPUT_O] = QG_STEP_ATTENDED,
                                    [QG_INPUT_MLP] = QG_STEP_MLP_INPUT,
                                    [QG_INPUT_DOWN] = QG_STEP_INNER};
    return c->kept[steps[input]];
}

/* What the truth's linears read of it: sizes, and what rounding it to 8 bit by token costs. */
static qg_status describe_input(qg_misfit_inputs *out, qg_contrast *c, qg_input input, bool rounds,
                                qg_err *err)
{
    size_t k = (size_t)qg_contrast_inputs(&c->truth.config, input);
    const float *x = kept_input(c, input), *f = c->folds[input].inputs;
    double *size = QG_NEW_N(c->scratch, double, k), noise = 0;

    QG_NEED(size, err);
    for (size_t r = 0; r < (size_t)c->n_tokens; r++) {
        double largest = 0;
        for (size_t j = 0; j < k; j++) {
            double v = (double)x[r * k + j];
            size[j] += v * v / c->n_tokens;
            largest = fmax(largest, fabs(v * (double)f[j]));
        }
        noise += largest / 127 * largest / 127 / 12 / c->n_tokens;
    }
    for (size_t j = 0; j < k; j++)
        size[j] = sqrt(size[j]);
    *out = (qg_misfit_inputs){.size = size, .noise = rounds ? sqrt(noise) : 0, .f_in = f};
    return QG_OK;
}

/* Errors of outputs relative to what rounding would leave. */
static void find_excess(qg_contrast_entry *e, const double *delta, const float *f_out, int n)
{
    for (int j = 0; j < n; j++) {
        double error = delta[j] * (f_out ? fabs((double)f_out[j]) : 1);
        double excess = isfinite(error) ? error / fmax(e->misfit.noise[j], 1e-30) : INFINITY;
        e->excess += excess / n;
        if (e->excess_row < 0 || excess > e->excess_greatest) {
            e->excess_greatest = excess;
            e->excess_row = j;
        }
    }
}

static qg_status weigh(qg_contrast *c, qg_part part, qg_input input, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(c->scratch);
    qg_contrast_entry *e = qg_contrast_entry_of(c, part);
    const qg_contrast_fold *out = part == QG_PART_V ? &c->folds[QG_INPUT_O]
                                  : part == QG_PART_UP || part == QG_PART_FC1
                                      ? &c->folds[QG_INPUT_DOWN]
                                      : NULL;
    qg_misfit_inputs inputs;
    qg_fold_pair pair;

    QG_PASS(find_pair(&pair, c, part, err));
    QG_PASS(describe_input(&inputs, c, input, pair.other.rounds_inputs, err));
    inputs.f_out = out ? out->outputs : NULL;
    QG_PASS(qg_misfit_measure(&e->misfit, c->arena, c->scratch, &pair, &inputs, c->n_threads, err));
    find_excess(e, c->delta[part], inputs.f_out, pair.n);
    e->has_weights = true;
    e->n = pair.n;
    e->k = pair.k;
    e->group = qg_misfit_group_size(&pair);
    e->has_order = pair.other.order;
    qg_arena_rewind(c->scratch, mark);
    return QG_OK;
}

qg_status qg_contrast_weigh(qg_contrast *c, qg_err *err)
{
    qg_part readers[3];

    for (int input = 0; input < QG_N_INPUTS; input++) {
        int n = readers_of(readers, c, (qg_input)input);
        for (int r = 0; r < n; r++)
            QG_TRY(weigh(c, readers[r], (qg_input)input, err), err, "weighing %s",
                   qg_part_name(readers[r]));
    }
    return QG_OK;
}
