/* Unit tests of report/report_annotations: escapes and limits of workflow commands. */
#include "report/fixture_check.h"

static const char *render(const qg_run *run, const qg_report_options *options)
{
    return render_with(&qg_report_annotations, run, options);
}

START_TEST(everything_that_could_end_a_command_is_escaped)
{
    qg_judgement j = {.case_id = "a:b,c%",
                      .metric = QG_METRIC_PPL,
                      .verdict = QG_VERDICT_FAIL,
                      .exit_class = 1,
                      .message = "50% of\r\nit: a, b\n::error::\xf0\x9f\x98\x80\xff\x01",
                      .file = "dir,x/s:1.yaml",
                      .line = 3,
                      .column = 4};
    qg_run run = {.judgements = &j, .n_judgements = 1};

    ck_assert_str_eq(render(&run, NULL),
                     "::error file=dir%2Cx/s%3A1.yaml,line=3,col=4,title=a%3Ab%2Cc%25 ppl fail::"
                     "50%25 of%0Ait: a, b%0A::error::\xf0\x9f\x98\x80\xef\xbf\xbd \n");
    j.file = NULL;
    j.message = "m";
    j.fix = "do\nthis";
    j.issue = "https://x";
    j.expires = "2026-12-31";
    j.case_id = "";
    ck_assert_str_eq(render(&run, NULL), "::error title=run ppl fail::m%0Ado%0Athis%0Ahttps://x, "
                                         "expires 2026-12-31\n");
}
END_TEST

/* Lines that begin with `start`. */
static int lines(const char *text, const char *start)
{
    int n = 0;
    for (const char *p = text; *p; p = strchr(p, '\n') + 1)
        n += strncmp(p, start, strlen(start)) == 0;
    return n;
}

START_TEST(ten_a_level_and_the_worst_first)
{
    qg_judgement many[45];
    qg_run run = {.judgements = many, .n_judgements = 45};

    for (int i = 0; i < 45; i++) {
        many[i] = (qg_judgement){.case_id = qg_arena_format(arena, "case%d", i),
                                 .metric = QG_METRIC_NLL,
                                 .verdict = QG_VERDICT_FAIL,
                                 .exit_class = 1,
                                 .message = "m",
                                 .file = "s.yaml",
                                 .line = i + 1};
    }
    many[40].verdict = QG_VERDICT_ERROR;
    many[40].exit_class = 2;
    for (int i = 30; i < 40; i++) {
        many[i].verdict = QG_VERDICT_INCONCLUSIVE;
        many[i].exit_class = 0;
    }
    const char *text = render(&run, NULL);
    ck_assert_int_eq(lines(text, "::error "), 10);
    ck_assert_int_eq(lines(text, "::warning "), 10); /* ten fit, nothing is summed up */
    ck_assert_int_eq(lines(text, "::"), 20);
    ck_assert(qg_str_starts(qg_str_from(text), QG_STR("::error file=s.yaml,line=41,title=case40")));
    ck_assert_ptr_nonnull(strstr(text, "\n::error file=s.yaml,line=9,title=and 26 more, listed in "
                                       "the summary::case8 nll: fail%0A"));
    ck_assert_ptr_nonnull(strstr(text, "%0A...\n")); /* of 26, 20 are named */
    ck_assert_ptr_null(strstr(text, "case44"));
    many[29].exit_class = 0;
    many[29].verdict = QG_VERDICT_KNOWN_FAIL;
    text = render(&run, NULL);
    ck_assert_int_eq(lines(text, "::warning "), 10);
    ck_assert_ptr_nonnull(strstr(text, "title=and 2 more, listed in the summary::"));
}
END_TEST

START_TEST(passes_and_skips_are_silent)
{
    qg_judgement j[] = {{.case_id = "a", .verdict = QG_VERDICT_PASS, .metric = QG_METRIC_PPL},
                        {.case_id = "b", .verdict = QG_VERDICT_SKIP, .metric = QG_METRIC_NONE}};
    qg_run run = {.judgements = j, .n_judgements = 2};
    qg_buf b;

    qg_buf_init(&b, arena);
    ck_assert_int_eq(qg_report_render(&b, &qg_report_annotations, &run, NULL, &err), QG_OK);
    ck_assert_uint_eq(b.len, 0);
}
END_TEST

/* Under gate release the judgements speak, and what is met is nobody's business. */
START_TEST(a_checklist_that_only_lists_is_one_notice)
{
    qg_checklist c = {.gate = "pr"};
    qg_run run = {.checklist = &c};

    for (int i = 0; i < QG_N_CHECKITEMS; i++)
        c.items[i] = (qg_checkitem_result){
            .item = (qg_checkitem)i, .file = "a,b.yaml", .line = 20 + i, .column = 1};
    ck_assert_ptr_null(render(&run, NULL));
    c.items[QG_CHECKITEM_AB].state = QG_CHECKITEM_IS_STALE;
    c.items[QG_CHECKITEM_CARD].state = QG_CHECKITEM_IS_MISSING;
    c.items[QG_CHECKITEM_MEMORY].state = QG_CHECKITEM_IS_WAIVED;
    ck_assert_str_eq(
        render(&run, NULL),
        "::notice file=a%2Cb.yaml,line=26,col=1,title=production checklist%3A 6 of 8 items::"
        "A/B test passed: stale%0Amodel card names method, base model and checkpoint: missing\n");
    c.gate = "release";
    ck_assert_ptr_null(render(&run, NULL));
}
END_TEST

Suite *report_annotations_check(void)
{
    Suite *s = suite_create("report_annotations_check");
    TCase *t = tcase_create("report_annotations");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, everything_that_could_end_a_command_is_escaped);
    tcase_add_test(t, ten_a_level_and_the_worst_first);
    tcase_add_test(t, passes_and_skips_are_silent);
    tcase_add_test(t, a_checklist_that_only_lists_is_one_notice);
    suite_add_tcase(s, t);
    return s;
}
