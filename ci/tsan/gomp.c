/* OpenMP's runtime in POSIX threads, for ThreadSanitizer (ci/tsan.sh).
 *
 * TSan does not see how libgomp's threads wait for each other, and would call everything a race. So
 * the programs are linked with this file in libgomp's place: it has what gcc's code calls for the
 * pragmas that we use, and no more, and each wait is one that TSan knows. A parallel region starts
 * its threads and joins them. Chunks of a dynamic loop go round: the k-th to thread k modulo the
 * threads, so that neighbours always meet in two of them, and nothing orders one after the other. A
 * region inside a region has one thread, as in libgomp.
 *
 * Sources: gcc/omp-builtins.def and libgomp/libgomp_g.h for the signatures, the OpenMP 4.5
 * specification for their meaning.
 */
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

int omp_get_max_threads(void);
int omp_get_num_threads(void);
int omp_get_thread_num(void);
void GOMP_parallel(void (*run)(void *), void *data, unsigned n_threads, unsigned flags);
void GOMP_parallel_loop_nonmonotonic_dynamic(void (*run)(void *), void *data, unsigned n_threads,
                                             long first, long end, long step, long chunk,
                                             unsigned flags);
void GOMP_barrier(void);
void GOMP_atomic_start(void);
void GOMP_atomic_end(void);
bool GOMP_loop_nonmonotonic_dynamic_next(long *from, long *to);
bool GOMP_loop_nonmonotonic_dynamic_start(long first, long end, long step, long chunk, long *from,
                                          long *to);
bool GOMP_loop_ull_nonmonotonic_dynamic_next(unsigned long long *from, unsigned long long *to);
bool GOMP_loop_ull_nonmonotonic_dynamic_start(bool up, unsigned long long first,
                                              unsigned long long end, unsigned long long step,
                                              unsigned long long chunk, unsigned long long *from,
                                              unsigned long long *to);
void GOMP_loop_end_nowait(void);

enum { MAX_THREADS = 64 };

typedef struct loop {
    long first, end, step, chunk;
    long next; /* iteration that this thread goes on with, from 0 */
} loop;

typedef struct team {
    void (*run)(void *);
    void *data;
    int n_threads;
    loop begun; /* of a region that is a loop and nothing else; step 0: none */
    pthread_barrier_t barrier;
} team;

static _Thread_local team *mine;
static _Thread_local int my_id;
static _Thread_local loop at_hand;
static pthread_mutex_t atomic_section = PTHREAD_MUTEX_INITIALIZER;

typedef struct start {
    team *team;
    int id;
} start;

static void work(team *t, int id)
{
    mine = t;
    my_id = id;
    at_hand = t->begun;
    at_hand.next = id * at_hand.chunk;
    t->run(t->data);
}

static void *begin(void *p)
{
    const start *s = p;

    work(s->team, s->id);
    return NULL;
}

int omp_get_max_threads(void)
{
    const char *wanted = getenv("OMP_NUM_THREADS");
    int n = wanted ? atoi(wanted) : 0;

    return n > 0 && n <= MAX_THREADS ? n : 2;
}

int omp_get_num_threads(void)
{
    return mine ? mine->n_threads : 1;
}

int omp_get_thread_num(void)
{
    return mine ? my_id : 0;
}

static void run_region(void (*run)(void *), void *data, unsigned n_threads, loop begun)
{
    team t = {.run = run, .data = data, .begun = begun};
    team *outer = mine;
    int outer_id = my_id;
    loop outer_loop = at_hand;
    pthread_t threads[MAX_THREADS];
    start starts[MAX_THREADS];

    t.n_threads = outer ? 1 : n_threads ? (int)n_threads : omp_get_max_threads();
    assert(t.n_threads <= MAX_THREADS);
    pthread_barrier_init(&t.barrier, NULL, (unsigned)t.n_threads);
    for (int i = 1; i < t.n_threads; i++) {
        starts[i] = (start){&t, i};
        if (pthread_create(&threads[i], NULL, begin, &starts[i]) != 0)
            abort();
    }
    work(&t, 0);
    for (int i = 1; i < t.n_threads; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&t.barrier);
    mine = outer;
    my_id = outer_id;
    at_hand = outer_loop;
}

void GOMP_parallel(void (*run)(void *), void *data, unsigned n_threads, unsigned flags)
{
    (void)flags;
    run_region(run, data, n_threads, (loop){0});
}

void GOMP_parallel_loop_nonmonotonic_dynamic(void (*run)(void *), void *data, unsigned n_threads,
                                             long first, long end, long step, long chunk,
                                             unsigned flags)
{
    (void)flags;
    run_region(run, data, n_threads, (loop){first, end, step, chunk > 0 ? chunk : 1, 0});
}

void GOMP_barrier(void)
{
    if (mine)
        pthread_barrier_wait(&mine->barrier);
}

void GOMP_atomic_start(void)
{
    pthread_mutex_lock(&atomic_section);
}

void GOMP_atomic_end(void)
{
    pthread_mutex_unlock(&atomic_section);
}

/* ---- dynamic loops: iterations from `first`, not reaching `end` ---- */

bool GOMP_loop_nonmonotonic_dynamic_next(long *from, long *to)
{
    loop *l = &at_hand;
    long n = (l->end - l->first + l->step + (l->step > 0 ? -1 : 1)) / l->step;
    long last = l->next + l->chunk < n ? l->next + l->chunk : n;

    if (l->next >= n)
        return false;
    *from = l->first + l->next * l->step;
    *to = l->first + last * l->step;
    l->next += l->chunk * omp_get_num_threads();
    return true;
}

bool GOMP_loop_nonmonotonic_dynamic_start(long first, long end, long step, long chunk, long *from,
                                          long *to)
{
    chunk = chunk > 0 ? chunk : 1;
    at_hand = (loop){first, end, step, chunk, my_id * chunk};
    return GOMP_loop_nonmonotonic_dynamic_next(from, to);
}

bool GOMP_loop_ull_nonmonotonic_dynamic_next(unsigned long long *from, unsigned long long *to)
{
    long a, b;
    bool more = GOMP_loop_nonmonotonic_dynamic_next(&a, &b);

    if (more) {
        *from = (unsigned long long)a;
        *to = (unsigned long long)b;
    }
    return more;
}

bool GOMP_loop_ull_nonmonotonic_dynamic_start(bool up, unsigned long long first,
                                              unsigned long long end, unsigned long long step,
                                              unsigned long long chunk, unsigned long long *from,
                                              unsigned long long *to)
{
    long a, b;

    (void)up; /* a step down is a negative one, modulo 2^64 */
    if (!GOMP_loop_nonmonotonic_dynamic_start((long)first, (long)end, (long)step, (long)chunk, &a,
                                              &b))
        return false;
    *from = (unsigned long long)a;
    *to = (unsigned long long)b;
    return true;
}

void GOMP_loop_end_nowait(void)
{
}
