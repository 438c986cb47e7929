/* Rank tests: see ranktest.h.
 *
 * Ranks are kept doubled, so that mean ranks of ties are whole numbers and sums of them exact. A
 * null distribution is a table over the doubled sum, filled item by item: with signs each item
 * halves the table and adds it to itself moved by the rank; with arms there is a table of subsets
 * for each of their sizes. Mean and variance of the normal approximation are taken from the same
 * ranks, which corrects them for ties and zeros without a formula.
 */
#include "stats/ranktest.h"

#include "stats/distribution.h"
#include "stats/numbers.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- ranks ---- */

typedef struct item {
    double size;  /* what is ranked                                          */
    int sign;     /* signed-rank: of the difference; Mann-Whitney: 1 for y    */
    int64_t rank; /* doubled                                                 */
} item;

static int by_rank_size(const void *a, const void *b)
{
    double x = ((const item *)a)->size, y = ((const item *)b)->size;

    return (x > y) - (x < y);
}

/* Sorts by size and gives each the mean rank of its ties, doubled: first + last of them. */
static void rank_items(item *items, size_t n)
{
    qsort(items, n, sizeof *items, by_rank_size);
    for (size_t first = 0, next; first < n; first = next) {
        for (next = first + 1; next < n && items[next].size == items[first].size;)
            next++;
        for (size_t i = first; i < next; i++)
            items[i].rank = (int64_t)(first + 1 + next);
    }
}

static qg_status check_arm(const double *x, size_t n, const char *what, qg_err *err)
{
    QG_PASS(qg_numbers_check(x, n, 1, what, err));
    if (n > QG_RANK_MOST)
        return qg_fail(err, QG_EARG, "%zu %ss, at most %d are ranked", n, what, QG_RANK_MOST);
    return QG_OK;
}

/* P(at most `sum`) and P(at least `sum`) of a table of weights that add up to `total`. Each tail is
 * added from its thin end. */
static qg_pvalues tails(const double *weight, int64_t n, int64_t sum, double total)
{
    double less = 0, greater = 0;

    for (int64_t s = 0; s <= sum; s++)
        less += weight[s];
    for (int64_t s = n - 1; s >= sum; s--)
        greater += weight[s];
    return qg_pvalues_of(less / total, greater / total);
}

/* The same by the normal approximation; the doubled half rank of continuity is 1. */
static qg_pvalues normal_tails(double sum, double mean, double variance)
{
    double sd = sqrt(variance);

    if (sd == 0)
        return qg_pvalues_of(1, 1);
    return qg_pvalues_of(qg_normal_cdf((sum + 1 - mean) / sd),
                         qg_normal_cdf((mean + 1 - sum) / sd));
}

/* ---- signed-rank ---- */

static int64_t sum_of(const int64_t *rank, size_t n)
{
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += rank[i];
    return sum;
}

/* weight [sum of all + 1], zeroed: the probability of each sum of those of rank [n] that get a
 * plus. */
static void fill_signs(double *weight, const int64_t *rank, size_t n)
{
    int64_t last = 0; /* the greatest sum so far */

    weight[0] = 1;
    for (size_t i = 0; i < n; i++) {
        last += rank[i];
        for (int64_t s = last; s >= rank[i]; s--)
            weight[s] = 0.5 * (weight[s] + weight[s - rank[i]]);
        for (int64_t s = rank[i] - 1; s >= 0; s--)
            weight[s] *= 0.5;
    }
}

/* The same on an arena; NULL when out of memory. */
static double *sign_table(qg_arena *scratch, const int64_t *rank, size_t n, int64_t *total)
{
    *total = sum_of(rank, n);
    double *weight = QG_NEW_N(scratch, double, (size_t)*total + 1);
    if (weight)
        fill_signs(weight, rank, n);
    return weight;
}

double qg_signed_rank_level(size_t n, double alpha)
{
    enum { MOST = 50 };
    double weight[MOST * (MOST + 1) / 2 + 1] = {0}, level = 0;
    int64_t rank[MOST];

    assert(alpha > 0 && alpha < 0.5);
    if (n > MOST)
        return alpha;
    for (size_t i = 0; i < n; i++)
        rank[i] = (int64_t)i + 1;
    fill_signs(weight, rank, n);
    for (int64_t s = 0; level + weight[s] <= alpha; s++)
        level += weight[s];
    return level;
}

/* Items of the differences from the limit, ranked. */
static item *rank_differences(qg_arena *scratch, const double *d, size_t n, double limit)
{
    item *items = QG_NEW_N(scratch, item, n);

    if (!items)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        double e = d[i] - limit;
        items[i] = (item){.size = fabs(e), .sign = (e > 0) - (e < 0)};
    }
    rank_items(items, n);
    return items;
}

qg_status qg_signed_rank(qg_ranktest *out, qg_arena *scratch, const double *d, size_t n,
                         double limit, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(scratch);
    int64_t plus = 0, total;
    double sum = 0, squares = 0;
    size_t n_used = 0;

    QG_PASS(check_arm(d, n, "difference", err));
    QG_PASS(qg_numbers_check(&limit, 1, 1, "limit", err));
    item *items = rank_differences(scratch, d, n, limit);
    int64_t *rank = QG_NEW_N(scratch, int64_t, n);
    QG_NEED(items && rank, err);
    for (size_t i = 0; i < n; i++) {
        if (items[i].sign == 0)
            continue;
        double r = (double)items[i].rank;
        rank[n_used++] = items[i].rank;
        plus += items[i].sign > 0 ? items[i].rank : 0;
        sum += r;
        squares += r * r;
    }
    qg_ranktest result = {.statistic = (double)plus / 2, .n = n_used};
    result.exact = n <= QG_SIGNED_RANK_EXACT;
    if (result.exact) {
        double *weight = sign_table(scratch, rank, n_used, &total);
        QG_NEED(weight, err);
        result.p = tails(weight, total + 1, plus, 1);
    } else {
        result.p = normal_tails((double)plus, sum / 2, squares / 4);
    }
    qg_arena_rewind(scratch, mark);
    *out = result;
    return QG_OK;
}

/* ---- Mann-Whitney ---- */

/* count [total + 1]: how many subsets of `chosen` of the n ranks have each sum; total is the sum of
 * all. NULL when out of memory. */
static double *subset_table(qg_arena *scratch, const int64_t *rank, size_t n, size_t chosen,
                            int64_t *total)
{
    *total = sum_of(rank, n);
    size_t width = (size_t)*total + 1;
    double *table = QG_NEW_N(scratch, double, (chosen + 1) * width);
    if (!table)
        return NULL;
    table[0] = 1;
    int64_t last = 0; /* the greatest sum so far */
    for (size_t i = 0; i < n; i++) {
        last += rank[i];
        for (size_t k = chosen < i + 1 ? chosen : i + 1; k > 0; k--) {
            double *count = table + k * width;
            const double *without = count - width;
            for (int64_t s = last; s >= rank[i]; s--)
                count[s] += without[s - rank[i]];
        }
    }
    return table + chosen * width;
}

static bool arms_are_exact(size_t n_x, size_t n_y)
{
    double n = (double)(n_x + n_y), smaller = (double)(n_x < n_y ? n_x : n_y);

    return smaller * n * n * n <= QG_RANK_SUM_EXACT;
}

/* The subsets of `chosen` among n. */
static double subsets(size_t n, size_t chosen)
{
    double count = 1;

    for (size_t i = 1; i <= chosen; i++)
        count = count * (double)(n - chosen + i) / (double)i;
    return count;
}

static item *rank_arms(qg_arena *scratch, const double *x, size_t n_x, const double *y, size_t n_y,
                       double limit)
{
    item *items = QG_NEW_N(scratch, item, n_x + n_y);

    if (!items)
        return NULL;
    for (size_t i = 0; i < n_x; i++)
        items[i] = (item){.size = x[i]};
    for (size_t i = 0; i < n_y; i++)
        items[n_x + i] = (item){.size = y[i] - limit, .sign = 1};
    rank_items(items, n_x + n_y);
    return items;
}

/* The exact tails of the doubled rank sum of y, from the table of the smaller arm. */
static qg_status arms_exact(qg_pvalues *out, qg_arena *scratch, const item *items, size_t n_x,
                            size_t n_y, int64_t sum_y, qg_err *err)
{
    size_t n = n_x + n_y, chosen = n_x < n_y ? n_x : n_y;
    int64_t *rank = QG_NEW_N(scratch, int64_t, n), total;

    QG_NEED(rank, err);
    for (size_t i = 0; i < n; i++)
        rank[i] = items[i].rank;
    double *count = subset_table(scratch, rank, n, chosen, &total);
    QG_NEED(count, err);
    if (chosen == n_y) {
        *out = tails(count, total + 1, sum_y, subsets(n, chosen));
    } else { /* x lies high where y lies low */
        qg_pvalues x = tails(count, total + 1, total - sum_y, subsets(n, chosen));
        *out = (qg_pvalues){x.greater, x.less, x.both};
    }
    return QG_OK;
}

/* The same by the normal approximation. */
static qg_pvalues arms_normal(const item *items, size_t n_x, size_t n_y, double sum_y)
{
    double n = (double)(n_x + n_y), mean = n + 1, squares = 0;

    for (size_t i = 0; i < n_x + n_y; i++)
        squares += ((double)items[i].rank - mean) * ((double)items[i].rank - mean);
    return normal_tails(sum_y, (double)n_y * mean,
                        (double)n_x * (double)n_y / (n * (n - 1)) * squares);
}

qg_status qg_mann_whitney(qg_ranktest *out, qg_arena *scratch, const double *x, size_t n_x,
                          const double *y, size_t n_y, double limit, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(scratch);
    size_t n = n_x + n_y;
    int64_t sum_y = 0;

    QG_PASS(check_arm(x, n_x, "sample", err));
    QG_PASS(check_arm(y, n_y, "sample", err));
    QG_PASS(qg_numbers_check(&limit, 1, 1, "limit", err));
    item *items = rank_arms(scratch, x, n_x, y, n_y, limit);
    QG_NEED(items, err);
    for (size_t i = 0; i < n; i++)
        sum_y += items[i].sign ? items[i].rank : 0;
    double least = (double)n_y * (double)(n_y + 1);
    qg_ranktest result = {.statistic = ((double)sum_y - least) / 2, .n = n};
    result.exact = arms_are_exact(n_x, n_y);
    if (result.exact)
        QG_PASS(arms_exact(&result.p, scratch, items, n_x, n_y, sum_y, err));
    else
        result.p = arms_normal(items, n_x, n_y, (double)sum_y);
    qg_arena_rewind(scratch, mark);
    *out = result;
    return QG_OK;
}

/* ---- Hodges-Lehmann ---- */

/* All pairs of sorted numbers: means of x_i and x_j with i <= j where y is NULL, else y_j - x_i. */
typedef struct pairs {
    const double *x, *y;
    size_t n_x, n_y;
} pairs;

static double pair_value(const pairs *p, size_t i, size_t j)
{
    return p->y ? p->y[j] - p->x[i] : 0.5 * p->x[i] + 0.5 * p->x[j];
}

/* How many pairs are at most v. As i rises, the last j whose mean is at most v falls, and that
 * whose difference is at most v rises. */
static int64_t pairs_at_most(const pairs *p, double v)
{
    int64_t count = 0;
    size_t j = p->y ? 0 : p->n_x; /* the first j that is too great */

    for (size_t i = 0; i < p->n_x; i++) {
        if (p->y) {
            while (j < p->n_y && pair_value(p, i, j) <= v)
                j++;
            count += (int64_t)j;
        } else {
            while (j > i && pair_value(p, i, j - 1) > v)
                j--;
            if (j <= i)
                break;
            count += (int64_t)(j - i);
        }
    }
    return count;
}

/* A whole number in the order of the doubles, and back. */
static int64_t key_of(double v)
{
    int64_t bits;

    memcpy(&bits, &v, sizeof bits);
    return bits < 0 ? INT64_MIN - bits : bits;
}

static double of_key(int64_t key)
{
    int64_t bits = key < 0 ? INT64_MIN - key : key;
    double v;

    memcpy(&v, &bits, sizeof v);
    return v;
}

/* The k-th smallest pair, from 1. */
static double nth_pair(const pairs *p, int64_t k)
{
    size_t last_y = p->y ? p->n_y - 1 : p->n_x - 1;
    int64_t low = key_of(pair_value(p, p->y ? p->n_x - 1 : 0, 0));   /* the least pair     */
    int64_t high = key_of(pair_value(p, p->y ? 0 : last_y, last_y)); /* the greatest */

    while (low < high) {
        int64_t middle = (low & high) + ((low ^ high) >> 1); /* the mean, rounded down */
        if (pairs_at_most(p, of_key(middle)) >= k)
            high = middle;
        else
            low = middle + 1;
    }
    return of_key(low);
}

/* How many pairs an end cuts off, itself included, by the distribution without ties: 1 + the
 * greatest c with P(statistic <= c) <= alpha. weight [n] is that distribution from 0 on, of the
 * given total. */
static int64_t cut_exact(const double *weight, int64_t n, double total, double alpha)
{
    double below = 0;
    int64_t c = 0;

    while (c < n && (below + weight[c]) / total <= alpha)
        below += weight[c++];
    return c;
}

static int64_t cut_normal(double mean, double variance, double alpha)
{
    double c = floor(mean + qg_normal_quantile(alpha) * sqrt(variance) - 0.5);

    return c < 0 ? 0 : (int64_t)c + 1;
}

/* Ranks 1 .. n; NULL when out of memory. */
static int64_t *plain_ranks(qg_arena *scratch, size_t n)
{
    int64_t *rank = QG_NEW_N(scratch, int64_t, n);

    for (size_t i = 0; rank && i < n; i++)
        rank[i] = (int64_t)i + 1;
    return rank;
}

static qg_shift shift_of(const pairs *p, int64_t n_pairs, int64_t cut)
{
    double low = nth_pair(p, (n_pairs + 1) / 2), high = nth_pair(p, n_pairs / 2 + 1);

    return (qg_shift){
        .estimate = low == high ? low : 0.5 * low + 0.5 * high,
        .interval = {cut > 0 ? nth_pair(p, cut) : -INFINITY,
                     cut > 0 ? nth_pair(p, n_pairs + 1 - cut) : INFINITY},
    };
}

qg_status qg_shift_paired(qg_shift *out, qg_arena *scratch, const double *d, size_t n, double alpha,
                          qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(scratch);
    int64_t total, cut;
    double m = (double)n;

    QG_PASS(check_arm(d, n, "difference", err));
    QG_PASS(qg_alpha_check(alpha, err));
    double *sorted = qg_numbers_sorted(scratch, d, n);
    QG_NEED(sorted, err);
    if (n <= QG_SIGNED_RANK_EXACT) {
        int64_t *rank = plain_ranks(scratch, n);
        double *weight = rank ? sign_table(scratch, rank, n, &total) : NULL;
        QG_NEED(weight, err);
        cut = cut_exact(weight, total + 1, 1, alpha);
    } else {
        cut = cut_normal(m * (m + 1) / 4, m * (m + 1) * (2 * m + 1) / 24, alpha);
    }
    *out = shift_of(&(pairs){sorted, NULL, n, 0}, (int64_t)n * (int64_t)(n + 1) / 2, cut);
    qg_arena_rewind(scratch, mark);
    return QG_OK;
}

qg_status qg_shift_between(qg_shift *out, qg_arena *scratch, const double *x, size_t n_x,
                           const double *y, size_t n_y, double alpha, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(scratch);
    double n_pairs = (double)n_x * (double)n_y, n = (double)(n_x + n_y);
    int64_t total, cut;

    QG_PASS(check_arm(x, n_x, "sample", err));
    QG_PASS(check_arm(y, n_y, "sample", err));
    QG_PASS(qg_alpha_check(alpha, err));
    double *sorted_x = qg_numbers_sorted(scratch, x, n_x);
    double *sorted_y = qg_numbers_sorted(scratch, y, n_y);
    QG_NEED(sorted_x && sorted_y, err);
    if (arms_are_exact(n_x, n_y)) { /* both arms have the same distribution of U */
        size_t m = n_x + n_y, chosen = n_x < n_y ? n_x : n_y;
        int64_t *rank = plain_ranks(scratch, m), least = (int64_t)(chosen * (chosen + 1) / 2);
        double *count = rank ? subset_table(scratch, rank, m, chosen, &total) : NULL;
        QG_NEED(count, err);
        cut = cut_exact(count + least, total + 1 - least, subsets(m, chosen), alpha);
    } else {
        cut = cut_normal(n_pairs / 2, n_pairs * (n + 1) / 12, alpha);
    }
    *out = shift_of(&(pairs){sorted_x, sorted_y, n_x, n_y}, (int64_t)n_pairs, cut);
    qg_arena_rewind(scratch, mark);
    return QG_OK;
}
