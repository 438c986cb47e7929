/* Keys of a JSON object as C values: each reader has bounds, leaves *out (the default) alone where
 * the key is absent or null, and names key, found and expected in its error (QG_EFORMAT).
 */
#ifndef QG_CHECKPOINT_KEYS_H
#define QG_CHECKPOINT_KEYS_H

#include "base/err.h"
#include "base/json.h"

#include <limits.h>

enum { QG_KEY_REQUIRED = INT_MIN }; /* a default that makes absence an error; of a real: NaN */

qg_status qg_key_int(int *out, const qg_json *object, const char *key, int min, int max,
                     qg_err *err);
qg_status qg_key_real(double *out, const qg_json *object, const char *key, double min, double max,
                      qg_err *err);
qg_status qg_key_bool(bool *out, const qg_json *object, const char *key, qg_err *err);
/* Without U+0000; *out lives as long as the object. */
qg_status qg_key_text(const char **out, const qg_json *object, const char *key, qg_err *err);
/* The same fact under two keys: either, or both if they say the same. NULL where neither is. */
qg_status qg_key_text_either(const char **out, const qg_json *object, const char *key_a,
                             const char *key_b, qg_err *err);

/* "'hidden_size' is -5, an integer from 1 to 65536 was expected" */
qg_status qg_key_fail(const qg_json *value, const char *key, const char *expected, qg_err *err);

#endif
