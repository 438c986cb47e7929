/* Unit tests of tokenizer/postprocess: templates by hand; "_" is where the text goes. */
#include "tokenizer/postprocess.h"

#include "tokenizer/fixture_check.h"

static qg_status open_text(qg_template *t, const char *json, bool special)
{
    const qg_json *node = json_of_text(json);
    return qg_template_open(t, arena, node, special, &err);
}

static void gives(const char *json, bool special, const char *want)
{
    qg_template t;
    qg_buf b;

    ck_assert_msg(open_text(&t, json, special) == QG_OK, "%s: %s", json, err.message);
    qg_buf_init(&b, arena);
    for (size_t i = 0; i < t.n; i++)
        t.id[i] == QG_ID_NONE ? qg_buf_char(&b, '_') : qg_buf_format(&b, "%d", t.id[i]);
    ck_assert_msg(qg_str_is(qg_buf_view(&b), want), "%s gives '" QG_STR_PRI "', not '%s'", json,
                  QG_STR_ARG(qg_buf_view(&b)), want);
}

#define A "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}"
#define B "{\"Sequence\":{\"id\":\"B\",\"type_id\":1}}"
#define S "{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}}"
#define TEMPLATE(single, pair)                                                                     \
    "{\"type\":\"TemplateProcessing\",\"single\":[" single "],\"pair\":[" pair                     \
    "],\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[1,2],\"tokens\":[\"a\",\"b\"]}}}"
#define BERT "{\"type\":\"BertProcessing\",\"sep\":[\"</s>\",8],\"cls\":[\"<s>\",7]}"
#define ROBERTA                                                                                    \
    "{\"type\":\"RobertaProcessing\",\"sep\":[\"</s>\",8],\"cls\":[\"<s>\",7],"                    \
    "\"trim_offsets\":true,\"add_prefix_space\":true}"
#define BYTE_LEVEL    "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true}"
#define SEQUENCE(...) "{\"type\":\"Sequence\",\"processors\":[" __VA_ARGS__ "]}"

START_TEST(single_processors)
{
    gives("null", true, "_");
    gives(BYTE_LEVEL, true, "_");
    gives(TEMPLATE(S "," A, ""), true, "12_");
    gives(TEMPLATE(S "," A, ""), false, "_");
    gives(TEMPLATE(A "," S "," A, ""), true, "_12_");
    gives(TEMPLATE(S, ""), false, "");
    gives(BERT, true, "7_8");
    gives(ROBERTA, true, "7_8");
    gives(BERT, false, "_");
}
END_TEST

START_TEST(processors_in_sequence)
{
    gives(SEQUENCE(BYTE_LEVEL "," TEMPLATE(S "," A, "")), true, "12_");
    /* what the first made are two parts, which the second takes as a pair */
    gives(SEQUENCE(TEMPLATE(S "," A, "") "," TEMPLATE(A, B "," S "," A)), true, "_1212");
    gives(SEQUENCE(TEMPLATE(S "," A, "") "," TEMPLATE(A, B "," S "," A)), false, "_");
    gives(SEQUENCE(TEMPLATE(S "," A, "") "," BERT), true, "7128_8");
    gives(SEQUENCE(TEMPLATE(S "," A, "") "," ROBERTA), true, "71288_8");
    gives(SEQUENCE(""), true, "_");
}
END_TEST

START_TEST(the_text_goes_inside)
{
    qg_template t;
    qg_idlist text, out;

    ck_assert_int_eq(open_text(&t, TEMPLATE(S "," A, ""), true), QG_OK);
    qg_idlist_begin(&text, arena);
    qg_idlist_begin(&out, arena);
    qg_idlist_add(&text, 5);
    qg_idlist_add(&text, 6);
    qg_template_apply(&out, &t, &text);
    ck_assert(out.n == 4 && out.id[0] == 1 && out.id[1] == 2 && out.id[2] == 5 && out.id[3] == 6);
}
END_TEST

START_TEST(bad_processors_are_refused)
{
    static const struct {
        const char *json, *message;
        qg_status status;
    } cases[] = {
        {"{\"type\":\"TemplateProcessing\"}", "lacks 'single'", QG_EFORMAT},
        {TEMPLATE("{}", ""), "lacks 'id'", QG_EFORMAT},
        {TEMPLATE(B, ""), "asks for sequence 'B' of 1", QG_EFORMAT},
        {TEMPLATE("{\"SpecialToken\":{\"id\":\"<x>\"}}", ""), "special token '<x>'", QG_EFORMAT},
        {"{\"type\":\"TemplateProcessing\",\"single\":[" S "],\"special_tokens\":{\"<s>\":"
         "{\"ids\":[-1]}}}",
         "an id that is no token's", QG_EFORMAT},
        {"{\"type\":\"BertProcessing\",\"sep\":[\"a\"],\"cls\":[\"a\",1]}", "an id", QG_EFORMAT},
        {"{\"type\":\"BertProcessing\",\"sep\":7,\"cls\":[\"a\",1]}", "'sep'", QG_EFORMAT},
        {SEQUENCE(TEMPLATE(A "," A "," A, "") "," TEMPLATE(A, A)), "makes 3 parts", QG_ENOSUP},
        {"{\"type\":\"Odd\"}", "post_processor 'Odd' is not supported", QG_ENOSUP},
    };
    qg_template t;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(open_text(&t, cases[i].json, true), cases[i].status);
        message_has(cases[i].message);
    }
}
END_TEST

Suite *postprocess_check(void)
{
    Suite *s = suite_create("postprocess_check");
    TCase *t = tcase_create("postprocess");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_add_test(t, single_processors);
    tcase_add_test(t, processors_in_sequence);
    tcase_add_test(t, the_text_goes_inside);
    tcase_add_test(t, bad_processors_are_refused);
    suite_add_tcase(s, t);
    return s;
}
