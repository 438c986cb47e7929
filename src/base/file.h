/* Files: map, read, write whole, walk.
 *
 * All writing goes through a temporary file in the target's folder that is synced and renamed at
 * the end, so a reader sees the old file or the new one and a failure leaves nothing behind. Errors
 * name the path, and tell what is absent (QG_ENOTFOUND), forbidden (QG_EACCESS), a full disk
 * (QG_ENOSPACE), else QG_EIO.
 */
#ifndef QG_BASE_FILE_H
#define QG_BASE_FILE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* Maps a regular file read-only; the view lives as long as the arena. An empty file gives length 0.
 */
qg_status qg_file_map(qg_str *out, qg_arena *arena, const char *path, qg_err *err);

/* Reads a whole file of at most max_bytes into the arena (terminated by a NUL that len does not
 * count). Pipes and standard input ("-") can be read too. */
qg_status qg_file_read(qg_str *out, qg_arena *arena, const char *path, size_t max_bytes,
                       qg_err *err);

/* Replaces `path` atomically. Folders on the way are made. */
qg_status qg_file_write(const char *path, qg_str content, qg_err *err);

/* The same in pieces: open, write..., then commit or abort. `arena` holds the handle; an
 * uncommitted file is aborted when the arena ends. */
typedef struct qg_file_out qg_file_out;
qg_status qg_file_out_open(qg_file_out **out, qg_arena *arena, const char *path, qg_err *err);
qg_status qg_file_out_write(qg_file_out *f, const void *data, size_t n, qg_err *err);
qg_status qg_file_out_commit(qg_file_out *f, qg_err *err);
void qg_file_out_abort(qg_file_out *f);

qg_status qg_dir_make(const char *path, qg_err *err); /* with parents; existing is fine */
bool qg_file_exists(const char *path);                /* a regular file that can be seen */
bool qg_dir_exists(const char *path);
int64_t qg_file_size(const char *path); /* -1 where there is none */

/* A folder that appears complete or not at all: fill qg_dir_out_path(), then commit or abort. Open
 * refuses a path that exists (QG_EEXISTS), or, with `replace`, one that is no folder; what was
 * there is removed when the new one has taken its place. `arena` holds the handle; an uncommitted
 * folder is removed when the arena ends. */
typedef struct qg_dir_out qg_dir_out;
qg_status qg_dir_out_open(qg_dir_out **out, qg_arena *arena, const char *path, bool replace,
                          qg_err *err);
const char *qg_dir_out_path(const qg_dir_out *d); /* the temporary folder, beside the target */
qg_status qg_dir_out_commit(qg_dir_out *d, qg_err *err);
void qg_dir_out_abort(qg_dir_out *d);

/* Removes a folder with all that is in it; does not follow links, and an absent one is fine. */
void qg_dir_remove(const char *path);

/* Waits until no other process holds the file, which is made where it is absent, and holds it until
 * the arena ends, or the process. */
qg_status qg_file_lock(qg_arena *arena, const char *path, qg_err *err);

/* Names in a folder, sorted by bytes, without "." and "..". */
qg_status qg_dir_list(char ***names, size_t *n_names, qg_arena *arena, const char *path,
                      qg_err *err);

/* Text of paths only, no look at the disk. NULL when out of memory. */
char *qg_path_join(qg_arena *arena, const char *dir,
                   const char *name);                 /* absolute name: name itself */
char *qg_path_dir(qg_arena *arena, const char *path); /* "." where there is none */
const char *qg_path_base(const char *path);           /* after the last slash */

/* The status that errno stands for. */
qg_status qg_status_of_errno(int errnum);

#endif
