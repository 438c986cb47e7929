/* Parts of tokenizer.json: objects with a "type" and settings of their own.
 *
 * Readers of one setting each. `part` is how messages call the object, for example
 * "pre_tokenizer"; a setting of the wrong type is QG_EFORMAT and says what was found.
 */
#ifndef QG_TOKENIZER_PART_H
#define QG_TOKENIZER_PART_H

#include "base/err.h"
#include "base/json.h"

/* The "type" of a part. */
qg_status qg_part_type(qg_str *out, const qg_json *node, const char *part, qg_err *err);
/* Refuses the part after the last that a chain has room for. */
qg_status qg_part_room(size_t n, const char *part, qg_err *err);
/* Refuses a type by name: QG_ENOSUP "pre_tokenizer 'X' is not supported". */
qg_status qg_part_refuse(qg_str type, const char *part, qg_err *err);

/* Required settings. */
qg_status qg_part_bool(bool *out, const qg_json *node, const char *part, const char *key,
                       qg_err *err);
qg_status qg_part_str(qg_str *out, const qg_json *node, const char *part, const char *key,
                      qg_err *err);
qg_status qg_part_count(size_t *out, const qg_json *node, const char *part, const char *key,
                        qg_err *err);
qg_status qg_part_array(const qg_json **out, const qg_json *node, const char *part, const char *key,
                        qg_err *err);
/* Settings that may be absent or null: *out then keeps its value. */
qg_status qg_part_bool_or(bool *out, const qg_json *node, const char *part, const char *key,
                          qg_err *err);
qg_status qg_part_str_or(qg_str *out, const qg_json *node, const char *part, const char *key,
                         qg_err *err);

/* Parts nest in a "Sequence" that lists others under `list_key`. Calls `load` for every part that
 * is no sequence, in order; a NULL or null node is none. Nesting is bounded by the JSON reader. */
enum { QG_PART_MAX = 64 }; /* parts in one chain */
typedef qg_status qg_part_load(void *to, const qg_json *node, qg_str type, qg_err *err);
qg_status qg_part_each(const qg_json *node, const char *part, const char *list_key,
                       qg_part_load *load, void *to, qg_err *err);

#endif
