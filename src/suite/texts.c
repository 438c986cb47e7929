/* Prompts and documents: see texts.h.
 *
 * A text is walked twice, once to count and once to fill the array, by the same
 * function: so the array is exact, and nothing is copied.
 */
#include "suite/texts.h"

#include "base/file.h"
#include "base/hash.h"

#include <stdlib.h>

enum { MAX_BYTES = 256 << 20 };

/* Takes the first line off `rest`, without its line end. */
static bool next_line(qg_str *rest, qg_str *line)
{
    if (rest->len == 0)
        return false;
    const char *end = memchr(rest->ptr, '\n', rest->len);
    size_t len = end ? (size_t)(end - rest->ptr) : rest->len;
    *line = (qg_str){rest->ptr, len};
    *rest = qg_str_sub(*rest, len + (end != NULL), rest->len);
    if (end && len > 0 && line->ptr[len - 1] == '\r')
        line->len--;
    return true;
}

static size_t split_lines(qg_str text, qg_str *at)
{
    qg_str line;
    size_t n = 0;

    while (next_line(&text, &line)) {
        if (qg_str_trim(line).len == 0)
            continue;
        if (at)
            at[n] = line;
        n++;
    }
    return n;
}

static size_t split_documents(qg_str text, qg_str *at)
{
    qg_str line;
    size_t n = 0;
    bool inside = false;

    while (next_line(&text, &line)) {
        bool blank = qg_str_trim(line).len == 0;
        if (!blank && !inside && at)
            at[n].ptr = line.ptr;
        if (!blank && at)
            at[n].len = (size_t)(line.ptr + line.len - at[n].ptr);
        n += blank && inside;
        inside = !blank;
    }
    return n + inside;
}

static qg_status read_pieces(qg_texts *out, qg_arena *arena, qg_str text, const char *name,
                             const char *what, size_t (*split)(qg_str, qg_str *), qg_err *err)
{
    if (text.len > MAX_BYTES)
        return qg_fail(err, QG_EFORMAT, "'%s' is larger than the limit of %d bytes", name,
                       MAX_BYTES);
    size_t valid = qg_utf8_valid(text);
    if (valid < text.len)
        return qg_fail(err, QG_EFORMAT, "'%s' is not valid UTF-8 at byte %zu", name, valid);
    size_t n = split(text, NULL);
    if (n == 0)
        return qg_fail(err, QG_EFORMAT, "'%s' holds no %s", name, what);
    qg_str *at = QG_NEW_N(arena, qg_str, n);
    QG_NEED(at, err);
    split(text, at);
    *out = (qg_texts){at, n};
    return QG_OK;
}

qg_status qg_texts_prompts(qg_texts *out, qg_arena *arena, const char *path, qg_err *err)
{
    qg_str text;

    QG_PASS(qg_file_map(&text, arena, path, err));
    return read_pieces(out, arena, text, path, "prompts", split_lines, err);
}

qg_status qg_texts_documents(qg_texts *out, qg_arena *arena, const char *path, qg_err *err)
{
    qg_str text;

    QG_PASS(qg_file_map(&text, arena, path, err));
    return qg_texts_documents_of(out, arena, text, path, err);
}

qg_status qg_texts_documents_of(qg_texts *out, qg_arena *arena, qg_str text, const char *name,
                                qg_err *err)
{
    return read_pieces(out, arena, text, name, "documents", split_documents, err);
}

typedef char hash[QG_HASH_HEX];

static int by_hash(const void *a, const void *b)
{
    return memcmp(a, b, QG_HASH_HEX);
}

qg_status qg_texts_shared(size_t *out, qg_arena *scratch, qg_texts a, qg_texts b, qg_err *err)
{
    hash *of_b = QG_NEW_N(scratch, hash, b.n + 1), one;

    *out = 0;
    QG_NEED(of_b, err);
    for (size_t i = 0; i < b.n; i++)
        QG_PASS(qg_hash_text(of_b[i], qg_str_trim(b.at[i]), err));
    qsort(of_b, b.n, sizeof *of_b, by_hash);
    for (size_t i = 0; i < a.n; i++) {
        QG_PASS(qg_hash_text(one, qg_str_trim(a.at[i]), err));
        *out += bsearch(one, of_b, b.n, sizeof *of_b, by_hash) != NULL;
    }
    return QG_OK;
}
