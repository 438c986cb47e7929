/* Progress of long work: one line with a bar and the time left, redrawn in place. For terminals
 * only: where `to` is none, nothing is ever written (logs stay clean). */
#ifndef QG_BASE_PROGRESS_H
#define QG_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct qg_progress {
    FILE *to;
    bool shown;
    int64_t start_ns, drawn_ns;
    char label[48];
} qg_progress;

void qg_progress_begin(qg_progress *p, FILE *to, const char *label);
/* done in [0, 1]; draws at most ten times a second. */
void qg_progress_update(qg_progress *p, double done);
/* Clears the line. */
void qg_progress_end(qg_progress *p);

/* The line that would be drawn (without control characters): "label [####----]  50 %  0:12 left".
 */
void qg_progress_line(char out[128], const char *label, double done, int64_t elapsed_ns);

#endif
