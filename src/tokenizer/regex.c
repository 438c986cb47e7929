/* Regular expressions: see regex.h. The only file that sees PCRE2.
 *
 * Everything that PCRE2 allocates comes from the arena; only the machine code of its JIT does not,
 * so the code is freed by a deferred call. A match starts in the JIT on the machine stack and is
 * repeated on a stack of its own where that is too small. Texts are valid UTF-8 by contract,
 * which is why PCRE2's own check is off.
 */
#include "tokenizer/regex.h"

#include "tokenizer/part.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

/* A pattern that needs more for one match is refused: about a second of work, 64 MiB of stack in
 * the JIT, 256 MiB of heap in the interpreter. */
enum {
    STEP_LIMIT = 50 * 1000 * 1000,
    HEAP_LIMIT_KIB = 256 * 1024,
    STACK_FIRST_BYTES = 1 << 20,
    STACK_LIMIT_BYTES = 64 << 20,
};

struct qg_regex {
    pcre2_code *code;
    qg_str pattern; /* as the file spells it */
};

struct qg_regex_scan {
    const qg_regex *re;
    qg_arena *arena;
    pcre2_general_context *memory;
    pcre2_match_data *data;
    pcre2_match_context *limits;
    pcre2_jit_stack *stack; /* once the machine stack was too small */
    qg_str text;
    size_t from;     /* where the next search starts */
    size_t last_end; /* end of the last match, SIZE_MAX before the first */
};

static void *arena_malloc(PCRE2_SIZE n, void *arena)
{
    return qg_arena_alloc(arena, n);
}

static void arena_free(void *p, void *arena)
{
    (void)p;
    (void)arena;
}

static void release_code(void *code)
{
    pcre2_code_free(code);
}

static void release_stack(void *stack)
{
    pcre2_jit_stack_free(stack);
}

static qg_status out_of_memory(qg_err *err)
{
    return qg_fail(err, QG_ENOMEM, "out of memory");
}

/* `source` is what PCRE2 reads, `pattern` what the file says. */
static qg_status compile(const qg_regex **out, qg_arena *arena, qg_str source, qg_str pattern,
                         uint32_t options, qg_err *err)
{
    int code = 0;
    PCRE2_SIZE at = 0;
    qg_regex *re = QG_NEW(arena, qg_regex);
    char *copy = qg_str_dup(arena, pattern);
    pcre2_general_context *memory = pcre2_general_context_create(arena_malloc, arena_free, arena);
    pcre2_compile_context *context = memory ? pcre2_compile_context_create(memory) : NULL;

    if (!re || !copy || !context)
        return out_of_memory(err);
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    re->pattern = (qg_str){copy, pattern.len};
    re->code =
        pcre2_compile((PCRE2_SPTR)source.ptr, source.len, options | PCRE2_UTF, &code, &at, context);
    if (!re->code) {
        PCRE2_UCHAR text[128] = "";
        if (code == PCRE2_ERROR_HEAP_FAILED)
            return out_of_memory(err);
        pcre2_get_error_message(code, text, sizeof text);
        return qg_fail(err, QG_ENOSUP, "regex '" QG_STR_PRI "': %s", QG_STR_ARG(pattern),
                       (const char *)text);
    }
    if (!qg_arena_defer(arena, release_code, re->code)) {
        pcre2_code_free(re->code);
        return out_of_memory(err);
    }
    pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE); /* where it fails the interpreter runs */
    *out = re;
    return QG_OK;
}

bool qg_regex_has_script_prefix(void)
{
    char version[64] = "";
    return pcre2_config(PCRE2_CONFIG_VERSION, NULL) <= (int)sizeof version &&
           pcre2_config(PCRE2_CONFIG_VERSION, version) > 0 && strtod(version, NULL) >= 10.4;
}

qg_status qg_regex_literal(const qg_regex **out, qg_arena *arena, qg_str text, qg_err *err)
{
    return compile(out, arena, text, text, PCRE2_LITERAL, err);
}

qg_status qg_regex_compile(const qg_regex **out, qg_arena *arena, qg_str pattern, qg_err *err)
{
    qg_buf source;

    qg_buf_init(&source, arena);
    QG_PASS(qg_regex_translate(&source, pattern, err));
    return compile(out, arena, qg_buf_view(&source), pattern,
                   PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, err);
}

qg_status qg_regex_read(const qg_regex **out, qg_arena *arena, const qg_json *node,
                        const char *part, qg_err *err)
{
    qg_str text;

    if (qg_json_str(qg_json_get(node, "Regex"), &text))
        return qg_regex_compile(out, arena, text, err);
    if (qg_json_str(qg_json_get(node, "String"), &text))
        return qg_regex_literal(out, arena, text, err);
    return qg_fail(err, QG_EFORMAT, "'pattern' of %s is neither a 'Regex' nor a 'String'", part);
}

qg_status qg_regex_scan_open(qg_regex_scan **out, qg_arena *arena, const qg_regex *re, qg_err *err)
{
    qg_regex_scan *s = QG_NEW(arena, qg_regex_scan);

    QG_NEED(s, err);
    s->re = re;
    s->arena = arena;
    s->memory = pcre2_general_context_create(arena_malloc, arena_free, arena);
    QG_NEED(s->memory, err);
    s->data = pcre2_match_data_create(1, s->memory);
    s->limits = pcre2_match_context_create(s->memory);
    if (!s->data || !s->limits)
        return out_of_memory(err);
    pcre2_set_match_limit(s->limits, STEP_LIMIT);
    pcre2_set_heap_limit(s->limits, HEAP_LIMIT_KIB);
    qg_regex_scan_text(s, QG_STR(""));
    *out = s;
    return QG_OK;
}

void qg_regex_scan_text(qg_regex_scan *s, qg_str text)
{
    s->text = text;
    s->from = 0;
    s->last_end = SIZE_MAX;
}

static int match(qg_regex_scan *s)
{
    return pcre2_match(s->re->code, (PCRE2_SPTR)s->text.ptr, s->text.len, s->from,
                       PCRE2_NO_UTF_CHECK, s->data, s->limits);
}

static bool take_stack(qg_regex_scan *s)
{
    s->stack = pcre2_jit_stack_create(STACK_FIRST_BYTES, STACK_LIMIT_BYTES, s->memory);
    if (!s->stack)
        return false;
    pcre2_jit_stack_assign(s->limits, NULL, s->stack);
    if (qg_arena_defer(s->arena, release_stack, s->stack))
        return true;
    pcre2_jit_stack_free(s->stack);
    return false;
}

qg_status qg_regex_scan_next(qg_regex_scan *s, bool *found, size_t *from, size_t *to, qg_err *err)
{
    for (*found = false; s->from <= s->text.len;) {
        int rc = match(s);
        if (rc == PCRE2_ERROR_JIT_STACKLIMIT && !s->stack)
            rc = take_stack(s) ? match(s) : PCRE2_ERROR_NOMEMORY;
        if (rc == PCRE2_ERROR_NOMATCH) {
            s->from = s->text.len + 1;
            return QG_OK;
        }
        if (rc == PCRE2_ERROR_NOMEMORY)
            return out_of_memory(err);
        if (rc < 0)
            return qg_fail(err, QG_EARG,
                           "regex '" QG_STR_PRI "' needs too many steps on a text of %zu bytes",
                           QG_STR_ARG(s->re->pattern), s->text.len);

        const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->data);
        if (at[0] == at[1] && at[1] == s->last_end) {
            qg_str rest = qg_str_sub(s->text, at[1], 4);
            uint32_t code;
            size_t step = qg_utf8_decode(rest, &code);
            s->from = at[1] + (step ? step : 1);
            continue;
        }
        s->from = s->last_end = at[1];
        *from = at[0];
        *to = at[1];
        *found = true;
        return QG_OK;
    }
    return QG_OK;
}

qg_status qg_regex_replace(qg_str *out, size_t *head, qg_arena *arena, const qg_regex *re,
                           qg_str text, qg_str content, qg_err *err)
{
    qg_regex_scan *s;
    qg_buf b;
    size_t kept = 0, from = 0, to = 0, limit = head ? *head : 0, grown = 0;
    bool found = false;

    if (text.len == 0) {
        *out = text;
        return QG_OK;
    }
    QG_PASS(qg_regex_scan_open(&s, arena, re, err));
    qg_regex_scan_text(s, text);
    qg_buf_init(&b, arena);
    for (;;) {
        QG_PASS(qg_regex_scan_next(s, &found, &from, &to, err));
        if (!found)
            break;
        qg_buf_append(&b, text.ptr + kept, from - kept);
        if (kept < limit)
            grown = b.len - (from > limit ? from - limit : 0);
        qg_buf_str(&b, content);
        if (to <= limit)
            grown = b.len;
        kept = to;
    }
    qg_buf_append(&b, text.ptr + kept, text.len - kept);
    QG_NEED(!b.failed, err);
    if (kept < limit)
        grown = b.len - (text.len - limit);
    if (head)
        *head = grown;
    *out = qg_buf_view(&b);
    return QG_OK;
}
