/* Blames in reports: see blamed.h. */
#include "report/blamed.h"

#include "report/heatmap.h"
#include "report/page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_COLUMNS = 32, SHOWN = QG_BLAME_SHOWN, TEXT = 96 };

static const char *cause_text(const qg_blame *b)
{
    static const struct {
        const char *cause, *text;
    } causes[] = {{QG_CAUSE_KERNEL, "at fault, a kernel"},
                  {QG_CAUSE_CHECKPOINT, "at fault, the checkpoint"},
                  {QG_CAUSE_METHOD, "at fault, the method"}};

    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if (strcmp(b->cause, causes[i].cause) == 0)
            return causes[i].text;
    return "at fault, unknown";
}

/* "0.077", "not finite" */
static const char *error_text(char out[32], double error)
{
    if (error >= QG_BLAME_ERROR_MAX)
        snprintf(out, 32, "not finite");
    else
        snprintf(out, 32, "%.3g", error);
    return out;
}

static const char *group_text(char out[TEXT], const qg_blame_group *g)
{
    if (g->first < 0)
        snprintf(out, TEXT, "group %d", g->group);
    else
        snprintf(out, TEXT, "group %d, inputs %lld to %lld", g->group, (long long)g->first,
                 (long long)g->last);
    return out;
}

static const char *groups_of(char out[TEXT], const qg_blame *b)
{
    if (b->row < 0)
        snprintf(out, TEXT, "median of %lld groups", (long long)b->n_groups);
    else
        snprintf(out, TEXT, "median of %lld groups of output %lld", (long long)b->n_groups,
                 (long long)b->row);
    return out;
}

/* How it was seen, in a sentence. */
static void put_seen(qg_buf *out, const qg_blame *b)
{
    char error[32], usual[32];
    bool kernel = strcmp(b->cause, QG_CAUSE_KERNEL) == 0;

    qg_buf_text(out, "seen over ");
    if (b->prompt)
        qg_buf_format(out, "%s%s", strncmp(b->prompt, "document", 8) == 0 ? "" : "prompt ",
                      b->prompt);
    else
        qg_buf_text(out, "a text");
    qg_buf_format(out, " (%lld token%s)", (long long)b->n_tokens, b->n_tokens == 1 ? "" : "s");
    if (b->beside && b->tier && !kernel)
        qg_buf_format(out, ", kernels %s agree with %s", b->tier, b->beside);
    if (b->part)
        qg_buf_format(out, "; what it makes errs by %s of its size, in the other layers by %s",
                      error_text(error, b->error), error_text(usual, b->usual));
    if (b->n_more)
        qg_buf_format(out, "; %lld part%s behind it %s over a limit as well", (long long)b->n_more,
                      b->n_more == 1 ? "" : "s", b->n_more == 1 ? "is" : "are");
}

static void put_line(qg_buf *out, const char *name, double error)
{
    char text[32];

    qg_buf_format(out, "  %-44s %10s\n", name, error_text(text, error));
}

static void put_table(qg_buf *out, const qg_blame *b)
{
    char name[TEXT];

    for (size_t i = 0; i < b->n_groups_shown; i++)
        put_line(out, group_text(name, &b->groups[i]), b->groups[i].error);
    if (b->n_groups_shown)
        put_line(out, groups_of(name, b), b->group_median);
    for (size_t i = 0; i < b->n_rows_shown && b->row < 0; i++) {
        snprintf(name, sizeof name, "output %d", b->rows[i].row);
        put_line(out, name, b->rows[i].error);
    }
    if (b->n_rows_shown && b->row < 0)
        put_line(out, "median of all outputs", b->row_median);
}

/* Indices of the parts with the greatest errors; their number. */
static size_t worst_parts(size_t at[SHOWN], const qg_blame *b)
{
    size_t n = 0;

    for (size_t i = 0; i < b->n_parts; i++) {
        if (n == SHOWN && b->parts[i].error <= b->parts[at[n - 1]].error)
            continue;
        size_t to = n < SHOWN ? n++ : n - 1;
        for (; to > 0 && b->parts[at[to - 1]].error < b->parts[i].error; to--)
            at[to] = at[to - 1];
        at[to] = i;
    }
    return n;
}

static void part_text(char out[TEXT], const qg_blame_part *p)
{
    if (p->layer < 0)
        snprintf(out, TEXT, "%.40s", p->part);
    else
        snprintf(out, TEXT, "layer %lld %.40s", (long long)p->layer, p->part);
}

/* Where none stands out, those that err the most. */
static void put_worst(qg_buf *out, const qg_blame *b)
{
    size_t at[SHOWN], n = worst_parts(at, b);
    char name[TEXT];

    for (size_t i = 0; i < n && !b->part; i++) {
        part_text(name, &b->parts[at[i]]);
        put_line(out, name, b->parts[at[i]].error);
    }
}

void qg_blamed_lines(qg_buf *out, const qg_blame *b)
{
    qg_buf_format(out, "%s: %s\n", cause_text(b), b->message);
    if (b->fix)
        qg_buf_format(out, "%s\n", b->fix);
    put_seen(out, b);
    qg_buf_char(out, '\n');
    put_table(out, b);
    put_worst(out, b);
    if (b->bundle)
        qg_buf_format(out, "again: quantgate run %s\n", b->bundle);
}

/* ---- the page ---- */

static void put_cells(qg_buf *out, const char *name, double error)
{
    char text[32];

    qg_buf_text(out, "<tr>");
    qg_page_row_name(out, name);
    qg_page_number(out, error_text(text, error));
    qg_buf_text(out, "</tr>\n");
}

static void put_groups(qg_buf *out, const qg_blame *b)
{
    static const qg_page_column columns[] = {{"inputs that share a scale", false},
                                             {"error of weights", true}};
    char name[TEXT];

    if (!b->n_groups_shown)
        return;
    qg_page_table_begin(out, "error per group, worst first");
    qg_page_columns(out, columns, 2);
    qg_buf_text(out, "<tbody>\n");
    for (size_t i = 0; i < b->n_groups_shown; i++)
        put_cells(out, group_text(name, &b->groups[i]), b->groups[i].error);
    put_cells(out, groups_of(name, b), b->group_median);
    qg_buf_text(out, "</tbody>\n");
    qg_page_table_end(out);
}

static void put_rows(qg_buf *out, const qg_blame *b)
{
    static const qg_page_column columns[] = {{"output", false}, {"error of weights", true}};
    char name[32];

    if (!b->n_rows_shown)
        return;
    qg_page_table_begin(out, "error per output, worst first");
    qg_page_columns(out, columns, 2);
    qg_buf_text(out, "<tbody>\n");
    for (size_t i = 0; i < b->n_rows_shown; i++) {
        snprintf(name, sizeof name, "%d", b->rows[i].row);
        put_cells(out, name, b->rows[i].error);
    }
    put_cells(out, "median of all", b->row_median);
    qg_buf_text(out, "</tbody>\n");
    qg_page_table_end(out);
}

/* Columns of the map in the order in which they are first met. */
static size_t column_of(const char *names[MAX_COLUMNS], size_t *n, const char *part)
{
    size_t at = 0;

    while (at < *n && strcmp(names[at], part) != 0)
        at++;
    if (at == *n && *n < MAX_COLUMNS)
        names[(*n)++] = part;
    return at;
}

/* Errors of all parts of the layers. Parts that err nowhere have no column. */
static void put_map(qg_buf *out, qg_arena *scratch, const qg_blame *b)
{
    const char *names[MAX_COLUMNS];
    size_t n_columns = 0, n_rows = 0;

    for (size_t i = 0; i < b->n_parts; i++) {
        const qg_blame_part *p = &b->parts[i];
        if (p->layer < 0 || p->layer >= (int64_t)b->n_parts)
            continue;
        n_rows = (size_t)p->layer >= n_rows ? (size_t)p->layer + 1 : n_rows;
        if (p->error > 0)
            column_of(names, &n_columns, p->part);
    }
    double *values = QG_NEW_N(scratch, double, n_rows *n_columns + 1);
    int *rows = QG_NEW_N(scratch, int, n_rows + 1);
    out->failed = out->failed || !values || !rows;
    if (out->failed || !n_rows || !n_columns)
        return;
    for (size_t i = 0; i < n_rows * n_columns; i++)
        values[i] = NAN;
    for (size_t r = 0; r < n_rows; r++)
        rows[r] = (int)r;
    for (size_t i = 0; i < b->n_parts; i++) {
        const qg_blame_part *p = &b->parts[i];
        size_t known = n_columns, column = column_of(names, &known, p->part);
        if (p->layer >= 0 && (size_t)p->layer < n_rows && column < n_columns)
            values[(size_t)p->layer * n_columns + column] =
                p->error < QG_BLAME_ERROR_MAX ? p->error : NAN;
    }
    qg_heatmap_html(out, &(qg_heatmap){.title = "error of what each part makes",
                                       .columns = names,
                                       .rows = rows,
                                       .values = values,
                                       .n_columns = n_columns,
                                       .n_rows = n_rows});
}

static void put_paragraph(qg_buf *out, const char *before, const char *text)
{
    qg_buf_format(out, "<p>%s", before);
    qg_page_text(out, text);
    qg_buf_text(out, "</p>\n");
}

void qg_blamed_section(qg_buf *out, qg_arena *scratch, const qg_blame *b)
{
    qg_buf seen;

    qg_buf_init(&seen, scratch);
    put_seen(&seen, b);
    qg_buf_text(out, "<h4>");
    qg_page_text(out, cause_text(b));
    qg_buf_text(out, "</h4>\n");
    put_paragraph(out, "", b->message);
    if (b->fix)
        put_paragraph(out, "", b->fix);
    put_paragraph(out, "", seen.failed ? "" : seen.ptr);
    if (b->bundle)
        put_paragraph(out, "Again: quantgate run ", b->bundle);
    put_groups(out, b);
    put_rows(out, b);
    put_map(out, scratch, b);
    out->failed = out->failed || seen.failed;
}
