/* What the tests of this room share: base/folder_check.h with the error of the last call, and JSON
 * in words. Every test file that includes this has its own; setup() and folder_end() are a checked
 * fixture.
 */
#ifndef QG_TOKENIZER_FIXTURE_CHECK_H
#define QG_TOKENIZER_FIXTURE_CHECK_H

#include "base/err.h"
#include "base/folder_check.h"
#include "base/json.h"

#include <string.h>

static qg_err err;

static inline void setup(void)
{
    folder_begin();
    qg_err_clear(&err);
}

/* The test fails with the whole error where `st` is none. */
static inline void need(qg_status st, const char *what)
{
    char text[2 * QG_ERR_TEXT];
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

/* The last error as users see it holds `words`. */
static inline void message_has(const char *words)
{
    char text[2 * QG_ERR_TEXT];
    qg_err_format(&err, text, sizeof text);
    ck_assert_msg(strstr(text, words) != NULL, "'%s' lacks '%s'", text, words);
}

#endif
