/* Having a worker find out what is at fault (measure/culprit.h): the parent's side. */
#ifndef QG_MEASURE_INQUIRY_H
#define QG_MEASURE_INQUIRY_H

#include "measure/measure.h"
#include "record/blame.h"

/* What failed, and over what it was the worst. */
typedef struct qg_blame_subject {
    const qg_case *c;
    qg_metric metric;
    const char *prompt; /* its name: "p03", "document 12" */
    qg_str text;
    const char *blessed_hash; /* of the golden's weights; NULL: none */
} qg_blame_subject;

/* Starts a worker and asks it. Everything of `out` but the bundle, on the arena. What goes wrong is
 * the error; a worker that dies is QG_EWORKER. */
qg_status qg_measure_blame(qg_blame *out, qg_arena *arena, const qg_plan *plan,
                           const qg_blame_subject *subject, const qg_measure_options *options,
                           qg_err *err);

#endif
