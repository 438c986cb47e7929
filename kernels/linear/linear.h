/* Quantization methods as const data: how a linear's bits on disk become canonical codes and back.
 *
 * A method is one folder here and one line in methods.def: one way of storing a linear, named after
 * the tool that made it common. It says what tensors it needs (`parts`), unpacks them to the
 * canonical form of its format, packs that form again (`encode`), and brings an oracle: a slow,
 * obvious reading of the same bits to float32 that shares no code with unpack. Methods never open
 * files; the caller has checked dtypes and shapes against `parts`, and called `check` before
 * anything that multiplies.
 */
#ifndef QGK_LINEAR_H
#define QGK_LINEAR_H

#include "kernels/qgk_types.h"

/* Something wrong with the numbers of a linear. Constant texts. */
typedef struct qgk_fault {
    const char *id;   /* as `doctor` calls it: "scale-not-finite", "g-idx-range", ... */
    int part;         /* of method->parts                                            */
    int64_t at;       /* element of the part                                         */
    const char *what; /* behind "tensor 'x' ": "holds a scale that is not finite"     */
    const char *fix;  /* what the user can do                                        */
} qgk_fault;

typedef struct qgk_method {
    const char *name;      /* the form on disk: "gptq", "compressed-tensors pack-quantized", ... */
    const char *runs_as;   /* what suites call it: "fp16", "int8", "gptq", "awq" */
    const qgk_part *parts; /* ended by a NULL suffix */
    int marker;            /* the part whose presence says that a linear is stored this way */
    /* The canonical form that it unpacks to. */
    qgk_format (*format)(const qgk_quant_config *config);
    /* NULL when the method can run this configuration, else the reason why not and what would. */
    const char *(*accepts)(const qgk_quant_config *config);
    /* Whether the bits of part 0 are the canonical form already, so that a tier may use them in
     * place. */
    int (*in_place)(const qgk_stored *w);
    /* Whether the order, the scales and the zero points make sense; the first fault goes to `out`
     * and 0 comes back. Reads the small parts alone. NULL: nothing to check. */
    int (*check)(qgk_fault *out, const qgk_stored *w);
    /* Writes order [K] (see qgk_canon) and returns 1, or returns 0: columns are in the order of the
     * inputs. `check` has passed. NULL: always so. */
    int (*order)(int32_t *order, const qgk_stored *w);
    /* Disk bits to canonical codes, scales and zeros of rows row0 .. row0 + rows->n_rows - 1.
     * order: what `order` wrote, else NULL. Returns how many values do not fit (F16: finite values
     * that overflow to infinity). */
    size_t (*unpack)(qgk_canon *rows, const qgk_stored *w, const int32_t *order, int row0);
    /* Disk bits of row n to float32 [K], in the order of the inputs: the truth that the tests hold
     * everything against. */
    void (*oracle)(float *row, const qgk_stored *w, int n);
    /* The inverse of unpack, for a whole linear: canonical rows to disk bits. part[i] has the size
     * that parts[i] says, NULL where it is not wanted; order NULL or as above. NULL: the method has
     * no form of its own on disk (int8, made from plain weights). */
    void (*encode)(void *const part[], const qgk_dtype dtype[], const qgk_canon *rows,
                   const int32_t *order, qgk_shape s, const qgk_quant_config *config);
} qgk_method;

/* NULL where the name is unknown. */
const qgk_method *qgk_method_find(const char *name);
/* All of them, ended by NULL: for messages and tests. */
const qgk_method *const *qgk_methods(void);

#endif
