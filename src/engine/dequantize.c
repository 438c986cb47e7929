/* Weights from disk, see dequantize.h: the parts are found as for loading (engine/parts), so what
 * is read has the dtypes and shapes that the method lists. */
#include "engine/dequantize.h"

#include "engine/parts.h"

static qg_status find_order(qg_dequantizer *d, qg_arena *arena, qg_err *err)
{
    int32_t *order;

    if (!d->method->order)
        return QG_OK;
    order = QG_NEW_N(arena, int32_t, (size_t)d->bits.shape.k);
    QG_NEED(order, err);
    if (d->method->order(order, &d->bits))
        d->order = order;
    return QG_OK;
}

qg_status qg_dequantizer_find(qg_dequantizer *out, qg_arena *arena, const qg_checkpoint *checkpoint,
                              const qg_storage *storage, const qg_item *item, qg_err *err)
{
    qg_slab planning = {0};
    const qg_tensor *seen[QGK_MAX_PARTS];
    qg_placer placer = {.checkpoint = checkpoint,
                        .storage = storage,
                        .slab = &planning,
                        .arena = arena,
                        .seen = seen};
    qg_parts p;

    QG_PASS(qg_parts_find(&placer, &p, item->name, item->n, item->k, qg_item_is_quantizable(item),
                          err));
    qgk_format format = p.method->format(p.bits.config);
    *out = (qg_dequantizer){
        .method = p.method,
        .bits = p.bits,
        .runs_bits = format == QGK_FORMAT_F16 ? 0 : p.bits.shape.bits,
        .rounds_inputs = format == QGK_FORMAT_W8A8,
    };
    if (p.method->marker < 0) { /* plain on disk, whatever is made of it */
        out->method = qgk_method_find("fp16");
        out->bits.shape.group = out->bits.shape.bits = 0;
    }
    out->stored_bits = out->bits.shape.bits;
    out->group = out->bits.shape.group ? out->bits.shape.group : item->k;
    return find_order(out, arena, err);
}

void qg_dequantize_row(float *row, const qg_dequantizer *d, int n)
{
    d->method->oracle(row, &d->bits, n);
}
