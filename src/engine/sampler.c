/* Choosing tokens, see sampler.h. Random numbers are xoshiro256** seeded through SplitMix64
 * (Blackman and Vigna 2021), one generator a sequence, so a choice depends on seed, stream and the
 * sequence's own logits only. Candidates are ranked no further than the cuts need: first the best
 * 64, then four times as many, until the cut lies inside.
 */
#include "engine/sampler.h"

#include "base/random.h"
#include "engine/score.h"

#include <math.h>

enum { FIRST_RANKED = 64 };

struct qg_sampler {
    qg_sampling options;
    int vocabulary;
    uint64_t state[4];
    unsigned char *seen; /* [vocabulary] for the repetition penalty, NULL where that is off */
    float *logits;       /* [vocabulary] with the penalty, NULL where that is off */
    int32_t *ranked;     /* [vocabulary] */
    double *weight;      /* [vocabulary] of ranked[i], or of id i where nothing is cut */
};

/* ---- random numbers ---- */

static uint64_t rotate_left(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

static uint64_t next_random(uint64_t s[4])
{
    uint64_t result = rotate_left(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* In [0, 1), 53 bits. */
static double next_uniform(uint64_t s[4])
{
    return (double)(next_random(s) >> 11) * 0x1p-53;
}

/* ---- opening ---- */

static qg_status check_range(const char *name, double value, double low, double high, qg_err *err)
{
    if (value >= low && value <= high)
        return QG_OK;
    return qg_fail(err, QG_EARG, "%s %g lies outside %g to %g", name, value, low, high);
}

qg_status qg_sampling_check(const qg_sampling *s, qg_err *err)
{
    if (s->top_k < 0)
        return qg_fail(err, QG_EARG, "top-k %d is negative; 0 takes all", s->top_k);
    QG_PASS(check_range("temperature", s->temperature, 0, 100, err));
    QG_PASS(check_range("min-p", s->min_p, 0, 1, err));
    QG_PASS(check_range("repetition-penalty", s->repetition_penalty, 0.01, 100, err));
    if (s->top_p == 0)
        return qg_fail(err, QG_EARG, "top-p 0 would leave no token; 1 takes all");
    return check_range("top-p", s->top_p, 0, 1, err);
}

static void seed_state(qg_sampler *s, uint64_t stream)
{
    uint64_t seed = s->options.seed, mixed = qg_random_next(&seed) + stream;

    for (int i = 0; i < 4; i++)
        s->state[i] = qg_random_next(&mixed);
}

qg_status qg_sampler_open(qg_sampler **out, qg_arena *arena, const qg_sampling *options,
                          int vocab_size, uint64_t stream, qg_err *err)
{
    size_t n = (size_t)vocab_size;
    qg_sampler *s = QG_NEW(arena, qg_sampler);

    QG_PASS(qg_sampling_check(options, err));
    QG_NEED(s, err);
    s->options = *options;
    s->vocabulary = vocab_size;
    seed_state(s, stream);
    if (options->repetition_penalty != 1) {
        s->seen = QG_NEW_N(arena, unsigned char, n);
        s->logits = QG_NEW_N(arena, float, n);
        QG_NEED(s->seen && s->logits, err);
    }
    if (options->temperature > 0) {
        s->ranked = QG_NEW_N(arena, int32_t, n);
        s->weight = QG_NEW_N(arena, double, n);
        QG_NEED(s->ranked && s->weight, err);
    }
    *out = s;
    return QG_OK;
}

/* ---- choosing ---- */

void qg_sampler_saw(qg_sampler *s, int32_t id)
{
    if (s->seen && id >= 0 && id < s->vocabulary)
        s->seen[id] = 1;
}

static const float *penalize(qg_sampler *s, const float *logits)
{
    float penalty = (float)s->options.repetition_penalty;

    if (!s->seen)
        return logits;
    for (int i = 0; i < s->vocabulary; i++) {
        float x = logits[i];
        s->logits[i] = !s->seen[i] ? x : x < 0 ? x * penalty : x / penalty;
    }
    return s->logits;
}

/* Picks i of n with probability weight[i] / total. */
static int draw(qg_sampler *s, int n, double total)
{
    double left = next_uniform(s->state) * total;

    for (int i = 0; i < n - 1; i++) {
        left -= s->weight[i];
        if (left < 0)
            return i;
    }
    while (n > 1 && s->weight[n - 1] == 0) /* rounding never picks the impossible */
        n--;
    return n - 1;
}

/* weight of a logit: e^((x - max) / temperature), so 1 for the best */
static double weigh(const qg_sampler *s, float logit, float max)
{
    return exp(((double)logit - (double)max) / s->options.temperature);
}

static double weigh_all(qg_sampler *s, const float *logits)
{
    float max = logits[qg_argmax(logits, s->vocabulary)];
    double total = 0;

    for (int i = 0; i < s->vocabulary; i++)
        total += s->weight[i] = weigh(s, logits[i], max);
    return total;
}

/* How many of the n ranked candidates top-p (a share of `total`) and min-p leave, at least one;
 * *kept is their weight. */
static int cut(const qg_sampler *s, int n, double total, double *kept)
{
    const qg_sampling *o = &s->options;
    int m = 0;

    *kept = 0;
    while (m < n && (m == 0 || (*kept < o->top_p * total && s->weight[m] >= o->min_p)))
        *kept += s->weight[m++];
    return m;
}

static double weigh_ranked(qg_sampler *s, const float *logits, int n)
{
    double total = 0;

    for (int i = 0; i < n; i++)
        total += s->weight[i] = weigh(s, logits[s->ranked[i]], logits[s->ranked[0]]);
    return total;
}

/* Top-p is a share of what top-k leaves, so the total is of those, else of all. */
static int32_t draw_ranked(qg_sampler *s, const float *logits)
{
    int k = s->options.top_k, all = s->vocabulary, most = k > 0 && k < all ? k : all;
    double total_of_all = most < all ? 0 : weigh_all(s, logits);

    for (int n = most < all ? most : FIRST_RANKED;; n = n < most / 4 ? 4 * n : most) {
        n = qg_top_k(s->ranked, logits, all, n);
        double ranked = weigh_ranked(s, logits, n), kept;
        int m = cut(s, n, most < all ? ranked : total_of_all, &kept);
        if (m < n || n == most)
            return s->ranked[draw(s, m, kept)];
    }
}

int32_t qg_sampler_next(qg_sampler *s, const float *logits)
{
    const qg_sampling *o = &s->options;
    int32_t id;

    logits = penalize(s, logits);
    if (o->temperature == 0)
        id = qg_argmax(logits, s->vocabulary);
    else if (o->top_k > 0 || o->top_p < 1 || o->min_p > 0)
        id = draw_ranked(s, logits);
    else
        id = draw(s, s->vocabulary, weigh_all(s, logits));
    qg_sampler_saw(s, id);
    return id;
}
