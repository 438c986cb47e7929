/* A slab: one buffer that is dealt out in pieces, by the same code that said how large it must be.
 *
 * The code that lays out a slab runs twice: with base NULL it only adds up `used`, then, over a
 * buffer of that size, it hands out the pieces. So what was planned and what is allocated cannot
 * differ. Pieces are aligned to 64 bytes; a sum that overflows stays at QG_SLAB_MAX.
 */
#ifndef QG_ENGINE_SLAB_H
#define QG_ENGINE_SLAB_H

#include <stddef.h>
#include <stdint.h>

enum { QG_SLAB_ALIGN = 64 };
#define QG_SLAB_MAX ((size_t)INT64_MAX / 8)

typedef struct qg_slab {
    char *base; /* NULL: planning */
    size_t used;
} qg_slab;

/* NULL while planning. */
static inline void *qg_slab_take(qg_slab *s, size_t count, size_t size)
{
    size_t bytes, from = s->used;

    if (__builtin_mul_overflow(count, size, &bytes) || bytes > QG_SLAB_MAX - from)
        s->used = QG_SLAB_MAX;
    else
        s->used = from + (bytes + QG_SLAB_ALIGN - 1) / QG_SLAB_ALIGN * QG_SLAB_ALIGN;
    return s->base ? s->base + from : NULL;
}

#endif
