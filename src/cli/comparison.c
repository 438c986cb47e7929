/* A comparison in words: see comparison.h. Text and Markdown show the same cells. */
#include "cli/comparison.h"

#include "base/json.h"
#include "report/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CELL = 64, INDENT = 2, GAP = 2, LEAST_CASE = 8 };
enum { CASE, METRIC, VALUE_A, VALUE_B, CHANGE, ENDS, N_COLUMNS };

static const char *const heads[N_COLUMNS] = {"CASE", "METRIC", "A", "B", "CHANGE", "INTERVAL"};

/* In the order of the rows. */
static const qg_change sections[] = {QG_CHANGE_WORSE, QG_CHANGE_UNCLEAR, QG_CHANGE_NONE,
                                     QG_CHANGE_SAME, QG_CHANGE_BETTER};
enum { N_SECTIONS = sizeof sections / sizeof *sections };

static const char *section_text(qg_change c)
{
    return c == QG_CHANGE_NONE ? "not compared" : qg_change_text(c);
}

static size_t count_of(const qg_comparison *c, qg_change verdict)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n_rows; i++)
        n += c->rows[i].verdict == verdict;
    return n;
}

/* ---- cells ---- */

/* A difference of shares is one of percentage points. */
static qg_unit unit_of(const qg_comparison_row *r, double *factor)
{
    qg_unit unit = r->is_share ? QG_UNIT_SHARE : qg_metric_info_of(r->metric)->unit;

    *factor = 1;
    if (r->is_share || unit != QG_UNIT_SHARE)
        return unit;
    *factor = 100;
    return QG_UNIT_POINTS;
}

/* "+8.81 %", "-64 KiB", "0 B" */
static void put_signed(char out[CELL], const qg_comparison_row *r, double v)
{
    char text[QG_UNIT_TEXT];
    double factor;
    qg_unit unit = unit_of(r, &factor);

    if (unit == QG_UNIT_SHARE && fabs(v) < 10) /* no more digits than a change has */
        snprintf(text, sizeof text, "%.*f %%", fabs(v) < 0.1 ? 2 : 1, 100 * fabs(v));
    else
        qg_unit_print(text, unit, fabs(v) * factor);
    snprintf(out, CELL, "%s%s", v > 0 ? "+" : v < 0 ? "-" : "", text);
}

/* Without its unit, which is that of the change. */
static void put_end(char out[CELL], const qg_comparison_row *r, bool known, double v)
{
    put_signed(out, r, v);
    if (!known)
        snprintf(out, CELL, "?");
    else if (strchr(out, ' '))
        *strchr(out, ' ') = '\0';
}

static void put_ends(char out[CELL], const qg_comparison_row *r)
{
    char low[CELL], high[CELL];

    if (!r->test || (!r->has_low && !r->has_high)) {
        snprintf(out, CELL, "%s", r->why ? r->why : r->test ? "few samples" : "exact");
        return;
    }
    put_end(low, r, r->has_low, r->low);
    put_end(high, r, r->has_high, r->high);
    snprintf(out, CELL, "%.28s .. %.28s", low, high);
}

static const char *cell(char out[CELL], const qg_comparison_row *r, int column)
{
    switch (column) {
    case CASE:
        return r->case_id;
    case METRIC:
        return qg_metric_info_of(r->metric)->name;
    case VALUE_A:
    case VALUE_B: /* the unit's own words ("nats") are in the manual, and take room here */
        return qg_unit_print(out, qg_metric_info_of(r->metric)->unit,
                             column == VALUE_A ? r->a : r->b);
    case CHANGE:
        put_signed(out, r, r->change);
        return out;
    default:
        put_ends(out, r);
        return out;
    }
}

static void put_count(qg_buf *out, const qg_comparison *c)
{
    bool any = false;

    qg_buf_format(out, "%zu number%s", c->n_rows, c->n_rows == 1 ? "" : "s");
    for (size_t i = 0; i < N_SECTIONS; i++) {
        size_t n = count_of(c, sections[i]);
        if (n > 0)
            qg_buf_format(out, "%s %zu %s", any ? "," : ":", n, section_text(sections[i]));
        any = any || n > 0;
    }
}

/* "old.json: quantgate 0.1.0 (abc), smoke, 2026-01-31T23:59:59Z" */
static void put_side(qg_buf *out, const char *name, const qg_run *run)
{
    qg_buf_text(out, name);
    if (run->version)
        qg_buf_format(out, ": quantgate %s", run->version);
    if (run->commit)
        qg_buf_format(out, " (%.12s)", run->commit);
    if (run->suite)
        qg_buf_format(out, ", %s", run->suite);
    if (run->started)
        qg_buf_format(out, ", %s", run->started);
}

/* ---- text ---- */

static const char *colour_of(qg_change v)
{
    switch (v) {
    case QG_CHANGE_WORSE:
        return "\033[1;31m";
    case QG_CHANGE_BETTER:
        return "\033[32m";
    case QG_CHANGE_UNCLEAR:
        return "\033[33m";
    default:
        return "\033[2m";
    }
}

static void put_wrapped(qg_buf *out, const char *lead, qg_str text, size_t width)
{
    size_t indent = INDENT + strlen(lead);

    qg_buf_format(out, "%*s%s", INDENT, "", lead);
    qg_text_wrap(out, text, indent, width);
    qg_buf_char(out, '\n');
}

static void measure(size_t widths[N_COLUMNS], const qg_comparison *c, size_t width, bool all)
{
    char text[CELL];
    size_t others = INDENT;

    for (int k = 0; k < N_COLUMNS; k++) {
        widths[k] = strlen(heads[k]);
        for (size_t i = 0; i < c->n_rows; i++) {
            if (c->rows[i].verdict == QG_CHANGE_SAME && !all)
                continue;
            size_t w = qg_text_width(qg_str_from(cell(text, &c->rows[i], k)));
            widths[k] = w > widths[k] ? w : widths[k];
        }
        others += k == CASE ? 0 : GAP + widths[k];
    }
    size_t left = width > others + LEAST_CASE ? width - others : LEAST_CASE;
    widths[CASE] = widths[CASE] < left ? widths[CASE] : left;
}

/* A row of the table; NULL: its head. Numbers end at one column, words begin at one. */
static void put_row(qg_buf *out, const qg_comparison_row *r, const size_t widths[N_COLUMNS])
{
    char buffer[CELL];

    qg_buf_format(out, "%*s", INDENT, "");
    for (int k = 0; k < ENDS; k++) {
        const char *text = r ? cell(buffer, r, k) : heads[k];
        size_t used = qg_text_width(qg_str_from(text));
        if (k >= VALUE_A)
            qg_buf_format(out, "%*s%s", (int)(widths[k] > used ? widths[k] - used : 0), "", text);
        else
            qg_text_fit(out, qg_str_from(text), widths[k]);
        qg_buf_format(out, "%*s", GAP, "");
    }
    qg_buf_format(out, "%s\n", r ? cell(buffer, r, ENDS) : heads[ENDS]);
}

static void put_section(qg_buf *out, const qg_comparison *c, qg_change verdict,
                        const size_t widths[N_COLUMNS], bool colour)
{
    if (count_of(c, verdict) == 0)
        return;
    qg_buf_format(out, "%s%s%s\n", colour ? colour_of(verdict) : "", section_text(verdict),
                  colour ? "\033[0m" : "");
    for (size_t i = 0; i < c->n_rows; i++)
        if (c->rows[i].verdict == verdict)
            put_row(out, &c->rows[i], widths);
}

static void put_last_words(qg_buf *out, const qg_comparison *c, size_t width, bool all)
{
    qg_buf line;

    for (size_t i = 0; i < c->n_notes; i++) {
        qg_buf_char(out, '\n');
        put_wrapped(out, "note: ", qg_str_from(c->notes[i]), width);
    }
    qg_buf_init(&line, out->arena);
    put_count(&line, c);
    if (!all && count_of(c, QG_CHANGE_SAME) > 0)
        qg_buf_text(&line, " (what is the same is listed by --all)");
    qg_buf_format(&line, "; intervals are %g %% each", 100 * c->confidence);
    qg_buf_char(out, '\n');
    qg_text_wrap(out, qg_buf_view(&line), 0, width);
    qg_buf_char(out, '\n');
    out->failed = out->failed || line.failed;
}

void qg_comparison_text(qg_buf *out, const qg_comparison *c, const qg_comparison_sides *sides,
                        const qg_comparison_look *look)
{
    size_t widths[N_COLUMNS];
    qg_buf line;

    for (int side = 0; side < 2; side++) {
        qg_buf_init(&line, out->arena);
        put_side(&line, side ? sides->name_b : sides->name_a, side ? sides->b : sides->a);
        put_wrapped(out, side ? "B  " : "A  ", qg_buf_view(&line), look->width);
        out->failed = out->failed || line.failed;
    }
    measure(widths, c, look->width, look->all);
    qg_buf_char(out, '\n');
    if (look->all || count_of(c, QG_CHANGE_SAME) < c->n_rows)
        put_row(out, NULL, widths);
    for (size_t i = 0; i < N_SECTIONS; i++)
        if (look->all || sections[i] != QG_CHANGE_SAME)
            put_section(out, c, sections[i], widths, look->colour);
    put_last_words(out, c, look->width, look->all);
}

/* ---- Markdown ---- */

/* Text of a run in a cell or a list: no marks of its own. */
static void put_escaped(qg_buf *out, const char *text)
{
    qg_buf clean;

    qg_buf_init(&clean, out->arena);
    qg_text_clean(&clean, qg_str_from(text), false);
    for (size_t i = 0; i < clean.len; i++) {
        if (strchr("\\`*_{}[]<>#|~", clean.ptr[i]))
            qg_buf_char(out, '\\');
        qg_buf_char(out, clean.ptr[i]);
    }
    out->failed = out->failed || clean.failed;
}

void qg_comparison_markdown(qg_buf *out, const qg_comparison *c, const qg_comparison_sides *sides,
                            bool all)
{
    char text[CELL];
    qg_buf line;

    for (int side = 0; side < 2; side++) {
        qg_buf_init(&line, out->arena);
        put_side(&line, side ? sides->name_b : sides->name_a, side ? sides->b : sides->a);
        qg_buf_format(out, "- **%s** ", side ? "B" : "A");
        put_escaped(out, line.failed ? "" : line.ptr);
        qg_buf_char(out, '\n');
    }
    qg_buf_format(out,
                  "\n| case | metric | A | B | change | %g %% interval | verdict |\n"
                  "|---|---|--:|--:|--:|---|---|\n",
                  100 * c->confidence);
    for (size_t i = 0; i < c->n_rows; i++) {
        qg_change verdict = c->rows[i].verdict;
        const char *bold = verdict == QG_CHANGE_WORSE ? "**" : "";
        if (verdict == QG_CHANGE_SAME && !all)
            continue;
        for (int k = 0; k < N_COLUMNS; k++) {
            qg_buf_text(out, k ? " | " : "| ");
            put_escaped(out, cell(text, &c->rows[i], k));
        }
        qg_buf_format(out, " | %s%s%s |\n", bold, section_text(verdict), bold);
    }
    qg_buf_char(out, '\n');
    put_count(out, c);
    qg_buf_text(out, ".\n");
    for (size_t i = 0; i < c->n_notes; i++) {
        qg_buf_text(out, i ? "- " : "\n- ");
        put_escaped(out, c->notes[i]);
        qg_buf_char(out, '\n');
    }
}

/* ---- JSON ---- */

static void put_side_object(qg_json_writer *w, const char *key, const char *name, const qg_run *run)
{
    qg_json_write_key(w, key);
    qg_json_write_object(w);
    qg_json_put_text(w, "name", name);
    qg_json_put_text(w, "version", run->version);
    qg_json_put_text(w, "commit", run->commit);
    qg_json_put_text(w, "suite", run->suite);
    qg_json_put_text(w, "suite_hash", run->suite_hash);
    qg_json_put_text(w, "started", run->started);
    qg_json_put_bool(w, "partial", run->partial);
    qg_json_put_text(w, "fingerprint", run->machine.fingerprint);
    qg_json_write_close(w);
}

static void put_known(qg_json_writer *w, const char *key, bool known, double v)
{
    qg_json_write_key(w, key);
    if (known)
        qg_json_write_real(w, v);
    else
        qg_json_write_null(w);
}

static void put_row_object(qg_json_writer *w, const qg_comparison_row *r)
{
    qg_json_write_object(w);
    qg_json_put_text(w, "case", r->case_id);
    qg_json_put_text(w, "metric", qg_metric_info_of(r->metric)->name);
    qg_json_put_text(w, "verdict",
                     r->verdict == QG_CHANGE_NONE ? "none" : qg_change_text(r->verdict));
    qg_json_put_real(w, "a", r->a);
    qg_json_put_real(w, "b", r->b);
    qg_json_put_int(w, "n_a", r->n_a);
    qg_json_put_int(w, "n_b", r->n_b);
    qg_json_put_real(w, "change", r->change);
    qg_json_put_bool(w, "is_share", r->is_share);
    qg_json_put_text(w, "test", r->test);
    put_known(w, "low", r->has_low, r->low);
    put_known(w, "high", r->has_high, r->high);
    put_known(w, "p_adjusted", r->has_p, r->p);
    qg_json_put_text(w, "why", r->why);
    qg_json_write_close(w);
}

qg_status qg_comparison_json(qg_buf *out, const qg_comparison *c, const qg_comparison_sides *sides,
                             qg_err *err)
{
    qg_json_writer w;

    qg_json_write_begin(&w, out);
    qg_json_write_object(&w);
    put_side_object(&w, "a", sides->name_a, sides->a);
    put_side_object(&w, "b", sides->name_b, sides->b);
    qg_json_put_real(&w, "confidence", c->confidence);
    qg_json_put_bool(&w, "in_turns", c->in_turns);
    qg_json_write_key(&w, "rows");
    qg_json_write_array(&w);
    for (size_t i = 0; i < c->n_rows; i++)
        put_row_object(&w, &c->rows[i]);
    qg_json_write_end_array(&w);
    qg_json_write_key(&w, "notes");
    qg_json_write_array(&w);
    for (size_t i = 0; i < c->n_notes; i++)
        qg_json_write_text(&w, c->notes[i]);
    qg_json_write_end_array(&w);
    qg_json_write_close(&w);
    qg_buf_char(out, '\n');
    return qg_json_write_end(&w, err);
}
