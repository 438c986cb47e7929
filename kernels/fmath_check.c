/* Unit tests of kernels/fmath.h against the C library's long double functions: within 2 units in
 * the last place over the ranges that the header names.
 */
#include "kernels/fmath.h"

#include "check_suites.h"

#include <float.h>
#include <stdlib.h>

static double uniform(double from, double to)
{
    return from + (to - from) * ((double)rand() + (double)rand() / RAND_MAX) / (1.0 + RAND_MAX);
}

static void check_near(double got, long double truth, double least, const char *what, double x)
{
    long double unit = fmaxl(fabsl(truth), least) * (long double)DBL_EPSILON;
    if (!(fabsl(got - truth) <= 2 * unit))
        ck_abort_msg("%s(%.17g) is %.17g, not %.17Lg", what, x, got, truth);
}

START_TEST(exp_is_near)
{
    srand(1);
    for (int i = 0; i < 200000; i++) {
        double x = i & 1 ? uniform(-708, 709) : uniform(-2, 2);
        check_near(qgk_exp(x), expl((long double)x), 0, "exp", x);
    }
    ck_assert(qgk_exp(0) == 1);
    ck_assert(qgk_exp(-709) == 0);
    ck_assert(qgk_exp(-(double)INFINITY) == 0);
    ck_assert(isinf(qgk_exp(710)));
    ck_assert(isnan(qgk_exp((double)NAN)));
}
END_TEST

START_TEST(log_is_near)
{
    srand(2);
    for (int i = 0; i < 200000; i++) {
        double x = i & 1 ? exp(uniform(-700, 700)) : uniform(0.5, 2);
        check_near(qgk_log(x), logl((long double)x), 0, "log", x);
    }
    ck_assert(qgk_log(1) == 0);
    check_near(qgk_log(DBL_MIN), logl((long double)DBL_MIN), 0, "log", DBL_MIN);
    check_near(qgk_log(DBL_MAX), logl((long double)DBL_MAX), 0, "log", DBL_MAX);
}
END_TEST

START_TEST(sin_and_cos_are_near)
{
    srand(3);
    for (int i = 0; i < 200000; i++) {
        double x = i & 1 ? uniform(-1000000, 1000000) : uniform(-4, 4);
        check_near(qgk_sin(x), sinl((long double)x), 0x1p-20, "sin", x);
        check_near(qgk_cos(x), cosl((long double)x), 0x1p-20, "cos", x);
    }
    ck_assert(qgk_sin(0) == 0 && qgk_cos(0) == 1);
}
END_TEST

Suite *fmath_check(void)
{
    Suite *suite = suite_create("fmath");
    TCase *c = tcase_create("near");

    tcase_add_test(c, exp_is_near);
    tcase_add_test(c, log_is_near);
    tcase_add_test(c, sin_and_cos_are_near);
    suite_add_tcase(suite, c);
    return suite;
}
