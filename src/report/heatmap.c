/* Heat maps: see heatmap.h. The path is a polyline in OKLab; a colour at t is the point at that
 * share of its length. Its corners were chosen by eye within the gamut of sRGB, lightness falling
 * from each to the next. Cells carry the number of a step as their class, and the style says the
 * colours of the steps for either theme. */
#include "report/heatmap.h"

#include "base/units.h"
#include "report/page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- colours ---- */

typedef struct lab {
    double l, a, b;
} lab;

static const lab path[] = {
    {0.975, -0.0022, 0.0249}, {0.870, 0.0182, 0.1034}, {0.755, 0.0889, 0.1270},
    {0.620, 0.1722, 0.0915},  {0.485, 0.1743, 0.0153}, {0.360, 0.1106, -0.0774},
    {0.235, 0.0317, -0.0680},
};
enum { N_CORNERS = sizeof path / sizeof *path };

static double distance(lab x, lab y)
{
    return sqrt((x.l - y.l) * (x.l - y.l) + (x.a - y.a) * (x.a - y.a) + (x.b - y.b) * (x.b - y.b));
}

static lab along(double t)
{
    double length = 0, rest;
    int i = 0;

    for (int k = 0; k + 1 < N_CORNERS; k++)
        length += distance(path[k], path[k + 1]);
    for (rest = t * length; i + 2 < N_CORNERS && rest > distance(path[i], path[i + 1]); i++)
        rest -= distance(path[i], path[i + 1]);
    double f = fmin(rest / distance(path[i], path[i + 1]), 1);
    return (lab){path[i].l + f * (path[i + 1].l - path[i].l),
                 path[i].a + f * (path[i + 1].a - path[i].a),
                 path[i].b + f * (path[i + 1].b - path[i].b)};
}

/* Linear light to a byte of sRGB (IEC 61966-2-1). */
static uint8_t encode(double x)
{
    x = fmin(fmax(x, 0), 1);
    x = x <= 0.0031308 ? 12.92 * x : 1.055 * pow(x, 1 / 2.4) - 0.055;
    return (uint8_t)lround(255 * x);
}

static double decode(uint8_t byte)
{
    double x = byte / 255.0;
    return x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4);
}

qg_rgb qg_heat_colour(double t)
{
    lab c = along(t > 0 ? fmin(t, 1) : 0);
    double l = pow(c.l + 0.3963377774 * c.a + 0.2158037573 * c.b, 3);
    double m = pow(c.l - 0.1055613458 * c.a - 0.0638541728 * c.b, 3);
    double s = pow(c.l - 0.0894841775 * c.a - 1.2914855480 * c.b, 3);

    return (qg_rgb){encode(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
                    encode(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
                    encode(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s)};
}

/* Contrast of WCAG 2.2: (lighter + 0.05) / (darker + 0.05) of relative luminances. */
bool qg_heat_wants_black_text(qg_rgb c)
{
    double y = 0.2126 * decode(c.r) + 0.7152 * decode(c.g) + 0.0722 * decode(c.b);

    return (y + 0.05) / 0.05 >= 1.05 / (y + 0.05);
}

/* ---- scale ---- */

qg_heat_scale qg_heat_scale_of(const double *values, size_t n)
{
    qg_heat_scale s = {0};

    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i]))
            continue;
        s.least = s.n ? fmin(s.least, values[i]) : values[i];
        s.greatest = s.n ? fmax(s.greatest, values[i]) : values[i];
        s.n++;
    }
    s.is_log = s.least > 0 && s.greatest / s.least > QG_HEAT_LOG_FROM;
    return s;
}

double qg_heat_scale_at(const qg_heat_scale *s, double value)
{
    double t = s->is_log ? (log(value) - log(s->least)) / (log(s->greatest) - log(s->least))
                         : (value - s->least) / (s->greatest - s->least);

    return t > 0 ? fmin(t, 1) : 0; /* also where 0 was divided by 0 */
}

int qg_heat_step(const qg_heat_scale *s, double value)
{
    int step = (int)(qg_heat_scale_at(s, value) * QG_HEAT_STEPS);

    return step < QG_HEAT_STEPS ? step : QG_HEAT_STEPS - 1;
}

double qg_heat_scale_middle(const qg_heat_scale *s)
{
    return s->is_log ? exp((log(s->least) + log(s->greatest)) / 2) : s->least / 2 + s->greatest / 2;
}

/* ---- HTML ---- */

const char *qg_heat_print(char out[QG_HEAT_TEXT], double share)
{
    double percent = 100 * share;
    double size = fabs(percent);
    const char *form = size < 0.995    ? "%.2f"
                       : size < 99.95  ? "%.1f"
                       : size < 9999.5 ? "%.0f"
                                       : "%.0e";

    if (!isfinite(percent))
        snprintf(out, QG_HEAT_TEXT, "\xe2\x80\x93");
    else if (percent > 0 && percent < 0.005)
        snprintf(out, QG_HEAT_TEXT, "<.01");
    else
        snprintf(out, QG_HEAT_TEXT, form, percent);
    return out;
}

static void put_colours(qg_buf *out, bool is_dark)
{
    for (int i = 0; i < QG_HEAT_STEPS; i++) {
        double t = i / (QG_HEAT_STEPS - 1.0);
        qg_rgb c = qg_heat_colour(is_dark ? 1 - t : t);
        qg_buf_format(out, ".h%d{background:#%02x%02x%02x;color:%s}\n", i, c.r, c.g, c.b,
                      qg_heat_wants_black_text(c) ? "#000" : "#fff");
    }
}

void qg_heatmap_style(qg_buf *out)
{
    qg_buf_text(out, "<style>\n");
    put_colours(out, false);
    qg_buf_text(out, "@media screen and (prefers-color-scheme:dark){\n");
    put_colours(out, true);
    qg_buf_text(out, "}\n</style>\n");
}

static void put_percent(qg_buf *out, double share)
{
    char text[QG_UNIT_TEXT];

    qg_buf_text(out, qg_unit_print(text, QG_UNIT_SHARE, share));
}

static void put_legend(qg_buf *out, const qg_heat_scale *s)
{
    qg_buf_text(out, "<p class=\"legend\"><span>");
    put_percent(out, s->least);
    qg_buf_text(out, "</span><span class=\"ramp\" aria-hidden=\"true\">");
    for (int i = 0; i < QG_HEAT_STEPS; i++)
        qg_buf_format(out, "<i class=\"h%d\"></i>", i);
    qg_buf_text(out, "</span><span>");
    put_percent(out, s->greatest);
    qg_buf_format(out, "</span><span class=\"kind\">%s scale, middle ",
                  s->is_log ? "logarithmic" : "linear");
    put_percent(out, qg_heat_scale_middle(s));
    qg_buf_text(out, "</span></p>\n");
}

static void put_cell(qg_buf *out, const qg_heat_scale *s, const char *row, const char *column,
                     double value)
{
    char text[QG_HEAT_TEXT];

    qg_buf_text(out, "<td");
    if (isfinite(value))
        qg_buf_format(out, " class=\"h%d\"", qg_heat_step(s, value));
    qg_buf_format(out, " title=\"%s ", row);
    qg_page_text(out, column);
    qg_buf_text(out, ": ");
    if (isfinite(value))
        put_percent(out, value);
    else
        qg_buf_text(out, "none");
    qg_buf_text(out, "\">");
    qg_page_text(out, qg_heat_print(text, value));
    qg_buf_text(out, "</td>");
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of the finite values of a column; NaN where there are none. The lower one of two in the middle.
 */
static double median(qg_buf *out, const qg_heatmap *map, size_t column)
{
    double *sorted = QG_NEW_N(out->arena, double, map->n_rows + 1);
    size_t n = 0;

    out->failed = out->failed || !sorted;
    for (size_t i = 0; sorted && i < map->n_rows; i++) {
        double v = map->values[i * map->n_columns + column];
        if (isfinite(v))
            sorted[n++] = v;
    }
    if (n == 0)
        return NAN;
    qsort(sorted, n, sizeof *sorted, by_value);
    return sorted[(n - 1) / 2];
}

static void put_rows(qg_buf *out, const qg_heatmap *map, const qg_heat_scale *s)
{
    char row[32];

    qg_buf_text(out, "<tr class=\"all\"><th scope=\"row\">median</th>");
    for (size_t c = 0; c < map->n_columns; c++)
        put_cell(out, s, "median of", map->columns[c], median(out, map, c));
    qg_buf_text(out, "</tr>\n");
    for (size_t r = 0; r < map->n_rows; r++) {
        snprintf(row, sizeof row, "layer %d", map->rows[r]);
        qg_buf_format(out, "<tr><th scope=\"row\">%d</th>", map->rows[r]);
        for (size_t c = 0; c < map->n_columns; c++)
            put_cell(out, s, row, map->columns[c], map->values[r * map->n_columns + c]);
        qg_buf_text(out, "</tr>\n");
    }
}

void qg_heatmap_html(qg_buf *out, const qg_heatmap *map)
{
    enum { DENSE_FROM = 48 };
    qg_heat_scale s = qg_heat_scale_of(map->values, map->n_rows * map->n_columns);

    qg_buf_format(out, "<figure class=\"heat%s\">\n<figcaption><b>",
                  map->n_rows >= DENSE_FROM ? " dense" : "");
    qg_page_text(out, map->title);
    qg_buf_text(out, "</b>, % by layer and projection</figcaption>\n");
    if (s.n > 0)
        put_legend(out, &s);
    qg_page_table_begin(out, map->title);
    qg_buf_text(out, "<thead><tr><th scope=\"col\">layer</th>");
    for (size_t c = 0; c < map->n_columns; c++) {
        qg_buf_text(out, "<th scope=\"col\">");
        qg_page_text(out, map->columns[c]);
        qg_buf_text(out, "</th>");
    }
    qg_buf_text(out, "</tr></thead>\n<tbody>\n");
    put_rows(out, map, &s);
    qg_buf_text(out, "</tbody>\n");
    qg_page_table_end(out);
    qg_buf_text(out, "</figure>\n");
}
