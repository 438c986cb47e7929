/* The program of the unit tests: runs every suite whose file the tree holds (`*_check.c`, listed by
 * the Makefile in the generated check_suites.h). CK_RUN_SUITE=name_check runs one; each test is a
 * process.
 *
 * QG_CHECK_JOBS=N runs N suites at a time, each in a process of its own, the long ones first, so
 * that none is left to run alone at the end; counts lie in memory that all share. When a suite
 * ends, it prints a line with its time, and what failed.
 */
#include "check_suites.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_JOBS = 64 };

static const struct suite {
    const char *name;
    Suite *(*make)(void);
} suites[] = {
#define X(name) {#name, name},
    QG_CHECK_SUITES(X)
#undef X
};
enum { N_SUITES = sizeof suites / sizeof *suites };

/* A name that is no suite's any more only costs time. */
static const char *const long_ones[] = {
    "culprit_check",       "vectors_check",  "measure_check",  "calibrated_check",
    "gptq_rounding_check", "cli_check",      "quantize_check", "cmd_history_check",
    "evidence_check",      "cmd_eval_check",
};
enum { N_LONG = sizeof long_ones / sizeof *long_ones };

typedef struct counts {
    atomic_int n_run, n_failed, n_errors;
} counts;

static int long_rank(const struct suite *s)
{
    int i = 0;

    while (i < N_LONG && strcmp(s->name, long_ones[i]) != 0)
        i++;
    return i;
}

/* Which suite is the n-th to start. */
static const struct suite *suite_at(int n)
{
    for (int rank = 0; rank <= N_LONG; rank++)
        for (int i = 0; i < N_SUITES; i++)
            if (long_rank(&suites[i]) == rank && n-- == 0)
                return &suites[i];
    return NULL;
}

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* CPU time of this process, whose fixtures serve all tests of a case, and of the tests that ended.
 */
static double spent_s(void)
{
    static const int whose[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    double s = 0;

    for (size_t i = 0; i < sizeof whose / sizeof *whose; i++) {
        struct rusage u;
        getrusage(whose[i], &u);
        s += (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
             (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
    }
    return s;
}

static void run_suite(const struct suite *s, counts *all)
{
    SRunner *runner = srunner_create(s->make());
    double start = now_s(), spent = spent_s();

    srunner_run_all(runner, CK_SILENT);
    int n = srunner_ntests_run(runner), n_failed = srunner_ntests_failed(runner), n_errors = 0;
    TestResult **results = srunner_failures(runner);
    for (int i = 0; i < n_failed; i++)
        n_errors += tr_rtype(results[i]) == CK_ERROR;
    free(results);
    printf("%6.1f s, CPU %6.1f s  %4d checks, %d failed  %s\n", now_s() - start, spent_s() - spent,
           n, n_failed, s->name);
    if (n_failed > 0)
        srunner_print(runner, CK_NORMAL);
    fflush(stdout);
    atomic_fetch_add(&all->n_run, n);
    atomic_fetch_add(&all->n_failed, n_failed - n_errors);
    atomic_fetch_add(&all->n_errors, n_errors);
    srunner_free(runner);
}

/* Starts a suite in a process of its own, whose memory no other test has grown. */
static pid_t start_suite(const struct suite *s, counts *all)
{
    static char buffer[1 << 20]; /* what a suite prints leaves in one piece */
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    run_suite(s, all);
    exit(EXIT_SUCCESS);
}

static int run_in_jobs(int n_jobs)
{
    counts *all =
        mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int n_started = 0, n_running = 0, n_broken = 0;

    if (all == MAP_FAILED)
        return EXIT_FAILURE;
    fflush(stdout);
    while (n_started < N_SUITES || n_running > 0) {
        int status;
        if (n_started < N_SUITES && n_running < n_jobs) {
            bool started = start_suite(suite_at(n_started++), all) > 0;
            n_running += started;
            n_broken += !started;
        } else if (wait(&status) > 0) {
            n_running--;
            n_broken += !(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
        }
    }
    int n = all->n_run, n_bad = all->n_failed + all->n_errors;
    if (n_broken > 0)
        printf("%d suites broke off\n", n_broken);
    printf("%d%%: Checks: %d, Failures: %d, Errors: %d\n", n > 0 ? (n - n_bad) * 100 / n : 0, n,
           all->n_failed, all->n_errors);
    return n_bad + n_broken == 0 && n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_as_asked(void)
{
    SRunner *runner = srunner_create(NULL);

    for (int i = 0; i < N_SUITES; i++)
        srunner_add_suite(runner, suites[i].make());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(void)
{
    const char *jobs = getenv("QG_CHECK_JOBS");
    int n_jobs = jobs && !getenv("CK_RUN_SUITE") ? atoi(jobs) : 1;

    return n_jobs > 1 && n_jobs <= MAX_JOBS ? run_in_jobs(n_jobs) : run_as_asked();
}
