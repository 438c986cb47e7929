/* Heat maps of relative errors as HTML: a table with a number in every cell, so that it is read
 * without colours too, and a legend with both ends of the scale.
 *
 * Colours are a path through OKLab (Ottosson, "A perceptual color space for image processing",
 * 2020), walked at an even pace from pale yellow to dark violet: equal steps look equally far
 * apart. Lightness falls all the way, so that the order stays with any kind of colour blindness
 * and in grey. The style holds the path both ways: on a light page the greatest error is the
 * darkest, on a dark page the lightest, always farthest from the page.
 */
#ifndef QG_REPORT_HEATMAP_H
#define QG_REPORT_HEATMAP_H

#include "base/str.h"

typedef struct qg_rgb {
    uint8_t r, g, b;
} qg_rgb;

qg_rgb qg_heat_colour(double t);         /* 0: pale .. 1: dark; clamped, NaN is 0 */
bool qg_heat_wants_black_text(qg_rgb c); /* black on it has more contrast than white: 4.5 or
                                            more either way */

/* From the least to the greatest of the values that are finite. Logarithmic where all are above 0
 * and the greatest is more than QG_HEAT_LOG_FROM times the least. */
typedef struct qg_heat_scale {
    size_t n; /* finite values; 0: least and greatest are 0 */
    double least, greatest;
    bool is_log;
} qg_heat_scale;

#define QG_HEAT_LOG_FROM 10.0
enum { QG_HEAT_STEPS = 32 }; /* colours that cells have */

qg_heat_scale qg_heat_scale_of(const double *values, size_t n);
/* 0 for least to 1 for greatest; 0 where they are the same or the value is none. */
double qg_heat_scale_at(const qg_heat_scale *s, double value);
int qg_heat_step(const qg_heat_scale *s, double value); /* 0 .. QG_HEAT_STEPS - 1 */
double qg_heat_scale_middle(const qg_heat_scale *s);    /* the value at 0.5 */

enum { QG_HEAT_TEXT = 16 };
/* A share in percent, as short as a cell is: "0.43", "7.4", "143". Returns `out`. */
const char *qg_heat_print(char out[QG_HEAT_TEXT], double share);

typedef struct qg_heatmap {
    const char *title;          /* of what: "error of weights"                          */
    const char *const *columns; /* [n_columns]                                          */
    const int *rows;            /* [n_rows] numbers of layers                           */
    const double *values;       /* [n_rows][n_columns] shares; not finite: there is none */
    size_t n_columns, n_rows;
} qg_heatmap;

/* A <style> element with the colours: once a page, in its head. */
void qg_heatmap_style(qg_buf *out);
/* A <figure>: legend, then the table with the median of each column above the rows. Texts are
 * escaped. */
void qg_heatmap_html(qg_buf *out, const qg_heatmap *map);

#endif
