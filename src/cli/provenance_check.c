/* Unit tests of cli/provenance: reports are found in the models' folders, and a broken one is told
 * but stops nothing. */
#include "cli/provenance.h"

#include "base/folder_check.h"

#include <string.h>

static const char small[] = "{\"method\":\"rtn\",\"format\":\"awq\",\"activations\":\"float\","
                            "\"bits\":4,\"group_size\":32,\"weight_error\":0.125,\"linears\":[]}";

static qg_run run;
static qg_model_info models[4];

static void setup(void)
{
    folder_begin();
    folder_put("good/" QG_QUANTIZED_FILE, small);
    folder_put("bad/" QG_QUANTIZED_FILE,
               "{\"method\":\"rtn\",\"format\":\"awq\",\"activations\":\"float\",\"bits\":-4}");
    models[0] = (qg_model_info){.name = "plain", .path = folder};
    models[1] = (qg_model_info){.name = "bad", .path = folder_path("bad")};
    models[2] = (qg_model_info){.name = "skipped"};
    models[3] = (qg_model_info){.name = "good", .path = folder_path("good")};
    run = (qg_run){.models = models, .n_models = 4};
}

START_TEST(a_report_is_found_in_the_models_folder)
{
    qg_err err = {0};

    ck_assert_int_eq(qg_provenance_read(&run, arena, &err), QG_OK);
    ck_assert_ptr_null(models[0].quantized);
    ck_assert_ptr_null(models[2].quantized);
    ck_assert_ptr_nonnull(models[3].quantized);
    ck_assert_str_eq(models[3].quantized->format, "awq");
    ck_assert_double_eq(models[3].quantized->weight_error, 0.125);
}
END_TEST

START_TEST(a_broken_report_is_a_notice)
{
    static const char *notices[] = {"first"};
    qg_err err = {0};

    run.notices = notices;
    run.n_notices = 1;
    ck_assert_int_eq(qg_provenance_read(&run, arena, &err), QG_OK);
    ck_assert_ptr_null(models[1].quantized);
    ck_assert_uint_eq(run.n_notices, 2);
    ck_assert_str_eq(run.notices[0], "first");
    ck_assert_ptr_nonnull(strstr(run.notices[1], "how model 'bad' was made is not known"));
    ck_assert_ptr_nonnull(strstr(run.notices[1], "bad/" QG_QUANTIZED_FILE));
    ck_assert_ptr_nonnull(strstr(run.notices[1], "'bits' is -4"));
}
END_TEST

START_TEST(lack_of_memory_is_said)
{
    qg_status s;
    long n = 1;

    do {
        qg_err err = {0};
        qg_arena *a = qg_arena_create();
        run.n_notices = 0;
        qg_arena_fail_after(n++);
        s = qg_provenance_read(&run, a, &err);
        bool waiting = qg_arena_fail_after(0);
        ck_assert_msg(waiting ? s == QG_OK : s == QG_ENOMEM, "allocation %ld gives %d", n - 1, s);
        qg_arena_free(a);
    } while (s != QG_OK);
}
END_TEST

Suite *provenance_check(void)
{
    Suite *s = suite_create("provenance_check");
    TCase *t = tcase_create("provenance");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_add_test(t, a_report_is_found_in_the_models_folder);
    tcase_add_test(t, a_broken_report_is_a_notice);
    tcase_add_test(t, lack_of_memory_is_said);
    suite_add_tcase(s, t);
    return s;
}
