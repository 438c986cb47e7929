/* What is said of a suspicion, in sentences: see culprit.h. */
#ifndef QG_MEASURE_CULPRIT_TEXT_H
#define QG_MEASURE_CULPRIT_TEXT_H

#include "measure/culprit.h"
#include "measure/suspect.h"

/* Message and fix of a part that is named; cause, layer, part, tensor and tiers are there already.
 */
qg_status qg_culprit_tell(qg_blame *b, qg_arena *arena, const qg_suspicion *s, const char *folder,
                          qg_err *err);
/* Cause, message and fix where none is: of the reference's own case, and of a quantized one.
 * blessed: the weights are those that the golden was made of, or that is not known. */
qg_status qg_culprit_tell_reference(qg_blame *b, qg_arena *arena, const qg_culprit_task *t,
                                    bool blessed, qg_err *err);
qg_status qg_culprit_tell_method(qg_blame *b, qg_arena *arena, const qg_contrast_entry *entries,
                                 size_t n_entries, bool blessed, qg_err *err);

#endif
