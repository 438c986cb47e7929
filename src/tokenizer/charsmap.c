/* Character maps: see charsmap.h. The walk is that of Darts-clone, the use that of upstream's
 * `spm_precompiled`: a grapheme cluster of less than 6 bytes is looked up whole, and the shortest
 * entry that begins it replaces all of it; where there is none, and for longer clusters, its
 * characters are looked up one by one. Invariant after opening: from every unit that is not a
 * value, all 256 children lie inside the array, and every value is the offset of a character in the
 * replacements.
 */
#include "tokenizer/charsmap.h"

#include "tokenizer/normalize.h"

enum { MAX_CLUSTER_BYTES = 5 };

struct qg_charsmap {
    const unsigned char *unit; /* four bytes each */
    size_t n_units;
    qg_str replacements;
};

/* -- the double array -------------------------------------------------------------------------- */

static uint32_t unit_at(const qg_charsmap *m, size_t i)
{
    const unsigned char *b = m->unit + 4 * i;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static bool is_value(uint32_t unit)
{
    return unit >> 31;
}

static bool has_leaf(uint32_t unit)
{
    return unit >> 8 & 1;
}

static size_t value_of(uint32_t unit)
{
    return unit & 0x7fffffffu;
}

/* A child of byte c is at (its parent's place ^ offset) ^ c, and has c for its label. */
static size_t offset_of(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6);
}

static uint32_t label_of(uint32_t unit)
{
    return unit & (1u << 31 | 0xff);
}

/* The replacement for the shortest entry that `text` begins with. */
static bool find(const qg_charsmap *m, qg_str text, qg_str *found)
{
    uint32_t unit = unit_at(m, 0);
    size_t at = offset_of(unit);

    for (size_t i = 0; i < text.len && text.ptr[i] != 0; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        at ^= c;
        unit = unit_at(m, at);
        if (label_of(unit) != c)
            return false;
        at ^= offset_of(unit);
        if (has_leaf(unit)) {
            qg_str rest = qg_str_sub(m->replacements, value_of(unit_at(m, at)), SIZE_MAX);
            const char *end = rest.len > 0 ? memchr(rest.ptr, 0, rest.len) : NULL;
            *found = (qg_str){rest.ptr, end ? (size_t)(end - rest.ptr) : rest.len};
            return true;
        }
    }
    return false;
}

/* -- reading ----------------------------------------------------------------------------------- */

static int sextet(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* Standard base64 with padding, nothing else in between. */
static qg_status decode_base64(qg_str *out, qg_arena *arena, qg_str text, qg_err *err)
{
    size_t pad = qg_str_ends(text, QG_STR("==")) ? 2 : qg_str_ends(text, QG_STR("=")) ? 1 : 0;
    size_t n = 0;
    uint32_t bits = 0;

    if (text.len % 4 != 0)
        return qg_fail(err, QG_EFORMAT, "'precompiled_charsmap' is no base64: it has %zu letters",
                       text.len);
    char *to = qg_arena_alloc(arena, text.len / 4 * 3);
    QG_NEED(to, err);
    for (size_t i = 0; i < text.len; i++) {
        int v = i >= text.len - pad ? 0 : sextet(text.ptr[i]);
        if (v < 0)
            return qg_fail(err, QG_EFORMAT, "'precompiled_charsmap' is no base64 at letter %zu", i);
        bits = bits << 6 | (uint32_t)v;
        if (i % 4 == 3) {
            to[n++] = (char)(bits >> 16);
            to[n++] = (char)(bits >> 8);
            to[n++] = (char)bits;
        }
    }
    *out = (qg_str){to, n - pad};
    return QG_OK;
}

static qg_status check_unit(const qg_charsmap *m, size_t i, qg_err *err)
{
    uint32_t unit = unit_at(m, i);
    size_t base = i ^ offset_of(unit);

    if (is_value(unit))
        return QG_OK;
    if ((base | 0xff) >= m->n_units)
        return qg_fail(err, QG_EFORMAT,
                       "'precompiled_charsmap' is corrupt: unit %zu leads to %zu of %zu", i,
                       base | 0xff, m->n_units);
    if (!has_leaf(unit))
        return QG_OK;
    size_t value = value_of(unit_at(m, base));
    if (value > m->replacements.len ||
        (value < m->replacements.len && ((unsigned char)m->replacements.ptr[value] & 0xc0) == 0x80))
        return qg_fail(err, QG_EFORMAT,
                       "'precompiled_charsmap' is corrupt: unit %zu has its replacement at byte "
                       "%zu of %zu",
                       i, value, m->replacements.len);
    return QG_OK;
}

qg_status qg_charsmap_open(const qg_charsmap **out, qg_arena *arena, qg_str base64, qg_err *err)
{
    qg_charsmap *m = QG_NEW(arena, qg_charsmap);
    qg_charsmap head = {.n_units = 1};
    qg_str all;

    QG_NEED(m, err);
    QG_PASS(decode_base64(&all, arena, base64, err));
    head.unit = (const unsigned char *)all.ptr;
    size_t bytes = all.len < 4 ? 0 : unit_at(&head, 0) / 4 * 4;
    if (bytes == 0 || bytes > all.len - 4)
        return qg_fail(err, QG_EFORMAT,
                       "'precompiled_charsmap' is corrupt: %zu bytes with a double array of %zu",
                       all.len, bytes);
    m->unit = (const unsigned char *)all.ptr + 4;
    m->n_units = bytes / 4;
    m->replacements = qg_str_sub(all, 4 + bytes, all.len);
    size_t valid = qg_utf8_valid(m->replacements);
    if (valid < m->replacements.len)
        return qg_fail(
            err, QG_EFORMAT,
            "'precompiled_charsmap' is corrupt: no UTF-8 at byte %zu of its replacements", valid);
    if (is_value(unit_at(m, 0)))
        return qg_fail(err, QG_EFORMAT, "'precompiled_charsmap' is corrupt: its root is a value");
    for (size_t i = 0; i < m->n_units; i++)
        QG_PASS(check_unit(m, i, err));
    *out = m;
    return QG_OK;
}

/* -- running ----------------------------------------------------------------------------------- */

/* What upstream takes for the first character's: all that the first part which leaves anything
 * became, where the part is one character, else the first character of that. */
static void note_head(size_t *head, const qg_buf *to, size_t before, qg_str part)
{
    uint32_t code;

    if (before > 0 || to->len == 0 || *head == 0)
        return;
    bool one = qg_utf8_decode(part, &code) == part.len;
    *head = one ? to->len : qg_utf8_decode(qg_buf_view(to), &code);
}

static void run_cluster(qg_buf *to, size_t *head, const qg_charsmap *m, qg_str cluster)
{
    qg_str found;
    size_t before = to->len;

    if (cluster.len <= MAX_CLUSTER_BYTES && find(m, cluster, &found)) {
        qg_buf_str(to, found);
        note_head(head, to, before, cluster);
        return;
    }
    for (size_t i = 0, n; i < cluster.len; i += n) {
        uint32_t code;
        n = qg_utf8_decode(qg_str_sub(cluster, i, 4), &code);
        qg_str c = qg_str_sub(cluster, i, n);
        before = to->len;
        qg_buf_str(to, find(m, c, &found) ? found : c);
        note_head(head, to, before, c);
    }
}

qg_status qg_charsmap_run(qg_str *out, size_t *head, qg_arena *arena, const qg_charsmap *m,
                          qg_str text, qg_err *err)
{
    qg_buf to;

    qg_buf_init(&to, arena);
    for (size_t i = 0, n; i < text.len; i += n) {
        n = qg_char_cluster(qg_str_sub(text, i, text.len));
        run_cluster(&to, head, m, qg_str_sub(text, i, n));
    }
    QG_NEED(!to.failed, err);
    *out = qg_buf_view(&to);
    return QG_OK;
}
