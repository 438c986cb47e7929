/* Quantiles of many numbers in little room, told within 1 %: a DDSketch (Masson, Rim and Lee,
 * "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees", 2019).
 *
 * Numbers are counted in buckets whose width is in proportion to the value: every octave [2^e,
 * 2^(e+1)) is cut into QG_SKETCH_PARTS equal parts, so that a bucket is found without a logarithm,
 * the same on every machine. A number of bucket [a, b) is told as 2ab / (a + b), off by at most
 * (b - a) / (b + a) of itself: 0.78 %. Zeros are counted apart and the greatest is kept exactly.
 *
 * Any finite double from 0 on has its bucket, denormal or huge: there are at most 134,272, of which
 * those that hold something are listed in order (a text's divergences fill one or two thousand).
 * Merging adds counts: the result is the sketch of all numbers together.
 */
#ifndef QG_RECORD_SKETCH_H
#define QG_RECORD_SKETCH_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QG_SKETCH_PARTS = 64 };

typedef struct qg_bucket {
    int32_t index;
    int64_t count; /* at least 1 */
} qg_bucket;

typedef struct qg_sketch { /* all zero: empty */
    int64_t n, zeros;      /* numbers, and those of them that are 0 */
    double greatest;       /* exactly; 0 where there is none */
    qg_bucket *buckets;    /* ascending by index */
    size_t n_buckets, room;
} qg_sketch;

/* Counts x, finite and at least 0. False when out of memory; then nothing has changed. Buckets lie
 * on the arena, always the same one for a sketch. */
bool qg_sketch_add(qg_sketch *s, qg_arena *arena, double x);

/* The number of rank ceil(percent / 100 * n), counted from 1 (nearest rank, as in value.h), within
 * 1 %; exactly the greatest where it is the last. 0 < percent <= 100, n > 0. */
double qg_sketch_percentile(const qg_sketch *s, int percent);

/* Whether order, counts and the greatest fit together: of a sketch that was read from a file. */
bool qg_sketch_is_sound(const qg_sketch *s);

#endif
