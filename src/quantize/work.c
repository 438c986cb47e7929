/* Work in progress, see work.h. Invariant: `key` is written before the first layer and dropped
 * after the last, so layers never stand beside the key of something else. */
#include "quantize/work.h"

#include "base/file.h"

#include <string.h>
#include <unistd.h>

enum { KEY_MAX = 4096 };

const char *qg_work_layer(const qg_work *w, qg_arena *arena, int layer)
{
    return qg_arena_format(arena, "%s/layer-%03d", w->path, layer);
}

static qg_status count_layers(qg_work *w, qg_arena *arena, qg_err *err)
{
    for (;; w->n_done++) {
        const char *layer = qg_work_layer(w, arena, w->n_done);
        QG_NEED(layer, err);
        if (!qg_dir_exists(layer))
            return QG_OK;
    }
}

/* Everything but the lock. */
static qg_status drop_content(const qg_work *w, qg_arena *arena, qg_err *err)
{
    char **names;
    size_t n;

    QG_PASS(qg_dir_list(&names, &n, arena, w->path, err));
    for (int pass = 0; pass < 2; pass++) /* the key last */
        for (size_t i = 0; i < n; i++) {
            const char *path = qg_path_join(arena, w->path, names[i]);
            QG_NEED(path, err);
            if (strcmp(names[i], "lock") != 0 && (strcmp(names[i], "key") == 0) == (pass == 1))
                qg_dir_remove(path);
        }
    return QG_OK;
}

static qg_status adopt(qg_work *w, qg_arena *arena, const char *key, qg_err *err)
{
    const char *file = qg_path_join(arena, w->path, "key");
    qg_str found = {0};

    QG_NEED(file, err);
    if (qg_file_exists(file))
        QG_PASS(qg_file_read(&found, arena, file, KEY_MAX, err));
    if (qg_str_is(found, key))
        return count_layers(w, arena, err);
    w->is_dropped = found.len > 0;
    QG_PASS(drop_content(w, arena, err));
    return qg_file_write(file, qg_str_from(key), err);
}

qg_status qg_work_open(qg_work *out, qg_arena *arena, const char *folder, bool force,
                       const char *key, qg_err *err)
{
    qg_str name = qg_str_from(folder);

    while (name.len > 1 && name.ptr[name.len - 1] == '/')
        name.len--;
    *out = (qg_work){.path = qg_arena_format(arena, QG_STR_PRI ".partial", QG_STR_ARG(name))};
    QG_NEED(out->path, err);
    const char *lock = qg_path_join(arena, out->path, "lock");
    QG_NEED(lock, err);
    QG_PASS(qg_dir_make(out->path, err));
    QG_PASS(qg_file_lock(arena, lock, err));
    if (!force && qg_dir_exists(folder)) {
        qg_work_remove(out);
        return qg_fail(err, QG_EEXISTS, "'%s' exists already", folder);
    }
    QG_PASS(qg_dir_make(out->path, err)); /* who held the lock may have removed it */
    return adopt(out, arena, key, err);
}

void qg_work_remove(const qg_work *w)
{
    qg_dir_remove(w->path);
}
