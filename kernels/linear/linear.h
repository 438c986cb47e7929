/* Quantization methods as const data: how a linear's bits on disk become canonical codes.
 *
 * A method is one folder here and one line in methods.def. It says what tensors it needs (`parts`),
 * unpacks them to the canonical form of its format, and brings an oracle: a slow, obvious reading
 * of the same bits to float32 that shares no code with unpack. Methods never open files; shapes
 * were checked by the caller.
 */
#ifndef QGK_LINEAR_H
#define QGK_LINEAR_H

#include "kernels/qgk_types.h"

typedef struct qgk_method {
    const char *name;      /* as in suites and in config.json */
    const qgk_part *parts; /* ended by a NULL suffix */
    qgk_format format;     /* canonical form that it unpacks to */
    /* NULL when the method can run this configuration, else the reason why not. */
    const char *(*accepts)(const qgk_quant_config *config);
    /* Whether the bits of part 0 are the canonical form already, so that a tier may use them in
     * place. */
    int (*in_place)(const qgk_dtype *dtype);
    /* Disk bits to canonical codes of rows row0 .. row0 + rows->n_rows - 1.
     * part[i]: the tensor of parts[i]; dtype[i]: as stored. Returns how many values do not fit
     * (F16: finite values that overflow to infinity). */
    size_t (*unpack)(qgk_canon *rows, const void *const part[], const qgk_dtype dtype[],
                     qgk_shape s, int row0);
    /* Disk bits of row n to float32 [K]: the truth that the tests hold everything against. */
    void (*oracle)(float *row, const void *const part[], const qgk_dtype dtype[], qgk_shape s,
                   int n);
    /* float32 [N][K] to disk bits, for synth and round trips. part[i] has the size that parts[i]
     * says. */
    void (*encode)(void *const part[], const qgk_dtype dtype[], const float *w, qgk_shape s);
} qgk_method;

/* NULL where the name is unknown. */
const qgk_method *qgk_method_find(const char *name);
/* All of them, ended by NULL: for messages and tests. */
const qgk_method *const *qgk_methods(void);

#endif
