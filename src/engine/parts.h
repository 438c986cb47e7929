/* The tensors of a linear, found by name and held to what its method makes of config.json.
 *
 * A linear is stored by the folder's method where one of that method's own tensors is there, else
 * plainly: modules left unquantized need no list. What lies there besides, or instead, tells of a
 * folder that is not what it says: bits of another method or width, two methods in one folder, a
 * quantized head, a list of modules that does not fit. Those are refused with what was found, what
 * was declared and what to write (QG_EFORMAT).
 */
#ifndef QG_ENGINE_PARTS_H
#define QG_ENGINE_PARTS_H

#include "engine/place.h"

/* A linear as it is stored; tensors and bits in the order of method->parts. */
typedef struct qg_parts {
    const char *name;
    const qgk_method *method;
    const qg_tensor *tensor[QGK_MAX_PARTS];
    qgk_stored bits;
    const int32_t *order; /* scratch; NULL: as the inputs are */
} qg_parts;

/* NAME.SUFFIX, or NULL. */
const qg_tensor *qg_parts_lookup(const qg_placer *p, const char *name, const char *suffix);
/* The same, held to dtypes (bits as in qgk_part) and shape, and marked as seen. */
qg_status qg_parts_tensor(qg_placer *p, const qg_tensor **out, const char *name, const char *suffix,
                          unsigned dtypes, int n_dims, const int64_t *shape, qg_err *err);
/* How NAME is stored. `quantized` false: it must be plain, whatever the folder's method. */
const qgk_method *qg_parts_method(const qg_placer *p, const char *name, bool quantized);
/* All parts of NAME [n][k] but the order. The numbers of scales and groups are looked at while
 * planning. */
qg_status qg_parts_find(qg_placer *p, qg_parts *out, const char *name, int n, int k, bool quantized,
                        qg_err *err);

#endif
