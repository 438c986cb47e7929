/* Branch and commit: see checkout.h. A worktree's `.git` is a file that names its own folder, which
 * holds HEAD, and beside it `commondir`, the folder that holds what all worktrees share. */
#include "cli/checkout.h"

#include "base/file.h"
#include "base/str.h"

#include <stdlib.h>

enum { HASH_LEAST = 40, HASH_MOST = 64 };
#define REFS_BYTES_MAX ((size_t)64 << 20)

/* NULL of what is unset or empty. */
static const char *variable(const char *name)
{
    const char *v = getenv(name);
    return v && v[0] ? v : NULL;
}

/* The first line of a file; len 0 where there is none. */
static qg_str first_line(qg_arena *arena, const char *dir, const char *name)
{
    const char *path = qg_path_join(arena, dir, name);
    qg_str text, line = {"", 0};

    if (path && qg_file_exists(path) &&
        qg_file_read(&text, arena, path, REFS_BYTES_MAX, NULL) == QG_OK)
        qg_str_split(&text, '\n', &line);
    return qg_str_trim(line);
}

static bool is_hash(qg_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!strchr("0123456789abcdef", s.ptr[i]))
            return false;
    return s.len == HASH_LEAST || s.len == HASH_MOST;
}

/* The folder of git for a folder, or for one above it; NULL: none. */
static const char *find_git(qg_arena *arena, const char *folder)
{
    char *path = realpath(folder, NULL);
    const char *at = path ? qg_str_dup(arena, qg_str_from(path)) : NULL, *up;

    free(path);
    for (; at; at = up) {
        const char *git = qg_path_join(arena, at, ".git");
        qg_str line = git ? first_line(arena, at, ".git") : QG_STR("");
        if (git && qg_dir_exists(git))
            return git;
        if (qg_str_starts(line, QG_STR("gitdir: ")))
            return qg_path_join(arena, at, qg_str_dup(arena, qg_str_sub(line, 8, line.len)));
        up = qg_path_dir(arena, at);
        if (!up || strcmp(up, at) == 0)
            break;
    }
    return NULL;
}

/* The line "HASH NAME" of packed-refs. */
static qg_str packed(qg_arena *arena, const char *common, qg_str name)
{
    const char *path = qg_path_join(arena, common, "packed-refs");
    qg_str text, line, hash;

    if (!path || !qg_file_exists(path) ||
        qg_file_read(&text, arena, path, REFS_BYTES_MAX, NULL) != QG_OK)
        return QG_STR("");
    while (qg_str_split(&text, '\n', &line))
        if (qg_str_split(&line, ' ', &hash) && qg_str_eq(line, name))
            return hash;
    return QG_STR("");
}

static void read_git(qg_checkout *out, qg_arena *arena, const char *git)
{
    qg_str head = first_line(arena, git, "HEAD"), common = first_line(arena, git, "commondir"),
           hash = head;
    const char *shared = common.len ? qg_path_join(arena, git, qg_str_dup(arena, common)) : git;

    if (qg_str_starts(head, QG_STR("ref: "))) {
        qg_str name = qg_str_trim(qg_str_sub(head, 5, head.len)), branches = QG_STR("refs/heads/");
        const char *file = qg_str_dup(arena, name);
        hash = file ? first_line(arena, git, file) : QG_STR("");
        if (!is_hash(hash) && file && shared)
            hash = first_line(arena, shared, file);
        if (!is_hash(hash) && shared)
            hash = packed(arena, shared, name);
        if (!out->branch && qg_str_starts(name, branches) && is_hash(hash))
            out->branch = qg_str_dup(arena, qg_str_sub(name, branches.len, name.len));
    }
    if (!out->commit && is_hash(hash))
        out->commit = qg_str_dup(arena, hash);
}

qg_status qg_checkout_find(qg_checkout *out, qg_arena *arena, const char *folder, qg_err *err)
{
    const char *server = variable("GITHUB_SERVER_URL"), *name = variable("GITHUB_REPOSITORY");

    *out = (qg_checkout){.branch = variable("GITHUB_HEAD_REF"), .commit = variable("GITHUB_SHA")};
    if (!out->branch)
        out->branch = variable("GITHUB_REF_NAME");
    if (server && name) {
        out->repository = qg_arena_format(arena, "%s/%s", server, name);
        QG_NEED(out->repository, err);
    }
    if (out->branch && out->commit)
        return QG_OK;
    const char *git = find_git(arena, folder);
    if (git)
        read_git(out, arena, git);
    return QG_OK;
}
