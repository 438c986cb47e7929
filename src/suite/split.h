/* Parting the cases of a plan among runners.
 *
 * Cases of performance with one batch and device are a group: they are measured in turns, and what
 * is relative to the reference needs it in the same run. A quality case is a group of its own,
 * since it reads its reference live. Groups are never parted.
 *
 * A group costs what its cases took in a stored run; a case that the run lacks costs what the cases
 * of its kind took on average, or of any kind; without a run each case costs the same. Groups go,
 * the costliest first, each to the part that costs least so far (Graham, "Bounds on multiprocessing
 * timing anomalies", 1969: the longest part is at most 4/3 of the best there is). Ties go to the
 * group that comes first and to the lower part: the same suite, filter, run and number of parts
 * give the same parts on every machine.
 */
#ifndef QG_SUITE_SPLIT_H
#define QG_SUITE_SPLIT_H

#include "record/record.h"
#include "suite/plan.h"

typedef struct qg_split {
    int *part;         /* [n_cases] of each case, from 1                              */
    double *cost;      /* [n_cases] expected: ns where a run tells times, else 1      */
    double *part_cost; /* [n_parts] sums                                              */
    size_t n_parts, n_groups;
} qg_split;

/* Whether two cases of one plan must be measured in the same run. */
bool qg_split_belong(const qg_case *a, const qg_case *b);

/* `times` is a stored run of the suite, or NULL. Parts beyond the number of groups stay empty. All
 * of it lives on the arena. QG_ENOMEM only. */
qg_status qg_split_cases(qg_split *out, qg_arena *arena, const qg_case *cases, size_t n_cases,
                         size_t n_parts, const qg_run *times, qg_err *err);

#endif
