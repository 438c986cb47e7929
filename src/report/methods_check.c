/* Unit tests of report/methods: which rows and columns there are, and their cells by hand. */
#include "report/methods.h"

#include "base/scratch_check.h"

#include <string.h>

static double tpot_a[] = {4e6, 2e6, 6e6}, tpot_b[] = {3e6}, speed_a[] = {1000}, speed_b[] = {1500};
static qg_series series_a[] = {{"tpot", tpot_a, 3}, {"throughput", speed_a, 1}};
static qg_series series_b[] = {{"tpot", tpot_b, 1}, {"throughput", speed_b, 1}};
static qg_scalar weights_a = {QG_METRIC_WEIGHTS, 4 << 20, 1};
static qg_scalar weights_b = {QG_METRIC_WEIGHTS, 1 << 20, 1};
static qg_doc docs_a = {.n_scored = 100, .sum_nll = 0};
static qg_doc docs_b = {.n_scored = 100,
                        .sum_nll = 69.314718055994531, /* ppl 2 */
                        .has_reference = true,
                        .sum_dnll = 0.5,
                        .sum_kl = 1.25,
                        .sum_dp2 = 0.0121,
                        .flips = 3};

static qg_measurement case_of(const char *model, const char *kind, int64_t batch)
{
    return (qg_measurement){
        .id = {.id = model, .model = model, .method = "m", .kind = kind, .batch = batch}};
}

static qg_methods compared(const qg_run *run)
{
    qg_methods m;

    ck_assert_int_eq(qg_methods_compare(&m, arena, run, &err), QG_OK);
    return m;
}

/* "head|cell|cell" of all columns, a line each. */
static const char *drawn(const qg_run *run)
{
    qg_methods m = compared(run);
    qg_buf b;

    qg_buf_init(&b, arena);
    for (size_t c = 0; c < m.n_columns; c++) {
        qg_buf_text(&b, m.columns[c].head);
        for (size_t r = 0; r < m.n_rows; r++)
            qg_buf_format(&b, "|%s", m.columns[c].cells[r]);
        qg_buf_char(&b, '\n');
    }
    return b.ptr ? b.ptr : "";
}

START_TEST(a_row_a_model_and_a_column_a_number)
{
    qg_measurement cases[] = {
        case_of("a", "quality", 0),     case_of("a", "performance", 8),
        case_of("b", "quality", 0),     case_of("b", "performance", 8),
        case_of("a", "performance", 1), case_of("failed", "quality", 0),
    };
    qg_run run = {.reference = "a", .measurements = cases, .n_measurements = 6};

    cases[0].docs = &docs_a, cases[0].n_docs = 1;
    cases[0].scalars = &weights_a, cases[0].n_scalars = 1;
    cases[1].series = series_a, cases[1].n_series = 2;
    cases[2].docs = &docs_b, cases[2].n_docs = 1;
    cases[3].series = series_b, cases[3].n_series = 2;
    cases[3].scalars = &weights_b, cases[3].n_scalars = 1;
    cases[4].series = series_a, cases[4].n_series = 1;
    cases[5].state = QG_CASE_FAILED;
    qg_methods m = compared(&run);
    ck_assert_uint_eq(m.n_rows, 2);
    ck_assert_str_eq(m.models[0], "a");
    ck_assert_str_eq(m.models[1], "b");
    ck_assert_str_eq(drawn(&run), "ppl|1|2\n"
                                  "+ppl||+0.5 %\n" /* expm1(0.005) */
                                  "kl mean||0.0125\n"
                                  "same top||97.00 %\n"
                                  "dp rms||1.1 %\n"
                                  "weights|4 MiB|1 MiB\n"
                                  "x||0.25x\n"
                                  "tpot b1|4 ms|\n"
                                  "tpot b8|4 ms|3 ms\n"
                                  "x||0.75x\n"
                                  "tok/s b8|1000|1500\n"
                                  "x||1.50x\n");
    ck_assert(m.columns[6].is_ratio && !m.columns[5].is_ratio);
    ck_assert_int_eq(m.columns[6].batch, 0);
    ck_assert_int_eq(m.columns[7].batch, 1);
    ck_assert_int_eq(m.columns[9].batch, 8);
}
END_TEST

START_TEST(no_ratios_where_nobody_says_to_what)
{
    qg_measurement cases[] = {case_of("a", "performance", 1), case_of("b", "performance", 1)};
    qg_run run = {.measurements = cases, .n_measurements = 2};

    for (int i = 0; i < 2; i++)
        cases[i].scalars = i ? &weights_b : &weights_a, cases[i].n_scalars = 1;
    ck_assert_str_eq(drawn(&run), "weights|4 MiB|1 MiB\n");
    run.reference = "c"; /* which is not in the run */
    ck_assert_str_eq(drawn(&run), "weights|4 MiB|1 MiB\n");
    run.reference = "b";
    ck_assert_str_eq(drawn(&run), "weights|4 MiB|1 MiB\nx|4.00x|\n");
    weights_b.value = 0; /* by which nobody divides */
    ck_assert_str_eq(drawn(&run), "weights|4 MiB|0 B\n");
    weights_b.value = 1 << 20;
}
END_TEST

START_TEST(one_model_is_not_compared)
{
    qg_measurement cases[] = {case_of("a", "quality", 0), case_of("b", "quality", 0)};
    qg_run run = {.reference = "a", .measurements = cases, .n_measurements = 2};

    ck_assert_uint_eq(compared(&run).n_rows, 0);
    cases[0].scalars = &weights_a, cases[0].n_scalars = 1;
    ck_assert_uint_eq(compared(&run).n_rows, 0);
    run.n_measurements = 0;
    ck_assert_uint_eq(compared(&run).n_rows, 0);
}
END_TEST

START_TEST(numbers_of_every_size_are_short)
{
    static const struct {
        double increase;
        const char *text;
    } rows[] = {{-0.0000168, "-0.0017 %"}, {0.00811, "+0.81 %"}, {0.0946, "+9.5 %"},
                {0.1234, "+12.3 %"},       {57.1, "+5710.0 %"},  {0, "+0 %"}};
    qg_scalar increase = {QG_METRIC_PPL_INCREASE, 0, 1};
    qg_measurement cases[] = {case_of("a", "quality", 0), case_of("b", "quality", 0)};
    qg_run run = {.measurements = cases, .n_measurements = 2};

    cases[0].scalars = &weights_a, cases[0].n_scalars = 1;
    cases[1].scalars = &increase, cases[1].n_scalars = 1;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        increase.value = rows[i].increase;
        ck_assert_str_eq(compared(&run).columns[0].cells[1], rows[i].text);
    }
}
END_TEST

START_TEST(lack_of_memory_is_said)
{
    qg_measurement cases[] = {case_of("a", "quality", 0), case_of("b", "quality", 0)};
    qg_run run = {.reference = "a", .measurements = cases, .n_measurements = 2};
    bool waiting = false;

    cases[0].scalars = &weights_a, cases[0].n_scalars = 1;
    cases[1].scalars = &weights_b, cases[1].n_scalars = 1;
    for (long n = 1; !waiting; n++) {
        qg_methods m;
        qg_arena *own = qg_arena_create();
        qg_arena_fail_after(n);
        qg_status s = qg_methods_compare(&m, own, &run, NULL);
        waiting = qg_arena_fail_after(0);
        ck_assert_int_eq(s, waiting ? QG_OK : QG_ENOMEM);
        qg_arena_free(own);
    }
}
END_TEST

Suite *methods_check(void)
{
    Suite *s = suite_create("methods_check");
    TCase *t = tcase_create("methods");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_row_a_model_and_a_column_a_number);
    tcase_add_test(t, no_ratios_where_nobody_says_to_what);
    tcase_add_test(t, one_model_is_not_compared);
    tcase_add_test(t, numbers_of_every_size_are_short);
    tcase_add_test(t, lack_of_memory_is_said);
    suite_add_tcase(s, t);
    return s;
}
