/* How a model was quantized, as HTML: recipe, what it cost, a heat map of layers and projections,
 * and the linears that lose most. A part of a run's page, or a page of its own. */
#ifndef QG_REPORT_QUANTIZED_PAGE_H
#define QG_REPORT_QUANTIZED_PAGE_H

#include "base/err.h"
#include "base/str.h"
#include "record/quantized.h"

/* A whole page about one quantization. Texts may hold any bytes; numbers that are not finite are
 * shown as none. Fails only when out of memory. */
qg_status qg_quantized_html(qg_buf *out, const char *title, const qg_quantized *q, qg_err *err);

/* The part of a page below a heading that the caller wrote; its own headings begin at `level`. The
 * page's head holds qg_heatmap_style(). Out of memory is said by out->failed. */
void qg_quantized_section(qg_buf *out, const qg_quantized *q, int level);

#endif
