/* Unit tests of suite/split: parts worked out by hand, the bound of the greedy rule against every
 * division there is, groups that stay whole. */
#include "suite/split.h"

#include "base/scratch_check.h"

static const qg_suite_model models[2] = {{.name = "a"}, {.name = "b"}};

static qg_case perf(const char *id, int model, int batch)
{
    return (qg_case){.id = id,
                     .kind = QG_CASE_PERFORMANCE,
                     .model = &models[model],
                     .device = QG_DEVICE_CPU,
                     .batch = batch};
}

static qg_case quality(const char *id, int model)
{
    return (qg_case){
        .id = id, .kind = QG_CASE_QUALITY, .model = &models[model], .device = QG_DEVICE_CPU};
}

static qg_split split_of(const qg_case *cases, size_t n, size_t n_parts, const qg_run *times)
{
    qg_split s;

    ck_assert_int_eq(qg_split_cases(&s, arena, cases, n, n_parts, times, &err), QG_OK);
    return s;
}

/* "122131": the part of each case. */
static const char *parts(const qg_split *s, size_t n)
{
    char *text = qg_arena_alloc(arena, n + 1);

    for (size_t i = 0; i < n; i++)
        text[i] = (char)('0' + s->part[i]);
    return text;
}

START_TEST(groups_stay_whole)
{
    const qg_case cases[] = {quality("a/quality", 0), perf("a/perf/b1", 0, 1),
                             perf("a/perf/b4", 0, 4), quality("b/quality", 1),
                             perf("b/perf/b1", 1, 1), perf("b/perf/b4", 1, 4)};
    qg_split s = split_of(cases, 6, 2, NULL);

    /* two of batch 1, two of batch 4, then the quality cases, one each */
    ck_assert_str_eq(parts(&s, 6), "112212");
    ck_assert_uint_eq(s.n_groups, 4);
    ck_assert_double_eq(s.part_cost[0], 3);
    ck_assert_double_eq(s.part_cost[1], 3);
    s = split_of(cases, 6, 1, NULL);
    ck_assert_str_eq(parts(&s, 6), "111111");
    s = split_of(cases, 6, 9, NULL);
    ck_assert_str_eq(parts(&s, 6), "312412");
    ck_assert_double_eq(s.part_cost[8], 0);
    s = split_of(cases, 0, 3, NULL);
    ck_assert_uint_eq(s.n_groups, 0);
}
END_TEST

START_TEST(other_devices_are_other_groups)
{
    qg_case cases[] = {perf("a/perf/b1", 0, 1), perf("b/perf/b1", 1, 1)};

    ck_assert(qg_split_belong(&cases[0], &cases[1]));
    cases[1].device = QG_DEVICE_CUDA;
    ck_assert(!qg_split_belong(&cases[0], &cases[1]));
    cases[0] = quality("a/quality", 0);
    cases[1] = quality("b/quality", 1);
    ck_assert(!qg_split_belong(&cases[0], &cases[1]));
}
END_TEST

START_TEST(a_stored_run_tells_what_cases_take)
{
    const qg_case cases[] = {quality("a/quality", 0), perf("a/perf/b1", 0, 1),
                             perf("a/perf/b4", 0, 4), quality("b/quality", 1)};
    qg_measurement told[] = {{.id = {.id = "a/quality"}, .wall_ns = 900},
                             {.id = {.id = "a/perf/b1"}, .wall_ns = 500},
                             {.id = {.id = "a/perf/b4"}, .wall_ns = 300},
                             {.id = {.id = "gone"}, .wall_ns = 7}};
    qg_run run = {.measurements = told, .n_measurements = 4};
    qg_split s = split_of(cases, 4, 2, &run);

    /* b/quality is new: it costs what a/quality does. 900 | 900, then 500, then 300 */
    ck_assert_double_eq(s.cost[3], 900);
    ck_assert_str_eq(parts(&s, 4), "1122");
    ck_assert_double_eq(s.part_cost[0], 1400);
    told[0].state = QG_CASE_FAILED; /* how long it took to fail says nothing */
    s = split_of(cases, 4, 2, &run);
    ck_assert_double_eq(s.cost[0], 400); /* no quality is known: the mean of what is */
    told[1].state = told[2].state = QG_CASE_SKIPPED;
    s = split_of(cases, 4, 2, &run);
    ck_assert_double_eq(s.cost[0], 1); /* nothing is known: all the same */
}
END_TEST

START_TEST(what_is_skipped_costs_nothing)
{
    qg_case cases[] = {quality("a/quality", 0), quality("b/quality", 1), perf("a/perf/b1", 0, 1)};

    cases[0].skip = "why";
    qg_split s = split_of(cases, 3, 2, NULL);
    ck_assert_double_eq(s.cost[0], 0);
    ck_assert_double_eq(s.cost[1], 1);
    ck_assert_int_ne(s.part[1], s.part[2]);
}
END_TEST

/* The least that the costliest of `n_parts` can cost, by trying all divisions. */
static double best(const double *cost, size_t n, size_t n_parts, double *load)
{
    double least = 1e300, most = 0;

    if (n == 0) {
        for (size_t p = 0; p < n_parts; p++)
            most = load[p] > most ? load[p] : most;
        return most;
    }
    for (size_t p = 0; p < n_parts; p++) {
        load[p] += cost[0];
        double b = best(cost + 1, n - 1, n_parts, load);
        least = b < least ? b : least;
        load[p] -= cost[0];
    }
    return least;
}

START_TEST(no_part_takes_much_longer_than_it_must)
{
    static const int64_t walls[][8] = {{7, 7, 6, 6, 5, 5, 4, 4},
                                       {50, 10, 10, 10, 10, 10, 10, 1},
                                       {9, 8, 7, 6, 5, 4, 3, 2},
                                       {1, 1, 1, 1, 1, 1, 1, 100}};
    static const char *const ids[8] = {"0", "1", "2", "3", "4", "5", "6", "7"};

    for (size_t w = 0; w < sizeof walls / sizeof *walls; w++) {
        qg_case cases[8];
        qg_measurement told[8] = {0};
        qg_run run = {.measurements = told, .n_measurements = 8};
        double cost[8], load[3] = {0}, most = 0;
        for (int i = 0; i < 8; i++) {
            cases[i] = quality(ids[i], 0);
            told[i] = (qg_measurement){.id = {.id = ids[i]}, .wall_ns = walls[w][i]};
            cost[i] = (double)walls[w][i];
        }
        qg_split s = split_of(cases, 8, 3, &run);
        for (int p = 0; p < 3; p++)
            most = s.part_cost[p] > most ? s.part_cost[p] : most;
        ck_assert_double_le(most, best(cost, 8, 3, load) * (4.0 / 3 - 1.0 / 9) + 1e-9);
    }
}
END_TEST

START_TEST(every_failed_allocation_is_reported)
{
    const qg_case cases[] = {quality("a/quality", 0), perf("a/perf/b1", 0, 1)};
    bool unharmed = false;

    for (long n = 1; !unharmed; n++) {
        qg_arena *own = qg_arena_create();
        qg_split s;
        qg_err_clear(&err);
        qg_arena_fail_after(n);
        qg_status status = qg_split_cases(&s, own, cases, 2, 100000, NULL, &err);
        unharmed = qg_arena_fail_after(0);
        ck_assert_int_eq(status, unharmed ? QG_OK : QG_ENOMEM);
        qg_arena_free(own);
    }
}
END_TEST

Suite *split_check(void)
{
    Suite *s = suite_create("split_check");
    TCase *t = tcase_create("split");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, groups_stay_whole);
    tcase_add_test(t, other_devices_are_other_groups);
    tcase_add_test(t, a_stored_run_tells_what_cases_take);
    tcase_add_test(t, what_is_skipped_costs_nothing);
    tcase_add_test(t, no_part_takes_much_longer_than_it_must);
    tcase_add_test(t, every_failed_allocation_is_reported);
    suite_add_tcase(s, t);
    return s;
}
