/* Unit tests of quantize/factor: one factor by hand, others by what they must satisfy, matrices
 * that have none, and libraries that are missing or wrong. */
#include "quantize/factor.h"

#include "base/random.h"

#include "check_suites.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static qg_arena *arena;
static qg_lapack real; /* what is installed */
static qg_err err;

static void set_up(void)
{
    arena = qg_arena_create();
    qg_err_clear(&err);
    ck_assert_msg(qg_lapack_open(&real, NULL, &err) == QG_OK, "%s", err.message);
}

static void tear_down(void)
{
    qg_arena_free(arena);
}

/* Of -1 .. 1. */
static double noise(uint64_t *state)
{
    return (double)(qg_random_next(state) >> 11) * 0x1p-52 - 1;
}

/* B B^T / k of k x k noise, `more` on the diagonal. */
static double *make_matrix(int n, double more, uint64_t seed)
{
    size_t k = (size_t)n;
    double *b = QG_NEW_N(arena, double, k *k), *h = QG_NEW_N(arena, double, k *k);

    for (size_t i = 0; i < k * k; i++)
        b[i] = noise(&seed);
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++) {
            for (size_t t = 0; t < k; t++)
                h[i * k + j] += b[i * k + t] * b[j * k + t] / n;
            h[i * k + j] += i == j ? more : 0;
        }
    return h;
}

/* The largest element of U^T U H - I. */
static double residual(const double *u, const double *h, int k)
{
    double worst = 0;

    for (int j = 0; j < k; j++) {
        long double *uh = calloc((size_t)k, sizeof *uh);
        for (int i = 0; i < k; i++)
            for (int t = i; t < k; t++)
                uh[i] += (long double)u[i * k + t] * (long double)h[t * k + j];
        for (int i = 0; i < k; i++) {
            long double sum = i == j ? -1 : 0;
            for (int t = 0; t <= i; t++)
                sum += (long double)u[t * k + i] * uh[t];
            worst = fmax(worst, fabs((double)sum));
        }
        free(uh);
    }
    return worst;
}

/* ---- factors ---- */

/* U = [1 2 3; 0 1 4; 0 0 1] has the inverse V = [1 -2 5; 0 1 -4; 0 0 1], and H = V V^T. */
START_TEST(the_factor_is_as_by_hand)
{
    double h[] = {30, -22, 5, -22, 17, -4, 5, -4, 1};
    static const double u[] = {1, 2, 3, 0, 1, 4, 0, 0, 1};
    bool is_definite = false;

    ck_assert_int_eq(qg_factor_inverse(h, 3, &is_definite, &real, 1, arena, &err), QG_OK);
    ck_assert(is_definite);
    for (int i = 0; i < 9; i++)
        ck_assert_double_eq_tol(h[i], u[i], 1e-12);
}
END_TEST

static const int sizes[] = {1, 2, 3, 8, 47, 130, 200};
enum { N_SIZES = sizeof sizes / sizeof *sizes };

START_TEST(its_square_is_the_inverse)
{
    int k = sizes[_i];
    double *h = make_matrix(k, 0.1, (uint64_t)k);
    double *u = qg_arena_copy(arena, h, sizeof *h * (size_t)(k * k));
    bool is_definite = false;

    ck_assert_int_eq(qg_factor_inverse(u, k, &is_definite, &real, 2, arena, &err), QG_OK);
    ck_assert(is_definite);
    ck_assert_double_le(residual(u, h, k), 1e-12 * k);
    for (int i = 0; i < k; i++) {
        ck_assert_double_gt(u[i * k + i], 0);
        for (int j = 0; j < i; j++)
            ck_assert(u[i * k + j] == 0);
    }
}
END_TEST

static void fill_hilbert(double *h, int k)
{
    for (int i = 0; i < k; i++)
        for (int j = 0; j < k; j++)
            h[i * k + j] = 1.0 / (i + j + 1);
}

/* Condition 1.5e7: U has few digits less than a double, and the trial must not mind. */
START_TEST(a_bad_condition_is_no_fault)
{
    double h[36], u[36];
    bool is_definite = false;

    fill_hilbert(h, 6);
    memcpy(u, h, sizeof u);
    ck_assert_int_eq(qg_factor_inverse(u, 6, &is_definite, &real, 1, arena, &err), QG_OK);
    ck_assert(is_definite);
    ck_assert_double_le(residual(u, h, 6), 1e-7);
}
END_TEST

/* ---- matrices without one ---- */

static bool is_refused(double *h, int k)
{
    bool is_definite = true;
    qg_status s = qg_factor_inverse(h, k, &is_definite, &real, 1, arena, &err);

    ck_assert_msg(s == QG_OK, "%s", err.message);
    return !is_definite;
}

START_TEST(what_is_not_positive_definite_is_told)
{
    double negative[] = {-1}, zero[] = {0}, indefinite[] = {1, 2, 2, 1}, hilbert[400], ones[64];

    for (int i = 0; i < 64; i++)
        ones[i] = 1;
    fill_hilbert(hilbert, 20); /* condition 1e28 */
    ck_assert(is_refused(negative, 1));
    ck_assert(is_refused(zero, 1));
    ck_assert(is_refused(indefinite, 2));
    ck_assert(is_refused(ones, 8));
    ck_assert(is_refused(hilbert, 20));
}
END_TEST

/* Of rank k / 2 up to rounding, which may well leave all pivots above 0. */
START_TEST(a_lost_rank_is_told)
{
    int k = 40;
    double *h = QG_NEW_N(arena, double, (size_t)(k * k));
    uint64_t seed = (uint64_t)_i + 1;

    for (int t = 0; t < k / 2; t++) {
        double x[40];
        for (int i = 0; i < k; i++)
            x[i] = noise(&seed);
        for (int i = 0; i < k; i++)
            for (int j = 0; j < k; j++)
                h[i * k + j] += x[i] * x[j];
    }
    ck_assert(is_refused(h, k));
}
END_TEST

/* ---- libraries ---- */

START_TEST(a_missing_library_is_named_with_the_fix)
{
    qg_lapack l;

    ck_assert_int_eq(qg_lapack_open(&l, "liblapacke-not-there.so", &err), QG_EDEVICE);
    ck_assert_ptr_nonnull(strstr(err.message, "'liblapacke-not-there.so'"));
    ck_assert_ptr_nonnull(strstr(err.message, "apt-get install liblapacke libopenblas0-pthread"));
    ck_assert_ptr_nonnull(strstr(err.message, "No such file"));
}
END_TEST

START_TEST(a_library_without_the_functions_is_named)
{
    qg_lapack l;

    ck_assert_int_eq(qg_lapack_open(&l, "libm.so.6", &err), QG_EDEVICE);
    ck_assert_ptr_nonnull(strstr(err.message, "'libm.so.6' has no function 'LAPACKE_dpotrf'"));
}
END_TEST

static int damaged_at; /* element of the result; -1: none of it is computed */

static int damaged_potrf(int layout, char uplo, int n, double *a, int lda)
{
    int info = damaged_at < 0 ? 0 : real.potrf(layout, uplo, n, a, lda);
    if (damaged_at >= 0)
        a[damaged_at] += 1e-6;
    return info;
}

static int damaged_trtri(int layout, char uplo, char diag, int n, double *a, int lda)
{
    int info = damaged_at < 0 ? 0 : real.trtri(layout, uplo, diag, n, a, lda);
    if (damaged_at >= 0)
        a[damaged_at] *= 1 + 1e-6;
    return info;
}

static int nan_trtri(int layout, char uplo, char diag, int n, double *a, int lda)
{
    int info = real.trtri(layout, uplo, diag, n, a, lda);
    a[0] = NAN;
    return info;
}

static void check_damage(const qg_lapack *wrong)
{
    int k = 30;
    double *h = make_matrix(k, 0.1, 5);
    bool is_definite;

    qg_err_clear(&err);
    ck_assert_int_eq(qg_factor_inverse(h, k, &is_definite, wrong, 1, arena, &err), QG_EDEVICE);
    ck_assert_ptr_nonnull(strstr(err.message, "wrong numbers"));
    ck_assert_ptr_nonnull(strstr(err.message, "OPENBLAS_CORETYPE=Haswell"));
}

START_TEST(a_library_that_computes_wrong_numbers_is_caught)
{
    static const int at[] = {-1, 0, 30, 31, 29 * 30, 29 * 30 + 10, 899}; /* lower triangle */
    qg_lapack wrong = real;

    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        damaged_at = at[i];
        wrong = real;
        wrong.potrf = damaged_potrf;
        check_damage(&wrong);
        wrong = real;
        wrong.trtri = damaged_trtri;
        check_damage(&wrong);
    }
    wrong.trtri = nan_trtri;
    check_damage(&wrong);
}
END_TEST

static int refusing_potrf(int layout, char uplo, int n, double *a, int lda)
{
    (void)layout, (void)uplo, (void)n, (void)a, (void)lda;
    return -4;
}

START_TEST(a_refused_argument_is_an_error)
{
    qg_lapack l = real;
    double h[] = {1};
    bool is_definite = true;

    l.potrf = refusing_potrf;
    ck_assert_int_eq(qg_factor_inverse(h, 1, &is_definite, &l, 1, arena, &err), QG_EDEVICE);
    ck_assert_str_eq(err.message, "LAPACKE_dpotrf refuses its argument 4");
}
END_TEST

static int n_threads_set;

static void record_threads(int n)
{
    n_threads_set = n;
}

START_TEST(threads_are_set_where_they_can_be)
{
    qg_lapack l = real;
    double h[] = {4};
    bool is_definite = false;

    l.set_threads = record_threads;
    ck_assert_int_eq(qg_factor_inverse(h, 1, &is_definite, &l, 3, arena, &err), QG_OK);
    ck_assert_int_eq(n_threads_set, 3);
    ck_assert_double_eq_tol(h[0], 0.5, 1e-15);
    h[0] = 4;
    l.set_threads = NULL;
    ck_assert_int_eq(qg_factor_inverse(h, 1, &is_definite, &l, 3, arena, &err), QG_OK);
    ck_assert_double_eq_tol(h[0], 0.5, 1e-15);
}
END_TEST

START_TEST(memory_may_run_out)
{
    double h[] = {4};
    bool is_definite;

    qg_arena_fail_after(1);
    ck_assert_int_eq(qg_factor_inverse(h, 1, &is_definite, &real, 1, arena, &err), QG_ENOMEM);
    ck_assert(!qg_arena_fail_after(0));
    ck_assert(!is_definite);
}
END_TEST

Suite *factor_check(void)
{
    Suite *s = suite_create("factor_check");
    TCase *c = tcase_create("factor");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, the_factor_is_as_by_hand);
    tcase_add_loop_test(c, its_square_is_the_inverse, 0, N_SIZES);
    tcase_add_test(c, a_bad_condition_is_no_fault);
    tcase_add_test(c, what_is_not_positive_definite_is_told);
    tcase_add_loop_test(c, a_lost_rank_is_told, 0, 20);
    tcase_add_test(c, a_missing_library_is_named_with_the_fix);
    tcase_add_test(c, a_library_without_the_functions_is_named);
    tcase_add_test(c, a_library_that_computes_wrong_numbers_is_caught);
    tcase_add_test(c, a_refused_argument_is_an_error);
    tcase_add_test(c, threads_are_set_where_they_can_be);
    tcase_add_test(c, memory_may_run_out);
    return s;
}
