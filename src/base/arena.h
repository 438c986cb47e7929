/* Arenas: memory with one owner and one end.
 *
 * An arena hands out zeroed memory that lives until the arena is freed or rewound past it. Whoever
 * creates an arena frees it; a function allocates only from an arena that it was given, and nothing
 * frees its argument. Other things that must end with the memory (mappings, device buffers, files)
 * are registered with qg_arena_defer() and run last in, first out.
 *
 * Every allocation of the program goes through the fault counter of this file, so that tests can
 * make the n-th one fail: callers must handle NULL (QG_NEED in err.h). Arenas are not thread-safe.
 */
#ifndef QG_BASE_ARENA_H
#define QG_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct qg_arena qg_arena;
typedef struct qg_arena_mark {
    void *block;
    size_t used;
    void *deferred;
} qg_arena_mark;

qg_arena *qg_arena_create(void); /* NULL when out of memory */
void qg_arena_free(qg_arena *a); /* NULL is fine; runs what was deferred */

/* Zeroed, aligned to 16 bytes; NULL when out of memory. n = 0 gives a unique pointer. */
void *qg_arena_alloc(qg_arena *a, size_t n);
/* count * size, NULL on overflow as well. */
void *qg_arena_array(qg_arena *a, size_t count, size_t size);
void *qg_arena_copy(qg_arena *a, const void *data, size_t n);
char *qg_arena_format(qg_arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define QG_NEW(arena, type)          ((type *)qg_arena_alloc((arena), sizeof(type)))
#define QG_NEW_N(arena, type, count) ((type *)qg_arena_array((arena), (count), sizeof(type)))

/* Runs fn(data) when the arena ends or is rewound past this point. False when out of memory: then
 * fn was not registered and the caller must undo at once. */
bool qg_arena_defer(qg_arena *a, void (*fn)(void *data), void *data);

/* Gives back all that was allocated and deferred since the mark. */
qg_arena_mark qg_arena_here(const qg_arena *a);
void qg_arena_rewind(qg_arena *a, qg_arena_mark mark);

/* The program's malloc and free for the few that cannot use an arena (libraries with allocator
 * hooks, backend buffers): counted by the fault counter as well. */
void *qg_mem_alloc(size_t n);
void *qg_mem_realloc(void *p, size_t n);
void qg_mem_free(void *p);

/* Tests: the n-th allocation from now on fails (once); 0 switches this off. Returns whether the
 * previous setting was still waiting to fire, so that a loop over n ends when it was not reached.
 */
bool qg_arena_fail_after(long n);

#endif
