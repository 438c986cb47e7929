/* A run to and from JSON: `run.json`.
 *
 * One compact object, "schema" first, keys in the order of record.h and always the same; absent
 * texts are null. Numbers are written so that they read back equal. Keys may be added to the
 * format, never renamed: unknown keys are ignored when reading, a newer schema is refused. Records
 * of schema 1 are read too: their judgements are of budgets, their cases were measured alone.
 *
 * Reading trusts nothing: types, signs, ranges and counts are checked, texts are copied, and an
 * error says which key of which case is wrong. Invalid UTF-8 is written as U+FFFD.
 */
#ifndef QG_RECORD_RECORD_JSON_H
#define QG_RECORD_RECORD_JSON_H

#include "record/fields.h"
#include "record/record.h"

enum { QG_RUN_CASES_MAX = 10000 };
#define QG_RUN_BYTES_MAX ((size_t)1 << 30)

/* QG_ENONFINITE names the key of a number that is none. */
qg_status qg_run_to_json(qg_buf *out, const qg_run *run, qg_err *err);

/* The run and all it holds live on the arena. `name` is for messages. */
qg_status qg_run_from_json(qg_run **out, qg_arena *arena, qg_str text, const char *name,
                           qg_err *err);
qg_status qg_run_read(qg_run **out, qg_arena *arena, const char *path, qg_err *err);

/* A run as a part of another document: written as an object, read from one. */
void qg_run_write(qg_json_writer *w, const qg_run *run);
qg_status qg_run_read_node(qg_fields_reader *r, const qg_json *root, qg_run *run);

#endif
