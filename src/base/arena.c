/* Arenas: see arena.h.
 *
 * A list of blocks, newest first, each at least twice the size of the one before up to 1 MiB; a
 * request larger than that gets a block of its own. Deferred calls are nodes inside the arena,
 * newest first, so a rewind runs those newer than the mark before it gives their memory back.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct block {
    struct block *prev;
    size_t size, used;
} block;

typedef struct deferred {
    struct deferred *prev;
    void (*fn)(void *);
    void *data;
} deferred;

struct qg_arena {
    block *top;
    deferred *last;
    size_t next_size;
};

enum { ALIGN = 16, FIRST_BLOCK = 4096, LAST_BLOCK = 1 << 20 };
#define HEAD ((sizeof(block) + ALIGN - 1) / ALIGN * ALIGN)

static long fail_countdown;

static bool fault(void)
{
    return fail_countdown > 0 && --fail_countdown == 0;
}

bool qg_arena_fail_after(long n)
{
    bool waiting = fail_countdown > 0;
    fail_countdown = n;
    return waiting;
}

void *qg_mem_alloc(size_t n)
{
    return fault() ? NULL : malloc(n ? n : 1);
}

void *qg_mem_realloc(void *p, size_t n)
{
    return fault() ? NULL : realloc(p, n ? n : 1);
}

void qg_mem_free(void *p)
{
    free(p);
}

qg_arena *qg_arena_create(void)
{
    qg_arena *a = qg_mem_alloc(sizeof *a);
    if (a)
        *a = (qg_arena){.next_size = FIRST_BLOCK};
    return a;
}

static void run_deferred(qg_arena *a, const deferred *until)
{
    while (a->last != until) {
        deferred *d = a->last;
        a->last = d->prev;
        d->fn(d->data);
    }
}

void qg_arena_free(qg_arena *a)
{
    if (!a)
        return;
    run_deferred(a, NULL);
    while (a->top) {
        block *b = a->top;
        a->top = b->prev;
        free(b);
    }
    free(a);
}

static bool grow(qg_arena *a, size_t need)
{
    size_t size = a->next_size > need ? a->next_size : need;
    if (size > SIZE_MAX - HEAD)
        return false;
    block *b = malloc(HEAD + size);
    if (!b)
        return false;
    *b = (block){.prev = a->top, .size = size};
    a->top = b;
    if (a->next_size < LAST_BLOCK)
        a->next_size *= 2;
    return true;
}

void *qg_arena_alloc(qg_arena *a, size_t n)
{
    if (fault() || n > SIZE_MAX - ALIGN - HEAD)
        return NULL;
    n = n ? (n + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
    if ((!a->top || a->top->size - a->top->used < n) && !grow(a, n))
        return NULL;
    void *p = (char *)a->top + HEAD + a->top->used;
    a->top->used += n;
    return memset(p, 0, n);
}

void *qg_arena_array(qg_arena *a, size_t count, size_t size)
{
    size_t n;
    return __builtin_mul_overflow(count, size, &n) ? NULL : qg_arena_alloc(a, n);
}

void *qg_arena_copy(qg_arena *a, const void *data, size_t n)
{
    void *p = qg_arena_alloc(a, n);
    if (p && n)
        memcpy(p, data, n);
    return p;
}

char *qg_arena_format(qg_arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *s = n < 0 ? NULL : qg_arena_alloc(a, (size_t)n + 1);
    if (!s)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(s, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return s;
}

bool qg_arena_defer(qg_arena *a, void (*fn)(void *data), void *data)
{
    deferred *d = QG_NEW(a, deferred);
    if (!d)
        return false;
    *d = (deferred){.prev = a->last, .fn = fn, .data = data};
    a->last = d;
    return true;
}

qg_arena_mark qg_arena_here(const qg_arena *a)
{
    return (qg_arena_mark){a->top, a->top ? a->top->used : 0, a->last};
}

void qg_arena_rewind(qg_arena *a, qg_arena_mark mark)
{
    run_deferred(a, mark.deferred);
    while (a->top && a->top != mark.block) {
        block *b = a->top;
        a->top = b->prev;
        free(b);
    }
    if (a->top)
        a->top->used = mark.used;
}
