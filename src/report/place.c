/* Places in the repository: see place.h. By the text alone: no file is looked at, since a record is
 * reported on other machines too. */
#include "report/place.h"

#include "base/str.h"

/* Drops empty parts and ".", and takes a part back for "..". False: it leads above its start. */
static bool clean(qg_buf *out, qg_str path)
{
    bool absolute = path.len > 0 && path.ptr[0] == '/';
    qg_str part;

    if (absolute)
        qg_buf_char(out, '/');
    while (qg_str_split(&path, '/', &part)) {
        if (part.len == 0 || qg_str_is(part, "."))
            continue;
        if (!qg_str_is(part, "..")) {
            if (out->len > absolute)
                qg_buf_char(out, '/');
            qg_buf_str(out, part);
            continue;
        }
        if (out->len <= absolute)
            return false;
        while (out->len > absolute && out->ptr[out->len - 1] != '/')
            out->len--;
        if (out->len > absolute)
            out->len--; /* the slash before it */
    }
    return true;
}

const char *qg_place_in(qg_arena *arena, const char *root, const char *here, const char *file)
{
    bool whole = root && here && file[0] != '/';
    qg_str base = qg_str_from(root);
    qg_buf path, start;

    qg_buf_init(&path, arena);
    qg_buf_init(&start, arena);
    const char *from = whole ? qg_arena_format(arena, "%s/%s", here, file) : file;
    if (!from)
        return NULL;
    bool inside = clean(&path, qg_str_from(from)) && clean(&start, base);
    if (path.failed || start.failed)
        return NULL;
    qg_str clean_path = qg_buf_view(&path), clean_root = qg_buf_view(&start);
    if (!inside)
        return file;
    if (clean_path.len == 0 || clean_path.ptr[0] != '/')
        return qg_str_dup(arena, clean_path);
    if (clean_root.len == 0 || !qg_str_starts(clean_path, clean_root) ||
        (clean_root.len > 1 && clean_path.ptr[clean_root.len] != '/'))
        return file;
    size_t skip = clean_root.len > 1 ? clean_root.len + 1 : 1;
    return qg_str_dup(arena, qg_str_sub(clean_path, skip, clean_path.len));
}
