/* What each tier file exports: a function that puts the file's kernels into their slots, and how
 * much scratch they want. Only table.c calls these; the kernels themselves are static in their
 * files.
 *
 * A new tier of an operation is a line here and a rung in table.c.
 */
#ifndef QGK_TIERS_H
#define QGK_TIERS_H

#include "kernels/qgk.h"

void qgk_embed_ref(qgk_table *t);
void qgk_norm_ref(qgk_table *t);
void qgk_layernorm_ref(qgk_table *t);
void qgk_rope_ref(qgk_table *t);
void qgk_attention_ref(qgk_table *t);
void qgk_activation_ref(qgk_table *t);
void qgk_argmax_ref(qgk_table *t);
void qgk_compare_ref(qgk_table *t);
void qgk_f16_ref(qgk_table *t);
void qgk_i8_ref(qgk_table *t);
void qgk_grouped_ref(qgk_table *t);
void qgk_gram_ref(qgk_table *t);
size_t qgk_attention_ref_scratch(const qgk_limits *limits);
size_t qgk_f16_ref_scratch(const qgk_limits *limits);
size_t qgk_i8_ref_scratch(const qgk_limits *limits);
size_t qgk_grouped_ref_scratch(const qgk_limits *limits);

/* over all of the ladder: portable.c */
void qgk_portable(qgk_table *t);
/* Fused operations from their parts, which the reference calls through the table. */
void qgk_portable_fused(qgk_table *t);

void qgk_embed_avx2(qgk_table *t);
void qgk_norm_avx2(qgk_table *t);
void qgk_layernorm_avx2(qgk_table *t);
void qgk_rope_avx2(qgk_table *t);
void qgk_attention_avx2(qgk_table *t);
void qgk_activation_avx2(qgk_table *t);
void qgk_argmax_avx2(qgk_table *t);
void qgk_compare_avx2(qgk_table *t);
void qgk_f16_avx2(qgk_table *t);
void qgk_i8_avx2(qgk_table *t);
void qgk_grouped_avx2(qgk_table *t);
void qgk_gram_avx2(qgk_table *t);
size_t qgk_attention_avx2_scratch(const qgk_limits *limits);
size_t qgk_f16_avx2_scratch(const qgk_limits *limits);
size_t qgk_i8_avx2_scratch(const qgk_limits *limits);
size_t qgk_grouped_scratch(const qgk_limits *limits); /* AVX2 and above */

void qgk_attention_avx512(qgk_table *t);
void qgk_activation_avx512(qgk_table *t);
void qgk_compare_avx512(qgk_table *t);
void qgk_f16_avx512(qgk_table *t);
void qgk_i8_avx512(qgk_table *t);
void qgk_grouped_avx512(qgk_table *t);
void qgk_gram_avx512(qgk_table *t);
size_t qgk_attention_avx512_scratch(const qgk_limits *limits);
size_t qgk_i8_avx512_scratch(const qgk_limits *limits);

void qgk_portable_cuda(qgk_table *t); /* over all the others: portable_cuda.cu */
void qgk_embed_cuda(qgk_table *t);
void qgk_norm_cuda(qgk_table *t);
void qgk_rope_cuda(qgk_table *t);
void qgk_attention_cuda(qgk_table *t);
void qgk_activation_cuda(qgk_table *t);
void qgk_argmax_cuda(qgk_table *t);
void qgk_f16_cuda(qgk_table *t);
void qgk_i8_cuda(qgk_table *t);
void qgk_grouped_cuda(qgk_table *t);
size_t qgk_attention_cuda_scratch(const qgk_limits *limits);
size_t qgk_i8_cuda_scratch(const qgk_limits *limits);
size_t qgk_grouped_cuda_scratch(const qgk_limits *limits);

#endif
