/* What is wrong with what a user gave: every mistake in one pass, in a suite each at its
 * file:line:column, in a model folder each with the tensor.
 *
 * The functions that read add findings and go on, so that a user mends a thing once. The list is
 * bounded: findings after the QG_FINDINGS_MAX-th are counted only. Texts live on the arena that the
 * list was begun with.
 */
#ifndef QG_BASE_FINDING_H
#define QG_BASE_FINDING_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* A place in a file, or a folder. */
typedef struct qg_place {
    const char *file; /* as the user named it, or as an include led to it */
    int line, column; /* 1-based; column in characters; 0: the whole file */
} qg_place;

typedef enum qg_severity { QG_SEVERITY_NOTE, QG_SEVERITY_WARNING, QG_SEVERITY_ERROR } qg_severity;
const char *qg_severity_name(qg_severity s); /* "note", "warning", "error" */

typedef struct qg_finding {
    qg_severity severity;
    qg_place place;
    const char *message;
    const char *suggestion; /* what to write or do instead ("did you mean 'models'?"); NULL: none */
    const char *id;         /* the kind of mistake ("scale-not-finite"); NULL: it has no name */
    const char *tensor;     /* NULL: it is about none */
} qg_finding;

enum { QG_FINDINGS_MAX = 200 };

typedef struct qg_findings {
    qg_arena *arena;
    qg_finding *at; /* in order of file, line and column once read */
    size_t n;
    size_t n_errors, n_warnings; /* those dropped included */
    size_t n_dropped;            /* found after the list was full */
    bool out_of_memory;          /* something was lost: the reader answers QG_ENOMEM */
} qg_findings;

void qg_findings_begin(qg_findings *f, qg_arena *arena);
void qg_finding_add(qg_findings *f, qg_severity severity, qg_place place, const char *suggestion,
                    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* The same about a model: `about` gives id, tensor (NULL: none) and suggestion, which are copied.
 */
void qg_finding_add_about(qg_findings *f, qg_severity severity, qg_place place, qg_finding about,
                          const char *fmt, ...) __attribute__((format(printf, 5, 6)));
#define qg_finding_error(findings, place, suggestion, ...)                                         \
    qg_finding_add((findings), QG_SEVERITY_ERROR, (place), (suggestion), __VA_ARGS__)
/* Stable: by file in order of first appearance, then line, then column. */
void qg_findings_sort(qg_findings *f);

/* "suites/x.yaml:4:3: error: unknown key 'modls'; did you mean 'models'?", no newline; with an id
 * "models/x: error [scale-not-finite]: ...". */
void qg_finding_format(qg_buf *out, const qg_finding *finding);
/* All of them, a line each, and the line "..., and 12 more" where some were dropped. */
void qg_findings_format(qg_buf *out, const qg_findings *f);

#endif
