/* What ThreadSanitizer must see, and what it must not, with gomp.c in OpenMP's place: each argument
 * runs one loop; exit 66 where it is called a race, 1 where its sum is wrong. ci/tsan.sh knows what
 * to expect. */
#include <stdio.h>
#include <string.h>

enum { N = 10000 };

static int cells[N];

static long add_up(void)
{
    long sum = 0;

    for (int i = 0; i < N; i++)
        sum += cells[i];
    return sum;
}

/* Iterations apart, and a sum that OpenMP folds. */
static long fine(void)
{
    long sum = 0;

#pragma omp parallel for schedule(dynamic, 8) reduction(+ : sum) num_threads(3)
    for (int i = 0; i < N; i++)
        sum += ++cells[i];
    return sum;
}

/* What one loop writes another reads, over the barrier between them. */
static long waits(void)
{
    static int copy[N];

#pragma omp parallel num_threads(3)
    {
#pragma omp for schedule(static)
        for (int i = 0; i < N; i++)
            copy[i] = 1;
#pragma omp for schedule(static)
        for (int i = 0; i < N; i++)
            cells[i] = copy[N - 1 - i];
    }
    return add_up();
}

/* The same without the barrier. */
static long hurries(void)
{
    static int copy[N];

#pragma omp parallel num_threads(3)
    {
#pragma omp for schedule(static) nowait
        for (int i = 0; i < N; i++)
            copy[i] = 1;
#pragma omp for schedule(static)
        for (int i = 0; i < N; i++)
            cells[i] = copy[N - 1 - i];
    }
    return N; /* whatever it is */
}

/* Iterations of a dynamic loop meet in one cell. */
static long overlaps(void)
{
#pragma omp parallel for schedule(dynamic, 8) num_threads(3)
    for (int i = 0; i < N; i++)
        cells[i % 100]++;
    return N;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        long (*run)(void);
    } loops[] = {{"fine", fine}, {"waits", waits}, {"hurries", hurries}, {"overlaps", overlaps}};

    for (size_t i = 0; argc > 1 && i < sizeof loops / sizeof *loops; i++)
        if (strcmp(argv[1], loops[i].name) == 0)
            return loops[i].run() == N ? 0 : 1;
    fputs("usage: race fine|waits|hurries|overlaps\n", stderr);
    return 2;
}
