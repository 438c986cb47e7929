/* Parts of one suite, measured by several runs, as one run that can be judged as a whole.
 *
 * Parts belong together where suite (by hash), reference (by name and weights) and number of shards
 * are the same; else QG_EREFUSED names the two that differ. A case that two parts hold is counted
 * once where both say the very same, and refused where they do not: which is right cannot be known,
 * and to choose would be to choose the verdict. What is odd, but no reason to refuse, is a notice
 * of the merged run: parts of other versions or seeds, models of other weights, parts that were
 * stopped, and machines: where they differ, each is listed, and the merged run has no fingerprint,
 * so that it compares with no stored baseline. What is judged within a part (ratios to the
 * reference) stays right, since groups are never parted (suite/split.h).
 *
 * Judgements, verdict and notices of the parts are dropped: they are to be judged again, together.
 * A case's documents are never spread over parts.
 */
#ifndef QG_JUDGE_MERGE_H
#define QG_JUDGE_MERGE_H

#include "base/err.h"
#include "record/record.h"

typedef struct qg_part {
    const qg_run *run;
    const char *name; /* of its file, for messages */
} qg_part;

typedef struct qg_merged {
    qg_run *run;         /* its cases in the order of the shards, then of the parts given */
    const char *missing; /* "shard 2/4", "shards 2/4, 3/4"; NULL: each is there, or none is known */
} qg_merged;

/* n >= 1 parts, which the merged run keeps pointing into; the rest lives on the arena. Cases that
 * no part holds are for the caller to see: the plan knows them. */
qg_status qg_merge_parts(qg_merged *out, qg_arena *arena, const qg_part *parts, size_t n,
                         qg_err *err);

#endif
