/* The models of a run side by side: see methods.h. A column is made for all models and then dropped
 * again where it is empty; so is the row of a model without numbers, last of all. */
#include "report/methods.h"

#include "record/value.h"

#include <math.h>
#include <string.h>

typedef enum form { PLAIN, INCREASE, SHARE, SMALL_SHARE, SMALL, WITH_UNIT } form;
typedef struct kind {
    const char *head;
    qg_metric metric;
    form form;
    bool has_ratio;
} kind;
enum { QUALITY_CASE = 0, ANY_CASE = -1 }; /* instead of a batch */

static const kind quality_kinds[] = {
    {"ppl", QG_METRIC_PPL, PLAIN, false},
    {"+ppl", QG_METRIC_PPL_INCREASE, INCREASE, false},
    {"kl mean", QG_METRIC_KLD_MEAN, SMALL, false},
    {"same top", QG_METRIC_SAME_TOP, SHARE, false},
    {"dp rms", QG_METRIC_DP_RMS, SMALL_SHARE, false},
};
static const kind weights_kind = {"weights", QG_METRIC_WEIGHTS, WITH_UNIT, true};
static const kind batch_kinds[] = {
    {"tpot", QG_METRIC_TPOT_P50, WITH_UNIT, true},
    {"tok/s", QG_METRIC_THROUGHPUT, PLAIN, true},
};
enum {
    N_QUALITY = sizeof quality_kinds / sizeof *quality_kinds,
    N_BATCH = sizeof batch_kinds / sizeof *batch_kinds
};

typedef struct builder {
    qg_methods *out;
    qg_arena *arena;
    const qg_run *run;
    bool *known; /* [n_rows] whether any cell of the model is filled                      */
    const qg_measurement **cases; /* those of model 0 in the order of the run, of model 1, ... */
    size_t *first;                /* [n_rows + 1] where those of a model begin                */
    size_t reference;             /* its row; n_rows: none                                    */
} builder;

static bool is_wanted(const qg_measurement *m, int64_t batch)
{
    bool quality = strcmp(m->id.kind, "quality") == 0;

    return m->state == QG_CASE_MEASURED &&
           (batch == ANY_CASE ||
            (batch == QUALITY_CASE ? quality : !quality && m->id.batch == batch));
}

/* The metric of the model's first case that has it. */
static qg_status find_value(qg_value *out, const builder *b, size_t row, qg_metric metric,
                            int64_t batch, qg_err *err)
{
    *out = (qg_value){0};
    for (size_t i = b->first[row]; !out->known && i < b->first[row + 1]; i++)
        if (is_wanted(b->cases[i], batch))
            QG_PASS(qg_value_of(out, b->arena, b->cases[i], metric, err));
    return QG_OK;
}

static const char *print(qg_arena *arena, const kind *k, double v)
{
    char text[QG_UNIT_TEXT];

    switch (k->form) {
    case INCREASE:
        return qg_arena_format(arena, fabs(v) < 0.1 ? "%+.2g %%" : "%+.1f %%", v * 100);
    case SHARE:
        return qg_arena_format(arena, "%.2f %%", v * 100);
    case SMALL_SHARE:
        return qg_arena_format(arena, "%.3g %%", v * 100);
    case SMALL:
        return qg_arena_format(arena, "%.3g", v);
    case PLAIN:
        return qg_str_dup(arena, qg_str_from(qg_unit_print(text, QG_UNIT_PLAIN, v)));
    default:
        return qg_str_dup(arena, qg_str_from(qg_metric_print(text, k->metric, v)));
    }
}

static qg_status add_column(qg_method_column **out, builder *b, const char *head, int64_t batch,
                            qg_err *err)
{
    qg_method_column *c = &b->out->columns[b->out->n_columns];

    c->head = head;
    c->batch = batch > 0 ? batch : 0;
    c->cells = QG_NEW_N(b->arena, const char *, b->out->n_rows);
    QG_NEED(head && c->cells, err);
    for (size_t i = 0; i < b->out->n_rows; i++)
        c->cells[i] = "";
    *out = c;
    return QG_OK;
}

/* The column stays where one of its cells is filled. */
static void keep_column(builder *b, const qg_method_column *c)
{
    bool any = false;

    for (size_t i = 0; i < b->out->n_rows; i++) {
        any = any || c->cells[i][0];
        b->known[i] = b->known[i] || c->cells[i][0];
    }
    b->out->n_columns += any;
}

static qg_status add_ratio(builder *b, const kind *k, int64_t batch, qg_err *err)
{
    qg_method_column *c;
    qg_value base = {0}, v;

    if (b->reference < b->out->n_rows)
        QG_PASS(find_value(&base, b, b->reference, k->metric, batch, err));
    if (!base.known || base.value <= 0)
        return QG_OK;
    QG_PASS(add_column(&c, b, "x", batch, err));
    c->is_ratio = true;
    for (size_t i = 0; i < b->out->n_rows; i++) {
        QG_PASS(find_value(&v, b, i, k->metric, batch, err));
        if (!v.known || i == b->reference)
            continue;
        c->cells[i] = qg_arena_format(b->arena, "%.2fx", v.value / base.value);
        QG_NEED(c->cells[i], err);
    }
    keep_column(b, c);
    return QG_OK;
}

static qg_status add(builder *b, const kind *k, int64_t batch, qg_err *err)
{
    size_t before = b->out->n_columns;
    qg_method_column *c;
    qg_value v;
    const char *head =
        batch > 0 ? qg_arena_format(b->arena, "%s b%lld", k->head, (long long)batch) : k->head;

    QG_PASS(add_column(&c, b, head, batch, err));
    for (size_t i = 0; i < b->out->n_rows; i++) {
        QG_PASS(find_value(&v, b, i, k->metric, batch, err));
        if (!v.known)
            continue;
        c->cells[i] = print(b->arena, k, v.value);
        QG_NEED(c->cells[i], err);
    }
    keep_column(b, c);
    return k->has_ratio && b->out->n_columns > before ? add_ratio(b, k, batch, err) : QG_OK;
}

/* The batch after `last` in ascending order, 0 where there is none. */
static int64_t next_batch(const qg_run *run, int64_t last)
{
    int64_t next = 0;

    for (size_t i = 0; i < run->n_measurements; i++) {
        int64_t batch = run->measurements[i].id.batch;
        if (batch > last && (next == 0 || batch < next))
            next = batch;
    }
    return next;
}

/* The row of a model, n_rows where it has none. */
static size_t row_of(const qg_methods *m, const char *model)
{
    size_t at = 0;

    while (at < m->n_rows && strcmp(m->models[at], model) != 0)
        at++;
    return at;
}

/* Fills models, and deals the cases to them. */
static qg_status list_models(builder *b, qg_err *err)
{
    const qg_run *run = b->run;
    qg_methods *out = b->out;
    size_t *rows = QG_NEW_N(b->arena, size_t, run->n_measurements);

    out->models = QG_NEW_N(b->arena, const char *, run->n_measurements);
    b->known = QG_NEW_N(b->arena, bool, run->n_measurements);
    b->cases = QG_NEW_N(b->arena, const qg_measurement *, run->n_measurements);
    b->first = QG_NEW_N(b->arena, size_t, run->n_measurements + 2);
    QG_NEED(rows && out->models && b->known && b->cases && b->first, err);
    for (size_t i = 0; i < run->n_measurements; i++) {
        rows[i] = row_of(out, run->measurements[i].id.model);
        if (rows[i] == out->n_rows)
            out->models[out->n_rows++] = run->measurements[i].id.model;
        b->first[rows[i] + 2]++;
    }
    for (size_t row = 0; row < out->n_rows; row++)
        b->first[row + 2] += b->first[row + 1];
    for (size_t i = 0; i < run->n_measurements; i++)
        b->cases[b->first[rows[i] + 1]++] = &run->measurements[i];
    b->reference = run->reference ? row_of(out, run->reference) : out->n_rows;
    return QG_OK;
}

static void drop_unknown(builder *b)
{
    qg_methods *out = b->out;
    size_t n = 0;

    for (size_t i = 0; i < out->n_rows; i++) {
        if (!b->known[i])
            continue;
        out->models[n] = out->models[i];
        for (size_t c = 0; c < out->n_columns; c++)
            out->columns[c].cells[n] = out->columns[c].cells[i];
        n++;
    }
    out->n_rows = n < 2 ? 0 : n;
}

qg_status qg_methods_compare(qg_methods *out, qg_arena *arena, const qg_run *run, qg_err *err)
{
    builder b = {.out = out, .arena = arena, .run = run};
    size_t n_batches = 0;

    *out = (qg_methods){0};
    for (int64_t batch = 0; (batch = next_batch(run, batch)) > 0;)
        n_batches++;
    out->columns = QG_NEW_N(arena, qg_method_column, N_QUALITY + 2 + 2 * N_BATCH * n_batches);
    QG_NEED(out->columns, err);
    QG_PASS(list_models(&b, err));
    for (size_t i = 0; i < N_QUALITY; i++)
        QG_PASS(add(&b, &quality_kinds[i], QUALITY_CASE, err));
    QG_PASS(add(&b, &weights_kind, ANY_CASE, err));
    for (int64_t batch = 0; (batch = next_batch(run, batch)) > 0;)
        for (size_t i = 0; i < N_BATCH; i++)
            QG_PASS(add(&b, &batch_kinds[i], batch, err));
    drop_unknown(&b);
    return QG_OK;
}
