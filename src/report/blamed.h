/* What reports say of a blame (record/blame.h): the same lines everywhere, and a section for pages.
 */
#ifndef QG_REPORT_BLAMED_H
#define QG_REPORT_BLAMED_H

#include "base/str.h"
#include "record/blame.h"

/* One fact a line, each ended by a newline:
 *
 *     at fault, the checkpoint: layer 1 down: the weights of output 0 over inputs 0 to 63 are ...
 *     make 'm/awq' again, or restore 'model.layers.1.mlp.down_proj' in it
 *     seen over prompt p10 (19 tokens), kernels avx2 agree with ref; its outputs err 0.077, ...
 *       group 0, inputs 0 to 63     0.33
 *       median of 12 groups        0.092
 *     again: quantgate run out/bundles/awq-quality
 *
 * Lines that begin with blanks are a table, at most 60 columns wide. */
void qg_blamed_lines(qg_buf *out, const qg_blame *b);

/* The same as part of a page: text, tables, and a heat map of all parts by layer. */
void qg_blamed_section(qg_buf *out, qg_arena *scratch, const qg_blame *b);

#endif
