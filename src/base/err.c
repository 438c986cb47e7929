/* Errors as values: see err.h.
 *
 * A qg_err is fixed-size text. Contexts are prepended in place; what does not fit is cut at the
 * outer end, so that the innermost context and the message always survive.
 */
#include "base/err.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *text;
    int exit_class;
} statuses[] = {
#define X(name, text, exit_class) {#name, text, exit_class},
    QG_STATUS_LIST(X)
#undef X
};

const char *qg_status_name(qg_status s)
{
    return statuses[s].name;
}

const char *qg_status_text(qg_status s)
{
    return statuses[s].text;
}

int qg_status_exit(qg_status s)
{
    return statuses[s].exit_class;
}

void qg_err_clear(qg_err *err)
{
    if (err)
        memset(err, 0, sizeof *err);
}

/* Whether this is the first error, which is the one that stays. */
static bool record(const char *source_file, int source_line, qg_err *err, qg_status code,
                   const char *fmt, va_list ap)
{
    if (!err || err->code != QG_OK)
        return false;
    err->code = code;
    err->source_file = source_file;
    err->source_line = source_line;
    vsnprintf(err->message, sizeof err->message, fmt, ap);
    return true;
}

qg_status qg_fail_from(const char *source_file, int source_line, qg_err *err, qg_status code,
                       const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    record(source_file, source_line, err, code, fmt, ap);
    va_end(ap);
    return code;
}

qg_status qg_fail_about_from(const char *source_file, int source_line, qg_err *err, qg_status code,
                             const char *id, const char *tensor, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    bool is_first = record(source_file, source_line, err, code, fmt, ap);
    va_end(ap);
    if (is_first) {
        err->id = id;
        snprintf(err->tensor, sizeof err->tensor, "%s", tensor ? tensor : "");
    }
    return code;
}

void qg_err_at(qg_err *err, const char *file, int line, int column)
{
    if (!err || err->file[0] || err->line)
        return;
    snprintf(err->file, sizeof err->file, "%s", file ? file : "");
    err->line = line;
    err->column = column;
}

void qg_note(qg_err *err, const char *fmt, ...)
{
    char step[QG_ERR_TEXT], old[QG_ERR_TEXT];
    va_list ap;

    if (!err || err->code == QG_OK)
        return;
    va_start(ap, fmt);
    vsnprintf(step, sizeof step, fmt, ap);
    va_end(ap);
    memcpy(old, err->context, sizeof old);
    size_t room = sizeof err->context - 1 - strlen(old);
    size_t n = strlen(step);
    if (old[0] && n + 2 > room)
        return;
    snprintf(err->context, sizeof err->context, old[0] ? "%s: %s" : "%s%s", step, old);
}

const char *qg_err_format(const qg_err *err, char *buf, size_t size)
{
    char place[QG_ERR_PATH + 32] = "";

    if (err->file[0] && err->line && err->column)
        snprintf(place, sizeof place, "%s:%d:%d: ", err->file, err->line, err->column);
    else if (err->file[0] && err->line)
        snprintf(place, sizeof place, "%s:%d: ", err->file, err->line);
    else if (err->file[0])
        snprintf(place, sizeof place, "%s: ", err->file);
    snprintf(buf, size, "%s%s%s%s", place, err->context, err->context[0] ? ": " : "",
             err->message[0] ? err->message : qg_status_text(err->code));
    return buf;
}
