/* Unit tests of cli/prepare: a model is made once and found the second time, in a folder of its own
 * for each recipe and each content of its source, and a machine without a place for it is told so.
 */
#include "cli/prepare.h"

#include "base/folder_check.h"
#include "engine/engine.h"
#include "quantize/synth.h"

#include <string.h>
#include <sys/stat.h>

static qg_err err;
static const char *source;

static void setup(void)
{
    folder_begin();
    qg_err_clear(&err);
    ck_assert_int_eq(setenv("QUANTGATE_CACHE", folder_path("cache"), 1), 0);
    source = folder_path("source");
    ck_assert_int_eq(qg_synth_write(&(qg_synth_options){.hidden_size = 64,
                                                        .n_heads = 2,
                                                        .n_kv_heads = 1,
                                                        .head_dim = 32,
                                                        .intermediate_size = 64},
                                    source, &err),
                     QG_OK);
}

/* ---- one made model of one suite ---- */

static const qg_suite_recipe gptq = {.method = "rtn",
                                     .format = "gptq",
                                     .bits = 4,
                                     .group_size = 32},
                             awq = {.method = "rtn", .format = "awq", .bits = 4, .group_size = 32};

/* A suite of the source and one model made from it, with two cases of that. */
static qg_status prepare(const char **out, const qg_suite_recipe *recipe)
{
    qg_suite_model models[] = {
        {.name = "fp16", .model = source, .method = "fp16", .is_reference = true},
        {.name = "made", .from = "fp16", .quantize = *recipe, .place = {"x.yaml", 5, 3}},
    };
    qg_suite suite = {.models = models, .n_models = 2, .reference = models};
    qg_case cases[] = {{.id = "fp16/quality", .model = &models[0], .folder = source},
                       {.id = "made/quality", .model = &models[1]},
                       {.id = "made/batch=1", .model = &models[1]},
                       {.id = "made/batch=2", .model = &models[1], .skip = "no GPU"}};
    qg_plan plan = {.suite = &suite, .cases = cases, .n_cases = 4, .n_all = 4};
    qg_cli cli = {.run = arena};
    qg_status s = qg_prepare_models(&plan, &cli, 1, NULL, &err);

    if (s != QG_OK)
        return s;
    ck_assert_str_eq(cases[0].folder, source);
    ck_assert_ptr_eq(cases[2].folder, cases[1].folder);
    ck_assert_ptr_null(cases[3].folder);
    *out = cases[1].folder;
    return QG_OK;
}

static const char *prepared(const qg_suite_recipe *recipe)
{
    const char *made = NULL;
    char text[1024];

    if (prepare(&made, recipe) != QG_OK)
        ck_abort_msg("%s", qg_err_format(&err, text, sizeof text));
    return made;
}

static ino_t identity(const char *made)
{
    struct stat s;

    ck_assert_int_eq(stat(qg_path_join(arena, made, "model.safetensors"), &s), 0);
    return s.st_ino;
}

static size_t count_made(void)
{
    char **names;
    size_t n;

    ck_assert_int_eq(qg_dir_list(&names, &n, arena, folder_path("cache/quantized"), &err), QG_OK);
    return n;
}

START_TEST(a_model_is_made_once)
{
    const char *made = prepared(&gptq);
    qg_engine *e;

    ck_assert(strncmp(made, folder_path("cache/quantized/"), strlen(folder_path("cache"))) == 0);
    ck_assert_int_eq(qg_engine_open(&e, arena, made,
                                    &(qg_engine_options){.quantization = "gptq", .max_rows = 8},
                                    &err),
                     QG_OK);
    ino_t first = identity(made);
    ck_assert_str_eq(prepared(&gptq), made);
    ck_assert_uint_eq(identity(made), first);
    ck_assert_uint_eq(count_made(), 1);
}
END_TEST

/* The folder of a random model. */
static const char *random_model(const qg_suite_synth *synth)
{
    qg_suite_model model = {
        .name = "r", .is_reference = true, .synth = *synth, .place = {"x", 4, 2}};
    qg_suite suite = {.models = &model, .n_models = 1, .reference = &model};
    qg_case c = {.id = "r/perf/b1", .model = &model};
    qg_plan plan = {.suite = &suite, .cases = &c, .n_cases = 1, .n_all = 1};
    qg_cli cli = {.run = arena};

    return qg_prepare_models(&plan, &cli, 1, NULL, &err) == QG_OK ? c.folder : NULL;
}

START_TEST(a_random_model_is_made_once)
{
    qg_suite_synth plain = {.preset = "tiny", .activations = "float"}, codes = plain, seed = plain;
    const char *made = random_model(&plain);
    qg_engine *e;

    ck_assert_ptr_nonnull(made);
    ino_t first = identity(made);
    ck_assert_str_eq(random_model(&plain), made);
    ck_assert_uint_eq(identity(made), first);
    seed.seed = 1;
    ck_assert_str_ne(random_model(&seed), made);
    codes.bits = 8;
    codes.activations = "int8";
    const char *int8 = random_model(&codes);
    ck_assert_msg(int8 != NULL, "%s", err.message);
    ck_assert_int_eq(qg_engine_open(&e, arena, int8,
                                    &(qg_engine_options){.quantization = "int8", .max_rows = 8},
                                    &err),
                     QG_OK);
    ck_assert_uint_eq(count_made(), 3);
}
END_TEST

START_TEST(a_random_model_that_cannot_be_is_refused_at_its_line)
{
    qg_suite_synth odd = {.preset = "tiny", .bits = 4, .group_size = 24, .activations = "float"};

    ck_assert_ptr_null(random_model(&odd));
    ck_assert_int_eq(err.line, 4);
    ck_assert_int_eq(err.column, 2);
}
END_TEST

START_TEST(another_recipe_is_another_model)
{
    qg_suite_recipe wide = gptq, ordered = gptq, asymmetric = gptq, eight = gptq;

    wide.group_size = 64;
    ordered.act_order = true;
    asymmetric.sym = 2; /* no */
    eight.bits = 8;
    prepared(&gptq);
    prepared(&awq);
    prepared(&wide);
    prepared(&ordered);
    prepared(&asymmetric);
    prepared(&eight);
    ck_assert_uint_eq(count_made(), 6);
}
END_TEST

/* Every file that the made folder takes from its source counts, not its weights alone. */
START_TEST(another_content_is_another_model)
{
    static const char *const files[] = {"config.json", "tokenizer.json", "generation_config.json"};

    prepared(&gptq);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *path = qg_path_join(arena, source, files[i]);
        qg_str text;
        ck_assert_int_eq(qg_file_read(&text, arena, path, 1 << 24, &err), QG_OK);
        const char *more = qg_arena_format(arena, "%s \n", text.ptr);
        ck_assert_int_eq(qg_file_write(path, qg_str_from(more), &err), QG_OK);
        prepared(&gptq);
        ck_assert_uint_eq(count_made(), i + 2);
    }
    qg_dir_remove(source);
    ck_assert_int_eq(qg_synth_write(&(qg_synth_options){.hidden_size = 64,
                                                        .n_heads = 2,
                                                        .n_kv_heads = 1,
                                                        .head_dim = 32,
                                                        .intermediate_size = 64,
                                                        .seed = 1},
                                    source, &err),
                     QG_OK);
    prepared(&gptq);
    ck_assert_uint_eq(count_made(), 5);
}
END_TEST

/* ---- where ---- */

START_TEST(the_cache_is_where_the_environment_says)
{
    ck_assert_int_eq(unsetenv("QUANTGATE_CACHE"), 0);
    ck_assert_int_eq(setenv("XDG_CACHE_HOME", folder_path("xdg"), 1), 0);
    ck_assert_int_eq(setenv("HOME", folder_path("home"), 1), 0);
    const char *below = folder_path("xdg/quantgate/quantized/");
    ck_assert_int_eq(strncmp(prepared(&gptq), below, strlen(below)), 0);
    ck_assert_int_eq(setenv("XDG_CACHE_HOME", "", 1), 0);
    below = folder_path("home/.cache/quantgate/quantized/");
    ck_assert_int_eq(strncmp(prepared(&gptq), below, strlen(below)), 0);
}
END_TEST

START_TEST(no_place_is_told)
{
    const char *made;

    ck_assert_int_eq(unsetenv("QUANTGATE_CACHE"), 0);
    ck_assert_int_eq(unsetenv("XDG_CACHE_HOME"), 0);
    ck_assert_int_eq(unsetenv("HOME"), 0);
    ck_assert_int_eq(prepare(&made, &gptq), QG_EARG);
    ck_assert_str_eq(err.message, "there is no place for a cache: set QUANTGATE_CACHE to a folder "
                                  "that can be written");
    ck_assert_str_eq(err.file, "x.yaml");
    ck_assert_int_eq(err.line, 5);
}
END_TEST

START_TEST(a_place_that_is_a_file_is_told)
{
    const char *made;

    folder_put("cache", "x");
    ck_assert_int_ne(prepare(&made, &gptq), QG_OK);
    ck_assert_msg(strstr(err.message, folder_path("cache")), "%s", err.message);
}
END_TEST

START_TEST(a_model_that_cannot_be_made_leaves_nothing)
{
    qg_suite_recipe wide = gptq;
    const char *made;

    wide.group_size = 128;
    ck_assert_int_eq(prepare(&made, &wide), QG_EFORMAT);
    ck_assert_msg(strstr(err.message, "64 inputs, which groups of 128 do not divide"), "%s",
                  err.message);
    ck_assert_str_eq(err.file, "x.yaml");
    ck_assert_uint_eq(count_made(), 0);
}
END_TEST

Suite *prepare_check(void)
{
    Suite *s = suite_create("prepare_check");
    TCase *c = tcase_create("prepare");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, folder_end);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, a_model_is_made_once);
    tcase_add_test(c, a_random_model_is_made_once);
    tcase_add_test(c, a_random_model_that_cannot_be_is_refused_at_its_line);
    tcase_add_test(c, another_recipe_is_another_model);
    tcase_add_test(c, another_content_is_another_model);
    tcase_add_test(c, the_cache_is_where_the_environment_says);
    tcase_add_test(c, no_place_is_told);
    tcase_add_test(c, a_place_that_is_a_file_is_told);
    tcase_add_test(c, a_model_that_cannot_be_made_leaves_nothing);
    return s;
}
