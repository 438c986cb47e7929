/* Unit tests of engine/fold: ratios of matrices that were scaled by hand, and what is believed of
 * them where something was moved, where nothing was, and where a side is damaged. */
#include "engine/fold.h"

#include "base/random.h"
#include "base/scratch_check.h"

#include <math.h>

enum { N = 40, K = 24 };

static float plain[N * K], other[N * K];
static const double ones[K] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                               1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

static float noise(uint64_t *state, float size)
{
    return size * ((float)(qg_random_next(state) >> 40) * 0x1p-23f - 1);
}

static qg_fold_pair pair_of(void)
{
    qg_fold_pair p = {.n = N, .k = K};

    p.plain = (qg_dequantizer){.method = qgk_method_find("fp16"), .group = K};
    p.plain.bits.shape = (qgk_shape){.n = N, .k = K};
    p.plain.bits.dtype[0] = QGK_F32;
    p.other = p.plain;
    p.plain.bits.part[0] = plain;
    p.other.bits.part[0] = other;
    return p;
}

/* other = rows * plain * columns + noise of `error` of the size */
static void fill(const double *rows, const double *columns, float error)
{
    uint64_t state = 5;

    for (int i = 0; i < N; i++)
        for (int j = 0; j < K; j++) {
            float w = noise(&state, 1),
                  factor = (float)((rows ? rows[i] : 1) * (columns ? columns[j] : 1));
            plain[i * K + j] = w;
            other[i * K + j] = w * factor + noise(&state, error) * factor;
        }
}

/* Factors between 1/2 and 2. */
static void some_factors(double *f, int n)
{
    for (int j = 0; j < n; j++)
        f[j] = exp2((j * 7 % 11) / 5.0 - 1);
}

START_TEST(columns_and_rows_are_found)
{
    double rows[N], columns[K], found[N > K ? N : K], maker[K];
    float f[K];
    qg_fold_pair p = pair_of();

    some_factors(rows, N);
    some_factors(columns, K);
    fill(NULL, columns, 0.05f);
    ck_assert_int_eq(qg_fold_columns(found, &p, NULL, 1, arena, &err), QG_OK);
    for (int j = 0; j < K; j++)
        ck_assert_double_eq_tol(found[j], columns[j], 0.04 * columns[j]);
    /* where rows were scaled as well, what the maker says sets them right first */
    fill(rows, columns, 0);
    for (int j = 0; j < K; j++) {
        maker[j] = 1 / columns[j];
        f[j] = (float)maker[j];
    }
    ck_assert_int_eq(qg_fold_columns(found, &p, maker, 2, arena, &err), QG_OK);
    for (int j = 0; j < K; j++)
        ck_assert_double_eq_tol(found[j], columns[j], 1e-5 * columns[j]);
    ck_assert_int_eq(qg_fold_rows(found, &p, f, 2, arena, &err), QG_OK);
    for (int i = 0; i < N; i++)
        ck_assert_double_eq_tol(found[i], rows[i], 1e-5 * rows[i]);
}
END_TEST

START_TEST(a_column_that_is_another_has_no_ratio)
{
    double found[K];
    qg_fold_pair p = pair_of();
    uint64_t state = 9;

    fill(NULL, NULL, 0);
    for (int i = 0; i < N; i++)
        other[i * K + 3] = noise(&state, 1);
    for (int i = 0; i < N; i++) {
        plain[i * K + 4] = 0;
        other[i * K + 4] = 0;
    }
    ck_assert_int_eq(qg_fold_columns(found, &p, NULL, 1, arena, &err), QG_OK);
    ck_assert(isnan(found[3]));
    ck_assert_double_eq(found[4], 1); /* nothing there, nothing moved */
    ck_assert_double_eq_tol(found[5], 1, 1e-6);
}
END_TEST

static void choose(float *f, const double *maker, const double *readers, bool exact)
{
    ck_assert_int_eq(qg_fold_choose(f, maker, readers, K, exact, arena, &err), QG_OK);
}

START_TEST(what_moved_both_ways_is_believed)
{
    double maker[K], readers[K];
    float f[K];

    some_factors(maker, K);
    for (int j = 0; j < K; j++)
        readers[j] = 1 / maker[j] * (j % 2 ? 1.01 : 0.99);
    for (int exact = 0; exact < 2; exact++) {
        choose(f, maker, readers, exact);
        for (int j = 0; j < K; j++)
            ck_assert_double_eq_tol((double)f[j], exact ? maker[j] : 1 / readers[j], 1e-6);
    }
    readers[2] = NAN; /* its column was rounded away */
    choose(f, maker, readers, false);
    ck_assert_double_eq_tol((double)f[2], maker[2], 1e-6);
}
END_TEST

START_TEST(what_moved_alone_is_damage)
{
    double still[K], moved[K];
    float f[K];

    some_factors(moved, K);
    for (int j = 0; j < K; j++)
        still[j] = j % 2 ? 1.004 : 0.997;
    for (int exact = 0; exact < 2; exact++) {
        choose(f, moved, still, exact);
        for (int j = 0; j < K; j++)
            ck_assert_float_eq(f[j], 1);
        choose(f, exact ? ones : still, moved, exact);
        for (int j = 0; j < K; j++)
            ck_assert_double_eq_tol((double)f[j], 1, 0.005);
    }
}
END_TEST

START_TEST(a_norm_is_judged_channel_by_channel)
{
    double maker[K], readers[K];
    float f[K];

    for (int j = 0; j < K; j++)
        maker[j] = readers[j] = 1;
    maker[3] = 1.5;                     /* damaged */
    maker[5] = 1.04, readers[5] = 0.96; /* folded, by little */
    choose(f, maker, readers, true);
    ck_assert_float_eq(f[3], 1);
    ck_assert_float_eq(f[5], 1.04f);
    /* among folded ones the readers are believed */
    some_factors(maker, K);
    for (int j = 0; j < K; j++)
        readers[j] = 1 / maker[j];
    maker[3] *= 1.5;
    choose(f, maker, readers, true);
    ck_assert_double_eq_tol((double)f[3], maker[3] / 1.5, 1e-6);
    ck_assert_double_eq_tol((double)f[4], maker[4], 1e-6);
}
END_TEST

START_TEST(memory_may_run_out)
{
    double found[K];
    float f[K];
    qg_fold_pair p = pair_of();
    long n = 0;
    qg_status s;

    fill(NULL, NULL, 0);
    do {
        qg_arena *fresh = qg_arena_create();
        qg_arena_fail_after(++n);
        s = qg_fold_columns(found, &p, ones, 1, fresh, NULL);
        s = s ? s : qg_fold_choose(f, ones, ones, K, true, fresh, NULL);
        ck_assert(s == QG_OK || s == QG_ENOMEM);
        qg_arena_free(fresh);
    } while (!qg_arena_fail_after(0));
    ck_assert_int_eq(s, QG_OK);
    ck_assert_int_gt((int)n, 1);
}
END_TEST

Suite *fold_check(void)
{
    Suite *s = suite_create("fold_check");
    TCase *t = tcase_create("fold");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, columns_and_rows_are_found);
    tcase_add_test(t, a_column_that_is_another_has_no_ratio);
    tcase_add_test(t, what_moved_both_ways_is_believed);
    tcase_add_test(t, what_moved_alone_is_damage);
    tcase_add_test(t, a_norm_is_judged_channel_by_channel);
    tcase_add_test(t, memory_may_run_out);
    suite_add_tcase(s, t);
    return s;
}
