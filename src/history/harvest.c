/* What a history takes from a run: see harvest.h.
 *
 * Judgements are put into an order in which those of one number lie together, worst first; what was
 * measured besides is found case by case in the order of the metric table.
 */
#include "history/harvest.h"

#include "base/hash.h"
#include "record/record_json.h"
#include "record/value.h"

#include <stdlib.h>
#include <string.h>

/* ---- numbers ---- */

static int by_number(const void *a, const void *b)
{
    const qg_judgement *x = *(const qg_judgement *const *)a, *y = *(const qg_judgement *const *)b;
    int c = strcmp(x->case_id, y->case_id);

    if (c == 0)
        c = (x->metric > y->metric) - (x->metric < y->metric);
    if (c == 0)
        c = (x->basis > y->basis) - (x->basis < y->basis);
    if (c == 0)
        c = qg_verdict_rank(y->verdict) - qg_verdict_rank(x->verdict);
    return c ? c : (x > y) - (x < y);
}

static bool is_one_number(const qg_judgement *x, const qg_judgement *y)
{
    return x->metric == y->metric && x->basis == y->basis && strcmp(x->case_id, y->case_id) == 0;
}

static qg_harvested of_judgement(const qg_measurement *m, const qg_judgement *j)
{
    return (qg_harvested){.m = m,
                          .case_id = j->case_id,
                          .metric = j->metric,
                          .basis = j->basis,
                          .j = j,
                          .has_value = j->has_value,
                          .value = j->value,
                          .n = j->n};
}

static qg_status take_judgements(qg_harvest *out, qg_arena *arena, const qg_run *run, qg_err *err)
{
    const qg_judgement **order = QG_NEW_N(arena, const qg_judgement *, run->n_judgements);
    const qg_measurement *m = NULL;

    QG_NEED(order, err);
    for (size_t i = 0; i < run->n_judgements; i++)
        order[i] = &run->judgements[i];
    qsort(order, run->n_judgements, sizeof *order, by_number);
    for (size_t i = 0; i < run->n_judgements; i++) {
        if (i == 0 || strcmp(order[i - 1]->case_id, order[i]->case_id) != 0)
            m = qg_run_case(run, order[i]->case_id);
        if (i == 0 || !is_one_number(order[i - 1], order[i]))
            out->at[out->n++] = of_judgement(m, order[i]);
    }
    return QG_OK;
}

/* The number of a budget on the metric of a case, among those of judgements; NULL where none judged
 * it. */
static qg_harvested *find_judged(const qg_harvest *h, const char *case_id, qg_metric metric)
{
    size_t low = 0, high = h->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const qg_harvested *x = &h->at[middle];
        int c = strcmp(x->case_id, case_id);
        if (c == 0)
            c = (x->metric > metric) - (x->metric < metric);
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < h->n && h->at[low].metric == metric && h->at[low].basis == QG_BASIS_BUDGET &&
                 strcmp(h->at[low].case_id, case_id) == 0;
    return found ? &h->at[low] : NULL;
}

/* Whether a percentile would be the greatest sample only. */
static bool is_greatest(qg_metric metric, int64_t n)
{
    int percentile = qg_metric_info_of(metric)->percentile;

    return percentile > 50 && n > 1 && n < 100 / (100 - percentile);
}

static qg_status take_measured(qg_harvest *out, qg_arena *arena, const qg_measurement *m,
                               const qg_harvest *judgements, qg_err *err)
{
    for (int i = 0; i < QG_METRIC_N; i++) {
        qg_metric metric = (qg_metric)i;
        qg_value v = {0};
        QG_PASS(qg_value_of(&v, arena, m, metric, err));
        qg_harvested *known = v.known ? find_judged(judgements, m->id.id, metric) : NULL;
        if (known && !known->has_value) {
            known->has_value = true;
            known->value = v.value;
            known->n = v.n;
        }
        if (v.known && !known && !is_greatest(metric, v.n))
            out->at[out->n++] = (qg_harvested){.m = m,
                                               .case_id = m->id.id,
                                               .metric = metric,
                                               .has_value = true,
                                               .value = v.value,
                                               .n = v.n};
    }
    return QG_OK;
}

qg_status qg_harvest_run(qg_harvest *out, qg_arena *arena, const qg_run *run, qg_err *err)
{
    size_t most = run->n_judgements + run->n_measurements * QG_METRIC_N;

    *out = (qg_harvest){.at = QG_NEW_N(arena, qg_harvested, most)};
    QG_NEED(out->at, err);
    QG_PASS(take_judgements(out, arena, run, err));
    const qg_harvest judgements = *out;
    for (size_t i = 0; i < run->n_measurements; i++)
        QG_TRY(take_measured(out, arena, &run->measurements[i], &judgements, err), err, "case '%s'",
               run->measurements[i].id.id);
    return QG_OK;
}

/* ---- identity ---- */

/* A text and its end, so that two texts cannot be taken for one. */
static void add_text(qg_hash *h, const char *s)
{
    qg_hash_add(h, s ? s : "", s ? strlen(s) : 0);
    qg_hash_add(h, "\n", 1);
}

/* The least significant byte first, on every machine. */
static void add_int(qg_hash *h, int64_t v)
{
    unsigned char bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)v >> 8 * i);
    qg_hash_add(h, bytes, sizeof bytes);
}

static void add_real(qg_hash *h, double v)
{
    int64_t bits;

    memcpy(&bits, &v, sizeof bits);
    add_int(h, bits);
}

/* A case without numbers may have been added by judging. */
static void add_case(qg_hash *h, const qg_measurement *m)
{
    if (m->n_series + m->n_scalars + m->n_docs == 0)
        return;
    add_text(h, m->id.id);
    add_int(h, m->wall_ns);
    for (size_t i = 0; i < m->n_series; i++) {
        add_text(h, m->series[i].name);
        for (size_t k = 0; k < m->series[i].n_samples; k++)
            add_real(h, m->series[i].samples[k]);
    }
    for (size_t i = 0; i < m->n_scalars; i++) {
        add_text(h, qg_metric_info_of(m->scalars[i].metric)->name);
        add_real(h, m->scalars[i].value);
    }
    for (size_t i = 0; i < m->n_docs; i++) {
        add_int(h, m->docs[i].n_scored);
        add_real(h, m->docs[i].sum_nll);
        add_real(h, m->docs[i].sum_kl);
    }
}

static void add_run(qg_hash *h, const qg_run *run)
{
    add_text(h, run->suite);
    add_text(h, run->started);
    add_text(h, run->version);
    add_text(h, run->commit);
    add_text(h, run->machine.host);
    add_text(h, run->machine.fingerprint);
    add_int(h, run->wall_ns);
    add_int(h, run->seed);
    for (size_t i = 0; i < run->n_measurements; i++)
        add_case(h, &run->measurements[i]);
}

static void shorten(char out[QG_HISTORY_KEY], const char hex[QG_HASH_HEX])
{
    memcpy(out, hex, QG_HISTORY_KEY - 1);
    out[QG_HISTORY_KEY - 1] = '\0';
}

qg_status qg_harvest_identify(char key[QG_HISTORY_KEY], char content[QG_HISTORY_KEY],
                              qg_arena *scratch, const qg_run *run, qg_err *err)
{
    char hex[QG_HASH_HEX];
    qg_hash *h;
    qg_buf json;

    QG_PASS(qg_hash_begin(&h, scratch, err));
    add_run(h, run);
    qg_hash_end(h, hex);
    shorten(key, hex);
    qg_buf_init(&json, scratch);
    QG_PASS(qg_run_to_json(&json, run, err));
    QG_PASS(qg_hash_text(hex, qg_buf_view(&json), err));
    shorten(content, hex);
    return QG_OK;
}

/* ---- checklist ---- */

const char *qg_harvest_checklist(qg_arena *arena, const qg_checklist *c)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_buf_text(&b, c->gate ? c->gate : "");
    for (int i = 0; i < QG_N_CHECKITEMS; i++)
        qg_buf_format(&b, ";%s=%s", qg_checkitem_word(c->items[i].item),
                      qg_checkitem_state_text(c->items[i].state));
    return b.failed ? NULL : b.ptr;
}

void qg_harvest_read_checklist(qg_history_run *run, qg_arena *arena, const char *text)
{
    qg_str rest = qg_str_from(text), piece, word;
    qg_checkitem item;

    run->has_checklist = qg_str_split(&rest, ';', &piece);
    run->gate = piece.len ? qg_str_dup(arena, piece) : NULL;
    while (qg_str_split(&rest, ';', &piece)) {
        qg_str_split(&piece, '=', &word);
        if (!qg_checkitem_find(&item, word))
            continue;
        for (int s = 0; s < QG_N_CHECKITEM_STATES; s++)
            if (qg_str_is(piece, qg_checkitem_state_text((qg_checkitem_state)s)))
                run->checklist[item] = (qg_checkitem_state)s;
    }
}
