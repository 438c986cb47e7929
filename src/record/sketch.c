/* Quantiles in little room: see sketch.h. Bucket numbers come from frexp alone: x = m 2^e with m in
 * [1/2, 1) lies in part floor((2m - 1) * PARTS) of octave e; no rounding is in it. */
#include "record/sketch.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

enum { FIRST_ROOM = 64 };

static int32_t bucket_of(double x)
{
    int exponent;
    double m = frexp(x, &exponent);

    return exponent * QG_SKETCH_PARTS + (int32_t)((2 * m - 1) * QG_SKETCH_PARTS);
}

/* What a number of the bucket is told as. */
static double value_of(int32_t index)
{
    int exponent = (int)floor((double)index / QG_SKETCH_PARTS);
    double a = 0.5 + 0.5 * (index - exponent * QG_SKETCH_PARTS) / QG_SKETCH_PARTS;
    double b = a + 0.5 / QG_SKETCH_PARTS;

    return ldexp(2 * a * b / (a + b), exponent);
}

/* Where the bucket is, or belongs. */
static size_t find(const qg_sketch *s, int32_t index)
{
    size_t low = 0, high = s->n_buckets;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->buckets[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool make_room(qg_sketch *s, qg_arena *arena)
{
    size_t room = s->room ? 2 * s->room : FIRST_ROOM;

    if (s->n_buckets < s->room)
        return true;
    qg_bucket *more = QG_NEW_N(arena, qg_bucket, room);
    if (!more)
        return false;
    if (s->n_buckets)
        memcpy(more, s->buckets, s->n_buckets * sizeof *more);
    s->buckets = more;
    s->room = room;
    return true;
}

static bool count(qg_sketch *s, qg_arena *arena, int32_t index, int64_t n)
{
    size_t at = find(s, index);

    if (at < s->n_buckets && s->buckets[at].index == index) {
        s->buckets[at].count += n;
        return true;
    }
    if (!make_room(s, arena))
        return false;
    memmove(s->buckets + at + 1, s->buckets + at, (s->n_buckets - at) * sizeof *s->buckets);
    s->buckets[at] = (qg_bucket){index, n};
    s->n_buckets++;
    return true;
}

bool qg_sketch_add(qg_sketch *s, qg_arena *arena, double x)
{
    assert(x >= 0 && x <= DBL_MAX);
    if (x > 0 && !count(s, arena, bucket_of(x), 1))
        return false;
    s->zeros += x == 0;
    s->n++;
    s->greatest = x > s->greatest ? x : s->greatest;
    return true;
}

double qg_sketch_percentile(const qg_sketch *s, int percent)
{
    assert(s->n > 0 && percent > 0 && percent <= 100);
    int64_t rank = s->n / 100 * percent + (s->n % 100 * percent + 99) / 100, below = s->zeros;

    if (rank <= below)
        return 0;
    for (size_t i = 0; rank < s->n && i < s->n_buckets; i++) {
        below += s->buckets[i].count;
        if (rank <= below)
            return fmin(value_of(s->buckets[i].index), s->greatest);
    }
    return s->greatest;
}

bool qg_sketch_is_sound(const qg_sketch *s)
{
    if (s->zeros < 0 || s->n < s->zeros || !isfinite(s->greatest) || s->greatest < 0)
        return false;
    int64_t left = s->n - s->zeros;
    for (size_t i = 0; i < s->n_buckets; i++) {
        const qg_bucket *b = &s->buckets[i];
        if (b->count < 1 || b->count > left || (i > 0 && b->index <= b[-1].index))
            return false;
        left -= b->count;
    }
    int32_t last = s->n_buckets ? s->buckets[s->n_buckets - 1].index : 0;
    return left == 0 &&
           (s->n_buckets ? s->greatest > 0 && bucket_of(s->greatest) == last : s->greatest == 0);
}
