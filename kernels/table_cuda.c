/* The CUDA rung of the ladder: every slot of a forward pass; and the portable tier over it. */
#include "kernels/tiers.h"

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t scratch_cuda(const qgk_limits *limits)
{
    unsigned grouped = 1u << QGK_FORMAT_W8A16 | 1u << QGK_FORMAT_W4A16;

    return larger(qgk_attention_cuda_scratch(limits),
                  larger(limits->formats >> QGK_FORMAT_W8A8 & 1 ? qgk_i8_cuda_scratch(limits) : 0,
                         limits->formats & grouped ? qgk_grouped_cuda_scratch(limits) : 0));
}

void qgk_table_init_cuda(qgk_table *t, unsigned features)
{
    t->tier = "cuda";
    t->act_bytes = (int)sizeof(qgk_half);
    t->max_head_dim = 256;
    t->scratch_bytes = scratch_cuda;
    qgk_embed_cuda(t);
    qgk_norm_cuda(t);
    qgk_rope_cuda(t);
    qgk_attention_cuda(t);
    qgk_activation_cuda(t);
    qgk_argmax_cuda(t);
    qgk_f16_cuda(t);
    qgk_i8_cuda(t);
    qgk_grouped_cuda(t);
    if (features & QGK_PORTABLE)
        qgk_portable_cuda(t);
}
