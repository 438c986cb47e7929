/* What the tests of this room share: an arena and an error of each test's own, JSON in words, and a
 * folder that ends with the test. Only for *_check.c; the checks register fixture_begin and
 * fixture_end with tcase_add_checked_fixture.
 */
#ifndef QG_TOKENIZER_TOKENIZER_FIXTURE_H
#define QG_TOKENIZER_TOKENIZER_FIXTURE_H

#include "base/file.h"
#include "base/json.h"

#include "check_suites.h"

#include <stdlib.h>

static qg_arena *arena;
static qg_err err;

static inline void fixture_begin(void)
{
    arena = qg_arena_create();
    ck_assert_ptr_nonnull(arena);
    qg_err_clear(&err);
}

static inline void fixture_end(void)
{
    qg_arena_free(arena);
}

/* The test fails with the whole error where `st` is none. */
static inline void need(qg_status st, const char *what)
{
    char text[1200];
    if (st != QG_OK)
        ck_abort_msg("%s: %s", what, qg_err_format(&err, text, sizeof text));
}

/* A node of valid JSON; the error is clear for what the test does with it. */
static inline const qg_json *json_of_text(const char *text)
{
    const qg_json *node;
    qg_err_clear(&err);
    need(qg_json_parse(&node, arena, qg_str_from(text), "the test's JSON", &err), text);
    return node;
}

/* The last error as users see it holds `part`. */
static inline void message_has(const char *part)
{
    char text[1200];
    qg_err_format(&err, text, sizeof text);
    ck_assert_msg(strstr(text, part) != NULL, "'%s' lacks '%s'", text, part);
}

static inline void folder_remove(void *path)
{
    qg_dir_remove(path);
}

/* An empty folder; it goes with the arena. */
static inline char *fixture_folder(void)
{
    const char *tmp = getenv("TMPDIR");
    char *path = qg_arena_format(arena, "%s/qg-tokenizer-XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(path);
    ck_assert_ptr_nonnull(mkdtemp(path));
    ck_assert(qg_arena_defer(arena, folder_remove, path));
    return path;
}

static inline void write_in(const char *folder, const char *name, const char *text)
{
    need(qg_file_write(qg_path_join(arena, folder, name), qg_str_from(text), &err), name);
}

#endif
