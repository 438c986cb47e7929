/* Unit tests of report/rows: order, selection and the words of a table. */
#include "report/rows.h"

#include "report/fixture_check.h"

static double ttft[25];
static const qg_series series[] = {{"ttft", ttft, 25}, {"e2e", ttft, 3}};
static const qg_scalar scalars[] = {{QG_METRIC_PPL, 6.5, 100}, {QG_METRIC_WEIGHTS, 2048, 1}};

static const qg_rows_index *index_of(const qg_run *run)
{
    qg_rows_index *index = QG_NEW(arena, qg_rows_index);

    ck_assert_int_eq(qg_rows_index_make(index, arena, run, &err), QG_OK);
    return index;
}

static qg_measurement make_case(const char *id)
{
    return (qg_measurement){.id.id = id,
                            .series = (qg_series *)series,
                            .n_series = 2,
                            .scalars = (qg_scalar *)scalars,
                            .n_scalars = 2};
}

START_TEST(the_worst_come_first)
{
    static const qg_verdict given[] = {QG_VERDICT_PASS, QG_VERDICT_FAIL,         QG_VERDICT_SKIP,
                                       QG_VERDICT_PASS, QG_VERDICT_INCONCLUSIVE, QG_VERDICT_ERROR,
                                       QG_VERDICT_FAIL, QG_VERDICT_KNOWN_FAIL};
    static const int64_t wanted[] = {5, 1, 6, 4, 7, 2, 0, 3}; /* their places before */
    qg_judgement j[8];
    qg_run run = {.judgements = j, .n_judgements = 8};
    qg_rows rows;

    for (int i = 0; i < 8; i++)
        j[i] = (qg_judgement){.case_id = "a", .verdict = given[i], .n = i};
    ck_assert_int_eq(qg_rows_judged(&rows, arena, index_of(&run), &err), QG_OK);
    ck_assert_uint_eq(rows.n, 8);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(rows.at[i].n, wanted[i]);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(qg_row_is_bad(&rows.at[i]), i < 4);
}
END_TEST

START_TEST(cases_have_their_own_rows)
{
    qg_measurement m[] = {make_case("a"), make_case("b")};
    qg_judgement j[] = {{.case_id = "b", .n = 1},
                        {.case_id = "gone", .n = 2},
                        {.case_id = "b", .n = 3},
                        {.case_id = "", .n = 4}};
    qg_run run = {.measurements = m, .n_measurements = 2, .judgements = j, .n_judgements = 4};
    qg_rows rows;

    ck_assert_int_eq(qg_rows_of_case(&rows, arena, index_of(&run), &m[1], &err), QG_OK);
    ck_assert_uint_eq(rows.n, 2);
    ck_assert_int_eq(rows.at[1].n, 3);
    ck_assert_ptr_eq(rows.at[0].m, &m[1]);
    ck_assert_int_eq(qg_rows_of_case(&rows, arena, index_of(&run), &m[0], &err), QG_OK);
    ck_assert_uint_eq(rows.n, 0);
    ck_assert_int_eq(qg_rows_of_case(&rows, arena, index_of(&run), NULL, &err), QG_OK);
    ck_assert_uint_eq(rows.n, 2); /* those of no case that the run has */
    ck_assert_str_eq(qg_row_case(&rows.at[0]), "gone");
    ck_assert_str_eq(qg_row_case(&rows.at[1]), "run");
}
END_TEST

START_TEST(what_has_no_budget_is_measured)
{
    qg_measurement m = make_case("a");
    qg_judgement j = {.case_id = "a", .metric = QG_METRIC_PPL};
    qg_run run = {.measurements = &m, .n_measurements = 1, .judgements = &j, .n_judgements = 1};
    static const qg_metric wanted[] = {QG_METRIC_TTFT_P50, QG_METRIC_TTFT_P95, QG_METRIC_E2E_P50,
                                       QG_METRIC_WEIGHTS};
    qg_rows rows;

    ck_assert_int_eq(qg_rows_measured(&rows, arena, index_of(&run), &m, &err), QG_OK);
    ck_assert_uint_eq(rows.n, 4); /* no p99 of 25, no p95 of 3, no ppl */
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(rows.at[i].metric, wanted[i]);
    ck_assert_ptr_null(rows.at[0].j);
}
END_TEST

START_TEST(a_number_is_listed_once)
{
    qg_measurement m = make_case("a");
    qg_judgement j[] = {
        {.case_id = "a", .metric = QG_METRIC_PPL, .basis = QG_BASIS_BASELINE, .has_value = true},
        {.case_id = "a", .metric = QG_METRIC_PPL, .has_value = true, .value = 7, .has_limit = true},
        {.case_id = "a", .metric = QG_METRIC_PPL, .has_value = true, .value = 8},
        {.case_id = "a", .metric = QG_METRIC_TTFT_P50, .has_value = true, .value = 5},
        {.case_id = "a", .metric = QG_METRIC_KLD_MAX},
        {.case_id = "a", .metric = QG_METRIC_NONE, .has_value = true}};
    qg_run run = {.measurements = &m, .n_measurements = 1, .judgements = j, .n_judgements = 6};
    static const qg_metric wanted[] = {QG_METRIC_TTFT_P50, QG_METRIC_TTFT_P95, QG_METRIC_E2E_P50,
                                       QG_METRIC_WEIGHTS, QG_METRIC_PPL};
    qg_rows rows;

    ck_assert_int_eq(qg_rows_numbers(&rows, arena, index_of(&run), &m, &err), QG_OK);
    ck_assert_uint_eq(rows.n, 5);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(rows.at[i].metric, wanted[i]);
    ck_assert_double_eq(rows.at[0].value, 5); /* as judged */
    ck_assert_ptr_eq(rows.at[4].j, &j[1]);    /* the first budget, and no change from a baseline */
    ck_assert_ptr_null(rows.at[3].j);
}
END_TEST

START_TEST(cells_have_units)
{
    qg_judgement j = {
        .metric = QG_METRIC_SAME_TOP, .has_limit = true, .limit = 0.96, .at_least = true};
    qg_row row = {.j = &j, .metric = QG_METRIC_SAME_TOP, .has_value = true, .value = 0.975};
    char text[QG_ROW_TEXT];

    ck_assert_str_eq(qg_row_value(text, &row), "97.5 %");
    ck_assert_str_eq(qg_row_limit(text, &row), ">= 96 %");
    ck_assert_str_eq(qg_row_metric(&row), "same_top");
    row.has_value = false;
    ck_assert_str_eq(qg_row_value(text, &row), "-");
    row.metric = QG_METRIC_NONE;
    ck_assert_str_eq(qg_row_metric(&row), "(case)");
    ck_assert_str_eq(qg_row_limit(text, &row), "-");
    j.case_id = "checklist/ab";
    ck_assert_str_eq(qg_row_metric(&row), "(item)");
    ck_assert_str_eq(qg_row_case(&row), "checklist/ab");
}
END_TEST

START_TEST(counts_and_advice)
{
    qg_judgement j[] = {{.verdict = QG_VERDICT_FAIL}, {0}, {0}};
    qg_run run = {.judgements = j, .n_judgements = 3};
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_rows_count(&b, &run);
    ck_assert_str_eq(b.ptr, "3 judgements: 2 pass, 1 fail");
    run.n_judgements = 1;
    b.len = 0;
    qg_rows_count(&b, &run);
    ck_assert_str_eq(b.ptr, "1 judgement: 1 fail");
    ck_assert_str_eq(qg_rows_advice(&run), "");
    for (run.exit_code = 1; run.exit_code < 5; run.exit_code++)
        ck_assert_str_ne(qg_rows_advice(&run), "");
}
END_TEST

Suite *rows_check(void)
{
    Suite *s = suite_create("rows_check");
    TCase *t = tcase_create("rows");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, the_worst_come_first);
    tcase_add_test(t, cases_have_their_own_rows);
    tcase_add_test(t, what_has_no_budget_is_measured);
    tcase_add_test(t, a_number_is_listed_once);
    tcase_add_test(t, cells_have_units);
    tcase_add_test(t, counts_and_advice);
    suite_add_tcase(s, t);
    return s;
}
