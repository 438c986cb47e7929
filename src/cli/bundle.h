/* A bundle: a folder that shows a failure again in one command, `quantgate run FOLDER`.
 *
 *     suite.yaml    the case beside its reference, with the one budget that was looked into, and
 * the tier, threads and seed that it ran with. Of a budget over prompts, the worst prompt alone
 * where it is over an extreme, all where it is over a mean golden/       of these prompts text.txt
 * of a budget over the text: all of it, since it is a mean run.json      what was measured, judged
 * and found out README.md     the command, and what it should print
 *
 * The models stay where they are; the suite names them by full path, with their hashes beside.
 */
#ifndef QG_CLI_BUNDLE_H
#define QG_CLI_BUNDLE_H

#include "judge/worst.h"
#include "suite/plan.h"

typedef struct qg_bundle_subject {
    const qg_run *run;
    const qg_plan *plan;
    const qg_case *c;
    const qg_worst *worst;
} qg_bundle_subject;

/* Writes OUT/bundles/CASE with every / of the id as -, in the place of one that is there, and tells
 * the blame. */
qg_status qg_bundle_write(qg_blame *blame, qg_arena *arena, const char *out,
                          const qg_bundle_subject *subject, qg_err *err);

#endif
