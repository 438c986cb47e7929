/* Unit tests of backend: look-up by name, buffers and their account, threads that may be used. */
#include "backend/backend.h"

#include "check_suites.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

static qg_arena *arena;
static qg_err err;

static void setup(void)
{
    arena = qg_arena_create();
    ck_assert_ptr_nonnull(arena);
    qg_err_clear(&err);
}

static void teardown(void)
{
    qg_arena_free(arena);
}

static qg_backend *open_with(qg_backend_options o)
{
    qg_backend *b = NULL;

    ck_assert_int_eq(qg_backend_open(&b, arena, &o, &err), QG_OK);
    return b;
}

START_TEST(names_are_known_or_refused)
{
    qg_backend *b;

    ck_assert_str_eq(open_with((qg_backend_options){"cpu", "auto", 0})->name, "cpu");
    ck_assert_str_eq(open_with((qg_backend_options){0})->name, "cpu");
    ck_assert_str_eq(open_with((qg_backend_options){"cpu", "ref", 0})->table.tier, "ref");
    /* no machine has so many; without a GPU, driver or backend that is said instead */
    ck_assert_int_eq(qg_backend_open(&b, arena, &(qg_backend_options){"cuda:999", NULL, 0}, &err),
                     QG_EDEVICE);
    ck_assert(strstr(err.message, "'cuda:999' is out of range") ||
              strstr(err.message, "not built in") || strstr(err.message, "driver") ||
              strstr(err.message, "no CUDA device"));
    qg_err_clear(&err);
    ck_assert_int_eq(qg_backend_open(&b, arena, &(qg_backend_options){"gpu", NULL, 0}, &err),
                     QG_EARG);
    ck_assert_str_eq(err.message, "unknown device 'gpu', expected cpu, cuda, cuda:N or auto");
    qg_err_clear(&err);
    /* a mistake is not taken for an absent device */
    ck_assert_int_eq(qg_backend_open(&b, arena, &(qg_backend_options){"auto", "fast", 0}, &err),
                     QG_EARG);
    ck_assert_str_eq(err.message,
                     "unknown kernel tier 'fast', expected ref, avx2, avx512, portable or auto");
}
END_TEST

START_TEST(buffers_are_zero_aligned_and_counted)
{
    static const size_t sizes[] = {0, 1, 64, 65, 65536, 65537, 1 << 21};
    qg_backend *b = open_with((qg_backend_options){0});
    int64_t total = 0;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        void *p;
        ck_assert_int_eq(b->alloc(&p, b, sizes[i], QG_PURPOSE_ACTIVATIONS, &err), QG_OK);
        ck_assert_uint_eq((uintptr_t)p % 64, 0);
        size_t n_zero = 0;
        while (n_zero < sizes[i] && ((char *)p)[n_zero] == 0)
            n_zero++;
        ck_assert_uint_eq(n_zero, sizes[i]);
        memset(p, 1, sizes[i]);
        total += (int64_t)(sizes[i] + 63) / 64 * 64;
        ck_assert_int_eq(b->ledger.bytes[QG_PURPOSE_ACTIVATIONS], total);
    }
    qg_backend_count_mapped(b, 1001);
    ck_assert_int_eq(b->ledger.mapped, 1001);
    ck_assert_int_eq(b->ledger.bytes[QG_PURPOSE_WEIGHTS], 1001);
    ck_assert_int_eq(qg_ledger_total(&b->ledger), total + 1001);
}
END_TEST

START_TEST(too_much_is_out_of_memory_with_the_amount)
{
    qg_backend *b = open_with((qg_backend_options){0});
    void *p;

    ck_assert_int_eq(b->alloc(&p, b, (size_t)1 << 62, QG_PURPOSE_KV_CACHE, &err), QG_ENOMEM);
    ck_assert_str_eq(err.message,
                     "out of memory: cannot allocate 4611686018427387904 bytes for kv_cache");
    ck_assert_int_eq(qg_ledger_total(&b->ledger), 0);
    for (long n = 1; n <= 2; n++) {
        qg_arena_fail_after(n);
        ck_assert_int_eq(b->alloc(&p, b, 100000, QG_PURPOSE_WEIGHTS, NULL), QG_ENOMEM);
        qg_arena_fail_after(0);
    }
}
END_TEST

START_TEST(scratch_is_workspace)
{
    qg_backend *b = open_with((qg_backend_options){0});
    qgk_limits limits = {.n_threads = b->ctx.n_threads,
                         .max_rows = 8,
                         .max_seqs = 2,
                         .max_k = 512,
                         .max_n = 512,
                         .max_len = 128,
                         .n_heads = 4,
                         .head_dim = 32,
                         .formats = 1u << QGK_FORMAT_F16};
    size_t bytes = b->table.scratch_bytes(&limits);

    ck_assert_int_eq(qg_backend_reserve_scratch(b, &limits, &err), QG_OK);
    ck_assert_ptr_nonnull(b->ctx.scratch);
    ck_assert_uint_eq(b->ctx.scratch_bytes, bytes);
    ck_assert_int_eq(b->ledger.bytes[QG_PURPOSE_WORKSPACE], (int64_t)(bytes + 63) / 64 * 64);
}
END_TEST

START_TEST(threads_are_those_that_may_be_used)
{
    cpu_set_t set;
    qg_backend *b;

    ck_assert_int_eq(sched_getaffinity(0, sizeof set, &set), 0);
    unsetenv("OMP_NUM_THREADS");
    ck_assert_int_eq(open_with((qg_backend_options){0})->ctx.n_threads, CPU_COUNT(&set));
    setenv("OMP_NUM_THREADS", "1", 1);
    ck_assert_int_eq(open_with((qg_backend_options){0})->ctx.n_threads, 1);
    setenv("OMP_NUM_THREADS", "100000", 1);
    ck_assert_int_eq(open_with((qg_backend_options){0})->ctx.n_threads, CPU_COUNT(&set));
    ck_assert_int_eq(open_with((qg_backend_options){NULL, NULL, 7})->ctx.n_threads, 7);
    ck_assert_int_eq(qg_backend_open(&b, arena, &(qg_backend_options){NULL, NULL, 1025}, &err),
                     QG_EARG);
}
END_TEST

START_TEST(a_failed_kernel_surfaces_at_sync)
{
    qg_backend *b = open_with((qg_backend_options){0});

    ck_assert_int_eq(b->sync(b, &err), QG_OK);
    b->ctx.failed = "rmsnorm";
    ck_assert_int_eq(b->sync(b, &err), QG_EDEVICE);
    ck_assert_str_eq(err.message, "kernel 'rmsnorm' failed");
    ck_assert_int_gt(b->available(b), 1 << 20);
}
END_TEST

Suite *backend_check(void)
{
    Suite *s = suite_create("backend_check");
    TCase *c = tcase_create("backend");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, names_are_known_or_refused);
    tcase_add_test(c, buffers_are_zero_aligned_and_counted);
    tcase_add_test(c, too_much_is_out_of_memory_with_the_amount);
    tcase_add_test(c, scratch_is_workspace);
    tcase_add_test(c, threads_are_those_that_may_be_used);
    tcase_add_test(c, a_failed_kernel_surfaces_at_sync);
    return s;
}
