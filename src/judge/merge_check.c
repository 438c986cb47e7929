/* Unit tests of judge/merge: parts made by hand, each refusal and each notice of the header. */
#include "judge/merge.h"

#include "base/scratch_check.h"

#include <string.h>

static qg_scalar ppl[2];
static qg_measurement first[2], second[1], beside_first[1], beside_second[1];
static qg_model_info models_first[2], models_second[2];
static qg_run runs[2], beside[2];
static qg_part parts[2];
static qg_merged merged;

static void setup(void)
{
    set_up();
    ppl[0] = (qg_scalar){QG_METRIC_PPL, 6.5, 100};
    ppl[1] = (qg_scalar){QG_METRIC_PPL, 7.5, 100};
    first[0] = (qg_measurement){.id = {"a/quality", "a", "fp16", "cpu", "quality", 0, 0, 0},
                                .scalars = &ppl[0],
                                .n_scalars = 1};
    first[1] = (qg_measurement){.id = {"a/perf/b1", "a", "fp16", "cpu", "performance", 1, 8, 8}};
    second[0] = (qg_measurement){.id = {"b/quality", "b", "int8", "cpu", "quality", 0, 0, 0},
                                 .scalars = &ppl[1],
                                 .n_scalars = 1};
    models_first[0] = (qg_model_info){.name = "a", .model_hash = "aa", .n_params = 7};
    models_first[1] = (qg_model_info){.name = "b", .path = "m/b"};
    models_second[0] = (qg_model_info){.name = "b", .model_hash = "bb", .n_params = 9};
    models_second[1] = (qg_model_info){.name = "a"};
    for (int i = 0; i < 2; i++) {
        runs[i] = (qg_run){.version = "1",
                           .commit = "c",
                           .suite = "s",
                           .suite_file = "s.yaml",
                           .suite_hash = "1234",
                           .reference = "a",
                           .seed = 7,
                           .shard = i + 1,
                           .n_shards = 2,
                           .machine = {.device = "cpu",
                                       .host = i ? "h2" : "h1",
                                       .cpu = "EPYC",
                                       .tier = "avx2",
                                       .n_threads = 2,
                                       .compiler = "gcc",
                                       .fingerprint = "f1"},
                           .models = i ? models_second : models_first,
                           .n_models = 2,
                           .measurements = i ? second : first,
                           .n_measurements = i ? 1 : 2,
                           .verdict = QG_VERDICT_FAIL,
                           .exit_code = 1};
        parts[i] = (qg_part){&runs[i], i ? "two.json" : "one.json"};
    }
    runs[0].started = "2026-01-02T00:00:00Z";
    runs[1].started = "2026-01-01T00:00:00Z";
    runs[0].wall_ns = 5;
    runs[1].wall_ns = 9;
}

static void again(void)
{
    tear_down();
    setup();
}

static const qg_run *merge(size_t n)
{
    if (qg_merge_parts(&merged, arena, parts, n, &err) != QG_OK)
        ck_abort_msg("%s", err.message);
    return merged.run;
}

static void refused(const char *message)
{
    qg_err_clear(&err);
    ck_assert_int_eq(qg_merge_parts(&merged, arena, parts, 2, &err), QG_EREFUSED);
    ck_assert_str_eq(err.message, message);
}

START_TEST(two_parts_become_one_run)
{
    static qg_judgement judged = {.case_id = "a/quality"};
    static const char *notices[] = {"said by a part"};

    runs[0].judgements = &judged;
    runs[0].n_judgements = 1;
    runs[0].notices = notices;
    runs[0].n_notices = 1;
    const qg_run *run = merge(2);
    ck_assert_uint_eq(run->n_measurements, 3);
    ck_assert_str_eq(run->measurements[2].id.id, "b/quality");
    ck_assert_double_eq(run->measurements[2].scalars[0].value, 7.5);
    ck_assert_str_eq(run->suite_hash, "1234");
    ck_assert_str_eq(run->started, "2026-01-01T00:00:00Z"); /* the earliest */
    ck_assert_int_eq(run->wall_ns, 9);                      /* they ran side by side */
    ck_assert(run->shard == 0 && run->n_shards == 0 && !run->partial);
    /* models are completed by the part that knows more */
    ck_assert_uint_eq(run->n_models, 2);
    ck_assert_str_eq(run->models[0].model_hash, "aa");
    ck_assert_int_eq(run->models[0].n_params, 7);
    ck_assert_str_eq(run->models[1].model_hash, "bb");
    ck_assert_int_eq(run->models[1].n_params, 9);
    /* to be judged again */
    ck_assert_uint_eq(run->n_judgements, 0);
    ck_assert_uint_eq(run->n_notices, 0);
    ck_assert_int_eq(run->exit_code, 0);
    ck_assert_ptr_null(merged.missing);
    ck_assert_str_eq(run->machine.fingerprint, "f1");
    ck_assert_ptr_null(run->machine.host); /* two hosts of one kind */
}
END_TEST

START_TEST(what_parts_found_out_is_kept_once)
{
    qg_blame of_first = {.case_id = "a/quality", .message = "first"};
    qg_blame of_second[] = {{.case_id = "b/quality", .message = "second"},
                            {.case_id = "a/quality", .message = "again"}};

    runs[0].blames = &of_first;
    runs[0].n_blames = 1;
    runs[1].blames = of_second;
    runs[1].n_blames = 2;
    const qg_run *run = merge(2);
    ck_assert_uint_eq(run->n_blames, 2);
    ck_assert_str_eq(run->blames[0].message, "first");
    ck_assert_str_eq(run->blames[1].message, "second");
}
END_TEST

START_TEST(the_order_of_the_parts_does_not_matter)
{
    qg_part swapped = parts[0];

    merge(2);
    const qg_run *one = merged.run;
    parts[0] = parts[1];
    parts[1] = swapped;
    merge(2);
    ck_assert_uint_eq(merged.run->n_measurements, one->n_measurements);
    for (size_t i = 0; i < one->n_measurements; i++)
        ck_assert_str_eq(merged.run->measurements[i].id.id, one->measurements[i].id.id);
}
END_TEST

START_TEST(one_part_is_itself)
{
    runs[0].shard = runs[0].n_shards = 0;
    const qg_run *run = merge(1);
    ck_assert_uint_eq(run->n_measurements, 2);
    ck_assert_ptr_null(merged.missing);
    ck_assert_str_eq(run->machine.host, "h1");
}
END_TEST

START_TEST(missing_shards_are_named)
{
    merge(1);
    ck_assert_str_eq(merged.missing, "shard 2/2");
    runs[0].n_shards = 4;
    runs[0].shard = 2;
    merge(1);
    ck_assert_str_eq(merged.missing, "shards 1/4, 3/4, 4/4");
    runs[0].n_shards = 10000;
    merge(1);
    ck_assert_ptr_nonnull(strstr(merged.missing, "21/10000, ..."));
}
END_TEST

START_TEST(parts_of_something_else_are_refused)
{
    runs[1].suite_hash = "5678";
    refused("'one.json' and 'two.json' do not belong together: suites of hash '1234' and '5678'");
    runs[1].suite_hash = NULL;
    refused("'one.json' and 'two.json' do not belong together: suites of hash '1234' and 'none'");
    again();
    runs[1].reference = "b";
    refused("'one.json' and 'two.json' do not belong together: reference 'a' and 'b'");
    again();
    models_second[1].model_hash = "ab";
    refused("'one.json' and 'two.json' do not belong together: a reference of hash 'aa' and 'ab'");
    again();
    runs[1].n_shards = 3;
    refused("'one.json' and 'two.json' do not belong together: shard 1/2 and 2/3");
    again();
    runs[0].shard = 3;
    ck_assert_int_eq(qg_merge_parts(&merged, arena, parts, 2, &err), QG_EFORMAT);
    ck_assert_str_eq(err.message, "'one.json' says that it is shard 3/2");
}
END_TEST

START_TEST(cases_of_two_parts_count_once_or_are_refused)
{
    second[0] = first[0];
    const qg_run *run = merge(2);
    ck_assert_uint_eq(run->n_measurements, 2);
    ck_assert_uint_eq(run->n_notices, 1);
    ck_assert_str_eq(run->notices[0],
                     "'one.json' and 'two.json' hold the same cases: they count once");
    second[0].scalars = &ppl[1];
    refused("case 'a/quality' is in 'one.json' and in 'two.json' with different numbers: give each "
            "part once");
    second[0] = first[0];
    second[0].state = QG_CASE_FAILED; /* choosing would be choosing the verdict */
    refused("case 'a/quality' is in 'one.json' and in 'two.json' with different numbers: give each "
            "part once");
}
END_TEST

static bool is_noticed(const char *text)
{
    for (size_t i = 0; i < merged.run->n_notices; i++)
        if (strcmp(merged.run->notices[i], text) == 0)
            return true;
    return false;
}

START_TEST(what_is_odd_is_noticed)
{
    runs[1].version = "2";
    runs[1].commit = NULL;
    runs[1].seed = 8;
    runs[1].partial = true;
    models_first[1].model_hash = "b0";
    merge(2);
    ck_assert(merged.run->partial);
    ck_assert(is_noticed("'one.json' and 'two.json' are of version '1' and '2'"));
    ck_assert(is_noticed("'one.json' and 'two.json' are of commit 'c' and 'none'"));
    ck_assert(is_noticed("'one.json' and 'two.json' were measured with seeds 7 and 8"));
    ck_assert(is_noticed("'two.json' was stopped before it was done"));
    ck_assert(is_noticed("model 'b' of 'two.json' has other weights than that of the parts before "
                         "it"));
    ck_assert_uint_eq(merged.run->n_notices, 5);
}
END_TEST

START_TEST(machines_are_listed_where_they_differ)
{
    runs[1].machine.fingerprint = "f2";
    runs[1].machine.cpu = "Xeon";
    runs[1].machine.n_threads = 1;
    merge(2);
    ck_assert_ptr_null(merged.run->machine.fingerprint);
    ck_assert_str_eq(merged.run->machine.cpu, "several machines");
    ck_assert_str_eq(merged.run->machine.tier, "avx2");
    ck_assert_int_eq(merged.run->machine.n_threads, 0);
    ck_assert(is_noticed("shard 1/2 ('one.json') was measured on EPYC, avx2, 2 threads, gcc "
                         "(fingerprint f1)"));
    ck_assert(is_noticed("shard 2/2 ('two.json') was measured on Xeon, avx2, 1 thread, gcc "
                         "(fingerprint f2)"));
    ck_assert_uint_eq(merged.run->n_notices, 3);
    /* a part in which nothing was measured has no machine */
    runs[1].machine = (qg_machine){0};
    merge(2);
    ck_assert_str_eq(merged.run->machine.fingerprint, "f1");
    ck_assert_uint_eq(merged.run->n_notices, 0);
}
END_TEST

START_TEST(the_other_program_is_merged_too)
{
    beside_first[0] = first[1];
    beside_second[0] = second[0];
    beside[0] = (qg_run){.commit = "old", .measurements = beside_first, .n_measurements = 1};
    beside[1] = (qg_run){.commit = "old", .measurements = beside_second, .n_measurements = 1};
    runs[0].against = &beside[0];
    runs[0].program = "./old";
    merge(2); /* one part may have none */
    ck_assert_uint_eq(merged.run->against->n_measurements, 1);
    runs[1].against = &beside[1];
    merge(2);
    ck_assert_str_eq(merged.run->program, "./old");
    ck_assert_str_eq(merged.run->against->commit, "old");
    ck_assert_uint_eq(merged.run->against->n_measurements, 2);
    ck_assert_str_eq(merged.run->against->measurements[1].id.id, "b/quality");
    ck_assert_uint_eq(beside[0].n_measurements, 1); /* parts stay as they are */
    beside[1].commit = "older";
    refused("'one.json' and 'two.json' do not belong together: measured beside programs of commit "
            "'old' and 'older'");
}
END_TEST

START_TEST(every_failed_allocation_is_reported)
{
    bool unharmed = false;

    runs[1].machine.fingerprint = "f2";
    second[0] = first[0];
    beside[0] = (qg_run){.measurements = beside_first, .n_measurements = 1};
    beside_first[0] = first[1];
    runs[0].against = &beside[0];
    for (long n = 1; !unharmed; n++) {
        qg_arena *own = qg_arena_create();
        qg_err_clear(&err);
        qg_arena_fail_after(n);
        qg_status s = qg_merge_parts(&merged, own, parts, 2, &err);
        unharmed = qg_arena_fail_after(0);
        ck_assert_int_eq(s, unharmed ? QG_OK : QG_ENOMEM);
        qg_arena_free(own);
    }
}
END_TEST

Suite *merge_check(void)
{
    Suite *s = suite_create("merge_check");
    TCase *t = tcase_create("merge");

    tcase_add_checked_fixture(t, setup, tear_down);
    tcase_add_test(t, two_parts_become_one_run);
    tcase_add_test(t, what_parts_found_out_is_kept_once);
    tcase_add_test(t, the_order_of_the_parts_does_not_matter);
    tcase_add_test(t, one_part_is_itself);
    tcase_add_test(t, missing_shards_are_named);
    tcase_add_test(t, parts_of_something_else_are_refused);
    tcase_add_test(t, cases_of_two_parts_count_once_or_are_refused);
    tcase_add_test(t, what_is_odd_is_noticed);
    tcase_add_test(t, machines_are_listed_where_they_differ);
    tcase_add_test(t, the_other_program_is_merged_too);
    tcase_add_test(t, every_failed_allocation_is_reported);
    suite_add_tcase(s, t);
    return s;
}
