/* Scoring: sequences run in groups that fit, every row of logits becomes numbers at once and is
 * forgotten. See score.h for the numerics. */
#include "engine/score.h"

#include "kernels/qgk_types.h"

#include <math.h>

/* ---- one row of logits ---- */

/* Whether entry a stands before entry b: larger, or as large with the lower index. */
static bool is_before(const float *logits, int32_t a, int32_t b)
{
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
}

/* Sinks the root of a heap whose root stands behind all others. */
static void sink(int32_t *heap, int n, int at, const float *logits)
{
    for (int child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && is_before(logits, heap[child], heap[child + 1]))
            child++;
        if (is_before(logits, heap[child], heap[at]))
            return;
        int32_t swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
    }
}

int qg_top_k(int32_t *best, const float *logits, int n, int k)
{
    k = k < n ? k : n;
    if (k <= 0)
        return 0;
    for (int i = 0; i < k; i++)
        best[i] = i;
    for (int i = k / 2 - 1; i >= 0; i--)
        sink(best, k, i, logits);
    for (int i = k; i < n; i++) {
        if (logits[i] > logits[best[0]]) { /* a tie is later, so it stays out */
            best[0] = i;
            sink(best, k, 0, logits);
        }
    }
    for (int last = k - 1; last > 0; last--) { /* the worst goes to the end, again and again */
        int32_t worst = best[0];
        best[0] = best[last];
        best[last] = worst;
        sink(best, last, 0, logits);
    }
    return k;
}

static float largest(const float *x, int from, int to)
{
    enum { LANES = 16 }; /* chains that do not wait for each other */
    float lane[LANES], m = -INFINITY;
    int i = from;

    for (int j = 0; j < LANES; j++)
        lane[j] = -INFINITY;
    for (; i + LANES <= to; i += LANES)
        for (int j = 0; j < LANES; j++)
            lane[j] = lane[j] > x[i + j] ? lane[j] : x[i + j];
    for (int j = 0; j < LANES; j++)
        m = m > lane[j] ? m : lane[j];
    for (; i < to; i++)
        m = m > x[i] ? m : x[i];
    return m;
}

int32_t qg_argmax(const float *logits, int n)
{
    float m = largest(logits, 0, n);
    int32_t i = 0;

    while (i < n - 1 && logits[i] != m)
        i++;
    return i;
}

double qg_margin(const float *logits, int n)
{
    int32_t best = qg_argmax(logits, n);
    float before = largest(logits, 0, best), after = largest(logits, best + 1, n);

    return n < 2 ? 0 : (double)logits[best] - (double)(before > after ? before : after);
}

/* How far a logit lies below the largest, where e^x is still a normal number: beyond, nothing can
 * be seen in a sum. */
static inline float below(float logit, float max)
{
    float x = logit - max;

    return x > -87 ? x : -87;
}

/* e^x for -87 <= x <= 0, branch-free so that loops over it become vectors: x = n ln 2 + r,
 * polynomial of Cephes' expf (Moshier 1984), within 2e-7 of the truth. */
static inline float exp_below(float x)
{
    const float magic = 0x1.8p23f; /* adding it rounds to an integer */
    float n = x * 0x1.715476p0f + magic - magic;
    float r = x - n * 0.693359375f - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1;
    return p * qgk_float_from_bits((uint32_t)((int32_t)n + 127) << 23);
}

double qg_log_sum_exp(const float *logits, int n)
{
    float max = largest(logits, 0, n);
    double sum = 0;

#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++)
        sum += (double)exp_below(below(logits[i], max));
    return (double)max + log(sum);
}

/* Sums over a row that the numbers of qg_next are made of; `last` is the last entry of the top. */
typedef struct sums {
    double all, tail, weighted; /* of e^(x - max): all, behind `last`, times (x - max) */
} sums;

static sums add_up(const float *logits, int n, float max, int32_t last)
{
    double all = 0, tail = 0, weighted = 0;
    float limit = logits[last];

#pragma omp simd reduction(+ : all, tail, weighted)
    for (int i = 0; i < n; i++) {
        float x = below(logits[i], max), e = exp_below(x);
        int is_tail = (logits[i] < limit) | ((logits[i] == limit) & (i > last));
        all += (double)e;
        weighted += (double)e * (double)x;
        tail += (double)(is_tail ? e : 0);
    }
    return (sums){all, tail, weighted};
}

/* The one way from a logit to its log-probability, so that a token has the same one in the list of
 * candidates and as what came next, to the last bit. */
static double logprob_of(float logit, double log_sum_exp)
{
    return (double)logit - log_sum_exp;
}

/* Fills *next, whose `top` has room for k; scratch holds k. */
static void describe_row(qg_next *next, qg_candidate *top, int32_t *scratch, const float *logits,
                         int n, int k)
{
    k = qg_top_k(scratch, logits, n, k);
    float max = logits[scratch[0]];
    sums s = add_up(logits, n, max, scratch[k - 1]);
    double log_sum = log(s.all), log_sum_exp = (double)max + log_sum;

    for (int i = 0; i < k; i++)
        top[i] = (qg_candidate){scratch[i], logprob_of(logits[scratch[i]], log_sum_exp)};
    *next = (qg_next){
        .top = top,
        .n_top = k,
        .log_sum_exp = log_sum_exp,
        .tail = s.tail > 0 ? log(s.tail) - log_sum : -1e30,
        .entropy = log_sum - s.weighted / s.all,
        .margin = qg_margin(logits, n),
    };
}

/* ---- sequences ---- */

typedef struct scorer {
    qg_score *score;
    qg_candidate **top; /* [feed] room for all candidates of a sequence, [n * k] */
    int32_t *scratch;   /* [k] */
    int vocabulary, k;
} scorer;

static qg_status on_row(void *user, int feed, int position, const float *logits, qg_err *err)
{
    scorer *s = user;
    qg_score *score = &s->score[feed];
    double log_sum_exp;

    (void)err;
    if (s->k) {
        qg_next *next = &score->next[position];
        describe_row(next, s->top[feed] + (size_t)position * (size_t)s->k, s->scratch, logits,
                     s->vocabulary, s->k);
        log_sum_exp = next->log_sum_exp;
    } else if (position + 1 < score->n) {
        log_sum_exp = qg_log_sum_exp(logits, s->vocabulary);
    } else {
        return QG_OK;
    }
    if (position + 1 < score->n) {
        double logprob = logprob_of(logits[score->ids[position + 1]], log_sum_exp);
        score->logprob[position + 1] = logprob;
        score->nll -= logprob;
    }
    return QG_OK;
}

static qg_status prepare(scorer *s, qg_score *out, qg_arena *arena, const qg_ids *seqs, int n_seqs,
                         qg_err *err)
{
    s->top = QG_NEW_N(arena, qg_candidate *, (size_t)n_seqs);
    s->scratch = QG_NEW_N(arena, int32_t, (size_t)s->k);
    QG_NEED(s->top && s->scratch, err);
    for (int i = 0; i < n_seqs; i++) {
        size_t n = seqs[i].n, n_candidates;
        if (n > INT32_MAX || __builtin_mul_overflow(n, (size_t)s->k, &n_candidates))
            return qg_fail(err, QG_EARG, "%zu tokens are too many", n);
        out[i] = (qg_score){.n = (int)n, .n_scored = n ? (int)n - 1 : 0};
        out[i].ids = qg_arena_copy(arena, seqs[i].id, n * sizeof *seqs[i].id);
        out[i].logprob = QG_NEW_N(arena, double, n);
        out[i].next = s->k ? QG_NEW_N(arena, qg_next, n) : NULL;
        s->top[i] = QG_NEW_N(arena, qg_candidate, n_candidates);
        QG_NEED(out[i].ids && out[i].logprob && s->top[i] && (!s->k || out[i].next), err);
    }
    return QG_OK;
}

/* How many of the sequences fit at once, at least one: what does not fit alone is the forward's
 * error. */
static int count_group(const qg_engine *e, const qg_ids *seqs, int n_seqs)
{
    qg_room room = qg_engine_room(e);
    int n = 0;

    for (int n_blocks = 0; n < n_seqs && n < room.n_sessions; n++) {
        if (seqs[n].n > (size_t)room.max_len)
            break;
        n_blocks += qg_room_blocks(&room, (int)seqs[n].n);
        if (n_blocks > room.n_blocks)
            break;
    }
    return n ? n : 1;
}

static qg_status run_group(scorer *s, qg_engine *e, qg_feed *feeds, int n, qg_err *err)
{
    qg_status status = QG_OK;
    int n_open = 0;

    for (; n_open < n && !status; n_open += !status) {
        qg_score *score = &s->score[n_open];
        status = qg_session_open(&feeds[n_open].session, e, err);
        feeds[n_open].ids = score->ids;
        feeds[n_open].n_ids = score->n;
        feeds[n_open].want = QG_WANT_ALL;
    }
    if (!status)
        status = qg_forward(e, feeds, n, on_row, s, err);
    while (n_open-- > 0)
        qg_session_close(feeds[n_open].session);
    return status;
}

qg_status qg_score_ids(qg_score *out, qg_arena *arena, qg_engine *e, const qg_ids *seqs, int n_seqs,
                       int top_k, qg_err *err)
{
    int vocabulary = qg_engine_describe(e).vocab_size;
    scorer s = {
        .score = out, .vocabulary = vocabulary, .k = top_k < vocabulary ? top_k : vocabulary};
    qg_feed *feeds = QG_NEW_N(arena, qg_feed, (size_t)n_seqs);

    QG_NEED(feeds, err);
    if (top_k < 0)
        return qg_fail(err, QG_EARG, "top-k %d is negative", top_k);
    QG_PASS(prepare(&s, out, arena, seqs, n_seqs, err));
    for (int first = 0; first < n_seqs;) {
        int n = count_group(e, seqs + first, n_seqs - first);
        scorer group = s;
        group.score += first;
        group.top += first;
        QG_TRY(run_group(&group, e, feeds, n, err), err, "scoring %d of %d sequences from %d on", n,
               n_seqs, first);
        first += n;
    }
    return QG_OK;
}
