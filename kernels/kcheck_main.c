/* kcheck: proves every kernel tier that this CPU has, and times them with --bench.
 *
 * Before the run it plants each kind of fault in a small case and demands that the harness finds
 * it. Exit 0: all proved; 1: something failed; 2: wrong arguments.
 */
#include "kernels/kcheck.h"

#include <getopt.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char usage[] =
    "usage: kcheck [--case GLOB] [--tier NAME] [--seed N] [--threads N] [--list]\n"
    "              [--most N] [--bench] [--csv] [--break FAULT]\n"
    "Proves every kernel of every tier that this CPU has; --bench also times them.\n"
    "--most leaves out shapes of real models that take more than N multiplications.\n";

/* Every fault must turn every case red that can hold it. */
static int finds_faults(kc_options options)
{
    int blind = 0;

    options.bench = options.list = 0;
    options.only = "*_selftest";
    options.tier = NULL;
    for (int i = 0; kc_faults[i]; i++) {
        options.fault = kc_faults[i];
#ifdef QG_SANITIZED
        if (strcmp(options.fault, "canary") == 0)
            continue; /* the sanitizer itself would stop the program */
#endif
        kc_counts c = kc_run(&options);
        if (c.passed > 0 || c.failed == 0) {
            printf("FAIL kcheck is blind to a planted fault: %s\n", kc_faults[i]);
            blind++;
        }
    }
    return blind;
}

int main(int argc, char **argv)
{
    enum { CASE = 1, TIER, SEED, THREADS, MOST, LIST, BENCH, CSV, BREAK };
    static const struct option long_options[] = {{"case", 1, 0, CASE},   {"tier", 1, 0, TIER},
                                                 {"seed", 1, 0, SEED},   {"threads", 1, 0, THREADS},
                                                 {"most", 1, 0, MOST},   {"list", 0, 0, LIST},
                                                 {"bench", 0, 0, BENCH}, {"csv", 0, 0, CSV},
                                                 {"break", 1, 0, BREAK}, {0, 0, 0, 0}};
    int n_cpus = omp_get_max_threads();
    kc_options o = {.seed = (uint64_t)time(NULL), .n_threads = n_cpus < 8 ? n_cpus : 8};

    for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;)
        switch (option) {
        case CASE:
            o.only = optarg;
            break;
        case TIER:
            o.tier = optarg;
            break;
        case SEED:
            o.seed = strtoull(optarg, NULL, 0);
            break;
        case THREADS:
            o.n_threads = atoi(optarg) > 0 ? atoi(optarg) : 1;
            break;
        case MOST:
            o.most = atof(optarg);
            break;
        case LIST:
            o.list = 1;
            break;
        case CSV:
            o.csv = 1; /* fall through */
        case BENCH:
            o.bench = 1;
            break;
        case BREAK:
            o.fault = optarg;
            break;
        default:
            fputs(usage, stderr);
            return 2;
        }
    int blind = o.list || o.fault ? 0 : finds_faults(o);
    if (!o.list && !o.csv)
        printf("seed %llu, %d threads\n", (unsigned long long)o.seed, o.n_threads);
    kc_counts c = kc_run(&o);
    if (!o.list)
        fprintf(o.csv ? stderr : stdout, "%d passed, %d failed\n", c.passed, c.failed + blind);
    return c.failed + blind ? EXIT_FAILURE : EXIT_SUCCESS;
}
