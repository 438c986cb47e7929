/* Unit tests of suite/frontmatter: cards as people write them, every mistake at its line, and the
 * template read back. */
#include "suite/frontmatter.h"

#include "base/scratch_check.h"

#include <string.h>

#define H8  "0123abcd"
#define H64 H8 H8 H8 H8 H8 H8 H8 H8

static qg_findings findings;

static qg_card *parse(const char *text)
{
    qg_card *card = NULL;

    qg_findings_begin(&findings, arena);
    ck_assert_int_eq(qg_card_parse(&card, &findings, arena, qg_str_from(text), "CARD.md", &err),
                     QG_OK);
    return card;
}

START_TEST(a_card_is_read)
{
    const qg_card *c = parse("---\nbase_model: org/base\nbase_model_relation: quantized\n"
                             "quantized_by: \"a team\"\nlicense: mit\ntags:\n- gptq\n- 4-bit\n"
                             "quantgate_checkpoint: sha256:" H64 "\nmodel-index: [{a: {b: 1}}]\n"
                             "---\n# Title\nText\n");

    ck_assert_uint_eq(findings.n, 0);
    ck_assert_uint_eq(c->n_base_models, 1);
    ck_assert_str_eq(c->base_models[0].text, "org/base");
    ck_assert_int_eq(c->base_models[0].place.line, 2);
    ck_assert_int_eq(c->base_models[0].place.column, 13);
    ck_assert_str_eq(c->relation.text, "quantized");
    ck_assert_str_eq(c->quantized_by.text, "a team");
    ck_assert_uint_eq(c->n_tags, 2);
    ck_assert_str_eq(c->tags[1].text, "4-bit");
    ck_assert_uint_eq(c->n_hashes, 1);
    ck_assert_ptr_null(c->hashes[0].model);
    ck_assert_str_eq(c->hashes[0].hash, "sha256:" H64);
    ck_assert_int_eq(c->hashes[0].place.line, 9);
    ck_assert(qg_str_is(c->text, "# Title\nText\n"));
    ck_assert_int_eq(c->first_line, 12);
}
END_TEST

START_TEST(lists_and_maps_are_read)
{
    const qg_card *c = parse("\xef\xbb\xbf---\r\nbase_model:\r\n- a\r\n- b\r\ntags: one\r\n"
                             "quantgate_checkpoint:\r\n  int8: sha256:" H64 "\r\n"
                             "  gptq: 'sha256:" H64 "'\r\nx: ${HOME} $${\r\ninclude: other.yaml\r\n"
                             "---\r\n");

    ck_assert_uint_eq(findings.n, 0); /* nothing expands, nothing is included */
    ck_assert_uint_eq(c->n_base_models, 2);
    ck_assert_str_eq(c->base_models[1].text, "b");
    ck_assert_uint_eq(c->n_tags, 1);
    ck_assert_uint_eq(c->n_hashes, 2);
    ck_assert_str_eq(c->hashes[1].model, "gptq");
    ck_assert_int_eq(c->hashes[1].place.line, 8);
    ck_assert_uint_eq(c->text.len, 0);
    ck_assert_ptr_null(c->relation.text);
    ck_assert_ptr_null(c->quantized_by.text);
}
END_TEST

static const struct {
    const char *text, *message;
    int line;
    bool is_card; /* what could be read is handed out */
} bad[] = {
    {"", "the card is empty", 1, false},
    {" \n\n", "the card is empty", 1, false},
    {"# Title\n", "the card has no front matter", 1, false},
    {"\n---\na: 1\n---\n", "the card has no front matter", 1, false},
    {"---- \na: 1\n---\n", "the card has no front matter", 1, false},
    {"---\na: 1\n", "the front matter does not end", 1, false},
    {"---\n", "the front matter does not end", 1, false},
    {"---\n---\n", "the front matter is empty", 2, true},
    {"---\n- a\n---\n", "a front matter is a map of keys, not a list", 2, false},
    {"---\na: 1\nb: [\n---\n", "no valid YAML", 4, false},
    {"---\na: 1\na: 2\n---\n", "duplicate key 'a'; it stands first at line 2", 3, true},
    {"---\na: 1\n\tb: 2\n---\n", "no valid YAML", 3, false},
    {"---\na: \xff\n---\n", "byte 0xff is not valid UTF-8", 2, false},
    {"---\na: !x 1\n---\n", "tags ('!...') have no meaning in a front matter", 2, true},
    {"---\na: 1\nquantized_by: [x]\n---\n", "'quantized_by' is a list, a text was expected", 3,
     true},
    {"---\nbase_model: {a: b}\n---\n", "'base_model' is a map, a text was expected", 2, true},
    {"---\ntags: [a, [b]]\n---\n", "'tags' is a list, a text was expected", 2, true},
    {"---\ntags: \"a\\0b\"\n---\n", "'tags' holds a NUL character", 2, true},
    {"---\nquantgate_checkpoint: " H64 "\n---\n", "is no hash: expected 'sha256:'", 2, true},
    {"---\nquantgate_checkpoint: sha256:0123\n---\n", "'sha256:0123' is no hash", 2, true},
    {"---\nquantgate_checkpoint:\n  a: sha256:X" H64 "\n---\n", "is no hash", 3, true},
    {"---\nquantgate_checkpoint: [sha256:" H64 "]\n---\n", "is a list, a text was expected", 2,
     true},
};

START_TEST(each_mistake_has_its_line)
{
    const qg_card *c = parse(bad[_i].text);

    ck_assert_uint_eq(findings.n, 1);
    ck_assert_msg(strstr(findings.at[0].message, bad[_i].message), "%s", findings.at[0].message);
    ck_assert_int_eq(findings.at[0].place.line, bad[_i].line);
    ck_assert_str_eq(findings.at[0].place.file, "CARD.md");
    ck_assert_int_eq(c != NULL, bad[_i].is_card);
}
END_TEST

START_TEST(mistakes_come_in_one_pass)
{
    parse("---\nbase_model: []\nquantized_by: {a: 1}\ntags: [[x]]\n"
          "quantgate_checkpoint: {a: 1, b: 2}\n---\n");
    ck_assert_uint_eq(findings.n, 4);
}
END_TEST

START_TEST(a_template_reads_back)
{
    static const qg_card_model models[] = {{"small", "gptq", H64, 4, 128},
                                           {"eight", "int8", NULL, 8, 0}};
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_card_template(&b, "ba\"se", models, 2);
    const qg_card *c = parse(b.ptr);
    ck_assert_uint_eq(findings.n, 1); /* the hash that nobody knew */
    ck_assert_ptr_nonnull(strstr(findings.at[0].message, "'quantgate_checkpoint' is nothing"));
    ck_assert_str_eq(c->base_models[0].text, "ba\"se");
    ck_assert_ptr_null(c->quantized_by.text); /* to be filled in */
    ck_assert_uint_eq(c->n_hashes, 1);
    ck_assert_str_eq(c->hashes[0].model, "small");
    ck_assert_ptr_nonnull(strstr(c->text.ptr, "| small | GPTQ, 4 bit, groups of 128 |\n"));
    ck_assert_ptr_nonnull(strstr(c->text.ptr, "| eight | INT8, 8 bit |\n"));
}
END_TEST

START_TEST(every_failed_allocation_is_reported)
{
    static const char text[] =
        "---\nbase_model: a\ntags: [b, c]\nquantgate_checkpoint: sha256:" H64 "\n---\n# x\n";
    bool unharmed = false;

    for (long n = 1; !unharmed; n++) {
        qg_arena *own = qg_arena_create();
        qg_card *card = NULL;
        qg_findings f;
        qg_findings_begin(&f, own);
        qg_err_clear(&err);
        qg_arena_fail_after(n);
        qg_status s = qg_card_parse(&card, &f, own, qg_str_from(text), "CARD.md", &err);
        unharmed = qg_arena_fail_after(0);
        ck_assert_int_eq(s, unharmed ? QG_OK : QG_ENOMEM);
        qg_arena_free(own);
    }
}
END_TEST

Suite *frontmatter_check(void)
{
    Suite *s = suite_create("frontmatter_check");
    TCase *t = tcase_create("frontmatter");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_card_is_read);
    tcase_add_test(t, lists_and_maps_are_read);
    tcase_add_loop_test(t, each_mistake_has_its_line, 0, sizeof bad / sizeof *bad);
    tcase_add_test(t, mistakes_come_in_one_pass);
    tcase_add_test(t, a_template_reads_back);
    tcase_add_test(t, every_failed_allocation_is_reported);
    suite_add_tcase(s, t);
    return s;
}
