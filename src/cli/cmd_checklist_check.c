/* Tests of `checklist` and --gate as a user meets them: a small suite is run once, its evidence is
 * made from the templates and spoilt. */
#include "cli/program_check.h"

#include "base/clock.h"
#include "record/record.h"

static const char suite[] =
    "version: 1\n"
    "name: small\n"
    "models:\n"
    "  fp16: {model: golden/models/tiny-llama}\n"
    "  int8: {model: golden/models/tiny-llama, quantization: int8}\n"
    "reference: fp16\n"
    "engine: {device: cpu, max_model_len: 256, threads: 1}\n"
    "quality: {text: text.txt, window: 32, budgets: {int8: {kld_mean: 1}}}\n"
    "performance:\n"
    "  production: {input_len: 4, output_len: 2, batch: [1, 2]}\n"
    "  samples: {min: 60, max: 60, warmup: 0}\n"
    "checklist:\n"
    "  ab_evidence: ab.json\n"
    "  card: CARD.md\n"
    "  percentiles: [p95]\n";

static void begin(void)
{
    program_begin();
    folder_put("text.txt", "The capital of the country is a city.\n\nA river runs to the sea.\n");
    folder_put("s.yaml", suite);
}

/* Leaves the record of a run in $D/r. */
static void run_suite(void)
{
    outcome o = shell("Q run $D/s.yaml --out $D/r --report json --gate pr");
    ck_assert_msg(o.exit_code == 0, QG_STR_PRI QG_STR_PRI, QG_STR_ARG(o.out), QG_STR_ARG(o.err));
    ck_assert(holds(o.out, "production checklist: 6 of 8 items, gate pr"));
}

/* Evidence as a person would make it: templates filled in. `days` is the age of the test. */
static void make_evidence(int days)
{
    char started[21], ended[21];

    qg_clock_print(started, qg_clock_seconds() - (int64_t)(days + 14) * 86400);
    qg_clock_print(ended, qg_clock_seconds() - (int64_t)days * 86400 - 1);
    outcome o = shell(qg_arena_format(
        arena,
        "Q checklist $D/s.yaml --out $D/r --template card | "
        "sed 's/quantized_by: .*/quantized_by: me/' >$D/CARD.md\n"
        "Q checklist $D/s.yaml --out $D/r --template ab | tr -d '\\n' | sed "
        "-e 's/\"guardrails\": \\[[^]]*\\]/\"guardrails\": []/' -e 's/\"n\": null/\"n\": 900/g' "
        "-e 's/\"\\(name\\|made_by\\|unit\\|metric\\)\": null/\"\\1\": \"x\"/g' "
        "-e 's/\"started\": null/\"started\": \"%s\"/' -e 's/\"ended\": null/\"ended\": \"%s\"/' "
        "-e 's/\"better\": null/\"better\": \"higher\"/' "
        "-e 's/\"effect\": null/\"effect\": \"difference\"/' "
        "-e 's/\"rule\": null/\"rule\": \"superiority\"/' -e 's/\"margin\": null/\"margin\": 0/' "
        "-e 's/\"estimate\": null/\"estimate\": 2/' -e 's/\"interval\": null/\"interval\": [1,3]/' "
        "-e 's/\"decision\": null/\"decision\": \"pass\"/' "
        "-e 's/\"decision\": null/\"decision\": \"ship\"/' >$D/ab.json",
        started, ended));
    ck_assert_msg(o.exit_code == 0, QG_STR_PRI, QG_STR_ARG(o.err));
}

static const char *state_of(const qg_json *root, qg_checkitem item)
{
    qg_str s = text_of(qg_json_at(qg_json_get(root, "items"), item), "state");
    return qg_str_dup(arena, s);
}

/* The checklist as JSON, whatever the exit code. */
static const qg_json *checklist_json(const char *options, int exit_code)
{
    outcome o = shell(qg_arena_format(arena, "Q checklist $D/s.yaml --json %s", options));
    ck_assert_msg(o.exit_code == exit_code, "exit code %d: " QG_STR_PRI QG_STR_PRI, o.exit_code,
                  QG_STR_ARG(o.out), QG_STR_ARG(o.err));
    o.exit_code = 0;
    return json_line(o, 0);
}

START_TEST(a_release_is_made_step_by_step)
{
    run_suite();
    /* without evidence two items are missing */
    outcome o = shell("Q checklist $D/s.yaml --out $D/r");
    ck_assert_int_eq(o.exit_code, 1);
    ck_assert(holds(o.out, "production checklist: 6 of 8 items\n"));
    ck_assert(holds(o.out, "--template ab > ab.json"));
    refused("Q judge $D/r/run.json $D/s.yaml --gate release >$D/out; e=$?; cat $D/out >&2; "
            "(exit $e)",
            1, "/s.yaml:13:16");
    /* with it the release passes */
    make_evidence(3);
    const qg_json *root = checklist_json("--run $D/r/run.json", 0);
    for (int i = 0; i < QG_N_CHECKITEMS; i++)
        ck_assert_str_eq(state_of(root, (qg_checkitem)i), "done");
    o = shell("Q judge $D/r/run.json $D/s.yaml --gate release --out $D/one");
    ck_assert_int_eq(o.exit_code, 0);
    ck_assert(holds(o.out, "8 of 8 items, gate release"));
    ck_assert(holds(o.out, "checklist/ab"));
    /* the same record gives the same reports */
    shell("mv $D/one $D/two; Q judge $D/r/run.json $D/s.yaml --gate release --out $D/one");
    o = shell("cd $D && for f in one/*; do cmp $f two/${f#one/} || exit 1; done; "
              "xmllint --noout one/junit.xml && grep -c checklist/ one/junit.xml");
    ck_assert_msg(o.exit_code == 0, QG_STR_PRI, QG_STR_ARG(o.out));
    ck_assert(qg_str_is(o.out, "8\n"));
    /* under gate pr nothing is judged by it */
    o = shell("Q judge $D/r/run.json $D/s.yaml --out $D/pr; grep -c checklist/ $D/pr/junit.xml");
    ck_assert(holds(o.out, "gate pr"));
    ck_assert(qg_str_ends(o.out, QG_STR("\n0\n")));
    ck_assert(!holds(shell("Q judge $D/r/run.json $D/s.yaml --gate none").out, "checklist"));
    /* another checkpoint: a digit of the record's hash */
    shell("sed -i 's/\\(\"name\":\"int8\"[^}]*\"model_hash\":\"\\)...../\\1fffff/' $D/r/run.json");
    root = checklist_json("--out $D/r", 1);
    ck_assert_str_eq(state_of(root, QG_CHECKITEM_AB), "another hash");
    ck_assert_str_eq(state_of(root, QG_CHECKITEM_CARD), "another hash");
    ck_assert_str_eq(state_of(root, QG_CHECKITEM_MEMORY), "done");
}
END_TEST

START_TEST(evidence_ages_by_the_day)
{
    run_suite();
    make_evidence(30); /* and a second: 30 days are the most */
    ck_assert_str_eq(state_of(checklist_json("--out $D/r", 1), QG_CHECKITEM_AB), "stale");
    make_evidence(29);
    ck_assert_str_eq(state_of(checklist_json("--out $D/r", 0), QG_CHECKITEM_AB), "done");
    shell("sed -i 's/\"started\":\"20../\"started\":\"1999/' $D/r/run.json");
    ck_assert_str_eq(state_of(checklist_json("--out $D/r", 1), QG_CHECKITEM_BASELINE), "stale");
}
END_TEST

START_TEST(the_newest_record_of_the_suite_is_found)
{
    shell(qg_arena_format(
        arena,
        "mkdir -p $D/out/a $D/out/b $D/out/d; cd $D/out; "
        "printf '{\"schema\":%d,\"suite\":\"small\",\"suite_file\":\"x/s.yaml\",\"started\":"
        "\"2026-01-02T00:00:00Z\",\"verdict\":\"pass\",\"exit_code\":0,\"machine\":{},"
        "\"reference\":\"none of a\"}' >a/run.json; "
        "sed 's/-01-02/-01-03/; s/\"machine\"/\"cases\":[{\"id\":\"fp16\\/perf\\/b1\","
        "\"model\":\"fp16\",\"method\":\"fp16\",\"device\":\"cpu\",\"kind\":\"performance\","
        "\"state\":\"skipped\",\"message\":\"of b\"}],&/' a/run.json >b/run.json; "
        "sed 's/small/other/; s/-01-02/-01-04/' a/run.json >run.json; echo x >d/run.json; echo >c",
        QG_RUN_SCHEMA));
    outcome o = shell("COLUMNS=200 Q checklist $D/s.yaml --out $D/out");
    ck_assert_int_eq(o.exit_code, 1);
    ck_assert(holds(o.out, "case 'fp16/perf/b1' was skipped: of b"));
    ck_assert(holds(o.err, "passed over: "));
    ck_assert(holds(o.err, "d/run.json' is no valid JSON"));
    refused("rm $D/out/*/run.json; Q checklist $D/s.yaml --out $D/out", 2,
            "make one with 'quantgate run ");
    refused("Q checklist $D/s.yaml --out $D/nowhere", 2, "there is no record of");
    refused("Q checklist $D/s.yaml --run $D/nowhere.json", 2, "nowhere.json");
    refused("echo '{}' >$D/x.json; Q checklist $D/s.yaml --run $D/x.json", 2, "schema");
    refused("Q checklist $D/s.yaml --run a --out b", 2, "give one of --run and --out");
    refused("Q checklist", 2, "name a suite");
    refused("Q checklist $D/none.yaml", 2, "none.yaml");
    refused("Q checklist $D/s.yaml --template abc", 2, "expected one of ab|card");
    refused("Q run $D/s.yaml --gate prod", 2, "expected one of pr|release|none");
}
END_TEST

START_TEST(templates_need_no_suite)
{
    ck_assert(holds(shell("Q checklist --template ab").out, "\"treatment\": {"));
    ck_assert(holds(shell("Q checklist --template card").out, "base_model_relation: quantized"));
    ck_assert(holds(shell("Q checklist $D/s.yaml --template card").out, "\nbase_model: \"tiny-ll"));
}
END_TEST

/* What `quantize` leaves beside a model is a card of it. */
START_TEST(the_stub_of_a_made_folder_is_a_card)
{
    outcome o = shell(
        "set -e; Q quantize golden/models/tiny-llama --method rtn --group-size 64 -o $D/made\n"
        "sed -e 's#^  int8: .*#  gptq: {model: made, quantization: gptq}#' -e 's/int8/gptq/g' "
        "-e 's#card: .*#card: made/README.md#' -e 's/percentiles/require: [card]\\n  &/' "
        "$D/s.yaml >$D/made.yaml\n"
        "Q run $D/made.yaml --only '*/quality' --gate release --json");
    ck_assert_msg(o.exit_code == 0, QG_STR_PRI QG_STR_PRI, QG_STR_ARG(o.out), QG_STR_ARG(o.err));
    ck_assert(holds(o.out, "gptq, 4 bit, groups of 64, base model 'tiny-llama'"));
    refused("sed -i 's/4 bit/8 bit/' $D/made/README.md; Q run $D/made.yaml --only '*/quality' "
            "--gate release 1>&2",
            1, "says bits 8, 'gptq' has 4");
}
END_TEST

Suite *cmd_checklist_check(void)
{
    Suite *s = suite_create("cmd_checklist_check");
    TCase *t = tcase_create("cmd_checklist");

    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, begin, folder_end);
    tcase_add_test(t, a_release_is_made_step_by_step);
    tcase_add_test(t, evidence_ages_by_the_day);
    tcase_add_test(t, the_newest_record_of_the_suite_is_found);
    tcase_add_test(t, templates_need_no_suite);
    tcase_add_test(t, the_stub_of_a_made_folder_is_a_card);
    suite_add_tcase(s, t);
    return s;
}
