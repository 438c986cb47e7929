/* Unit tests of base/json and base/hash: hostile text, total look-ups, the writer's escapes;
 * SHA-256 of the standard's own examples (FIPS 180-4, "abc" and the empty text). */
#include "base/json.h"

#include "base/hash.h"
#include "check_suites.h"

#include <math.h>
#include <stdlib.h>

static qg_arena *arena;

static void setup(void)
{
    arena = qg_arena_create();
}

static void teardown(void)
{
    qg_arena_free(arena);
}

static const qg_json *parsed(const char *text)
{
    const qg_json *root = NULL;
    qg_err err = {0};
    if (qg_json_parse(&root, arena, qg_str_from(text), "test", &err) != QG_OK)
        ck_abort_msg("%s", err.message);
    return root;
}

START_TEST(lookups_are_total)
{
    const qg_json *root = parsed("{\"a\":[1,2.5,3.0,\"x\\u0000y\",true,null],\"b\":{\"c\":1e99}}");
    const qg_json *a = qg_json_get(root, "a");
    int64_t i;
    double d;
    bool b;
    qg_str s;

    ck_assert_uint_eq(qg_json_len(root), 2);
    ck_assert_uint_eq(qg_json_len(a), 6);
    ck_assert(qg_json_int(qg_json_at(a, 0), &i) && i == 1);
    ck_assert(!qg_json_int(qg_json_at(a, 1), &i));
    ck_assert(qg_json_real(qg_json_at(a, 1), &d) && d == 2.5);
    ck_assert(qg_json_int(qg_json_at(a, 2), &i) && i == 3);
    ck_assert(qg_json_str(qg_json_at(a, 3), &s) && s.len == 3 && s.ptr[1] == '\0');
    ck_assert(qg_json_bool(qg_json_at(a, 4), &b) && b);
    ck_assert(qg_json_is_null(qg_json_at(a, 5)));
    ck_assert(!qg_json_int(qg_json_get(qg_json_get(root, "b"), "c"), &i));
    ck_assert_ptr_null(qg_json_at(a, 6));
    ck_assert_ptr_null(qg_json_get(a, "a"));
    ck_assert_ptr_null(qg_json_get(NULL, "a"));
    ck_assert_uint_eq(qg_json_len(NULL), 0);
    ck_assert(!qg_json_str(NULL, &s));
    ck_assert_str_eq(qg_json_type_name(a), "an array");
}
END_TEST

START_TEST(objects_keep_their_order)
{
    const qg_json *root = parsed("{\"z\":1,\"a\":2,\"m\":3}");
    char keys[4] = "";
    int n = 0;

    for (qg_json_iter it = {0}; qg_json_next(root, &it);)
        keys[n++] = it.key.ptr[0];
    ck_assert_str_eq(keys, "zam");
}
END_TEST

START_TEST(malformed_text_is_refused_with_its_place)
{
    static const char *const bad[] = {
        "",      "{",     "{\"a\":1,\"a\":2}",    "[1,]",       "nul", "{\"a\" 1}", "\"\xff\"",
        "[1] x", "1e999", "99999999999999999999", "\"\\ud800\""};
    const qg_json *root;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        qg_err err = {0};
        ck_assert_msg(qg_json_parse(&root, arena, qg_str_from(bad[i]), "t.json", &err) ==
                          QG_EFORMAT,
                      "%s", bad[i]);
        ck_assert_ptr_nonnull(strstr(err.message, "'t.json' is no valid JSON"));
    }
}
END_TEST

START_TEST(deep_nesting_is_refused_before_it_is_parsed)
{
    size_t n = 1 << 20;
    char *deep = malloc(n);
    const qg_json *root;
    qg_err err = {0};

    memset(deep, '[', n);
    ck_assert_int_eq(qg_json_parse(&root, arena, (qg_str){deep, n}, "deep", &err), QG_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.message, "nests deeper"));
    free(deep);
    parsed("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[["
           "[[[[\"]");
}
END_TEST

START_TEST(failed_allocations_are_reported)
{
    for (long n = 1;; n++) {
        const qg_json *root;
        qg_arena_fail_after(n);
        qg_status s = qg_json_parse(&root, arena, QG_STR("{\"a\":[1,\"b\",{}]}"), "t", NULL);
        if (qg_arena_fail_after(0)) {
            ck_assert_int_eq(s, QG_OK);
            break;
        }
        ck_assert_int_eq(s, QG_ENOMEM);
    }
}
END_TEST

START_TEST(the_writer_escapes_and_reads_back)
{
    qg_buf b;
    qg_json_writer w;
    qg_str s;
    double d;

    qg_buf_init(&b, arena);
    qg_json_write_begin(&w, &b);
    qg_json_write_object(&w);
    qg_json_put_str(&w, "s", QG_STR("a\"\\\n\x01\xff\xc3\xa9\0z"));
    qg_json_put_real(&w, "d", 0.1);
    qg_json_put_real(&w, "third", 1.0 / 3);
    qg_json_write_key(&w, "list");
    qg_json_write_array(&w);
    qg_json_write_int(&w, -5);
    qg_json_write_fixed(&w, -0.0, 3);
    qg_json_write_bool(&w, false);
    qg_json_write_text(&w, NULL);
    qg_json_write_end_array(&w);
    qg_json_write_close(&w);
    ck_assert_int_eq(qg_json_write_end(&w, NULL), QG_OK);
    ck_assert_str_eq(b.ptr, "{\"s\":\"a\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9\\u0000z\",\"d\":0.1,"
                            "\"third\":0.33333333333333331,\"list\":[-5,0.000,false,null]}");
    const qg_json *root = parsed(b.ptr);
    ck_assert(qg_json_real(qg_json_get(root, "third"), &d) && d == 1.0 / 3);
    ck_assert(qg_json_str(qg_json_get(root, "s"), &s) && s.len == 12);
}
END_TEST

START_TEST(a_number_that_is_not_finite_is_an_error)
{
    qg_buf b;
    qg_json_writer w;
    qg_err err = {0};

    qg_buf_init(&b, arena);
    qg_json_write_begin(&w, &b);
    qg_json_write_object(&w);
    qg_json_put_real(&w, "ppl", NAN);
    qg_json_put_real(&w, "nll", INFINITY);
    qg_json_write_close(&w);
    ck_assert_int_eq(qg_json_write_end(&w, &err), QG_ENONFINITE);
    ck_assert_str_eq(err.message, "'ppl' is not a finite number");
    parsed(b.ptr);
}
END_TEST

START_TEST(sha256_of_the_standards_examples)
{
    char hex[QG_HASH_HEX];

    ck_assert_int_eq(qg_hash_text(hex, QG_STR("abc"), NULL), QG_OK);
    ck_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    ck_assert_int_eq(qg_hash_text(hex, QG_STR(""), NULL), QG_OK);
    ck_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    ck_assert_int_eq(qg_hash_file(hex, "/nowhere/at/all", NULL), QG_ENOTFOUND);
}
END_TEST

Suite *json_check(void)
{
    Suite *s = suite_create("json_check");
    TCase *t = tcase_create("json");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, lookups_are_total);
    tcase_add_test(t, objects_keep_their_order);
    tcase_add_test(t, malformed_text_is_refused_with_its_place);
    tcase_add_test(t, deep_nesting_is_refused_before_it_is_parsed);
    tcase_add_test(t, failed_allocations_are_reported);
    tcase_add_test(t, the_writer_escapes_and_reads_back);
    tcase_add_test(t, a_number_that_is_not_finite_is_an_error);
    tcase_add_test(t, sha256_of_the_standards_examples);
    suite_add_tcase(s, t);
    return s;
}
