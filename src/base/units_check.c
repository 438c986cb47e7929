/* Unit tests of base/units: values by hand from the definitions of the units. */
#include "base/units.h"

#include "check_suites.h"

#include <math.h>

static double parsed(qg_unit unit, const char *text)
{
    double v = NAN;
    qg_err err = {0};

    if (qg_unit_parse(&v, unit, qg_str_from(text), &err) != QG_OK)
        ck_abort_msg("'%s': %s", text, err.message);
    return v;
}

static const char *refusal(qg_unit unit, const char *text)
{
    static qg_err err;
    double v = 7;

    qg_err_clear(&err);
    ck_assert_int_eq(qg_unit_parse(&v, unit, qg_str_from(text), &err), QG_EFORMAT);
    ck_assert_double_eq(v, 7);
    return err.message;
}

START_TEST(quantities_become_canonical)
{
    ck_assert_double_eq(parsed(QG_UNIT_DURATION, "60 ms"), 60e6);
    ck_assert_double_eq(parsed(QG_UNIT_DURATION, "1.5s"), 1.5e9);
    ck_assert_double_eq(parsed(QG_UNIT_DURATION, "250 us"), 250e3);
    ck_assert_double_eq(parsed(QG_UNIT_DURATION, "3 ns"), 3);
    ck_assert_double_eq(parsed(QG_UNIT_BYTES, "5.5 GiB"), 5905580032.0);
    ck_assert_double_eq(parsed(QG_UNIT_BYTES, "0 B"), 0);
    ck_assert_double_eq(parsed(QG_UNIT_BYTES, "2KiB"), 2048);
    ck_assert_double_eq(parsed(QG_UNIT_BYTES, "3  MiB"), 3145728);
    ck_assert_double_eq(parsed(QG_UNIT_SHARE, "99.5 %"), 0.995);
    ck_assert_double_eq(parsed(QG_UNIT_SHARE, "-2%"), -0.02);
    ck_assert_double_eq(parsed(QG_UNIT_POINTS, "1 pp"), 1);
    ck_assert_double_eq(parsed(QG_UNIT_RATIO, "0.32x"), 0.32);
    ck_assert_double_eq(parsed(QG_UNIT_SPEED, "2500 tok/s"), 2500);
    ck_assert_double_eq(parsed(QG_UNIT_DAYS, "30 d"), 30);
    ck_assert_double_eq(parsed(QG_UNIT_PLAIN, "2e-3"), 0.002);
    ck_assert_double_eq(parsed(QG_UNIT_PLAIN, " 17 "), 17);
}
END_TEST

START_TEST(a_refusal_tells_the_units)
{
    ck_assert_str_eq(refusal(QG_UNIT_DURATION, "60"),
                     "'60' lacks its unit: write it in ns, us, ms or s, like '60 ms'");
    ck_assert_str_eq(refusal(QG_UNIT_BYTES, "5 GB"),
                     "'5 GB' has the wrong unit: write it in B, KiB, MiB or GiB, like '5.5 GiB'");
    ck_assert_str_eq(refusal(QG_UNIT_PLAIN, "3 ms"),
                     "'3 ms' has a unit where a plain number is expected, like '0.02'");
    ck_assert_str_eq(refusal(QG_UNIT_SHARE, "much"),
                     "'much' is no quantity: write it like '99.5 %'");
}
END_TEST

START_TEST(odd_numbers_are_refused)
{
    static const char *const bad[] = {"",         " ",        "ms",     "nan ms", "inf ms",
                                      "0x10 ms",  "1e400 ms", "1 2 ms", "1,5 ms", "--1 ms",
                                      "1.2.3 ms", "1 Ms",     "1 m s",  "1e308 s"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refusal(QG_UNIT_DURATION, bad[i]);
}
END_TEST

START_TEST(printing_fits_the_reader)
{
    char out[QG_UNIT_TEXT];

    ck_assert_str_eq(qg_unit_print(out, QG_UNIT_DURATION, 12345678), "12.35 ms");
    ck_assert_str_eq(qg_unit_print(out, QG_UNIT_DURATION, 0), "0 ns");
    ck_assert_str_eq(qg_unit_print(out, QG_UNIT_DURATION, 1234567e6), "1235 s");
    ck_assert_str_eq(qg_unit_print(out, QG_UNIT_BYTES, 5905580032.0), "5.5 GiB");
    ck_assert_str_eq(qg_unit_print(out, QG_UNIT_BYTES, 1023), "1023 B");
    ck_assert_str_eq(qg_unit_print(out, QG_UNIT_SHARE, 0.995), "99.5 %");
    ck_assert_str_eq(qg_unit_print(out, QG_UNIT_POINTS, -0.5), "-0.5 pp");
    ck_assert_str_eq(qg_unit_print(out, QG_UNIT_RATIO, 0.32), "0.32x");
    ck_assert_str_eq(qg_unit_print(out, QG_UNIT_SPEED, 12345.6), "12346 tok/s");
    ck_assert_str_eq(qg_unit_print(out, QG_UNIT_PLAIN, 0.0001), "0.0001");
    ck_assert_str_eq(qg_unit_print(out, QG_UNIT_PLAIN, NAN), "-");
}
END_TEST

START_TEST(exact_prints_read_back)
{
    static const double values[] = {0, 1, 0.1, 1.0 / 3, 12345678, 5905580032.0, 1e-9, -2.5};
    char out[QG_UNIT_TEXT];

    ck_assert_str_eq(qg_unit_print_exact(out, QG_UNIT_BYTES, 12345678), "12345678 B");
    for (qg_unit u = 0; u < QG_UNIT_N; u++)
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
            ck_assert_double_eq_tol(parsed(u, qg_unit_print_exact(out, u, values[i])), values[i],
                                    1e-15 * fabs(values[i]) + 1e-300);
}
END_TEST

Suite *units_check(void)
{
    Suite *s = suite_create("units_check");
    TCase *t = tcase_create("units");

    tcase_add_test(t, quantities_become_canonical);
    tcase_add_test(t, a_refusal_tells_the_units);
    tcase_add_test(t, odd_numbers_are_refused);
    tcase_add_test(t, printing_fits_the_reader);
    tcase_add_test(t, exact_prints_read_back);
    suite_add_tcase(s, t);
    return s;
}
