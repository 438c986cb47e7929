/* For tests that write files: an arena and a temporary folder, which goes with all that is in it
 * when the test is over. Every test file that includes this has its own two; folder_begin() and
 * folder_end() are a checked fixture.
 */
#ifndef QG_BASE_FOLDER_CHECK_H
#define QG_BASE_FOLDER_CHECK_H

#include "base/arena.h"
#include "base/file.h"

#include "check_suites.h"

#include <stdio.h>
#include <stdlib.h>

static qg_arena *arena;
static char folder[256]; /* absolute where TMPDIR is */

static inline void folder_begin(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(folder, sizeof folder, "%s/qg-check-XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    arena = qg_arena_create();
    ck_assert_ptr_nonnull(arena);
}

static inline void folder_end(void)
{
    qg_arena_free(arena);
    qg_dir_remove(folder);
}

/* Path of a name in the folder. */
static inline char *folder_path(const char *name)
{
    char *path = qg_path_join(arena, folder, name);

    ck_assert_ptr_nonnull(path);
    return path;
}

/* Writes a text as a file of the folder; its path. */
static inline char *folder_put(const char *name, const char *text)
{
    char *path = folder_path(name);
    qg_err err_of_put = {0};

    if (qg_file_write(path, qg_str_from(text), &err_of_put) != QG_OK)
        ck_abort_msg("%s", err_of_put.message);
    return path;
}

#endif
