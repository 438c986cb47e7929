/* The list of findings: see finding.h.
 *
 * A fixed array of QG_FINDINGS_MAX on the arena, made at the first finding. Sorting is by insertion
 * (the list is short and almost sorted already) and stable, so that two findings at one place keep
 * the order in which they were found.
 */
#include "base/finding.h"

#include <stdarg.h>
#include <stdio.h>

const char *qg_severity_name(qg_severity s)
{
    static const char *const names[] = {"note", "warning", "error"};
    return names[s];
}

void qg_findings_begin(qg_findings *f, qg_arena *arena)
{
    *f = (qg_findings){.arena = arena};
}

static char *copy(qg_findings *f, const char *text)
{
    char *made = text ? qg_str_dup(f->arena, qg_str_from(text)) : NULL;

    f->out_of_memory = f->out_of_memory || (text && !made);
    return made;
}

static void add(qg_findings *f, qg_finding finding, const char *fmt, va_list ap)
{
    char text[QG_ERR_TEXT];

    f->n_errors += finding.severity == QG_SEVERITY_ERROR;
    f->n_warnings += finding.severity == QG_SEVERITY_WARNING;
    if (f->n == QG_FINDINGS_MAX) {
        f->n_dropped++;
        return;
    }
    if (!f->at)
        f->at = QG_NEW_N(f->arena, qg_finding, QG_FINDINGS_MAX);
    f->out_of_memory = f->out_of_memory || !f->at;
    vsnprintf(text, sizeof text, fmt, ap);
    finding.message = copy(f, text);
    finding.suggestion = copy(f, finding.suggestion);
    finding.id = copy(f, finding.id);
    finding.tensor = copy(f, finding.tensor);
    if (!f->out_of_memory)
        f->at[f->n++] = finding;
}

void qg_finding_add(qg_findings *f, qg_severity severity, qg_place place, const char *suggestion,
                    const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(f, (qg_finding){.severity = severity, .place = place, .suggestion = suggestion}, fmt, ap);
    va_end(ap);
}

void qg_finding_add_about(qg_findings *f, qg_severity severity, qg_place place, qg_finding about,
                          const char *fmt, ...)
{
    va_list ap;

    about.severity = severity;
    about.place = place;
    va_start(ap, fmt);
    add(f, about, fmt, ap);
    va_end(ap);
}

/* Which file came first in the list as it is. */
static size_t file_rank(const qg_findings *f, size_t n, const char *file)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(f->at[i].place.file, file) == 0)
            return i;
    return n;
}

static bool comes_after(const qg_findings *f, size_t n, const qg_finding *a, const qg_finding *b)
{
    size_t rank_a = file_rank(f, n, a->place.file), rank_b = file_rank(f, n, b->place.file);

    if (rank_a != rank_b)
        return rank_a > rank_b;
    if (a->place.line != b->place.line)
        return a->place.line > b->place.line;
    return a->place.column > b->place.column;
}

void qg_findings_sort(qg_findings *f)
{
    for (size_t i = 1; i < f->n; i++) {
        qg_finding x = f->at[i];
        size_t j = i;
        for (; j > 0 && comes_after(f, i, &f->at[j - 1], &x); j--)
            f->at[j] = f->at[j - 1];
        f->at[j] = x;
    }
}

void qg_finding_format(qg_buf *out, const qg_finding *finding)
{
    const qg_place *p = &finding->place;

    qg_buf_text(out, p->file);
    if (p->line)
        qg_buf_format(out, ":%d:%d", p->line, p->column);
    qg_buf_format(out, ": %s", qg_severity_name(finding->severity));
    if (finding->id)
        qg_buf_format(out, " [%s]", finding->id);
    qg_buf_format(out, ": %s", finding->message);
    if (finding->suggestion)
        qg_buf_format(out, "; %s", finding->suggestion);
}

void qg_findings_format(qg_buf *out, const qg_findings *f)
{
    for (size_t i = 0; i < f->n; i++) {
        qg_finding_format(out, &f->at[i]);
        qg_buf_char(out, '\n');
    }
    if (f->n_dropped)
        qg_buf_format(out, "..., and %zu more\n", f->n_dropped);
}
