/* What the tests of model folders share: base/folder_check.h with the error of the last call, and
 * what every refusal must tell. */
#ifndef QG_CHECKPOINT_FIXTURE_CHECK_H
#define QG_CHECKPOINT_FIXTURE_CHECK_H

#include "base/err.h"
#include "base/folder_check.h"

#include <string.h>

static qg_err err;

static inline void setup(void)
{
    folder_begin();
    qg_err_clear(&err);
}

/* A call that returned `got` and filled err had to return `status` and to say `words`, and the name
 * of the file or folder where `name` is one. */
static inline void assert_refusal(qg_status got, qg_status status, const char *words,
                                  const char *name)
{
    char text[2 * QG_ERR_TEXT];

    qg_err_format(&err, text, sizeof text);
    ck_assert_msg(got == status, "%s instead of %s: %s", qg_status_name(got),
                  qg_status_name(status), text);
    ck_assert_msg(strstr(text, words), "'%s' does not say '%s'", text, words);
    ck_assert_msg(!name || strstr(text, name), "'%s' does not name the file", text);
}

/* Calls with one allocation after the other failing, until none is left to fail: each time it had
 * to return QG_ENOMEM. */
static inline void fail_each_allocation(qg_status call(qg_arena *own))
{
    for (long n = 1;; n++) {
        qg_arena *own = qg_arena_create();
        qg_err_clear(&err);
        qg_arena_fail_after(n);
        qg_status s = call(own);
        bool unused = qg_arena_fail_after(0);
        qg_arena_free(own);
        ck_assert_msg(s == (unused ? QG_OK : QG_ENOMEM), "allocation %ld: %s: %s", n,
                      qg_status_name(s), err.message);
        if (unused)
            break;
    }
}

#endif
