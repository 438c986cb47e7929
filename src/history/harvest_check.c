/* Unit tests of history/harvest: which numbers a run has, how runs are told apart, the checklist as
 * a text. */
#include "history/harvest.h"

#include "history/run_check.h"

#include <math.h>
#include <string.h>

static qg_harvest harvested(const qg_run *run)
{
    qg_harvest h;

    ck_ok(qg_harvest_run(&h, arena, run, &why));
    return h;
}

static const qg_harvested *number(const qg_harvest *h, const char *case_id, qg_metric metric)
{
    const qg_harvested *found = NULL;

    for (size_t i = 0; i < h->n; i++)
        if (h->at[i].metric == metric && h->at[i].basis == QG_BASIS_BUDGET &&
            strcmp(h->at[i].case_id, case_id) == 0) {
            ck_assert_ptr_null(found); /* once */
            found = &h->at[i];
        }
    return found;
}

START_TEST(judged_and_measured_numbers_are_taken)
{
    qg_harvest h = harvested(run_made("s", 0));

    ck_assert_uint_eq(h.n, 4);
    const qg_harvested *x = number(&h, "fp16/perf/b4", QG_METRIC_TTFT_P50);
    ck_assert_ptr_null(x->j);
    ck_assert_double_eq(x->value, 3000);
    ck_assert_int_eq(x->m->id.batch, 4);
    ck_assert_ptr_nonnull(number(&h, "fp16/perf/b4", QG_METRIC_MEMORY_PEAK)->j);
    ck_assert(!number(&h, "awq/quality", QG_METRIC_NONE)->has_value);
    ck_assert_ptr_null(number(&h, "fp16/perf/b4", QG_METRIC_TTFT_P95));
}
END_TEST

/* p95 of 5 samples is the greatest of them: only a budget makes it a number, also one that could
 * not decide and has no value of its own. */
START_TEST(what_a_budget_asked_for_is_taken)
{
    qg_run *run = run_made("s", 0);

    run->judgements[1] = (qg_judgement){.case_id = "fp16/perf/b4",
                                        .metric = QG_METRIC_TTFT_P95,
                                        .verdict = QG_VERDICT_INCONCLUSIVE,
                                        .has_limit = true,
                                        .limit = 1};
    qg_harvest h = harvested(run);
    const qg_harvested *x = number(&h, "fp16/perf/b4", QG_METRIC_TTFT_P95);
    ck_assert_int_eq(x->j->verdict, QG_VERDICT_INCONCLUSIVE);
    ck_assert(x->has_value);
    ck_assert_double_eq(x->value, 5000);
    ck_assert_int_eq(x->n, 5);
}
END_TEST

START_TEST(the_worse_of_two_judgements_stays)
{
    qg_run *run = run_made("s", 0);
    qg_judgement *j = QG_NEW_N(arena, qg_judgement, 4);

    for (int i = 0; i < 4; i++) {
        static const qg_verdict verdicts[] = {QG_VERDICT_PASS, QG_VERDICT_FAIL, QG_VERDICT_PASS,
                                              QG_VERDICT_INCONCLUSIVE};
        j[i] = run->judgements[0];
        j[i].verdict = verdicts[i];
        j[i].limit = i;
    }
    run->judgements = j;
    run->n_judgements = 4;
    qg_harvest h = harvested(run);
    const qg_harvested *x = number(&h, "fp16/perf/b4", QG_METRIC_MEMORY_PEAK);
    ck_assert_int_eq(x->j->verdict, QG_VERDICT_FAIL);
    ck_assert_double_eq(x->j->limit, 1);
    ck_assert_uint_eq(h.n, 2); /* and ttft_p50 as measured */
}
END_TEST

/* As many cases as a record may hold, each judged: no step over all cases for each case. */
START_TEST(ten_thousand_cases_are_taken)
{
    enum { N = 10000 };
    qg_run run = {.suite = "s"};
    qg_scalar scalar = {QG_METRIC_WEIGHTS, 7, 1};

    run.measurements = QG_NEW_N(arena, qg_measurement, N);
    run.judgements = QG_NEW_N(arena, qg_judgement, N);
    for (int i = 0; i < N; i++) {
        const char *id = qg_arena_format(arena, "m/perf/b%d", i);
        run.measurements[i] = (qg_measurement){.id.id = id, .scalars = &scalar, .n_scalars = 1};
        run.judgements[i] = (qg_judgement){.case_id = id, .metric = QG_METRIC_WEIGHTS};
    }
    run.n_measurements = run.n_judgements = N;
    qg_harvest h = harvested(&run);
    ck_assert_uint_eq(h.n, N);
    for (size_t i = 0; i < h.n; i++)
        ck_assert(h.at[i].has_value && h.at[i].value == 7 && h.at[i].j && h.at[i].m);
}
END_TEST

/* Whether the key, and whether the content, is that of the run as it was made. */
static void told(const qg_run *run, bool same_key, bool same_content)
{
    char keys[2][QG_HISTORY_KEY], contents[2][QG_HISTORY_KEY];

    ck_ok(qg_harvest_identify(keys[0], contents[0], arena, run_made("s", 0), &why));
    ck_ok(qg_harvest_identify(keys[1], contents[1], arena, run, &why));
    ck_assert_int_eq(strcmp(keys[0], keys[1]) == 0, same_key);
    ck_assert_int_eq(strcmp(contents[0], contents[1]) == 0, same_content);
}

START_TEST(a_run_is_told_by_what_was_measured)
{
    qg_run *run = run_made("s", 0);

    told(run, true, true);
    run->judgements[0].limit++;
    told(run, true, false);
    run = run_made("s", 0);
    run->command = "again";
    told(run, true, false);
    run = run_made("s", 0);
    run->measurements[0].series[0].name = "tpot";
    told(run, false, false);
    run = run_made("s", 0);
    run->measurements[0].series[0].samples[1] = nextafter(2000, 0);
    told(run, false, false);
    run = run_made("s", 0);
    run->machine.host = "another";
    told(run, false, false);
    run = run_made("s", 0);
    run->version = "0.1.0build1"; /* no two texts run into one another */
    run->commit = "";
    told(run, false, false);
}
END_TEST

START_TEST(a_checklist_comes_back)
{
    qg_checklist list = {0};
    qg_history_run run = {0};

    for (int i = 0; i < QG_N_CHECKITEMS; i++) {
        list.items[i].item = (qg_checkitem)i;
        list.items[i].state = (qg_checkitem_state)(i % QG_N_CHECKITEM_STATES);
    }
    qg_harvest_read_checklist(&run, arena, qg_harvest_checklist(arena, &list));
    ck_assert(run.has_checklist);
    ck_assert_ptr_null(run.gate);
    for (int i = 0; i < QG_N_CHECKITEMS; i++)
        ck_assert_int_eq(run.checklist[i], i % QG_N_CHECKITEM_STATES);
    qg_harvest_read_checklist(&run, arena, "release;card=of another time;what=done;;=;ab=done");
    ck_assert_str_eq(run.gate, "release");
    ck_assert_int_eq(run.checklist[QG_CHECKITEM_AB], QG_CHECKITEM_IS_DONE);
}
END_TEST

Suite *harvest_check(void)
{
    Suite *s = suite_create("harvest_check");
    TCase *t = tcase_create("harvest");

    tcase_add_checked_fixture(t, folder_begin, folder_end);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, judged_and_measured_numbers_are_taken);
    tcase_add_test(t, what_a_budget_asked_for_is_taken);
    tcase_add_test(t, the_worse_of_two_judgements_stays);
    tcase_add_test(t, ten_thousand_cases_are_taken);
    tcase_add_test(t, a_run_is_told_by_what_was_measured);
    tcase_add_test(t, a_checklist_comes_back);
    suite_add_tcase(s, t);
    return s;
}
