/* Known failures: what the suite forgives for a time (`known_failures`), and what it has to say of
 * its entries.
 *
 * - A judgement that failed and is known becomes known-fail and asks for exit code 0; issue and
 * last day go with it into every report. Only `fail` is forgiven: not what could not be judged, nor
 * what the samples do not decide.
 * - An entry whose last day has passed forgives nothing; what failed says so.
 * - An entry of which every judgement passes is to be removed: a notice; with `strict` those
 *   judgements fail, as in pytest.
 * - An entry that is about a measured case, but about none of its judgements: a notice. One whose
 *   cases are not in the run (a filter, a shard) is silent.
 * - A skip that has expired while its cases are in the run: a notice.
 */
#ifndef QG_JUDGE_KNOWN_H
#define QG_JUDGE_KNOWN_H

#include "base/err.h"
#include "record/record.h"
#include "suite/suite.h"

/* After all judgements of the run exist, before qg_verdict_fold. A judgement that several entries
 * are about is forgiven by the first that has not expired. Texts live on the arena. QG_ENOMEM only.
 */
qg_status qg_known_apply(qg_run *run, qg_arena *arena, const qg_suite *suite, qg_err *err);

#endif
