/* Unit tests of engine/family: the list, the look-up, and what a configuration may not ask for. */
#include "engine/family.h"

#include "check_suites.h"

static const qg_model_config plain = {
    .hidden_act = "silu", .max_positions = 1024, .rope = {.name = "default", .factor = 1}};

START_TEST(families_are_found_by_name)
{
    const char *const *names = qg_family_names();
    int n = 0;

    for (; names[n]; n++)
        ck_assert_str_eq(qg_family_find(names[n])->name, names[n]);
    ck_assert_int_ge(n, 1);
    ck_assert_ptr_null(qg_family_find("bert"));
    ck_assert_ptr_null(qg_family_find(""));
}
END_TEST

START_TEST(what_is_not_there_is_refused)
{
    const qg_family *llama = qg_family_find("llama");
    qg_model_config c = plain;
    qg_err err = {0};

    ck_assert_int_eq(qg_family_check(llama, &c, &err), QG_OK);
    c.rope.type = QG_ROPE_OTHER;
    c.rope.name = "longrope";
    ck_assert_int_eq(qg_family_check(llama, &c, &err), QG_ENOSUP);
    ck_assert_str_eq(
        err.message,
        "rope scaling 'longrope' is not supported, only default, linear, dynamic, yarn "
        "and llama3");
    c = plain;
    c.hidden_act = "relu";
    qg_err_clear(&err);
    ck_assert_int_eq(qg_family_check(llama, &c, &err), QG_ENOSUP);
    ck_assert_str_eq(err.message,
                     "hidden_act 'relu' is not supported for family 'llama', only silu");
    c = plain;
    c.sliding_window = 1023;
    ck_assert_int_eq(qg_family_check(llama, &c, NULL), QG_ENOSUP);
    ck_assert_int_eq(qg_family_check(qg_family_find("mistral"), &c, NULL), QG_OK);
    ck_assert_int_eq(qg_family_check(qg_family_find("qwen2"), &c, NULL), QG_OK);
    c.sliding_window = 1024; /* wide enough to do nothing */
    ck_assert_int_eq(qg_family_check(llama, &c, NULL), QG_OK);
}
END_TEST

Suite *family_check(void)
{
    Suite *s = suite_create("family_check");
    TCase *c = tcase_create("family");

    suite_add_tcase(s, c);
    tcase_add_test(c, families_are_found_by_name);
    tcase_add_test(c, what_is_not_there_is_refused);
    return s;
}
