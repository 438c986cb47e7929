/* Where a failed case went wrong: what `run` finds out by itself, as plain data with JSON of its
 * own.
 *
 * The worst prompt was run again with every step compared, first between the kernels in use and the
 * reference kernels, then between the checkpoint and the model that it was made of, each step fed
 * with the same inputs (engine/contrast.h); by which limits a part is named, measure/suspect.h
 * says.
 */
#ifndef QG_RECORD_BLAME_H
#define QG_RECORD_BLAME_H

#include "record/fields.h"
#include "record/metric.h"

/* What is at fault; as in records */
#define QG_CAUSE_KERNEL     "kernel"     /* two kernel tiers differ */
#define QG_CAUSE_CHECKPOINT "checkpoint" /* its weights are not what they should be */
#define QG_CAUSE_METHOD     "method"     /* no part stands out: quantizing costs that much */
#define QG_CAUSE_UNKNOWN    "unknown"    /* there is nothing to compare with */

/* Inputs that share a scale. */
typedef struct qg_blame_group {
    int group;
    int64_t first, last; /* inputs; -1 where they do not stand together (g_idx) */
    double error;        /* |w' - w| / |w| over them */
} qg_blame_group;

typedef struct qg_blame_row {
    int row; /* output */
    double error;
} qg_blame_row;

/* Every part that was compared, in the order of the forward pass. */
typedef struct qg_blame_part {
    int64_t layer; /* -1 outside the layers */
    const char *part;
    double error; /* relative error of what it makes, at most QG_BLAME_ERROR_MAX */
} qg_blame_part;

#define QG_BLAME_ERROR_MAX 1e9 /* stands for what is not finite */

typedef struct qg_blame {
    const char *case_id;
    qg_metric metric;       /* of the failed judgement */
    const char *cause;      /* QG_CAUSE_ */
    const char *message;    /* one sentence: what is at fault, and what gives it away */
    const char *fix;        /* what to do next */
    const char *prompt;     /* that was run: "p03", "document 12" */
    int64_t n_tokens;       /* of it that were */
    const char *tier;       /* kernels in use, */
    const char *beside;     /* and those that they were compared with; NULL: none */
    int64_t layer;          /* of the part at fault; -1: outside the layers, or none */
    const char *part;       /* "down"; NULL: none stands out */
    const char *tensor;     /* "model.layers.1.mlp.down_proj"; NULL */
    double error, usual;    /* relative error of what it makes, and of the same part in the other
                               layers (median) */
    int64_t n_more;         /* parts behind it that are over a limit as well */
    int64_t row;            /* the one output that the groups are of; -1: all of them */
    int64_t n_groups;       /* in all, */
    double group_median;    /* and the middle of their errors */
    qg_blame_group *groups; /* worst first, at most QG_BLAME_SHOWN */
    size_t n_groups_shown;
    double row_median;
    qg_blame_row *rows; /* worst first, at most QG_BLAME_SHOWN */
    size_t n_rows_shown;
    qg_blame_part *parts;
    size_t n_parts;
    const char *bundle; /* folder that reproduces it, or NULL */
} qg_blame;

enum { QG_BLAME_SHOWN = 5 };

/* As a value of the document that is open; and back, everything on the reader's arena. */
void qg_blame_write(qg_json_writer *w, const qg_blame *b);
qg_status qg_blame_read(qg_blame *out, qg_fields_reader *r, const qg_json *object);

/* "layer 1 down", "lm_head", "layer 2 input_layernorm": a part as a person calls it, by what the
 * folder calls it where it is a norm. NULL when out of memory. */
const char *qg_blame_where(qg_arena *arena, int64_t layer, const char *part, const char *tensor);

#endif
