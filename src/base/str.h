/* Text: views and growing buffers.
 *
 * qg_str is a view: pointer and length, not terminated, may hold NUL bytes; it owns nothing and
 * lives as long as what it points into. qg_buf is growing text on an arena; a failed growth sets
 * `failed` and makes all further appends do nothing, so that writers check once at the end.
 */
#ifndef QG_BASE_STR_H
#define QG_BASE_STR_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct qg_str {
    const char *ptr;
    size_t len;
} qg_str;

#define QG_STR(literal) ((qg_str){"" literal, sizeof(literal) - 1})
#define QG_STR_PRI      "%.*s" /* printf("... " QG_STR_PRI, QG_STR_ARG(s)) */
#define QG_STR_ARG(s)   (int)(s).len, (s).ptr

static inline qg_str qg_str_from(const char *s)
{
    return (qg_str){s ? s : "", s ? strlen(s) : 0};
}

static inline bool qg_str_eq(qg_str a, qg_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool qg_str_is(qg_str a, const char *s)
{
    return qg_str_eq(a, qg_str_from(s));
}

bool qg_str_starts(qg_str s, qg_str prefix);
bool qg_str_ends(qg_str s, qg_str suffix);
qg_str qg_str_sub(qg_str s, size_t from, size_t len); /* clamped to s */
qg_str qg_str_trim(qg_str s);                         /* ASCII blanks off both ends */
int qg_str_compare(qg_str a, qg_str b);               /* by bytes, as memcmp */
bool qg_str_split(qg_str *rest, char separator,
                  qg_str *piece);             /* next piece; false when none is left */
char *qg_str_dup(qg_arena *arena, qg_str s);  /* terminated copy; NULL when out of memory */
bool qg_str_to_int(qg_str s, int64_t *out);   /* whole text, decimal, in range */
bool qg_str_to_double(qg_str s, double *out); /* whole text, C locale, finite */
/* Edit distance (Levenshtein) for "did you mean". */
size_t qg_str_distance(qg_str a, qg_str b);
/* Matches * and ? (no classes), as for --only. */
bool qg_str_glob(qg_str pattern, qg_str s);

/* Decodes one code point at s.ptr. Returns its length in bytes, or 0 where the bytes are no valid
 * UTF-8 (overlong, surrogate, above U+10FFFF, cut short); *code is then untouched. */
size_t qg_utf8_decode(qg_str s, uint32_t *code);
size_t qg_utf8_encode(uint32_t code, char out[4]);
/* Offset of the first byte that is not part of valid UTF-8, or s.len. */
size_t qg_utf8_valid(qg_str s);

typedef struct qg_buf {
    qg_arena *arena;
    char *ptr; /* terminated by a NUL that len does not count */
    size_t len, cap;
    bool failed;
} qg_buf;

void qg_buf_init(qg_buf *b, qg_arena *arena);
void qg_buf_append(qg_buf *b, const void *data, size_t n);
void qg_buf_str(qg_buf *b, qg_str s);
void qg_buf_text(qg_buf *b, const char *s);
void qg_buf_char(qg_buf *b, char c);
void qg_buf_format(qg_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline qg_str qg_buf_view(const qg_buf *b)
{
    return (qg_str){b->ptr ? b->ptr : "", b->len};
}

#endif
