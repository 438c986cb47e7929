/* E-divisive: see changepoint.h.
 *
 * All splits of a cluster are looked at in one pass over its end: the sum of distances within
 * a .. end grows by those from the new end to a and all after it, and the sum between two pieces is
 * that of the whole less those within.
 */
#include "stats/changepoint.h"

#include "stats/bootstrap.h"
#include "stats/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AS_GREAT (1 - 1e-9)

/* With T the sum of distances within 0 .. end, of n + m = size numbers, and W, V those within the
 * two pieces, the sum between them is T - W - V, and
 *
 *     q = 2/size (T - (size - 1) (W / (n - 1) + V / (m - 1)))
 *
 * so of one end the middle is best where the bracket is least. */
typedef struct sums {
    double *within;  /* [n] of a .. end                               */
    double *shorter; /* [n] the same of a .. end - 1                  */
    double *before;  /* [n] W / (i - 1) of the first piece 0 .. i - 1 */
    double *inverse; /* [n] 1 / i                                     */
    double best;
    size_t at;
} sums;

/* Two ends at once, e and e + 1: each waits for its own sum. */
static void add_two(sums *s, const double *x, size_t e)
{
    double sum = 0, next = fabs(x[e] - x[e + 1]);

    s->shorter[e] = 0;
    s->within[e] = next;
    for (size_t a = e; a-- > 0;) {
        sum += fabs(x[a] - x[e]);
        next += fabs(x[a] - x[e + 1]);
        s->shorter[a] = s->within[a] + sum;
        s->within[a] = s->shorter[a] + next;
    }
}

static void add_one(sums *s, const double *x, size_t e)
{
    double sum = 0;

    for (size_t a = e; a-- > 0;) {
        sum += fabs(x[a] - x[e]);
        s->within[a] += sum;
    }
}

/* The splits that end with number e; `within` is of a .. e. */
static void look_at_end(sums *s, const double *within, size_t e, size_t least)
{
    double low = INFINITY, size = (double)(e + 1);
    size_t middle = 0;

    for (size_t t = least; t + least <= e + 1; t++) {
        double bracket = s->before[t] + within[t] * s->inverse[e - t];
        if (bracket < low) {
            low = bracket;
            middle = t;
        }
    }
    double q = middle ? 2 / size * (within[0] - (size - 1) * low) : 0;
    if (q > s->best) {
        s->best = q;
        s->at = middle;
    }
}

double qg_changepoint_split(size_t *at, const double *x, size_t n, size_t least, double *scratch)
{
    sums s = {scratch, scratch + n, scratch + 2 * n, scratch + 3 * n, 0, 0};

    *at = 0;
    if (n < 2 * least)
        return 0;
    for (size_t i = 0; i < n; i++) {
        s.within[i] = s.before[i] = 0;
        s.inverse[i] = i ? 1 / (double)i : 0;
    }
    for (size_t e = 0; e < n; e += 2) {
        bool is_last = e + 1 == n;
        if (is_last)
            add_one(&s, x, e);
        else
            add_two(&s, x, e);
        double *within = is_last ? s.within : s.shorter;
        look_at_end(&s, within, e, least);
        if (is_last)
            break;
        s.before[e + 1] = within[0] * s.inverse[e];
        look_at_end(&s, s.within, e + 1, least);
        if (e + 2 < n)
            s.before[e + 2] = s.within[0] * s.inverse[e + 1];
    }
    *at = s.at;
    return s.best;
}

/* ---- clusters ---- */

typedef struct cluster {
    size_t first, end, at; /* at: of its best split, from its first number */
    double best;
} cluster;

typedef struct search {
    const double *x;
    size_t n, stage;
    const qg_changepoint_options *o;
    cluster *clusters;     /* rising; room for one a number */
    qg_changepoint *found; /* the split before each cluster but the first */
    size_t n_clusters;
    double *shuffled, *scratch;
} search;

static void look(search *s, cluster *c)
{
    c->best =
        qg_changepoint_split(&c->at, s->x + c->first, c->end - c->first, s->o->least, s->scratch);
}

/* The greatest statistic of permutation r. */
static double permuted(search *s, size_t r)
{
    uint64_t draw = (s->stage * s->o->permutations + r) * s->n;
    double best = 0;
    size_t at;

    memcpy(s->shuffled, s->x, s->n * sizeof *s->x);
    for (size_t k = 0; k < s->n_clusters; k++) {
        const cluster *c = &s->clusters[k];
        double *x = s->shuffled + c->first;
        for (size_t i = c->end - c->first; i-- > 1;) {
            size_t j = qg_bootstrap_index(s->o->seed, draw + c->first + i, i + 1);
            double v = x[i];
            x[i] = x[j];
            x[j] = v;
        }
        double q = qg_changepoint_split(&at, x, c->end - c->first, s->o->least, s->scratch);
        best = q > best ? q : best;
    }
    return best;
}

/* p of the statistic, or something over the level as soon as that is sure. */
static double p_of(search *s, double q)
{
    double all = (double)s->o->permutations + 1;
    size_t n_great = 0;

    for (size_t r = 0; r < s->o->permutations; r++) {
        n_great += permuted(s, r) >= q * AS_GREAT;
        if ((double)(n_great + 1) > s->o->level * all * (1 + 1e-12))
            break;
    }
    return (double)(n_great + 1) / all;
}

/* Cluster k becomes two. */
static void divide(search *s, size_t k, double p)
{
    cluster *c = &s->clusters[k];
    size_t middle = c->first + c->at;
    double q = c->best;

    memmove(c + 1, c, (s->n_clusters - k) * sizeof *c);
    memmove(&s->found[k + 2], &s->found[k + 1], (s->n_clusters - k - 1) * sizeof *s->found);
    s->n_clusters++;
    c[0].end = c[1].first = middle;
    s->found[k + 1] = (qg_changepoint){middle, q, p};
    look(s, &c[0]);
    look(s, &c[1]);
}

static void find_all(search *s)
{
    look(s, &s->clusters[0]);
    for (;; s->stage++) {
        size_t k = 0;
        for (size_t i = 1; i < s->n_clusters; i++)
            if (s->clusters[i].best > s->clusters[k].best)
                k = i;
        if (s->clusters[k].best <= 0)
            return;
        double p = p_of(s, s->clusters[k].best);
        if (p > s->o->level * (1 + 1e-12))
            return;
        divide(s, k, p);
    }
}

static qg_status check_options(const qg_changepoint_options *o, size_t n, qg_err *err)
{
    QG_PASS(qg_alpha_check(o->level, err));
    if (n > QG_CHANGEPOINT_MOST)
        return qg_fail(err, QG_EARG, "change points of %zu numbers, at most %d can be looked at", n,
                       QG_CHANGEPOINT_MOST);
    if (o->least < 2)
        return qg_fail(err, QG_EARG, "a piece of %zu numbers has no spread: at least 2", o->least);
    if (((double)o->permutations + 1) * o->level * (1 + 1e-12) < 1)
        return qg_fail(err, QG_EARG, "%zu permutations cannot show a level of %g", o->permutations,
                       o->level);
    return QG_OK;
}

/* Sums of all distances must be numbers, also where x are. */
static qg_status check_range(const double *x, size_t n, qg_err *err)
{
    for (size_t i = 0; i < n; i++)
        if (fabs(x[i]) > 1e290)
            return qg_fail(err, QG_ENONFINITE, "number %zu is too large to be added", i);
    return QG_OK;
}

qg_status qg_changepoint_find(qg_changepoints *out, qg_arena *arena, const double *x, size_t n,
                              const qg_changepoint_options *options, qg_err *err)
{
    search s = {.x = x, .n = n, .o = options, .n_clusters = 1};

    QG_PASS(check_options(options, n, err));
    QG_PASS(qg_numbers_check(x, n, 0, "number", err));
    QG_PASS(check_range(x, n, err));
    s.found = QG_NEW_N(arena, qg_changepoint, n + 2);
    QG_NEED(s.found, err);
    qg_arena_mark mark = qg_arena_here(arena);
    s.clusters = QG_NEW_N(arena, cluster, n + 2);
    s.shuffled = QG_NEW_N(arena, double, n);
    s.scratch = QG_NEW_N(arena, double, 4 * n);
    QG_NEED(s.clusters && s.shuffled && s.scratch, err);
    s.clusters[0].end = n;
    find_all(&s);
    *out = (qg_changepoints){s.found + 1, s.n_clusters - 1};
    qg_arena_rewind(arena, mark);
    return QG_OK;
}
