/* The process of one arm: model loaded, JSON lines in, samples out (the talk is in task.h). */
#ifndef QG_MEASURE_WORKER_H
#define QG_MEASURE_WORKER_H

#include "measure/task.h"

#include <stdio.h>

/* Serves requests from `in` until it ends. A request that fails is answered with its error; only a
 * broken connection or broken JSON is returned. */
qg_status qg_worker_serve(FILE *in, FILE *out, qg_err *err);

#endif
