/* What tests of the program as a user meets it share: $QG_PROGRAM, run by a shell in the
 * repository's root with a temporary folder (base/folder_check.h), and a look at what it prints.
 * program_begin() and folder_end() are a checked fixture. */
#ifndef QG_CLI_PROGRAM_CHECK_H
#define QG_CLI_PROGRAM_CHECK_H

#include "base/folder_check.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MODEL "golden/models/tiny-llama"

typedef struct outcome {
    int exit_code;
    qg_str out, err;
} outcome;

static inline void program_begin(void)
{
    folder_begin();
    ck_assert_ptr_nonnull(getenv("QG_PROGRAM"));
    ck_assert_int_eq(chdir(getenv("QG_ROOT")), 0);
}

/* Runs a shell line in which Q stands for the program and $D for the test's folder. */
static inline outcome shell(const char *line)
{
    outcome o;
    char *out = qg_path_join(arena, folder, ".out"), *err = qg_path_join(arena, folder, ".err");
    int status = system(qg_arena_format(
        arena, "Q() { '%s' \"$@\"; }; D='%s'; unset CI GITHUB_ACTIONS; { %s\n} >'%s' 2>'%s'",
        getenv("QG_PROGRAM"), folder, line, out, err));

    ck_assert(WIFEXITED(status));
    o.exit_code = WEXITSTATUS(status);
    ck_assert_int_eq(qg_file_read(&o.out, arena, out, 64 << 20, NULL), QG_OK);
    ck_assert_int_eq(qg_file_read(&o.err, arena, err, 64 << 20, NULL), QG_OK);
    return o;
}

static inline bool holds(qg_str text, const char *part)
{
    return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

static inline void refused(const char *line, int exit_code, const char *message)
{
    outcome o = shell(line);
    ck_assert_msg(o.exit_code == exit_code, "%s: exit code %d\n" QG_STR_PRI, line, o.exit_code,
                  QG_STR_ARG(o.err));
    ck_assert_msg(holds(o.err, message), "%s: '%s' is not in: " QG_STR_PRI, line, message,
                  QG_STR_ARG(o.err));
}

/* The n-th line of standard output as JSON. */
static inline const qg_json *json_line(outcome o, int n)
{
    const qg_json *root;
    qg_str rest = o.out, line = QG_STR("");

    ck_assert_msg(o.exit_code == 0, "exit code %d: " QG_STR_PRI, o.exit_code, QG_STR_ARG(o.err));
    for (int i = 0; i <= n; i++)
        ck_assert(qg_str_split(&rest, '\n', &line));
    ck_assert_int_eq(qg_json_parse(&root, arena, line, "stdout", NULL), QG_OK);
    return root;
}

static inline qg_str text_of(const qg_json *node, const char *key)
{
    qg_str s = QG_STR("");
    ck_assert_msg(qg_json_str(qg_json_get(node, key), &s), "no text '%s'", key);
    return s;
}

static inline double real_of(const qg_json *node, const char *key)
{
    double v = 0;
    if (!qg_json_real(qg_json_get(node, key), &v))
        ck_abort_msg("no number '%s'", key);
    return v;
}

#endif
