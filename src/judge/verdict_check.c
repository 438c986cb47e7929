/* Unit tests of judge/verdict: the precedence table of exit codes, pair by pair. */
#include "judge/verdict.h"

#include "check_suites.h"

START_TEST(two_then_one_three_four_zero)
{
    static const int order[] = {2, 1, 3, 4, 0}; /* strongest first */

    for (int i = 0; i < 5; i++) {
        for (int k = i; k < 5; k++) {
            ck_assert_int_eq(qg_exit_worst(order[i], order[k]), order[i]);
            ck_assert_int_eq(qg_exit_worst(order[k], order[i]), order[i]);
        }
    }
    ck_assert_int_eq(qg_exit_worst(0, 139), 3); /* no exit code of ours: the machine */
    ck_assert_int_eq(qg_exit_worst(-1, 4), 3);
    ck_assert_int_eq(qg_exit_worst(1, 5), 1);
}
END_TEST

typedef struct fold {
    int n;
    qg_verdict verdicts[4];
    int classes[4];
    qg_verdict verdict;
    int exit_code;
} fold;

static const fold folds[] = {
    {0, {0}, {0}, QG_VERDICT_PASS, 0},
    {2, {QG_VERDICT_PASS, QG_VERDICT_PASS}, {0, 0}, QG_VERDICT_PASS, 0},
    {2, {QG_VERDICT_PASS, QG_VERDICT_SKIP}, {0, 0}, QG_VERDICT_PASS, 0},
    {2, {QG_VERDICT_SKIP, QG_VERDICT_SKIP}, {0, 0}, QG_VERDICT_SKIP, 0},
    {2, {QG_VERDICT_KNOWN_FAIL, QG_VERDICT_SKIP}, {0, 0}, QG_VERDICT_PASS, 0},
    {2, {QG_VERDICT_INCONCLUSIVE, QG_VERDICT_PASS}, {0, 0}, QG_VERDICT_PASS, 0},
    {2, {QG_VERDICT_INCONCLUSIVE, QG_VERDICT_PASS}, {4, 0}, QG_VERDICT_INCONCLUSIVE, 4},
    {3, {QG_VERDICT_PASS, QG_VERDICT_FAIL, QG_VERDICT_SKIP}, {0, 1, 0}, QG_VERDICT_FAIL, 1},
    {3,
     {QG_VERDICT_ERROR, QG_VERDICT_FAIL, QG_VERDICT_INCONCLUSIVE},
     {3, 1, 4},
     QG_VERDICT_FAIL,
     1},
    {2, {QG_VERDICT_ERROR, QG_VERDICT_INCONCLUSIVE}, {3, 4}, QG_VERDICT_ERROR, 3},
    {3, {QG_VERDICT_FAIL, QG_VERDICT_ERROR, QG_VERDICT_ERROR}, {1, 3, 2}, QG_VERDICT_ERROR, 2},
};

START_TEST(judgements_fold_to_one_verdict)
{
    const fold *f = &folds[_i];
    qg_judgement judgements[4] = {0};
    qg_run run = {.judgements = judgements, .n_judgements = (size_t)f->n, .exit_code = 3};

    for (int i = 0; i < f->n; i++) {
        judgements[i].verdict = f->verdicts[i];
        judgements[i].exit_class = f->classes[i];
    }
    qg_verdict_fold(&run);
    ck_assert_int_eq(run.verdict, f->verdict);
    ck_assert_int_eq(run.exit_code, f->exit_code);
}
END_TEST

Suite *verdict_check(void)
{
    Suite *s = suite_create("verdict_check");
    TCase *t = tcase_create("verdict");

    tcase_add_test(t, two_then_one_three_four_zero);
    tcase_add_loop_test(t, judgements_fold_to_one_verdict, 0, sizeof folds / sizeof *folds);
    suite_add_tcase(s, t);
    return s;
}
