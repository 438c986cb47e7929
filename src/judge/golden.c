/* Goldens: see golden.h for the definitions.
 *
 * The two top lists of a position are sorted by id and merged like two sorted files: tokens that
 * both list, that only the golden lists, that only the measurement lists. All differences go to one
 * array, from which maximum and percentile are taken. Nothing relies on the order of a top list, so
 * that a golden edited by hand is judged by its numbers.
 */
#include "judge/golden.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static qg_status refuse(const char *what, const char *golden, const char *measured,
                        const char *suite, qg_err *err)
{
    return qg_fail(err, QG_EREFUSED,
                   "golden is of another %s ('%.80s', this run has '%.80s'); if that is meant, "
                   "renew it with 'quantgate bless %s'",
                   what, golden, measured, suite);
}

static bool same_ids(const qg_gold_prompt *a, const qg_gold_prompt *b)
{
    if (!same_text(a->name, b->name) || a->n_positions != b->n_positions)
        return false;
    for (size_t i = 0; i < a->n_positions; i++)
        if (a->positions[i].id != b->positions[i].id)
            return false;
    return true;
}

qg_status qg_golden_fits(const qg_gold *golden, const qg_gold *measured, const char *suite,
                         qg_err *err)
{
    if (!same_text(golden->tokenizer_hash, measured->tokenizer_hash))
        return refuse("tokenizer", golden->tokenizer_hash, measured->tokenizer_hash, suite, err);
    if (!same_text(golden->backend, measured->backend))
        return refuse("backend", golden->backend, measured->backend, suite, err);
    if (!same_text(golden->protocol, measured->protocol))
        return refuse("protocol", golden->protocol, measured->protocol, suite, err);
    if (!same_text(golden->prompts_hash, measured->prompts_hash))
        return refuse("set of prompts", golden->prompts_hash, measured->prompts_hash, suite, err);
    bool same = golden->n_prompts == measured->n_prompts;
    for (size_t i = 0; same && i < golden->n_prompts; i++)
        same = same_ids(&golden->prompts[i], &measured->prompts[i]);
    if (!same)
        return qg_fail(err, QG_EREFUSED,
                       "golden does not hold the prompts that its hash names; "
                       "restore it, or renew it with 'quantgate bless %s'",
                       suite);
    return QG_OK;
}

/* All differences so far, and where the greatest is. */
typedef struct tally {
    double *differences;
    size_t n, cap;
    double greatest;
    bool is_new_greatest;
} tally;

static void count(tally *t, double difference)
{
    assert(t->n < t->cap);
    difference = fabs(difference);
    t->differences[t->n++] = difference;
    if (difference > t->greatest) {
        t->greatest = difference;
        t->is_new_greatest = true;
    }
}

static int by_id(const void *a, const void *b)
{
    int32_t x = ((const qg_gold_entry *)a)->id, y = ((const qg_gold_entry *)b)->id;
    return (x > y) - (x < y);
}

/* A golden edited by hand may claim a probability above 1. */
static double probability(double logprob)
{
    return exp(fmin(0, logprob));
}

static double least_logprob(const qg_gold_entry *top, size_t n)
{
    double least = INFINITY;
    for (size_t i = 0; i < n; i++)
        least = fmin(least, top[i].logprob);
    return least;
}

static int32_t best_id(const qg_gold_position *p)
{
    const qg_gold_entry *best = NULL;
    for (size_t i = 0; i < p->n_top; i++) {
        const qg_gold_entry *e = &p->top[i];
        if (!best || e->logprob > best->logprob ||
            (e->logprob == best->logprob && e->id < best->id))
            best = e;
    }
    return best ? best->id : -1;
}

/* One side of a merge: entries by id, and the mass of all that the other side does not list. */
typedef struct side {
    qg_gold_entry *top;
    size_t n, next;
    double least; /* logprob below which unlisted entries lie */
    double rest;  /* probability, not its logarithm           */
} side;

static bool side_begin(side *s, qg_arena *scratch, const qg_gold_position *p)
{
    *s = (side){.n = p->n_top};
    s->top = qg_arena_copy(scratch, p->top, p->n_top * sizeof *p->top);
    if (!s->top)
        return false;
    qsort(s->top, s->n, sizeof *s->top, by_id);
    s->least = least_logprob(s->top, s->n);
    s->rest = p->has_tail ? probability(p->tail) : 0;
    return true;
}

/* An entry that `other` does not list: there it is at most other->least. */
static void take_alone(side *s, const side *other, tally *t)
{
    const qg_gold_entry *e = &s->top[s->next++];
    s->rest += probability(e->logprob);
    count(t, fmax(0, e->logprob - other->least));
}

/* Returns the KL bound of the position; counts its differences. */
static double merge(side *g, side *m, tally *t)
{
    double kl = 0;

    while (g->next < g->n || m->next < m->n) {
        const qg_gold_entry *a = g->next < g->n ? &g->top[g->next] : NULL;
        const qg_gold_entry *b = m->next < m->n ? &m->top[m->next] : NULL;
        if (a && b && a->id == b->id) {
            count(t, a->logprob - b->logprob);
            kl += probability(a->logprob) * (a->logprob - b->logprob);
            g->next++;
            m->next++;
        } else if (a && (!b || a->id < b->id)) {
            take_alone(g, m, t);
        } else {
            take_alone(m, g, t);
        }
    }
    if (g->rest > 0 && m->rest > 0) {
        double difference = log(g->rest) - log(m->rest);
        count(t, difference);
        kl += g->rest * difference;
    }
    return fmax(0, kl); /* %.6f can leave it a hair below */
}

static qg_status compare_position(qg_golden_diff *out, tally *t, double *kl, qg_arena *scratch,
                                  const qg_gold_position *golden, const qg_gold_position *measured,
                                  bool first, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(scratch);
    side g, m;

    if (!side_begin(&g, scratch, golden) || !side_begin(&m, scratch, measured))
        return qg_fail(err, QG_ENOMEM, "out of memory");
    if (!first)
        count(t, golden->logprob - measured->logprob);
    *kl += merge(&g, &m, t);
    count(t, golden->entropy - measured->entropy);
    out->same_top += best_id(golden) == best_id(measured);
    out->n_positions++;
    qg_arena_rewind(scratch, mark);
    return QG_OK;
}

static void compare_greedy(qg_golden_diff *out, const qg_gold *golden, const qg_gold *measured,
                           double tolerance)
{
    int64_t longest = 0, least = INT64_MAX;

    for (size_t i = 0; i < golden->n_prompts; i++) {
        const qg_gold_prompt *p = &golden->prompts[i];
        bool differs, near_tie;
        int64_t match =
            (int64_t)qg_gold_match_greedy(p, &measured->prompts[i], tolerance, &differs, &near_tie);
        out->n_choices += match + (differs ? 1 : 0);
        out->n_near_ties += near_tie;
        if (differs && match < least) {
            least = match;
            out->greedy_prompt = p->name;
        }
        /* Past a near-tie the texts part for no one's fault: all of it counts as matched. */
        if (!differs && (int64_t)p->n_greedy > longest)
            longest = (int64_t)p->n_greedy;
    }
    out->greedy_match = least == INT64_MAX ? longest : least;
}

/* Room for every difference: token, both top lists, rest and entropy of each position. */
static size_t most_differences(const qg_gold *golden, const qg_gold *measured)
{
    size_t n = 1;
    for (size_t i = 0; i < golden->n_prompts; i++) {
        const qg_gold_prompt *g = &golden->prompts[i], *m = &measured->prompts[i];
        for (size_t k = 0; k < g->n_positions; k++)
            n += 3 + g->positions[k].n_top + m->positions[k].n_top;
    }
    return n;
}

qg_status qg_golden_compare(qg_golden_diff *out, qg_arena *scratch, const qg_gold *golden,
                            const qg_gold *measured, double tolerance, qg_err *err)
{
    double kl = 0;
    tally t = {.cap = most_differences(golden, measured)};

    t.differences = QG_NEW_N(scratch, double, t.cap);
    QG_NEED(t.differences, err);
    *out = (qg_golden_diff){.worst_prompt = ""};
    for (size_t i = 0; i < golden->n_prompts; i++) {
        const qg_gold_prompt *g = &golden->prompts[i], *m = &measured->prompts[i];
        for (size_t k = 0; k < g->n_positions; k++) {
            QG_PASS(compare_position(out, &t, &kl, scratch, &g->positions[k], &m->positions[k],
                                     k == 0, err));
            if (t.is_new_greatest) {
                out->worst_prompt = g->name;
                out->worst_position = k;
                t.is_new_greatest = false;
            }
        }
    }
    compare_greedy(out, golden, measured, tolerance);
    out->n_logprobs = (int64_t)t.n;
    out->logprob_max = t.greatest;
    if (t.n > 0)
        out->logprob_p99 = qg_value_percentile(t.differences, t.n, 99);
    if (out->n_positions > 0) {
        out->same_top /= (double)out->n_positions;
        out->kld_topk = kl / (double)out->n_positions;
    }
    return QG_OK;
}

bool qg_golden_is_drift(qg_metric metric)
{
    return metric == QG_METRIC_DRIFT_LOGPROB_MAX || metric == QG_METRIC_DRIFT_SAME_TOP ||
           metric == QG_METRIC_DRIFT_KLD_TOPK;
}

bool qg_golden_has(qg_metric metric)
{
    return metric == QG_METRIC_GOLDEN_LOGPROB_MAX || metric == QG_METRIC_GOLDEN_LOGPROB_P99 ||
           metric == QG_METRIC_GREEDY_MATCH || metric == QG_METRIC_KLD_TOPK ||
           metric == QG_METRIC_DRIFT_LOGPROB_MAX || metric == QG_METRIC_DRIFT_SAME_TOP ||
           metric == QG_METRIC_DRIFT_KLD_TOPK;
}

qg_value qg_golden_value(const qg_golden_diff *diff, qg_metric metric)
{
    bool any = diff->n_positions > 0;

    switch (metric) {
    case QG_METRIC_GOLDEN_LOGPROB_MAX:
    case QG_METRIC_DRIFT_LOGPROB_MAX:
        return (qg_value){any, diff->logprob_max, diff->n_logprobs};
    case QG_METRIC_GOLDEN_LOGPROB_P99:
        return (qg_value){any, diff->logprob_p99, diff->n_logprobs};
    case QG_METRIC_SAME_TOP:
    case QG_METRIC_DRIFT_SAME_TOP:
        return (qg_value){any, diff->same_top, diff->n_positions};
    case QG_METRIC_KLD_TOPK:
    case QG_METRIC_DRIFT_KLD_TOPK:
        return (qg_value){any, diff->kld_topk, diff->n_positions};
    case QG_METRIC_GREEDY_MATCH:
        return (qg_value){diff->n_choices > 0, (double)diff->greedy_match, diff->n_choices};
    default:
        return (qg_value){0};
    }
}
