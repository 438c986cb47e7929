/* Regular expressions of tokenizers, run by PCRE2.
 *
 * Patterns are written for Oniguruma's Ruby syntax. They are translated first, so that classes mean
 * what they mean there (\s is White_Space, \w is Oniguruma's, ^ and $ are those of lines); a
 * construct that PCRE2 would read in another way is refused by name (QG_ENOSUP).
 *
 * A qg_regex is read only and may be shared; a qg_regex_scan is the state of one search. No pattern
 * hangs: a match that needs more than a bounded number of steps is an error.
 */
#ifndef QG_TOKENIZER_REGEX_H
#define QG_TOKENIZER_REGEX_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

typedef struct qg_regex qg_regex;
typedef struct qg_regex_scan qg_regex_scan;

/* Compiled on the arena. */
qg_status qg_regex_compile(const qg_regex **out, qg_arena *arena, qg_str pattern, qg_err *err);
/* Matches exactly this text. */
qg_status qg_regex_literal(const qg_regex **out, qg_arena *arena, qg_str text, qg_err *err);
/* From {"Regex": "..."} or {"String": "..."} as parts of tokenizer.json declare patterns. */
qg_status qg_regex_read(const qg_regex **out, qg_arena *arena, const qg_json *node,
                        const char *part, qg_err *err);

/* The translation (regex_ruby.c): what PCRE2 is given for a pattern. */
qg_status qg_regex_translate(qg_buf *out, qg_str pattern, qg_err *err);
/* Whether this PCRE2 (10.40 on) knows \p{sc:Name}. */
bool qg_regex_has_script_prefix(void);

qg_status qg_regex_scan_open(qg_regex_scan **out, qg_arena *arena, const qg_regex *re, qg_err *err);
/* Starts over on a text (valid UTF-8), which must stay until the scan is done with it. */
void qg_regex_scan_text(qg_regex_scan *s, qg_str text);
/* The next match, left to right and without overlap; an empty match right behind the one before is
 * skipped, as Oniguruma's find_iter does. *found is false when there is none left. */
qg_status qg_regex_scan_next(qg_regex_scan *s, bool *found, size_t *from, size_t *to, qg_err *err);

/* `text` with every match replaced by `content`; on the arena where there is a match. `head` (may
 * be NULL) is a number of bytes at the start of the text, and becomes that of what stands for them:
 * upstream has a replacement stand where the last character of its match stood. */
qg_status qg_regex_replace(qg_str *out, size_t *head, qg_arena *arena, const qg_regex *re,
                           qg_str text, qg_str content, qg_err *err);

#endif
