/* Performance cases measured in turns, so that what the machine does to one it does to all.
 *
 * The arms of a group are opened and warmed up one after the other; then rounds: each arm takes one
 * sample, and in the reverse order one more (A B C C B A). A drift of the machine that is straight
 * over a round adds the same to each arm. Each round begins one arm later (B C A A C B), since the
 * arm in the middle runs twice in a row and finds its weights in the cache: so each has that as
 * often. All run on the same processors (cpus.h). One arm alone is just sampled.
 *
 * Warm-up: as many runs as the suite says, then more, up to three times as many, until the median
 * e2e of the last half differs from that of the half before by at most QG_WARM; else the case is
 * marked unstable.
 *
 * Looks: with the policy `rerun` the samples are looked at up to four times while they grow from
 * `samples.min` to `samples.max`, each look with its share of alpha (sequential.h), and a group
 * ends when all that is judged of it is decided. The first look has at least as many samples as the
 * percentiles of the budgets need for a bound at that share. Otherwise there is one look.
 */
#ifndef QG_MEASURE_TURNS_H
#define QG_MEASURE_TURNS_H

#include "measure/arm.h"

#define QG_WARM 0.03
enum { QG_LOOKS_MAX = 4 };

typedef struct qg_looks {
    int n;                    /* 1 to QG_LOOKS_MAX */
    int64_t at[QG_LOOKS_MAX]; /* samples of each arm, rising, even where there are several arms */
} qg_looks;

/* The looks of cases that share a batch. */
qg_looks qg_looks_plan(const qg_case *const cases[], size_t n, const qg_suite *s);

/* Measures the arms, all begun, none skipped; each ends measured or failed. Fails only when out of
 * memory. */
qg_status qg_turns_measure(qg_arm *arms, size_t n, const qg_looks *looks, qg_err *err);

/* Whether the last half of warm-up runs is like the half before; pure. n >= 2. */
bool qg_turns_are_stable(const double *e2e, size_t n);

#endif
