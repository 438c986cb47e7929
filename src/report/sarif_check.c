/* Unit tests of report/sarif: the keys that SARIF 2.1.0 (section 3) requires are there and have the
 * right types, each id is one rule, and places and tensors are where readers look for them. */
#include "report/sarif.h"

#include "base/folder_check.h"
#include "base/json.h"

static qg_err err;
static qg_findings findings;

static void setup(void)
{
    folder_begin();
    qg_err_clear(&err);
    qg_findings_begin(&findings, arena);
}

static const qg_json *document(void)
{
    const qg_json *root;
    qg_buf b;

    qg_buf_init(&b, arena);
    ck_assert_int_eq(qg_sarif_write(&b, &findings, "1.2.3", &err), QG_OK);
    ck_assert_int_eq(b.ptr[b.len - 1], '\n');
    ck_assert_int_eq(qg_json_parse(&root, arena, qg_buf_view(&b), "sarif", &err), QG_OK);
    return root;
}

static const qg_json *run_of(const qg_json *root)
{
    ck_assert_uint_eq(qg_json_len(qg_json_get(root, "runs")), 1);
    return qg_json_at(qg_json_get(root, "runs"), 0);
}

static void assert_text(const qg_json *object, const char *key, const char *expected)
{
    qg_str text;

    ck_assert_msg(qg_json_str(qg_json_get(object, key), &text), "no text '%s'", key);
    ck_assert_msg(qg_str_is(text, expected), "'%s' is '" QG_STR_PRI "', not '%s'", key,
                  QG_STR_ARG(text), expected);
}

static void assert_int(const qg_json *object, const char *key, int64_t expected)
{
    int64_t v;

    ck_assert_msg(qg_json_int(qg_json_get(object, key), &v), "no number '%s'", key);
    ck_assert_int_eq(v, expected);
}

static void put(qg_severity severity, qg_place place, const char *id, const char *tensor,
                const char *fix, const char *message)
{
    qg_finding_add_about(&findings, severity, place,
                         (qg_finding){.id = id, .tensor = tensor, .suggestion = fix}, "%s",
                         message);
}

START_TEST(a_document_without_findings_is_complete)
{
    const qg_json *root = document(), *driver;

    assert_text(root, "version", "2.1.0");
    assert_text(root, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
    driver = qg_json_get(qg_json_get(run_of(root), "tool"), "driver");
    assert_text(driver, "name", "quantgate");
    assert_text(driver, "version", "1.2.3");
    ck_assert_int_eq(qg_json_type_of(qg_json_get(driver, "rules")), QG_JSON_ARRAY);
    ck_assert_uint_eq(qg_json_len(qg_json_get(driver, "rules")), 0);
    ck_assert_int_eq(qg_json_type_of(qg_json_get(run_of(root), "results")), QG_JSON_ARRAY);
    ck_assert_uint_eq(qg_json_len(qg_json_get(run_of(root), "results")), 0);
}
END_TEST

START_TEST(each_id_is_one_rule)
{
    static const char *const expected[] = {"scale-zero", "finding", "tensor-shape"};
    const qg_place m = {"m", 0, 0};

    put(QG_SEVERITY_ERROR, m, "scale-zero", "a", NULL, "one");
    put(QG_SEVERITY_ERROR, m, NULL, NULL, NULL, "two");
    put(QG_SEVERITY_ERROR, m, "scale-zero", "b", NULL, "three");
    put(QG_SEVERITY_ERROR, m, "tensor-shape", "b", NULL, "four");
    put(QG_SEVERITY_ERROR, m, NULL, NULL, NULL, "five");
    const qg_json *run = run_of(document());
    const qg_json *rules = qg_json_get(qg_json_get(qg_json_get(run, "tool"), "driver"), "rules");
    ck_assert_uint_eq(qg_json_len(rules), 3);
    for (size_t i = 0; i < 3; i++)
        assert_text(qg_json_at(rules, i), "id", expected[i]);
    ck_assert_uint_eq(qg_json_len(qg_json_get(run, "results")), 5);
    assert_text(qg_json_at(qg_json_get(run, "results"), 4), "ruleId", "finding");
}
END_TEST

static const qg_json *result(size_t i)
{
    return qg_json_at(qg_json_get(run_of(document()), "results"), i);
}

static const qg_json *location(const qg_json *result)
{
    ck_assert_uint_eq(qg_json_len(qg_json_get(result, "locations")), 1);
    return qg_json_at(qg_json_get(result, "locations"), 0);
}

static const qg_json *physical(const qg_json *result)
{
    return qg_json_get(location(result), "physicalLocation");
}

START_TEST(levels_are_those_of_the_findings)
{
    put(QG_SEVERITY_NOTE, (qg_place){"m", 0, 0}, "a", NULL, NULL, "x");
    put(QG_SEVERITY_WARNING, (qg_place){"m", 0, 0}, "b", NULL, NULL, "x");
    put(QG_SEVERITY_ERROR, (qg_place){"m", 0, 0}, "c", NULL, NULL, "x");
    assert_text(result(0), "level", "note");
    assert_text(result(1), "level", "warning");
    assert_text(result(2), "level", "error");
}
END_TEST

START_TEST(texts_hold_the_fix_and_are_quoted)
{
    put(QG_SEVERITY_ERROR, (qg_place){"m", 0, 0}, "a", NULL, "write \"sym\": false", "a \"b\"\n\t");
    put(QG_SEVERITY_ERROR, (qg_place){"m", 0, 0}, "a", NULL, NULL, "alone");
    assert_text(qg_json_get(result(0), "message"), "text", "a \"b\"\n\t; write \"sym\": false");
    assert_text(qg_json_get(result(1), "message"), "text", "alone");
}
END_TEST

START_TEST(places_are_regions_of_artifacts)
{
    put(QG_SEVERITY_ERROR, (qg_place){"suites/x.yaml", 4, 3}, "a", NULL, NULL, "x");
    put(QG_SEVERITY_ERROR, (qg_place){"suites/x.yaml", 4, 0}, "a", NULL, NULL, "x");
    put(QG_SEVERITY_ERROR, (qg_place){"a b/\xc3\xa4%#?:[m]", 0, 0}, "a", NULL, NULL, "x");
    const qg_json *region = qg_json_get(physical(result(0)), "region");
    assert_text(qg_json_get(physical(result(0)), "artifactLocation"), "uri", "suites/x.yaml");
    assert_int(region, "startLine", 4);
    assert_int(region, "startColumn", 3);
    region = qg_json_get(physical(result(1)), "region");
    assert_int(region, "startLine", 4);
    ck_assert_ptr_null(qg_json_get(region, "startColumn")); /* which must be 1 or more */
    ck_assert_ptr_null(qg_json_get(physical(result(2)), "region"));
    assert_text(qg_json_get(physical(result(2)), "artifactLocation"), "uri",
                "a%20b/%C3%A4%25%23%3F%3A%5Bm%5D");
}
END_TEST

START_TEST(tensors_are_logical_locations)
{
    put(QG_SEVERITY_ERROR, (qg_place){"m", 0, 0}, "a", "model.norm.weight", NULL, "x");
    put(QG_SEVERITY_ERROR, (qg_place){"m", 0, 0}, "a", NULL, NULL, "x");
    const qg_json *logical = qg_json_get(location(result(0)), "logicalLocations");
    ck_assert_uint_eq(qg_json_len(logical), 1);
    assert_text(qg_json_at(logical, 0), "fullyQualifiedName", "model.norm.weight");
    assert_text(qg_json_at(logical, 0), "kind", "member");
    ck_assert_ptr_null(qg_json_get(location(result(1)), "logicalLocations"));
}
END_TEST

START_TEST(failing_allocations_are_reported)
{
    put(QG_SEVERITY_ERROR, (qg_place){"m", 0, 0}, "a", "t", "mend it", "x");
    for (long n = 1;; n++) {
        qg_buf b;
        qg_buf_init(&b, arena);
        qg_arena_fail_after(n);
        qg_status s = qg_sarif_write(&b, &findings, "1", &err);
        bool unused = qg_arena_fail_after(0);
        ck_assert_int_eq(s, unused ? QG_OK : QG_ENOMEM);
        if (unused)
            break;
    }
}
END_TEST

Suite *sarif_check(void)
{
    Suite *s = suite_create("sarif_check");
    TCase *c = tcase_create("sarif");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, folder_end);
    tcase_add_test(c, a_document_without_findings_is_complete);
    tcase_add_test(c, each_id_is_one_rule);
    tcase_add_test(c, levels_are_those_of_the_findings);
    tcase_add_test(c, texts_hold_the_fix_and_are_quoted);
    tcase_add_test(c, places_are_regions_of_artifacts);
    tcase_add_test(c, tensors_are_logical_locations);
    tcase_add_test(c, failing_allocations_are_reported);
    return s;
}
