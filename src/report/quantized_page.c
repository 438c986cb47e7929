/* How a model was quantized, as HTML: see quantized_page.h. The map's columns are projections in
 * the order in which the linears name them first, its rows the layers that occur; where a layer has
 * no such linear the cell is empty. */
#include "report/quantized_page.h"

#include "base/units.h"
#include "report/heatmap.h"
#include "report/page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_WORST = 12, MOST_PROJECTIONS = 32 };

/* ---- recipe ---- */

static const char *unit(char out[QG_UNIT_TEXT], qg_unit kind, int64_t value)
{
    return value > 0 ? qg_unit_print(out, kind, (double)value) : "";
}

static const char *share(char out[QG_UNIT_TEXT], double value)
{
    return qg_unit_print(out, QG_UNIT_SHARE, value);
}

static void put_sizes(qg_buf *out, const qg_quantized *q)
{
    char before[QG_UNIT_TEXT], after[QG_UNIT_TEXT], ratio[QG_UNIT_TEXT], text[4 * QG_UNIT_TEXT];

    if (q->bytes_before <= 0)
        return;
    snprintf(text, sizeof text, "%s of %s (%s)", unit(after, QG_UNIT_BYTES, q->bytes_after),
             unit(before, QG_UNIT_BYTES, q->bytes_before),
             share(ratio, (double)q->bytes_after / (double)q->bytes_before));
    qg_page_fact(out, "weights", text);
}

static void put_codes(qg_buf *out, const qg_quantized *q)
{
    char group[48] = "one scale an output", text[160];

    if (q->group_size > 0)
        snprintf(group, sizeof group, "groups of %d", q->group_size);
    snprintf(text, sizeof text, "%d bit, %s, %s%s%s", q->bits,
             q->symmetric ? "symmetric" : "with zero points", group,
             q->act_order ? ", inputs in the order of their magnitude" : "",
             q->static_groups ? ", static groups" : "");
    qg_page_fact(out, "codes", text);
}

static void put_calibration(qg_buf *out, const qg_quantized *q)
{
    char text[96];

    if (q->n_windows <= 0)
        return;
    snprintf(text, sizeof text, "%d windows of %d tokens", q->n_windows, q->window);
    qg_page_fact(out, "calibration", text);
    qg_page_fact(out, "hash of its ids", q->calibration_hash);
}

static void put_recipe(qg_buf *out, const qg_quantized *q)
{
    char wall[QG_UNIT_TEXT], peak[QG_UNIT_TEXT], error[QG_UNIT_TEXT], threads[16] = "";

    if (q->n_threads > 0)
        snprintf(threads, sizeof threads, "%d", q->n_threads);
    qg_page_facts_begin(out, false);
    qg_page_fact(out, "method", q->method);
    qg_page_fact(out, "stored as", q->format);
    put_codes(out, q);
    qg_page_fact(out, "activations", q->activations);
    put_calibration(out, q);
    put_sizes(out, q);
    qg_page_fact(out, "error of weights", share(error, q->weight_error));
    qg_page_fact(out, "time", unit(wall, QG_UNIT_DURATION, q->wall_ns));
    qg_page_fact(out, "peak memory", unit(peak, QG_UNIT_BYTES, q->peak_rss));
    qg_page_fact(out, "kernels", q->tier);
    qg_page_fact(out, "threads", threads);
    qg_page_fact(out, "plain model", q->source_hash);
    qg_page_facts_end(out);
}

/* ---- maps ---- */

typedef struct grid {
    const char *columns[MOST_PROJECTIONS];
    int *rows;
    double *weights, *outputs; /* [n_rows][n_columns] */
    size_t n_columns, n_rows;
    bool has_outputs;
} grid;

static int by_layer(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* n_columns where there is none. */
static size_t column_of(const grid *g, const char *projection)
{
    size_t c = 0;

    while (c < g->n_columns && !qg_str_is(qg_str_from(projection), g->columns[c]))
        c++;
    return c;
}

static bool list_columns(grid *g, const qg_quantized *q)
{
    for (size_t i = 0; i < q->n_linears; i++) {
        const char *projection = q->linears[i].projection;
        if (column_of(g, projection) < g->n_columns)
            continue;
        if (g->n_columns == MOST_PROJECTIONS)
            return false;
        g->columns[g->n_columns++] = projection;
    }
    return true;
}

static qg_status list_rows(grid *g, qg_arena *arena, const qg_quantized *q)
{
    g->rows = QG_NEW_N(arena, int, q->n_linears + 1);
    if (!g->rows)
        return QG_ENOMEM;
    for (size_t i = 0; i < q->n_linears; i++)
        g->rows[i] = q->linears[i].layer;
    qsort(g->rows, q->n_linears, sizeof *g->rows, by_layer);
    for (size_t i = 0; i < q->n_linears; i++)
        if (g->n_rows == 0 || g->rows[i] != g->rows[g->n_rows - 1])
            g->rows[g->n_rows++] = g->rows[i];
    return QG_OK;
}

static qg_status fill_cells(grid *g, qg_arena *arena, const qg_quantized *q)
{
    size_t n = g->n_rows * g->n_columns;

    g->weights = QG_NEW_N(arena, double, n);
    g->outputs = QG_NEW_N(arena, double, n);
    if (!g->weights || !g->outputs)
        return QG_ENOMEM;
    for (size_t i = 0; i < n; i++)
        g->weights[i] = g->outputs[i] = NAN;
    for (size_t i = 0; i < q->n_linears; i++) {
        const qg_quantized_linear *l = &q->linears[i];
        const int *row = bsearch(&l->layer, g->rows, g->n_rows, sizeof *g->rows, by_layer);
        size_t at = (size_t)(row - g->rows) * g->n_columns + column_of(g, l->projection);
        g->weights[at] = l->weight_error;
        if (l->is_calibrated)
            g->outputs[at] = l->output_error;
        g->has_outputs = g->has_outputs || l->is_calibrated;
    }
    return QG_OK;
}

static qg_status put_maps(qg_buf *out, const qg_quantized *q, int level)
{
    grid g = {0};

    qg_page_heading(out, level, NULL, "Errors by layer and projection");
    if (!list_columns(&g, q)) {
        qg_buf_format(out, "<p>No map: the linears have more than %d kinds.</p>\n",
                      MOST_PROJECTIONS);
        return QG_OK;
    }
    QG_PASS(list_rows(&g, out->arena, q));
    QG_PASS(fill_cells(&g, out->arena, q));
    qg_heatmap weights = {"error of weights", g.columns, g.rows, g.weights, g.n_columns, g.n_rows};
    qg_heatmap outputs = {"error of outputs", g.columns, g.rows, g.outputs, g.n_columns, g.n_rows};
    qg_buf_text(out, g.has_outputs
                         ? "<p class=\"soft\">Relative root mean squares: of what the weights make "
                           "of the calibration text, and of the weights. Each map has a scale of "
                           "its own.</p>\n"
                         : "<p class=\"soft\">Relative root mean squares.</p>\n");
    qg_buf_text(out, "<div class=\"maps\">\n");
    if (g.has_outputs)
        qg_heatmap_html(out, &outputs);
    qg_heatmap_html(out, &weights);
    qg_buf_text(out, "</div>\n");
    return QG_OK;
}

/* ---- linears that lose most ---- */

/* What the list is sorted by; an error that is no number comes last. */
static double error_of(const qg_quantized_linear *l)
{
    double e = l->is_calibrated ? l->output_error : l->weight_error;
    return isfinite(e) ? e : -1;
}

static int by_error(const void *a, const void *b)
{
    const qg_quantized_linear *x = *(const qg_quantized_linear *const *)a;
    const qg_quantized_linear *y = *(const qg_quantized_linear *const *)b;
    double ex = error_of(x), ey = error_of(y);

    if (ex != ey)
        return (ex < ey) - (ex > ey);
    return (x > y) - (x < y);
}

static const char *number(char out[QG_UNIT_TEXT], double value)
{
    snprintf(out, QG_UNIT_TEXT, isfinite(value) ? "%.3g" : "-", value);
    return out;
}

static void put_outliers(qg_buf *out, const qg_quantized_linear *l)
{
    char ratio[QG_UNIT_TEXT];

    qg_buf_text(out, "<td>");
    for (size_t i = 0; i < l->n_outliers; i++)
        qg_buf_format(out, "%s%d (%sx)", i ? ", " : "", l->outliers[i].input,
                      number(ratio, l->outliers[i].ratio));
    qg_buf_text(out, l->n_outliers ? "</td>" : "-</td>");
}

typedef struct column {
    qg_page_column shown;
    bool of_outputs; /* nothing to say without a calibration */
} column;

static void put_columns(qg_buf *out, bool with_outputs)
{
    static const column all[] = {
        {{"linear", false}, false},
        {{"shape", true}, false},
        {{"error of outputs", true}, true},
        {{"error of weights", true}, false},
        {{"clipped", true}, true},
        {{"strength", true}, true},
        {{"damp", true}, true},
        {{"dead inputs", true}, true},
        {{"time", true}, false},
        {{"inputs that stand out", false}, true},
    };
    qg_page_column shown[sizeof all / sizeof *all];
    size_t n = 0;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (with_outputs || !all[i].of_outputs)
            shown[n++] = all[i].shown;
    qg_page_columns(out, shown, n);
}

static void put_linear(qg_buf *out, const qg_quantized_linear *l, bool with_outputs)
{
    char text[QG_UNIT_TEXT];
    bool known = l->is_calibrated;

    qg_buf_text(out, "<tr>");
    qg_page_row_name(out, l->name);
    snprintf(text, sizeof text, "%d x %d", l->n, l->k);
    qg_page_number(out, text);
    if (with_outputs)
        qg_page_number(out, known ? share(text, l->output_error) : "-");
    qg_page_number(out, share(text, l->weight_error));
    if (with_outputs) {
        qg_page_number(out, known ? share(text, l->clipped) : "-");
        qg_page_number(out, l->is_scaled ? number(text, l->strength) : "-");
        qg_page_number(out, l->damp > 0 ? number(text, l->damp) : "-");
        snprintf(text, sizeof text, "%d", l->n_dead);
        qg_page_number(out, known ? text : "-");
    }
    qg_page_number(out, qg_unit_print(text, QG_UNIT_DURATION, (double)l->wall_ns));
    if (with_outputs)
        put_outliers(out, l);
    qg_buf_text(out, "</tr>\n");
}

static void put_meanings(qg_buf *out, bool with_outputs)
{
    if (with_outputs)
        qg_buf_text(out,
                    "<p class=\"soft\">Clipped: share of groups whose range was cut. Strength: "
                    "exponent of the inputs' magnitudes that was moved into what makes them. "
                    "Damp: share of the mean diagonal that was added. Inputs that stand out: "
                    "number, and magnitude against that of the median input.</p>\n");
}

static qg_status put_worst(qg_buf *out, const qg_quantized *q, int level)
{
    const qg_quantized_linear **all =
        QG_NEW_N(out->arena, const qg_quantized_linear *, q->n_linears + 1);
    bool with_outputs = false;

    if (!all)
        return QG_ENOMEM;
    for (size_t i = 0; i < q->n_linears; i++) {
        all[i] = &q->linears[i];
        with_outputs = with_outputs || q->linears[i].is_calibrated;
    }
    qsort(all, q->n_linears, sizeof *all, by_error);
    qg_page_heading(out, level, NULL, "Linears that lose most");
    qg_page_table_begin(out, "linears that lose most");
    put_columns(out, with_outputs);
    qg_buf_text(out, "<tbody>\n");
    for (size_t i = 0; i < q->n_linears && i < N_WORST; i++)
        put_linear(out, all[i], with_outputs);
    qg_buf_text(out, "</tbody>\n");
    qg_page_table_end(out);
    if (q->n_linears > N_WORST)
        qg_buf_format(out, "<p class=\"soft\">%zu more, all in " QG_QUANTIZED_FILE ".</p>\n",
                      q->n_linears - N_WORST);
    put_meanings(out, with_outputs);
    return QG_OK;
}

/* ---- the whole ---- */

void qg_quantized_section(qg_buf *out, const qg_quantized *q, int level)
{
    put_recipe(out, q);
    if (q->n_linears == 0)
        return;
    if (put_maps(out, q, level) != QG_OK || put_worst(out, q, level) != QG_OK)
        out->failed = true;
}

qg_status qg_quantized_html(qg_buf *out, const char *title, const qg_quantized *q, qg_err *err)
{
    qg_page_head(out, title);
    qg_heatmap_style(out);
    qg_page_body(out);
    qg_buf_text(out, "<main class=\"card\">\n");
    qg_page_heading(out, 1, NULL, title);
    qg_quantized_section(out, q, 2);
    qg_buf_text(out, "</main>\n");
    qg_page_end(out, NULL);
    return out->failed ? qg_fail(err, QG_ENOMEM, "out of memory") : QG_OK;
}
