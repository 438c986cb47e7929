/* Unit tests of measure/turns: looks, warm-up, and rounds with a worker that is a shell script
 * which writes down who was asked when. */
#include "measure/turns.h"

#include "base/folder_check.h"
#include "suite/plan.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void setup(void)
{
    folder_begin();
    if (getenv("QG_ROOT"))
        ck_assert_int_eq(chdir(getenv("QG_ROOT")), 0);
}

static qg_plan plan_of(const char *samples, const char *budgets, const char *regression)
{
    char *path = qg_path_join(arena, folder, "suite.yaml");
    char *text = qg_arena_format(
        arena,
        "version: 1\nname: t\n"
        "models:\n  a: {model: golden/models/tiny-llama}\n  b: {model: golden/models/tiny-llama}\n"
        "reference: a\nengine: {device: cpu, threads: 1}\n"
        "performance:\n  production: {input_len: 8, output_len: 3, batch: [1]}\n"
        "  samples: %s\n  budgets: {a: [{batch: 1, %s}]}\n%s",
        samples, budgets, regression);
    qg_suite *suite;
    qg_findings findings;
    qg_plan plan;
    qg_plan_options options = {0};
    qg_err err = {0};

    ck_assert_int_eq(qg_file_write(path, qg_str_from(text), NULL), QG_OK);
    ck_assert_msg(qg_suite_read(&suite, &findings, arena, path, &err) == QG_OK, "%s", err.message);
    ck_assert_msg(qg_plan_make(&plan, arena, suite, &options, &err) == QG_OK, "%s", err.message);
    return plan;
}

static qg_looks looks_of(const qg_plan *plan, size_t n)
{
    const qg_case *cases[] = {&plan->cases[0], &plan->cases[1]};
    return qg_looks_plan(cases, n, plan->suite);
}

/* Least n with 1 - q^n >= 1 - 0.05 / looks: p50 5 (one look) and 7 (four), p95 59 and 86, p99 299,
 * 368 (two), 408 (three), 437. */
START_TEST(looks_have_the_samples_that_percentiles_need)
{
    qg_plan p = plan_of("{min: 10, max: 100}", "ttft_p50: 1 s", "");
    qg_looks l = looks_of(&p, 1);
    ck_assert_int_eq(l.n, 4);
    ck_assert_int_eq(l.at[0], 10);
    ck_assert_int_eq(l.at[3], 100);
    ck_assert(l.at[0] < l.at[1] && l.at[1] < l.at[2] && l.at[2] < l.at[3]);
    p = plan_of("{min: 10, max: 100}", "ttft_p95: 1 s", "");
    l = looks_of(&p, 1);
    ck_assert_int_eq(l.n, 4);
    ck_assert_int_eq(l.at[0], 86);
    p = plan_of("{min: 10, max: 400}", "ttft_p99: 1 s", "");
    l = looks_of(&p, 1);
    ck_assert_int_eq(l.n, 2);
    ck_assert_int_eq(l.at[0], 368);
    ck_assert_int_eq(l.at[1], 400);
    p = plan_of("{min: 60, max: 60}", "ttft_p95: 1 s", "");
    l = looks_of(&p, 1);
    ck_assert_int_eq(l.n, 1);
    ck_assert_int_eq(l.at[0], 60);
}
END_TEST

START_TEST(looks_are_even_in_turns_and_one_without_rerun)
{
    qg_plan p = plan_of("{min: 5, max: 33}", "ttft_p50: 1 s", "");
    qg_looks l = looks_of(&p, 2);
    for (int i = 0; i < l.n; i++)
        ck_assert_int_eq(l.at[i] % 2, 0);
    ck_assert_int_eq(l.at[l.n - 1], 34); /* never fewer than asked for */
    p = plan_of("{min: 20, max: 400}", "ttft_p50: 1 s", "regression: {inconclusive: warn}\n");
    l = looks_of(&p, 1);
    ck_assert_int_eq(l.n, 1);
    ck_assert_int_eq(l.at[0], 20);
    p = plan_of("{min: 9, max: 9}", "ttft_p50: 1 s", "");
    l = looks_of(&p, 2);
    ck_assert_int_eq(l.n, 1);
    ck_assert_int_eq(l.at[0], 10);
}
END_TEST

START_TEST(warm_is_where_halves_agree)
{
    static const double falling[] = {9, 8, 7, 6, 5, 4}, flat[] = {9, 9, 5, 5.1, 5, 4.9, 5, 5};
    static const double two[] = {100, 103};

    ck_assert(!qg_turns_are_stable(falling, 6));
    ck_assert(!qg_turns_are_stable(flat, 4));
    ck_assert(qg_turns_are_stable(flat + 2, 6));
    ck_assert(qg_turns_are_stable(two, 2));
    ck_assert(!qg_turns_are_stable((double[]){100, 103.1}, 2));
}
END_TEST

/* A worker that answers every sample with `e2e`, and appends who, which to the log. */
static const char *script(const char *who, const char *e2e)
{
    char *path = qg_path_join(arena, folder, who);
    char *text = qg_arena_format(
        arena,
        "#!/bin/sh\nwhile read line; do case \"$line\" in\n"
        "*open*) echo '{\"opened\":true}';;\n"
        "*sample*) echo \"%s $line\" >>%s/log; "
        "echo '{\"ttft\":1,\"tpot\":2,\"itl\":[3,4],\"e2e\":%s,\"throughput\":5}';;\n"
        "*) echo '{\"schema\":2,\"verdict\":\"pass\",\"exit_code\":0,\"machine\":{},\"models\":[{"
        "\"name\":\"x\"}],\"cases\":[{\"id\":\"x\",\"model\":\"x\",\"method\":\"x\",\"device\":"
        "\"cpu\",\"kind\":\"performance\",\"state\":\"measured\"}]}';;\nesac; done\n",
        who, folder, e2e);

    ck_assert_int_eq(qg_file_write(path, qg_str_from(text), NULL), QG_OK);
    ck_assert_int_eq(chmod(path, 0755), 0);
    return path;
}

static const char *log_text(void)
{
    qg_str text;

    ck_assert_int_eq(qg_file_read(&text, arena, qg_path_join(arena, folder, "log"), 1 << 20, NULL),
                     QG_OK);
    return qg_str_dup(arena, text);
}

static bool after_two(void *user, const qg_run *group)
{
    int *n = user;
    ck_assert_uint_eq(group->n_measurements, 1);
    ck_assert_uint_eq(group->against->n_measurements, 1);
    return ++*n >= 2;
}

START_TEST(two_programs_take_turns_there_and_back)
{
    qg_plan plan = plan_of("{min: 8, max: 64, warmup: 1}", "ttft_p50: 1 s", "");
    qg_run run = {0};
    int looked = 0;
    qg_measure_options o = {.program = script("A", "7"),
                            .against = script("B", "7"),
                            .seed = -1,
                            .timeout_ns = 20000000000,
                            .is_decided = after_two,
                            .user = &looked};
    qg_err err = {0};

    plan.n_cases = 1;
    ck_assert_msg(qg_measure_plan(&run, arena, &plan, &o, &err) == QG_OK, "%s", err.message);
    const qg_measurement *m = &run.measurements[0], *theirs = &run.against->measurements[0];
    ck_assert_msg(m->state == QG_CASE_MEASURED, "%s", m->message);
    ck_assert_str_eq(m->group, "perf/b1/cpu");
    ck_assert_str_eq(theirs->group, m->group);
    ck_assert_int_eq(m->n_looks, 4);
    ck_assert_int_eq(looked, 2); /* of four: 8, 16, 32, 64 */
    ck_assert_uint_eq(m->series[0].n_samples, 16);
    ck_assert_uint_eq(theirs->series[0].n_samples, 16);
    ck_assert_uint_eq(m->series[2].n_samples, 32);
    ck_assert_str_eq(run.program, o.against);
    const char *log = log_text();
    ck_assert_ptr_nonnull(strstr(log, "A {\"do\":\"sample\",\"index\":0}\nB "
                                      "{\"do\":\"sample\",\"index\":0}\nB "
                                      "{\"do\":\"sample\",\"index\":1}\nA "
                                      "{\"do\":\"sample\",\"index\":1}\nB "
                                      "{\"do\":\"sample\",\"index\":2}\nA "
                                      "{\"do\":\"sample\",\"index\":2}\nA "
                                      "{\"do\":\"sample\",\"index\":3}\nB "
                                      "{\"do\":\"sample\",\"index\":3}\n"));
}
END_TEST

START_TEST(an_arm_that_dies_leaves_the_other_in)
{
    qg_plan plan = plan_of("{min: 8, max: 8, warmup: 0}", "ttft_p50: 1 s", "");
    char *dead = qg_path_join(arena, folder, "dead");
    qg_run run = {0};
    qg_measure_options o = {
        .program = script("A", "7"), .against = dead, .seed = -1, .timeout_ns = 20000000000};

    plan.n_cases = 1;
    ck_assert_int_eq(
        qg_file_write(dead, QG_STR("#!/bin/sh\nread l; echo '{\"opened\":true}'; read l\n"), NULL),
        QG_OK);
    ck_assert_int_eq(chmod(dead, 0755), 0);
    ck_assert_int_eq(qg_measure_plan(&run, arena, &plan, &o, NULL), QG_OK);
    ck_assert_int_eq(run.measurements[0].state, QG_CASE_MEASURED);
    ck_assert_uint_eq(run.measurements[0].series[0].n_samples, 8);
    ck_assert_int_eq(run.against->measurements[0].state, QG_CASE_FAILED);
    ck_assert_int_eq(run.against->measurements[0].exit_class, 3);
}
END_TEST

START_TEST(a_stop_leaves_what_is_missing_failed)
{
    qg_plan plan = plan_of("{min: 8, max: 8, warmup: 0}", "ttft_p50: 1 s", "");
    volatile sig_atomic_t stop = 1;
    qg_run run = {0};
    qg_measure_options o = {
        .program = script("A", "7"), .seed = -1, .timeout_ns = 20000000000, .stop = &stop};

    ck_assert_int_eq(qg_measure_plan(&run, arena, &plan, &o, NULL), QG_OK);
    ck_assert_uint_eq(run.n_measurements, 2);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(run.measurements[i].state, QG_CASE_FAILED);
        ck_assert_int_eq(run.measurements[i].exit_class, 3);
        ck_assert_str_eq(run.measurements[i].message, "stopped by a signal");
    }
}
END_TEST

Suite *turns_check(void)
{
    Suite *s = suite_create("turns_check");
    TCase *t = tcase_create("turns");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_add_test(t, looks_have_the_samples_that_percentiles_need);
    tcase_add_test(t, looks_are_even_in_turns_and_one_without_rerun);
    tcase_add_test(t, warm_is_where_halves_agree);
    tcase_add_test(t, two_programs_take_turns_there_and_back);
    tcase_add_test(t, an_arm_that_dies_leaves_the_other_in);
    tcase_add_test(t, a_stop_leaves_what_is_missing_failed);
    suite_add_tcase(s, t);
    return s;
}
