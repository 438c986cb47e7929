/* Unit tests of record/fields: a struct with a member of every kind, there and back. */
#include "record/fields.h"

#include "base/scratch_check.h"
#include "record/record.h"

#include <math.h>

typedef struct thing {
    const char *text;
    int64_t any, count;
    int small;
    double real;
    bool flag;
    qg_metric metric;
    qg_verdict verdict;
    qg_case_state state;
} thing;

static const qg_field thing_list[] = {
    QG_FIELD(thing, TEXT, text),
    QG_FIELD(thing, INT, any),
    QG_FIELD(thing, COUNT, count),
    QG_FIELD(thing, SMALL, small),
    QG_FIELD_NEEDED(thing, REAL, real),
    QG_FIELD(thing, FLAG, flag),
    QG_FIELD(thing, METRIC, metric),
    QG_FIELD(thing, VERDICT, verdict),
    QG_FIELD_NAMED(thing, STATE, "is", state),
};
static const qg_fields thing_fields = QG_FIELDS(thing_list, thing);

static qg_status read(thing *out, const char *text)
{
    qg_fields_reader r = {.arena = arena, .name = "x.json", .where = "thing", .err = &err};
    const qg_json *root;

    ck_assert_int_eq(qg_json_parse(&root, arena, qg_str_from(text), "x.json", &err), QG_OK);
    memset(out, 0, sizeof *out);
    return qg_fields_read(&r, root, &thing_fields, out);
}

START_TEST(every_kind_goes_there_and_back)
{
    static const char json[] =
        "{\"text\":\"a\",\"any\":-3,\"count\":9000000000,\"small\":7,\"real\":0.1,\"flag\":true,"
        "\"metric\":\"tpot_p95\",\"verdict\":\"known-fail\",\"is\":\"skipped\"}";
    thing t;
    qg_json_writer w;
    qg_buf b;

    ck_assert_int_eq(read(&t, json), QG_OK);
    ck_assert_str_eq(t.text, "a");
    ck_assert_int_eq(t.any, -3);
    ck_assert_int_eq(t.count, 9000000000);
    ck_assert_int_eq(t.small, 7);
    ck_assert_double_eq(t.real, 0.1);
    ck_assert(t.flag);
    ck_assert_int_eq(t.metric, QG_METRIC_TPOT_P95);
    ck_assert_int_eq(t.verdict, QG_VERDICT_KNOWN_FAIL);
    ck_assert_int_eq(t.state, QG_CASE_SKIPPED);
    qg_buf_init(&b, arena);
    qg_json_write_begin(&w, &b);
    qg_json_write_object(&w);
    qg_fields_write(&w, &thing_fields, &t);
    qg_json_write_close(&w);
    ck_assert_str_eq(b.ptr, json);
}
END_TEST

START_TEST(absent_members_are_zero)
{
    thing t;

    ck_assert_int_eq(read(&t, "{\"is\":\"failed\",\"more\":[],\"real\":2,\"metric\":null}"), QG_OK);
    ck_assert_ptr_null(t.text);
    ck_assert_int_eq(t.metric, QG_METRIC_NONE);
    ck_assert_int_eq(t.count, 0);
    ck_assert_double_eq(t.real, 2);
}
END_TEST

typedef struct bad {
    const char *json, *message;
} bad;

static const bad bads[] = {
    {"[]", "an array was found, an object was expected"},
    {"{\"is\":\"failed\"}", "'real' is absent"},
    {"{\"real\":1}", "'is' is absent"},
    {"{\"real\":\"1\",\"is\":\"failed\"}", "'real' is a string, a finite number was expected"},
    {"{\"real\":1,\"is\":\"lost\"}", "'is' has the unknown value 'lost'"},
    {"{\"real\":1,\"is\":7}", "'is' is an integer, a string was expected"},
    {"{\"real\":1,\"text\":1}", "'text' is an integer, a string was expected"},
    {"{\"real\":1,\"text\":\"a\\u0000b\"}", "'text' holds a NUL character"},
    {"{\"real\":1,\"count\":-1}", "'count' is -1, which is out of range"},
    {"{\"real\":1,\"small\":2147483648}", "'small' is 2147483648, which is out of range"},
    {"{\"real\":1,\"any\":0.5}", "'any' is a number, an integer was expected"},
    {"{\"real\":1,\"flag\":null}", "'flag' is null, a boolean was expected"},
    {"{\"real\":1,\"metric\":\"ttft\"}", "'metric' has the unknown value 'ttft'"},
    {"{\"real\":1,\"verdict\":null}", "'verdict' is null, a string was expected"},
};

START_TEST(wrong_members_are_named)
{
    thing t;

    ck_assert_int_eq(read(&t, bads[_i].json), QG_EFORMAT);
    ck_assert_str_eq(err.message, bads[_i].message);
    ck_assert_str_eq(err.context, "reading 'x.json': thing");
}
END_TEST

START_TEST(rows_know_which_one_is_wrong)
{
    qg_fields_reader r = {.arena = arena, .name = "x.json", .where = "run", .err = &err};
    const qg_json *root;
    thing *rows = NULL;
    size_t n;
    static const char text[] =
        "{\"a\":[{\"real\":1,\"is\":\"failed\"},{\"real\":2,\"is\":\"failed\"}],"
        "\"b\":[{\"real\":1,\"is\":\"failed\"},{}],\"c\":null,\"d\":5}";

    ck_assert_int_eq(qg_json_parse(&root, arena, qg_str_from(text), "x", &err), QG_OK);
    ck_assert_int_eq(qg_fields_read_rows(&r, root, "a", &thing_fields, &rows, &n), QG_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_double_eq(rows[1].real, 2);
    ck_assert_int_eq(qg_fields_read_rows(&r, root, "c", &thing_fields, &rows, &n), QG_OK);
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(qg_fields_read_rows(&r, root, "none", &thing_fields, &rows, &n), QG_OK);
    ck_assert_int_eq(qg_fields_read_rows(&r, root, "b", &thing_fields, &rows, &n), QG_EFORMAT);
    ck_assert_str_eq(err.context, "reading 'x.json': run: entry 1 of 'b'");
    qg_err_clear(&err);
    r.rows = NULL;
    ck_assert_int_eq(qg_fields_read_rows(&r, root, "d", &thing_fields, &rows, &n), QG_EFORMAT);
    ck_assert_str_eq(err.message, "'d' is an integer, an array was expected");
}
END_TEST

Suite *fields_check(void)
{
    Suite *s = suite_create("fields_check");
    TCase *t = tcase_create("fields");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, every_kind_goes_there_and_back);
    tcase_add_test(t, absent_members_are_zero);
    tcase_add_loop_test(t, wrong_members_are_named, 0, sizeof bads / sizeof *bads);
    tcase_add_test(t, rows_know_which_one_is_wrong);
    suite_add_tcase(s, t);
    return s;
}
