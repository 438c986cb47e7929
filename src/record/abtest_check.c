/* Unit tests of record/abtest: a good test by hand, every way to spoil it, the rule against
 * intervals worked out by hand, the template. */
#include "record/abtest.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/scratch_check.h"

#include <string.h>

#define H8  "0123abcd"
#define H64 H8 H8 H8 H8 H8 H8 H8 H8
#define G64 "ffffffff" H8 H8 H8 H8 H8 H8 H8

static const char good[] =
    "{\"format\": \"quantgate-abtest\", \"version\": 1, \"name\": \"assistant\",\n"
    " \"made_by\": \"team\", \"started\": \"2026-01-12T09:00:00Z\",\n"
    " \"ended\": \"2026-01-26T09:00:00Z\", \"unit\": \"user\", \"split\": 0.5,\n"
    " \"control\": {\"model\": \"fp16\", \"checkpoint\": \"sha256:" H64 "\", \"n\": 12011},\n"
    " \"treatment\": {\"model\": \"gptq\", \"checkpoint\": \"sha256:" G64 "\", \"n\": 12034},\n"
    " \"primary\": {\"metric\": \"thumbs_up\", \"better\": \"higher\", \"effect\": "
    "\"difference\",\n"
    "  \"rule\": \"non-inferiority\", \"margin\": 0.01, \"estimate\": -0.002,\n"
    "  \"interval\": [-0.007, 0.003], \"confidence\": 0.95, \"decision\": \"pass\"},\n"
    " \"guardrails\": [{\"metric\": \"latency_p95\", \"better\": \"lower\", \"effect\": "
    "\"ratio\",\n"
    "  \"rule\": \"non-inferiority\", \"margin\": 0.05, \"estimate\": 0.8,\n"
    "  \"interval\": [0.7, 0.9], \"confidence\": 0.99, \"decision\": \"pass\"}],\n"
    " \"decision\": \"ship\", \"notes\": null}\n";

static qg_findings findings;
static int64_t now_s;

static qg_abtest *parse(qg_str text)
{
    qg_abtest *t = NULL;

    qg_findings_begin(&findings, arena);
    ck_assert(qg_clock_read(&now_s, QG_STR("2026-02-01T00:00:00Z")));
    ck_assert_int_eq(qg_abtest_parse(&t, &findings, arena, text, "ab.json", now_s, &err), QG_OK);
    ck_assert_int_eq(!t, findings.n_errors > 0);
    return t;
}

/* The good text with one part replaced. */
static qg_str spoilt(const char *from, const char *to)
{
    const char *at = strstr(good, from);

    ck_assert_msg(at != NULL, "'%s' is not in the text", from);
    return qg_str_from(
        qg_arena_format(arena, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from)));
}

START_TEST(a_good_test_is_read)
{
    qg_abtest *t = parse(qg_str_from(good));

    ck_assert_ptr_nonnull(t);
    ck_assert_uint_eq(findings.n, 0);
    ck_assert_str_eq(t->made_by, "team");
    ck_assert_int_eq(t->ended_s - t->started_s, 14 * 86400);
    ck_assert_double_eq(t->split, 0.5);
    ck_assert_str_eq(t->control.model, "fp16");
    ck_assert_str_eq(t->treatment.checkpoint, "sha256:" G64);
    ck_assert_int_eq(t->treatment.n, 12034);
    ck_assert_double_eq(t->primary.low, -0.007);
    ck_assert_double_eq(t->primary.high, 0.003);
    ck_assert_uint_eq(t->n_guardrails, 1);
    ck_assert_str_eq(t->guardrails[0].metric, "latency_p95");
    ck_assert_double_eq(t->guardrails[0].margin, 0.05);
    ck_assert_ptr_null(t->notes);
    /* what is optional may be absent, and there may be no guardrail */
    ck_assert_ptr_nonnull(parse(spoilt(" \"split\": 0.5,", "")));
}
END_TEST

typedef struct spoil {
    const char *from, *to, *message; /* message: of the only finding */
} spoil;

static const spoil spoils[] = {
    {"\"quantgate-abtest\"", "\"abtest\"", "'format' is 'abtest', expected: quantgate-abtest"},
    {"\"version\": 1", "\"version\": 2", "version 2, this program reads 1"},
    {"\"version\": 1", "\"version\": \"1\"", "'version' is a string, a whole number was expected"},
    {"\"name\": \"assistant\"", "\"name\": \" \"", "'name' is no text"},
    {"\"name\": \"assistant\"", "\"nam\": \"x\", \"name\": \"y\"", "unknown key 'nam'"},
    {"\"made_by\": \"team\"", "\"made_by\": 7", "'made_by' is an integer, a string like"},
    {"\"made_by\": \"team\",", "", "'made_by' is absent, expected something like \"team search"},
    {"2026-01-12T09:00:00Z", "2026-01-12", ""}, /* a day is a time */
    {"2026-01-12T09:00:00Z", "12 January", "'started' is '12 January', no time like"},
    {"2026-01-26T09:00:00Z", "2026-01-12T09:00:00Z", "not after it started"},
    {"2026-01-26T09:00:00Z", "2026-01-11T09:00:00Z", "not after it started"},
    {"2026-01-26T09:00:00Z", "2026-02-01T00:02:00Z", "the test ends in the future"},
    {"2026-01-26T09:00:00Z", "2026-02-01T00:01:00Z", ""}, /* clocks may differ by a minute */
    {"\"split\": 0.5", "\"split\": 1", "'split' is 1, which does not lie between 0 and 1"},
    {"\"n\": 12011", "\"n\": -5", "'control.n' is -5: nothing was counted"},
    {"\"n\": 12034", "\"n\": 0", "'treatment.n' is 0: nothing was counted"},
    {"\"n\": 12034", "\"n\": 0.5", "'treatment.n' is a number, a whole number was expected"},
    {"sha256:" H64, H64, "'control.checkpoint' is '0123abcd"},
    {"sha256:" H64, "sha256:0123ABCD", "expected 'sha256:' and 64 hex digits"},
    {"sha256:" H64, "sha256:" G64, ""}, /* int8 is made of a plain folder while loading */
    {"\"model\": \"gptq\"", "\"model\": \"fp16\"", "both arms are 'fp16'"},
    {"\"better\": \"higher\"", "\"better\": \"up\"",
     "'primary.better' is 'up', expected: higher|low"},
    {"\"margin\": 0.01", "\"margin\": -0.01",
     "'primary.margin' is -0.01: a margin is not negative"},
    {"\"margin\": 0.05", "\"margin\": 0", "no test can show that nothing is worse at all"},
    {"\"estimate\": -0.002", "\"estimate\": NaN", "no valid JSON"},
    {"\"estimate\": -0.002", "\"estimate\": 1e999", "no valid JSON"},
    {"\"estimate\": -0.002", "\"estimate\": \"NaN\"",
     "'primary.estimate' is a string, a number like"},
    {"\"estimate\": -0.002", "\"estimate\": 0.004", "does not hold the estimate 0.004"},
    {"[-0.007, 0.003]", "[0.003, -0.007]", "'primary.interval' ends at -0.007, before it begins"},
    {"[-0.007, 0.003]", "[-0.007]", "'primary.interval' is no list of two numbers"},
    {"[-0.007, 0.003]", "-0.007", "'primary.interval' is no list of two numbers"},
    {"\"confidence\": 0.95", "\"confidence\": 95",
     "'primary.confidence' is 95, which does not lie"},
    {"\"confidence\": 0.95", "\"confidence\": 0.5",
     "'primary.confidence' is 0.5: that proves nothing"},
    {"\"decision\": \"pass\"}],", "\"decision\": \"maybe\"}],",
     "'guardrails[0].decision' is 'maybe', expected: pass|fail|inconclusive"},
    {"[0.7, 0.9]", "[-0.1, 0.9]", "'guardrails[0]' is a ratio, which is never 0 or less"},
    {"\"guardrails\": [{", "\"guardrails\": {\"a\": [{", "no valid JSON"},
    {"\"decision\": \"ship\"", "\"decision\": \"hold\"",
     "'decision' is 'hold', but by its parts the test says 'ship'"},
    {"\"notes\": null", "\"notes\": [1]", "'notes' is an array, a string like"},
};

START_TEST(each_mistake_is_told)
{
    const spoil *s = &spoils[_i];

    parse(spoilt(s->from, s->to));
    ck_assert_uint_eq(findings.n, s->message[0] ? 1 : 0);
    if (s->message[0])
        ck_assert_msg(strstr(findings.at[0].message, s->message), "%s", findings.at[0].message);
}
END_TEST

START_TEST(what_is_no_test_at_all_is_told)
{
    static const char *const texts[][2] = {
        {"", "the file is empty"},
        {" \n", "the file is empty"},
        {"ab: 1\n", "the file is no valid JSON: "},
        {"{\"format\"", "no valid JSON"},
        {"[]", "the file is an array"},
        {"null", "the file is null"},
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ck_assert_ptr_null(parse(qg_str_from(texts[i][0])));
        ck_assert_uint_eq(findings.n, 1);
        ck_assert_msg(strstr(findings.at[0].message, texts[i][1]), "%s", findings.at[0].message);
        ck_assert_str_eq(findings.at[0].place.file, "ab.json");
    }
    parse(QG_STR("{\"version\": 1,\n \"name\": }"));
    ck_assert_ptr_nonnull(strstr(findings.at[0].message, "line 2"));
    ck_assert_ptr_null(parse(QG_STR("{}"))); /* all that is missing, in one pass */
    ck_assert_uint_eq(findings.n, 12);
}
END_TEST

START_TEST(decisions_follow_their_rule)
{
    static const struct {
        const char *better, *effect, *rule;
        double margin, low, high;
        const char *decision;
    } rows[] = {
        /* differences, higher is better: the bound is -1 */
        {"higher", "difference", "non-inferiority", 1, -0.9, 5, "pass"},
        {"higher", "difference", "non-inferiority", 1, -1, 5, "inconclusive"},
        {"higher", "difference", "non-inferiority", 1, -3, -1.1, "fail"},
        {"higher", "difference", "superiority", 1, 1.1, 5, "pass"},
        {"higher", "difference", "superiority", 1, 0.5, 5, "inconclusive"},
        {"higher", "difference", "superiority", 0, -5, -1, "fail"},
        /* lower is better: +1 */
        {"lower", "difference", "non-inferiority", 1, -5, 0.9, "pass"},
        {"lower", "difference", "non-inferiority", 1, 1.1, 3, "fail"},
        {"lower", "difference", "superiority", 0, -5, -1, "pass"},
        {"lower", "difference", "superiority", 0, -5, 1, "inconclusive"},
        /* ratios: 1.05 for a cost, 0.95 for a benefit */
        {"lower", "ratio", "non-inferiority", 0.05, 0.9, 1.04, "pass"},
        {"lower", "ratio", "non-inferiority", 0.05, 1.06, 1.2, "fail"},
        {"lower", "ratio", "non-inferiority", 0.05, 0.9, 1.06, "inconclusive"},
        {"higher", "ratio", "non-inferiority", 0.05, 0.96, 1.2, "pass"},
        {"higher", "ratio", "superiority", 0.05, 1.06, 1.2, "pass"},
        {"higher", "ratio", "superiority", 0.05, 0.8, 1.04, "fail"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        qg_ab_result r = {.better = rows[i].better,
                          .effect = rows[i].effect,
                          .rule = rows[i].rule,
                          .margin = rows[i].margin,
                          .low = rows[i].low,
                          .high = rows[i].high};
        ck_assert_msg(strcmp(qg_ab_decide(&r), rows[i].decision) == 0, "row %zu: %s", i,
                      qg_ab_decide(&r));
    }
}
END_TEST

START_TEST(a_wrong_decision_is_told_with_the_right_one)
{
    parse(spoilt("[-0.007, 0.003]", "[-0.017, 0.003]")); /* holds -0.01 */
    ck_assert_uint_eq(findings.n, 1);
    ck_assert_str_eq(findings.at[0].message,
                     "'primary.decision' is 'pass', but by the rule (non-inferiority, margin 0.01, "
                     "higher is better) the interval -0.017 to 0.003 is 'inconclusive'");
    /* ship wants all, reject one that fails */
    qg_str text = spoilt("[0.7, 0.9], \"confidence\": 0.99, \"decision\": \"pass\"}],\n "
                         "\"decision\": \"ship\"",
                         "[0.7, 1.9], \"confidence\": 0.99, \"decision\": \"inconclusive\"}],\n "
                         "\"decision\": \"hold\"");
    ck_assert_str_eq(parse(text)->decision, "hold");
    text = spoilt("\"estimate\": 0.8,\n  \"interval\": [0.7, 0.9], \"confidence\": 0.99, "
                  "\"decision\": \"pass\"}],\n \"decision\": \"ship\"",
                  "\"estimate\": 1.8,\n  \"interval\": [1.7, 1.9], \"confidence\": 0.99, "
                  "\"decision\": \"fail\"}],\n \"decision\": \"reject\"");
    ck_assert_str_eq(parse(text)->decision, "reject");
}
END_TEST

START_TEST(a_template_has_every_key_and_is_refused)
{
    qg_ab_arm control = {"fp16", "sha256:" H64, 0}, treatment = {"g\"ptq", NULL, 0};
    const qg_json *root;
    qg_str model;
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_abtest_template(&b, &control, &treatment);
    ck_assert_int_eq(qg_json_parse(&root, arena, qg_buf_view(&b), "template", &err), QG_OK);
    ck_assert(qg_json_str(qg_json_get(qg_json_get(root, "treatment"), "model"), &model));
    ck_assert(qg_str_is(model, "g\"ptq"));
    ck_assert_ptr_null(parse(qg_buf_view(&b)));
    /* 6 of the file, 2 and 1 of the arms, 8 and 8 of the results; none is about a wrong key */
    ck_assert_uint_eq(findings.n, 25);
    for (size_t i = 0; i < findings.n; i++)
        ck_assert_msg(strstr(findings.at[i].message, "is null, expected"), "%s",
                      findings.at[i].message);
}
END_TEST

START_TEST(every_failed_allocation_is_reported)
{
    bool unharmed = false;

    for (long n = 1; !unharmed; n++) {
        qg_arena *own = qg_arena_create();
        qg_abtest *t = NULL;
        qg_findings f;
        qg_findings_begin(&f, own);
        qg_err_clear(&err);
        qg_arena_fail_after(n);
        qg_status s = qg_abtest_parse(&t, &f, own, qg_str_from(good), "ab.json", now_s, &err);
        unharmed = qg_arena_fail_after(0);
        ck_assert_int_eq(s, unharmed ? QG_OK : QG_ENOMEM);
        qg_arena_free(own);
    }
}
END_TEST

Suite *abtest_check(void)
{
    Suite *s = suite_create("abtest_check");
    TCase *t = tcase_create("abtest");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_good_test_is_read);
    tcase_add_loop_test(t, each_mistake_is_told, 0, sizeof spoils / sizeof *spoils);
    tcase_add_test(t, what_is_no_test_at_all_is_told);
    tcase_add_test(t, decisions_follow_their_rule);
    tcase_add_test(t, a_wrong_decision_is_told_with_the_right_one);
    tcase_add_test(t, a_template_has_every_key_and_is_refused);
    tcase_add_test(t, every_failed_allocation_is_reported);
    suite_add_tcase(s, t);
    return s;
}
