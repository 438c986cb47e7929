/* Tests of the program: --history of run, judge and merge, the command history, and what either
 * does where the file cannot be read or written. */
#include "cli/program_check.h"

#define RECORD "golden/reports/run.json"

/* A record of one case with one budget, of day `day`, into $D/NAME. */
static void put_record(const char *name, int day, const char *more)
{
    folder_put(
        name,
        qg_arena_format(
            arena,
            "{\"schema\":2,\"verdict\":\"pass\",\"exit_code\":0,\"version\":\"0.1.0\",\"commit\":"
            "\"abc\",\"suite\":\"parts\",\"suite_file\":\"suite.yaml\",\"suite_hash\":\"h\","
            "\"reference\":\"fp16\",\"started\":\"2026-01-%02dT00:00:00Z\",%s\"machine\":{\"cpu\":"
            "\"EPYC\",\"device\":\"cpu\",\"fingerprint\":\"f1\"},\"cases\":[{\"id\":"
            "\"fp16/perf/b1\",\"model\":\"fp16\",\"method\":\"fp16\",\"device\":\"cpu\",\"kind\":"
            "\"performance\",\"batch\":1,\"state\":\"measured\",\"scalars\":[{\"metric\":"
            "\"memory_peak\",\"value\":%d,\"n\":1}]}]}",
            day, more, (11 + day / 10) << 20));
}

static void put_suite(void)
{
    folder_put("suite.yaml",
               qg_arena_format(arena,
                               "version: 1\nname: parts\nmodels:\n  fp16: {model: %s/" MODEL
                               ", dtype: float16}\nperformance:\n  production: {input_len: 64, "
                               "output_len: 16, batch: [1]}\n  budgets:\n    fp16:\n      - "
                               "{batch: 1, memory_peak: 12 MiB}\n",
                               getenv("QG_ROOT")));
}

static void prints(const char *line, int exit_code, const char *out, const char *err)
{
    outcome o = shell(line);

    ck_assert_msg(o.exit_code == exit_code, "%s: exit code %d\n" QG_STR_PRI, line, o.exit_code,
                  QG_STR_ARG(o.err));
    ck_assert_msg(holds(o.out, out), "%s: '%s' is not in: " QG_STR_PRI, line, out,
                  QG_STR_ARG(o.out));
    ck_assert_msg(holds(o.err, err), "%s: '%s' is not in: " QG_STR_PRI, line, err,
                  QG_STR_ARG(o.err));
}

START_TEST(a_run_is_appended)
{
    outcome o = shell("Q run suites/smoke.yaml --only fp16/perf/b1 --history $D/h/h.db --branch b1 "
                      "--out $D/out --report json");
    qg_str verdict;

    ck_assert_msg(o.exit_code == 0 || o.exit_code == 1, QG_STR_PRI, QG_STR_ARG(o.err));
    const qg_json *root = json_line(shell("Q history query $D/h/h.db --json --metric '*'"), 0);
    const qg_json *runs = qg_json_get(root, "runs");
    ck_assert_uint_eq(qg_json_len(runs), 1);
    ck_assert(qg_str_is(text_of(qg_json_at(runs, 0), "branch"), "b1"));
    verdict = text_of(qg_json_at(runs, 0), "verdict");
    ck_assert(qg_str_is(verdict, o.exit_code ? "fail" : "pass"));
    ck_assert_uint_ge(qg_json_len(qg_json_get(qg_json_at(runs, 0), "numbers")), 10);
    /* what was written is what was appended */
    prints("Q history append $D/h/h.db $D/out/run.json --branch b1", 0,
           "0 added, 1 known, 0 replaced", "");
    ck_assert(!qg_file_exists(folder_path("h/h.db-wal")));
}
END_TEST

START_TEST(judge_and_merge_append)
{
    put_suite();
    put_record("1.json", 1, "");
    put_record("2.json", 12, "\"shard\":1,\"n_shards\":1,");
    prints("Q judge $D/1.json $D/suite.yaml --history $D/h.db --commit c0ffee", 0, "1 pass", "");
    prints("Q merge $D/2.json --suite $D/suite.yaml --history $D/h.db", 0, "1 pass", "");
    prints("Q history query $D/h.db --csv", 0, "2026-01-01T00:00:00Z,", "");
    prints("Q history query $D/h.db --csv", 0, "2026-01-12T00:00:00Z,", "");
    prints("Q history query $D/h.db --commit c0ff", 0, "1 run\n", "");
    /* the same run, judged by a budget that it breaks */
    shell("sed -i 's/12 MiB/9 MiB/' $D/suite.yaml");
    prints("Q judge $D/1.json $D/suite.yaml --history $D/h.db", 1, "1 fail", "");
    prints("Q history query $D/h.db --only '*' --until 2026-01-05 --csv", 0,
           ",memory_peak,B,budget,fail,11534336,1,,,9437184,", "");
    prints("Q history check $D/h.db", 0, "sound: 1 suite, 2 runs, 2 numbers", "");
}
END_TEST

START_TEST(parts_are_refused_before_anything_is_measured)
{
    put_record("part.json", 1, "\"shard\":1,\"n_shards\":2,");
    put_suite();
    refused("Q run suites/smoke.yaml --shard 1/2 --history $D/h.db", 2, "quantgate merge");
    refused("Q judge $D/part.json $D/suite.yaml --history $D/h.db", 2, "quantgate merge");
    refused("Q history append $D/h.db $D/part.json", 2, "1 of 2");
    refused("Q run suites/smoke.yaml --branch x", 2, "add --history DB");
}
END_TEST

/* Whoever the history fails, the verdict is printed. */
START_TEST(a_history_that_fails_does_not_hide_the_verdict)
{
    put_suite();
    put_record("1.json", 1, "");
    folder_put("file", "");
    prints("Q judge $D/1.json $D/suite.yaml --history $D/file/h.db", 3, "1 pass",
           "the run is not in the history: ");
    shell("sed -i 's/12 MiB/9 MiB/' $D/suite.yaml");
    prints("Q judge $D/1.json $D/suite.yaml --history $D/file/h.db", 1, "1 fail",
           "the run is not in the history: ");
    /* the user's mistakes come first */
    refused("Q judge $D/1.json $D/suite.yaml --history $D/suite.yaml", 2, "no SQLite database");
    refused("Q judge $D/1.json $D/suite.yaml --history $D", 2, "is a folder");
}
END_TEST

START_TEST(a_damaged_history_is_set_aside_and_said)
{
    put_suite();
    put_record("1.json", 1, "");
    folder_put("h.db", "rubbish");
    refused("Q history query $D/h.db", 2, "no SQLite database");
    prints("Q history check $D/h.db", 2, "error: '", "");
    prints("Q judge $D/1.json $D/suite.yaml --history $D/h.db", 0, "1 pass",
           "was damaged: it is set aside as '");
    prints("cat $D/h.db.corrupt-*", 0, "rubbish", "");
    prints("Q history check $D/h.db", 0, "sound: 1 suite, 1 run, 1 numbers", "");
}
END_TEST

START_TEST(records_are_imported)
{
    put_record("in/1.json", 1, "");
    put_record("in/deep/2.json", 2, "");
    folder_put("in/no.json", "[]");
    folder_put("in/note.txt", "x");
    prints("Q history import $D/h.db $D/in " RECORD " --branch old --pin", 0,
           "3 added, 0 known, 0 replaced, 1 passed over", "passed over: reading '");
    prints("sed 's/\"schema\":2/\"schema\":1/' $D/in/1.json >$D/1.json; "
           "Q history import $D/h.db $D/1.json --json",
           0, "{\"added\":0,\"known\":1,\"replaced\":0,\"passed_over\":0}\n", "");
    refused("Q history import $D/h.db $D/in/no.json", 2, "not a stored run");
    refused("mkdir $D/empty; Q history import $D/h.db $D/empty", 2, "no record");
    refused("Q history import $D/h.db $D/absent.json", 2, "absent.json");
    prints("Q history query $D/h.db --branch old --csv", 0, ",pass,0,0,1,", "");
    prints("Q history prune $D/h.db --max-runs 1 --json", 0,
           "{\"removed\":0,\"left\":3,\"pinned\":1,", "");
    prints("Q history unpin $D/h.db 1 2", 0, "run 2 is not pinned\n", "");
    prints("Q history prune $D/h.db --max-runs 1 --dry-run", 0, "would remove 1 run, 2 left", "");
    prints("Q history prune $D/h.db --max-age '10 d' --suite 'x*'", 0, "removed 0 runs, 3 left",
           "");
    prints("Q history prune $D/h.db --max-age '10 d'", 0, "removed 1 run, 2 left", "");
    prints("Q history check $D/h.db --json", 0,
           "{\"sound\":true,\"schema\":2,\"suites\":2,\"runs\":2", "");
}
END_TEST

/* Each line of the export is a run, each number of it a line of the other form. */
START_TEST(exports_are_complete)
{
    prints("Q history append $D/h.db " RECORD " && Q history export $D/h.db -o $D/all.jsonl", 0, "",
           "1 run in '");
    outcome o = shell("cat $D/all.jsonl");
    const qg_json *run = json_line(o, 0);
    qg_str csv = shell("Q history export $D/h.db --format csv").out;
    size_t n_lines = 0, n = qg_json_len(qg_json_get(run, "numbers"));
    bool quoted = false;
    for (size_t i = 0; i < csv.len; i++) {
        quoted ^= csv.ptr[i] == '"';
        n_lines += csv.ptr[i] == '\n' && !quoted;
    }
    ck_assert_uint_gt(n, 20);
    ck_assert_uint_eq(n_lines, n + 1);
    ck_assert_uint_eq((size_t)real_of(run, "n_numbers"), n);
    ck_assert(holds(o.out, "release gate <nightly> & \\\"friends\\\""));
    ck_assert(holds(csv, "\"release gate <nightly> & \"\"friends\"\" "));
    prints("Q history export $D/h.db --suite nothing", 0, "", "");
    refused("touch $D/file; "
            "Q history export $D/h.db -o $D/file/x.jsonl",
            2, "cannot make directory");
}
END_TEST

/* Twelve runs, of which the last six take a MiB more. */
START_TEST(changes_are_told)
{
    char name[16];

    for (int i = 1; i <= 18; i++) {
        snprintf(name, sizeof name, "in/%02d.json", i);
        put_record(name, i, "");
    }
    prints("Q history import $D/h.db $D/in --commit 0123456789abcdef", 0, "18 added", "");
    prints("Q history query $D/h.db --metric memory_peak", 0,
           "  changed with run 10, 2026-01-10, commit 01234567: 12 MiB after 11 MiB (p 0.002)\n",
           "");
    ck_assert(
        !holds(shell("Q history query $D/h.db --metric memory_peak --last 8").out, "changed"));
}
END_TEST

START_TEST(mistakes_are_told)
{
    shell("Q history append $D/h.db " RECORD);
    refused("Q history", 2, "usage: quantgate history query|export");
    refused("Q history quary $D/h.db", 2, "did you mean 'query'?");
    refused("Q history xyzzyxyz $D/h.db", 2, "--help");
    refused("Q history query", 2, "usage: quantgate history query DB");
    refused("Q history query $D/h.db x", 2, "usage: quantgate history query DB");
    refused("Q history query $D/none.db", 2, "there is no history");
    refused("Q history query $D/h.db --since yesterday", 2, "'--since yesterday': expected a day");
    refused("Q history query $D/h.db --json --csv", 2, "one of them");
    refused("Q history prune $D/h.db", 2, "say what is to go");
    refused("Q history prune $D/h.db --max-age -1", 2, "--max-age");
    refused("Q history pin $D/h.db one", 2, "'one' is not the number of a run");
    refused("Q history pin $D/h.db 77", 2, "has no run 77");
    refused("Q history check $D/h.db --nope", 2, "unknown option");
    prints("Q history query $D/h.db --suite nothing", 0, "no run\n", "");
    prints("Q history query $D/h.db --metric nothing", 0, "no number\n", "");
    ck_assert(!qg_file_exists(folder_path("none.db")));
}
END_TEST

Suite *cmd_history_check(void)
{
    Suite *s = suite_create("cmd_history_check");
    TCase *t = tcase_create("history");

    tcase_add_checked_fixture(t, program_begin, folder_end);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, a_run_is_appended);
    tcase_add_test(t, judge_and_merge_append);
    tcase_add_test(t, parts_are_refused_before_anything_is_measured);
    tcase_add_test(t, a_history_that_fails_does_not_hide_the_verdict);
    tcase_add_test(t, a_damaged_history_is_set_aside_and_said);
    tcase_add_test(t, records_are_imported);
    tcase_add_test(t, exports_are_complete);
    tcase_add_test(t, changes_are_told);
    tcase_add_test(t, mistakes_are_told);
    suite_add_tcase(s, t);
    return s;
}
