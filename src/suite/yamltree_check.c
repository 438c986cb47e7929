/* Unit tests of suite/yamltree: what YAML 1.1 says of anchors and merge keys, our rules for
 * environment and includes, places counted by hand. Refusals by file are in suite_check.c. */
#include "suite/yamltree.h"

#include "base/folder_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static qg_findings findings;

static qg_status read_tree(const qg_yaml **tree, const char *name, qg_err *err)
{
    char hash[65];

    qg_findings_begin(&findings, arena);
    return qg_yaml_read(tree, hash, &findings, arena, folder_path(name), err);
}

/* The tree of one good file. */
static const qg_yaml *good(const char *text)
{
    const qg_yaml *tree = NULL;
    qg_err err = {0};

    folder_put("x.yaml", text);
    qg_status status = read_tree(&tree, "x.yaml", &err);
    if (status != QG_OK || findings.n)
        ck_abort_msg("%.60s: %s%s", text, err.message, findings.n ? findings.at[0].message : "");
    return tree;
}

/* The only finding about one bad file. */
static const qg_finding *bad(const char *text)
{
    const qg_yaml *tree = NULL;
    qg_err err = {0};

    folder_put("x.yaml", text);
    read_tree(&tree, "x.yaml", &err);
    ck_assert_msg(findings.n == 1, "'%.60s' has %zu findings", text, findings.n);
    return &findings.at[0];
}

static void is_text(const qg_yaml *node, const char *text)
{
    ck_assert_ptr_nonnull(node);
    ck_assert_int_eq(node->type, QG_YAML_TEXT);
    ck_assert_str_eq(node->text.ptr, text);
}

START_TEST(nodes_know_their_place)
{
    const qg_yaml *t = good("a: 1\nb:\n  - x\n  - {\"\xc3\xa9\": 'q', c: d}\n");
    const qg_yaml *b = qg_yaml_get(t, "b");

    ck_assert_uint_eq(t->n, 2);
    ck_assert_int_eq(t->entries[1].key_place.line, 2);
    ck_assert_int_eq(t->entries[1].key_place.column, 1);
    ck_assert_int_eq(b->place.line, 3);
    ck_assert_int_eq(b->place.column, 3);
    is_text(b->items[0], "x");
    ck_assert_int_eq(b->items[0]->place.column, 5);
    is_text(qg_yaml_get(b->items[1], "\xc3\xa9"), "q");
    ck_assert(qg_yaml_get(b->items[1], "\xc3\xa9")->quoted);
    /* columns count characters: the key of two bytes is one */
    ck_assert_int_eq(qg_yaml_get(b->items[1], "c")->place.column, 19);
    ck_assert(strstr(t->place.file, "/x.yaml") != NULL);
}
END_TEST

START_TEST(null_is_plain_only)
{
    const qg_yaml *t = good("a:\nb: ~\nc: null\nd: ''\ne: 'null'\n");

    ck_assert(qg_yaml_is_null(qg_yaml_get(t, "a")));
    ck_assert(qg_yaml_is_null(qg_yaml_get(t, "b")));
    ck_assert(qg_yaml_is_null(qg_yaml_get(t, "c")));
    ck_assert(!qg_yaml_is_null(qg_yaml_get(t, "d")));
    ck_assert(!qg_yaml_is_null(qg_yaml_get(t, "e")));
    ck_assert(qg_yaml_is_null(qg_yaml_get(t, "absent")));
    ck_assert_ptr_null(qg_yaml_get(NULL, "a"));
    ck_assert_str_eq(qg_yaml_type_name(qg_yaml_get(t, "a")), "nothing");
}
END_TEST

START_TEST(aliases_share_and_anchors_can_move_on)
{
    const qg_yaml *t = good("a: &x [1]\nb: *x\nc: &x 2\nd: *x\n");

    ck_assert_ptr_eq(qg_yaml_get(t, "a"), qg_yaml_get(t, "b"));
    is_text(qg_yaml_get(t, "d"), "2");
}
END_TEST

START_TEST(merge_keys_fill_what_is_open)
{
    const qg_yaml *t = good("p: &p {a: 1, b: 1}\nq: &q {b: 2, c: 2}\n"
                            "r: {<<: *p, a: 0}\ns: {b: 9, <<: [*p, *q]}\nt: {'<<': 5}\n");
    const qg_yaml *r = qg_yaml_get(t, "r"), *s = qg_yaml_get(t, "s");

    ck_assert_uint_eq(r->n, 2);
    is_text(qg_yaml_get(r, "a"), "0");
    is_text(qg_yaml_get(r, "b"), "1");
    ck_assert_uint_eq(s->n, 3);
    is_text(qg_yaml_get(s, "a"), "1");
    is_text(qg_yaml_get(s, "b"), "9");
    is_text(qg_yaml_get(s, "c"), "2");
    is_text(qg_yaml_get(qg_yaml_get(t, "t"), "<<"), "5");
    ck_assert_int_eq(qg_yaml_get(s, "c")->place.line, 2);
}
END_TEST

START_TEST(variables_expand_in_values)
{
    setenv("QG_CHECK_SET", "va: lue", 1);
    const qg_yaml *t = good("a: x${QG_CHECK_SET}\n${QG_CHECK_SET}: [\"${QG_CHECK_SET}\"]\n");

    is_text(qg_yaml_get(t, "a"), "xva: lue");
    is_text(qg_yaml_get(t, "${QG_CHECK_SET}")->items[0], "va: lue");
}
END_TEST

START_TEST(includes_are_layers)
{
    const qg_yaml *t = NULL;
    qg_err err = {0};

    folder_put("sub/one.yaml", "m: {a: one, b: one}\nl: [1, 2]\ninclude: deeper/three.yaml\n");
    folder_put("sub/deeper/three.yaml", "m: {z: three, a: three}\n");
    folder_put("two.yaml", "m: {b: two, c: {x: two, y: two}}\n");
    folder_put("x.yaml", "include: [sub/one.yaml, two.yaml]\nm: {c: {y: own}}\nl: [3]\n");
    ck_assert_int_eq(read_tree(&t, "x.yaml", &err), QG_OK);
    ck_assert_uint_eq(findings.n, 0);
    const qg_yaml *m = qg_yaml_get(t, "m");
    is_text(qg_yaml_get(m, "a"), "one");
    is_text(qg_yaml_get(m, "b"), "two");
    is_text(qg_yaml_get(m, "z"), "three");
    is_text(qg_yaml_get(qg_yaml_get(m, "c"), "x"), "two");
    is_text(qg_yaml_get(qg_yaml_get(m, "c"), "y"), "own");
    ck_assert_uint_eq(qg_yaml_get(t, "l")->n, 1);
    ck_assert_ptr_null(qg_yaml_get(t, "include"));
    ck_assert(strstr(qg_yaml_get(m, "z")->place.file, "/sub/deeper/three.yaml") != NULL);
}
END_TEST

START_TEST(a_file_may_be_included_twice_but_not_without_end)
{
    const qg_yaml *t = NULL;
    qg_err err = {0};
    char text[64];

    folder_put("leaf.yaml", "a: 1\n");
    folder_put("x.yaml", "include: [leaf.yaml, leaf.yaml]\n");
    ck_assert_int_eq(read_tree(&t, "x.yaml", &err), QG_OK);
    ck_assert_uint_eq(findings.n, 0);
    folder_put("f0.yaml", "a: 1\n");
    for (int i = 1; i < 12; i++) {
        snprintf(text, sizeof text, "include: [f%d.yaml, f%d.yaml]\n", i - 1, i - 1);
        folder_put(qg_arena_format(arena, "f%d.yaml", i), text);
    }
    ck_assert_int_eq(read_tree(&t, "f11.yaml", &err), QG_EFORMAT);
    ck_assert_uint_eq(findings.n, 1);
    ck_assert_str_eq(findings.at[0].message, "more than 64 files are included");
}
END_TEST

START_TEST(what_cannot_be_read_is_an_error_of_the_path)
{
    const qg_yaml *t = NULL;
    qg_err err = {0};

    ck_assert_int_eq(read_tree(&t, "absent.yaml", &err), QG_ENOTFOUND);
    qg_err_clear(&err);
    ck_assert_int_eq(read_tree(&t, ".", &err), QG_EARG);
    qg_err_clear(&err);
    ck_assert_int_eq(mkfifo(folder_path("pipe"), 0600), 0);
    ck_assert_int_eq(read_tree(&t, "pipe", &err), QG_EARG);
    ck_assert_uint_eq(findings.n, 0);
}
END_TEST

/* `n` times `piece` between `head` and `tail`. */
static char *repeated(const char *head, const char *piece, size_t n, const char *tail)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_buf_text(&b, head);
    for (size_t i = 0; i < n; i++)
        qg_buf_text(&b, piece);
    qg_buf_text(&b, tail);
    ck_assert(!b.failed);
    return b.ptr;
}

START_TEST(size_is_bounded)
{
    const qg_yaml *t = NULL;
    qg_err err = {0};
    qg_buf keys;

    folder_put("x.yaml", repeated("a: ", "x", QG_YAML_MAX_BYTES, "\n"));
    ck_assert_int_eq(read_tree(&t, "x.yaml", &err), QG_EFORMAT);
    ck_assert(strstr(err.message, "is larger than the limit of 1048576 bytes") != NULL);
    ck_assert_str_eq(bad(repeated("a: [", "1,", 100001, "]\n"))->message, "more than 100000 nodes");
    ck_assert_str_eq(bad(repeated("a: ", "[", 100000, "\n"))->message,
                     "nested deeper than 32 levels");
    ck_assert_str_eq(bad(repeated("a: ", "{a: ", 100000, "\n"))->message,
                     "nested deeper than 32 levels");
    qg_buf_init(&keys, arena);
    qg_buf_text(&keys, "[");
    for (int i = 0; i <= 1000; i++)
        qg_buf_format(&keys, "&a%d 1, ", i);
    ck_assert_str_eq(bad(keys.ptr)->message, "more than 1000 anchors");
    qg_buf_init(&keys, arena);
    for (int i = 0; i <= 500; i++)
        qg_buf_format(&keys, "k%d: 1\n", i);
    ck_assert_str_eq(bad(keys.ptr)->message, "more than 500 keys in one map");
}
END_TEST

START_TEST(merging_is_bounded)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_buf_text(&b, "base: &b {");
    for (int i = 0; i < 400; i++)
        qg_buf_format(&b, "k%d: 1, ", i);
    qg_buf_text(&b, "}\nl:\n");
    for (int i = 0; i < 20000; i++)
        qg_buf_text(&b, " - {<<: *b}\n");
    const char *message = bad(b.ptr)->message;
    ck_assert_msg(strstr(message, "100000 nodes") != NULL, "%s", message);
}
END_TEST

START_TEST(unusual_encodings_are_told_apart)
{
    is_text(qg_yaml_get(good("\xef\xbb\xbf"
                             "a: 1\n"),
                        "a"),
            "1"); /* a UTF-8 mark is fine */
    is_text(qg_yaml_get(good("a: 1\r\nb: 2\r\n"), "b"), "2");
    is_text(qg_yaml_get(good("%YAML 1.1\n---\na: 1\n...\n"), "a"), "1");
    ck_assert_str_eq(bad("%TAG ! tag:x,2000:\n---\na: 1\n")->message,
                     "tags ('!...') have no meaning in a suite");
    ck_assert_int_eq(bad("a: 1\n\xff\xfe"
                         "b\n")
                         ->place.line,
                     2);
}
END_TEST

START_TEST(every_failed_allocation_is_reported)
{
    const qg_yaml *t = NULL;
    long n = 0;
    qg_status status;

    folder_put("leaf.yaml", "m: {b: 2}\n");
    folder_put("x.yaml",
               "include: leaf.yaml\nm: &m {a: '${QG_CHECK_UNSET:-1}'}\nl: [*m, {<<: *m}]\n");
    char *path = folder_path("x.yaml");
    do {
        qg_arena *own = qg_arena_create();
        char hash[65];
        qg_err err = {0};
        qg_findings_begin(&findings, own);
        qg_arena_fail_after(++n);
        status = qg_yaml_read(&t, hash, &findings, own, path, &err);
        bool unharmed = qg_arena_fail_after(0);
        ck_assert_msg(status == (unharmed ? QG_OK : QG_ENOMEM), "%ld: %s", n, err.message);
        ck_assert(status == QG_OK || err.code == QG_ENOMEM);
        qg_arena_free(own);
    } while (status != QG_OK && n < 10000);
    ck_assert_int_gt(n, 3);
    ck_assert_int_eq(status, QG_OK);
}
END_TEST

Suite *yamltree_check(void)
{
    Suite *s = suite_create("yamltree_check");
    TCase *t = tcase_create("yamltree");

    tcase_add_checked_fixture(t, folder_begin, folder_end);
    tcase_add_test(t, nodes_know_their_place);
    tcase_add_test(t, null_is_plain_only);
    tcase_add_test(t, aliases_share_and_anchors_can_move_on);
    tcase_add_test(t, merge_keys_fill_what_is_open);
    tcase_add_test(t, variables_expand_in_values);
    tcase_add_test(t, includes_are_layers);
    tcase_add_test(t, a_file_may_be_included_twice_but_not_without_end);
    tcase_add_test(t, what_cannot_be_read_is_an_error_of_the_path);
    tcase_add_test(t, size_is_bounded);
    tcase_add_test(t, merging_is_bounded);
    tcase_add_test(t, unusual_encodings_are_told_apart);
    tcase_add_test(t, every_failed_allocation_is_reported);
    suite_add_tcase(s, t);
    return s;
}
