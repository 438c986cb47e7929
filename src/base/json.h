/* JSON: read and walk (jansson inside, which only this file sees), and write.
 *
 * Reading: bounded size and depth, duplicate keys refused, U+0000 allowed in strings, order of keys
 * kept. Nodes are const and live as long as the arena that they were parsed on. Look-ups are total:
 * a wrong type or an absent key gives NULL or false, never a crash, and NULL nodes are fine as
 * arguments.
 *
 * Writing: a writer appends compact JSON on one line to a qg_buf, in the order of the calls.
 * Invalid UTF-8 in a string is written as U+FFFD. NaN and infinities do not exist in our JSON: the
 * writer records the key in `bad` and writes null; qg_json_write_end() turns that into
 * QG_ENONFINITE.
 */
#ifndef QG_BASE_JSON_H
#define QG_BASE_JSON_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

typedef struct qg_json qg_json;
typedef enum qg_json_type {
    QG_JSON_NONE, /* NULL node */
    QG_JSON_NULL,
    QG_JSON_BOOL,
    QG_JSON_INT,
    QG_JSON_REAL,
    QG_JSON_STRING,
    QG_JSON_ARRAY,
    QG_JSON_OBJECT,
} qg_json_type;

enum { QG_JSON_MAX_DEPTH = 64 };

/* `name` is for messages ("config.json"). QG_EFORMAT with line and column where the text is no
 * JSON. */
qg_status qg_json_parse(const qg_json **out, qg_arena *arena, qg_str text, const char *name,
                        qg_err *err);
/* Reads a file of at most max_bytes and parses it. */
qg_status qg_json_read(const qg_json **out, qg_arena *arena, const char *path, size_t max_bytes,
                       qg_err *err);

qg_json_type qg_json_type_of(const qg_json *node);
const char *qg_json_type_name(const qg_json *node); /* "an object", "a string", ... */
const qg_json *qg_json_get(const qg_json *object, const char *key); /* NULL where absent */
const qg_json *qg_json_at(const qg_json *array, size_t i);
size_t qg_json_len(const qg_json *node);   /* entries of array or object   */
bool qg_json_is_null(const qg_json *node); /* absent or null               */
bool qg_json_bool(const qg_json *node, bool *out);
bool qg_json_int(const qg_json *node, int64_t *out); /* integers; 3.0 too            */
bool qg_json_real(const qg_json *node, double *out); /* integers too                 */
bool qg_json_str(const qg_json *node, qg_str *out);

/* for (qg_json_iter it = {0}; qg_json_next(object, &it);) ... it.key, it.value */
typedef struct qg_json_iter {
    qg_str key;
    const qg_json *value;
    void *state;
} qg_json_iter;
bool qg_json_next(const qg_json *object, qg_json_iter *it);

typedef struct qg_json_writer {
    qg_buf *buf;
    bool comma;
    char key[64]; /* the last key written, for messages */
    char bad[64]; /* key of the first non-finite number */
    int depth;
} qg_json_writer;

void qg_json_write_begin(qg_json_writer *w, qg_buf *buf);
void qg_json_write_object(qg_json_writer *w); /* { */
void qg_json_write_close(qg_json_writer *w);  /* } */
void qg_json_write_array(qg_json_writer *w);  /* [ */
void qg_json_write_end_array(qg_json_writer *w);
void qg_json_write_key(qg_json_writer *w, const char *key);
void qg_json_write_key_str(qg_json_writer *w, qg_str key);
void qg_json_write_node(qg_json_writer *w, const qg_json *node); /* with all in it; NULL: null */
void qg_json_write_str(qg_json_writer *w, qg_str s);
void qg_json_write_text(qg_json_writer *w, const char *s); /* NULL writes null */
void qg_json_write_int(qg_json_writer *w, int64_t v);
void qg_json_write_real(qg_json_writer *w,
                        double v); /* shortest of %.15g, %.17g that reads back equal */
void qg_json_write_fixed(qg_json_writer *w, double v, int decimals);
void qg_json_write_bool(qg_json_writer *w, bool v);
void qg_json_write_null(qg_json_writer *w);
/* Key and value in one call. */
void qg_json_put_text(qg_json_writer *w, const char *key, const char *s);
void qg_json_put_str(qg_json_writer *w, const char *key, qg_str s);
void qg_json_put_int(qg_json_writer *w, const char *key, int64_t v);
void qg_json_put_real(qg_json_writer *w, const char *key, double v);
void qg_json_put_bool(qg_json_writer *w, const char *key, bool v);
/* QG_ENOMEM where the buffer failed, QG_ENONFINITE with the key where a number was not finite. */
qg_status qg_json_write_end(const qg_json_writer *w, qg_err *err);

#endif
