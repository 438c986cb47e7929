/* Unit tests of engine/parts: quantized folders that are not what they say, each a good one with
 * one thing changed, and what the user must read; and that the same shape counts the same
 * parameters however it is stored. */
#include "engine/parts.h"

#include "engine/reference_check.h"

#include "check_suites.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define Q "model.layers.1.self_attn.q_proj"

static qg_arena *arena;
static qg_err err;

static void setup(void)
{
    fixture_begin();
    arena = fixture_arena();
    qg_err_clear(&err);
}

static const qg_recipe
    gptq = {.format = "gptq", .bits = 4, .group_size = 32},
    gptq8 = {.format = "gptq", .bits = 8, .group_size = 32},
    asymmetric = {.format = "gptq", .bits = 4, .group_size = 32, .symmetric = -1},
    ordered = {.format = "gptq_v2", .bits = 4, .group_size = 32, .act_order = true},
    awq = {.format = "awq", .bits = 4, .group_size = 32},
    packed = {.format = "compressed-tensors", .bits = 4, .group_size = 32},
    w8a8 = {.format = "compressed-tensors", .bits = 8, .activations = "int8"},
    bnb = {.format = "bitsandbytes"};

static const char *model(const char *name, const qg_recipe *recipe)
{
    return fixture_model(name, &(qg_synth_options){.seed = 5,
                                                   .hidden_size = 64,
                                                   .n_heads = 2,
                                                   .n_kv_heads = 1,
                                                   .head_dim = 32,
                                                   .intermediate_size = 128,
                                                   .tied = -1,
                                                   .recipe = recipe});
}

/* ---- what must be refused ---- */

/* What is changed. Of tensor `name`: renamed, dropped (rename ""), or its number `at` becomes
 * `value`, where at >= 0. */
typedef struct fault {
    const qg_recipe *recipe;
    const char *key, *json; /* set in config.json */
    const char *name, *rename;
    int at;
    double value;
    qg_tensor_spec extra; /* added, where it has a name */
    const char *id, *message;
} fault;

static void put(void *data, qgk_dtype d, size_t at, double value)
{
    int64_t whole = isfinite(value) ? (int64_t)value : 0;

    if (d == QGK_I64)
        memcpy((char *)data + at * 8, &whole, 8);
    else if (d == QGK_I32)
        qgk_word_put(data, at, (uint32_t)whole);
    else if (d == QGK_U8)
        ((uint8_t *)data)[at] = (uint8_t)whole;
    else
        qgk_float_put(data, d, at, (float)value);
}

static void apply(qg_tensor_spec *spec, void *data, void *user)
{
    const fault *f = user;

    if (!f->name || strcmp(spec->name, f->name) != 0)
        return;
    if (f->rename)
        spec->name = *f->rename ? f->rename : NULL;
    else
        put(data, spec->dtype, (size_t)f->at, f->value);
}

#define SET .key = "quantization_config", .json
static const fault faults[] = {
    /* another layout, width or group than declared */
    {&gptq, SET = "{\"quant_method\":\"awq\",\"bits\":4,\"group_size\":32}",
     .id = "method-mismatch",
     .message = "has shape [8, 64], config.json makes it [64, 8]; found the layout of 'gptq', "
                "declared is 'awq'; write \"quant_method\": \"gptq\""},
    {&awq,
     SET =
         "{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":32,\"checkpoint_format\":\"gptq\"}",
     .id = "method-mismatch",
     .message = "has shape [64, 8], config.json makes it [8, 64]; found the layout of 'awq', "
                "declared is 'gptq'; write \"quant_method\": \"awq\""},
    {&gptq,
     SET =
         "{\"quant_method\":\"gptq\",\"bits\":8,\"group_size\":32,\"checkpoint_format\":\"gptq\"}",
     .id = "packed-width",
     .message = "has shape [8, 64], config.json makes it [16, 64]; that is the width of "
                "\"bits\": 4, declared are 8"},
    {&gptq8,
     SET =
         "{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":32,\"checkpoint_format\":\"gptq\"}",
     .id = "packed-width", .message = "that is the width of \"bits\": 8, declared are 4"},
    {&gptq,
     SET =
         "{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":64,\"checkpoint_format\":\"gptq\"}",
     .id = "group-size",
     .message = "has shape [2, 8], config.json makes it [1, 8]; that is \"group_size\": 32, "
                "declared is 64"},
    {&gptq,
     SET =
         "{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":48,\"checkpoint_format\":\"gptq\"}",
     .id = "group-size", .message = "has 64 inputs, which groups of 48 do not divide"},
    {&gptq,
     SET = "{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":32,\"checkpoint_format\":\"gptq_"
           "v2\"}",
     .id = "gptq-zeros-v1-v2", .message = "write \"checkpoint_format\": \"gptq\" in config.json"},
    {&asymmetric,
     SET = "{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":32,\"sym\":true,"
           "\"checkpoint_format\":\"gptq\"}",
     .id = "zero-point-not-symmetric",
     .message = "qzeros' holds zero points off the middle, but 'sym' is declared; write "
                "\"sym\": false"},
    /* tensors that are absent, and others that should be */
    {&gptq, .name = Q ".scales", .rename = "", .id = "tensor-missing",
     .message = "tensor '" Q ".scales' is missing"},
    {&gptq, .name = Q ".qweight", .rename = "", .id = "tensor-missing",
     .message = "tensor '" Q ".qweight' is missing"},
    {&bnb, .name = Q ".SCB", .rename = "", .id = "tensor-missing",
     .message = "tensor '" Q ".SCB' is missing"},
    {&w8a8, .name = Q ".weight_scale", .rename = "", .id = "tensor-missing",
     .message = "tensor '" Q ".weight_scale' is missing"},
    {&gptq, .name = Q ".qweight", .rename = Q ".weight_packed", .id = "method-mixed",
     .message = "'" Q "' is stored as 'compressed-tensors pack-quantized' ('" Q
                ".weight_packed'), the folder declares 'gptq': two methods in one folder are not "
                "supported"},
    {&packed, .extra = {Q ".qweight", QGK_I32, 2, {8, 64}}, .id = "method-mixed",
     .message = "'" Q "' is stored as 'gptq' ('" Q ".qweight'), the folder declares "
                "'compressed-tensors'"},
    {&gptq, .extra = {Q ".weight", QGK_F16, 2, {64, 64}}, .id = "method-mixed",
     .message = "'" Q "' is stored twice, quantized and as '" Q ".weight'; remove one"},
    {&gptq, .extra = {"lm_head.qweight", QGK_I32, 2, {8, 307}}, .id = "module-unquantizable",
     .message = "'lm_head' is quantized ('lm_head.qweight'), which is not supported for embedding "
                "and head"},
    {&w8a8, .extra = {"model.embed_tokens.weight_scale", QGK_F16, 2, {307, 1}},
     .id = "module-unquantizable", .message = "'model.embed_tokens' is quantized"},
    {&awq,
     SET = "{\"quant_method\":\"awq\",\"bits\":4,\"group_size\":32,\"modules_to_not_convert\":["
           "\"q_proj\"]}",
     .id = "module-ignored",
     .message = "'model.layers.0.self_attn.q_proj' is quantized, but the list of modules that "
                "'awq' leaves out has it; remove it from the list"},
    /* numbers that make no sense */
    {&awq, .name = Q ".scales", .at = 3, .value = NAN, .id = "scale-not-finite",
     .message = "tensor '" Q ".scales' holds a scale that is infinite or NaN"},
    {&gptq, .name = Q ".scales", .at = 127, .value = INFINITY, .id = "scale-not-finite",
     .message = "tensor '" Q ".scales' holds a scale that is infinite or NaN"},
    {&packed, .name = Q ".weight_scale", .at = 9, .value = 0, .id = "scale-zero",
     .message = "tensor '" Q ".weight_scale' holds a scale of zero"},
    {&w8a8, .name = Q ".weight_scale", .at = 9, .value = 0, .id = "scale-zero",
     .message = "tensor '" Q ".weight_scale' holds a scale of zero"},
    {&bnb, .name = Q ".SCB", .at = 63, .value = INFINITY, .id = "scale-not-finite",
     .message = "tensor '" Q ".SCB' holds a scale that is infinite or NaN"},
    {&ordered, .name = Q ".g_idx", .at = 5, .value = -1, .id = "g-idx-negative",
     .message = "tensor '" Q ".g_idx' names a group below 0"},
    {&ordered, .name = Q ".g_idx", .at = 5, .value = 2, .id = "g-idx-range",
     .message = "tensor '" Q ".g_idx' names a group behind the last"},
    {&packed, .name = Q ".weight_shape", .at = 0, .value = 65, .id = "weight-shape",
     .message = "tensor '" Q ".weight_shape' names another shape than config.json gives"},
    {&packed, .key = "symmetric", .json = "false", .id = "zero-point-missing",
     .message = "has no weight_zero_point beside it, but the scheme is asymmetric"},
};

START_TEST(what_a_folder_is_not_is_told)
{
    const fault *f = &faults[_i];
    const char *folder = model("m", f->recipe);
    qg_ledger planned;
    qg_engine *e;

    fixture_open(folder, &(qg_engine_options){0});
    if (f->key)
        fixture_set(folder, "config.json", f->key, f->json);
    fixture_tensors(folder, apply, (void *)f, f->extra.name ? &f->extra : NULL);
    ck_assert_int_eq(qg_engine_open(&e, arena, folder, &(qg_engine_options){0}, &err), QG_EFORMAT);
    ck_assert_msg(strstr(err.message, f->message), "'%s' instead of '%s'", err.message, f->message);
    ck_assert_str_eq(err.id, f->id);
    /* before any memory is taken */
    ck_assert_int_eq(qg_engine_plan_memory(&planned, folder, &(qg_engine_options){0}, NULL),
                     QG_EFORMAT);
}
END_TEST

/* All inputs of the first group become the second's, one by one, until it is no grouping. */
START_TEST(an_order_that_is_no_grouping)
{
    const char *folder = model("m", &ordered);
    qg_engine *e;
    int n = 0;

    for (int at = 0; at < 64 && !n; at++) {
        const fault f = {.name = Q ".g_idx", .at = at, .value = 1};
        fixture_tensors(folder, apply, (void *)&f, NULL);
        n = qg_engine_open(&e, arena, folder, &(qg_engine_options){0}, &err) != QG_OK;
    }
    ck_assert_str_eq(err.id, "g-idx-not-a-grouping");
    ck_assert_ptr_nonnull(
        strstr(err.message, "tensor '" Q ".g_idx' gives some groups more inputs"));
}
END_TEST

START_TEST(groups_that_do_not_divide_say_which_would)
{
    const char *folder = fixture_model(
        "wide",
        &(qg_synth_options){.hidden_size = 576,
                            .n_layers = 1,
                            .n_heads = 9,
                            .n_kv_heads = 3,
                            .head_dim = 64,
                            .intermediate_size = 64,
                            .recipe = &(qg_recipe){.format = "awq", .bits = 4, .group_size = 64}});
    qg_engine *e;

    fixture_set(folder, "config.json", "quantization_config",
                "{\"quant_method\":\"awq\",\"bits\":4,\"group_size\":128}");
    ck_assert_int_eq(qg_engine_open(&e, arena, folder, &(qg_engine_options){0}, &err), QG_EFORMAT);
    ck_assert_str_eq(err.message,
                     "'model.layers.0.self_attn.q_proj' has 576 inputs, which groups of 128 do not "
                     "divide; these would: -1, 96, 64, 32, 16");
}
END_TEST

START_TEST(what_is_declared_is_what_is_found)
{
    static const struct {
        const qg_recipe *recipe;
        const char *declared, *write;
    } cases[] = {
        {&gptq, "awq",
         "found a folder quantized by method 'gptq' (config.json), declared 'awq'; "
         "write 'quantization: gptq'"},
        {&awq, "gptq", "write 'quantization: awq'"},
        {&packed, "awq",
         "found a folder quantized by method 'compressed-tensors' (config.json), "
         "declared 'awq'; write 'quantization: gptq'"},
        {&w8a8, "gptq", "write 'quantization: int8'"},
        {&bnb, "fp16", "write 'quantization: int8'"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *folder = model(qg_arena_format(arena, "m%zu", i), cases[i].recipe);
        qg_engine *e;
        qg_err_clear(&err);
        ck_assert_int_eq(qg_engine_open(&e, arena, folder,
                                        &(qg_engine_options){.quantization = cases[i].declared},
                                        &err),
                         QG_EREFUSED);
        ck_assert_msg(strstr(err.message, cases[i].write), "'%s' instead of '%s'", err.message,
                      cases[i].write);
    }
}
END_TEST

/* ---- what is right ---- */

START_TEST(parameters_are_counted_however_they_are_stored)
{
    static const qg_recipe *const recipes[] = {NULL, &gptq, &ordered, &awq, &packed, &w8a8, &bnb};
    int64_t n_params = 0, fp16_bytes = 0;

    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        const char *folder = fixture_model(qg_arena_format(arena, "m%zu", i),
                                           &(qg_synth_options){.hidden_size = 128,
                                                               .n_heads = 4,
                                                               .n_kv_heads = 2,
                                                               .head_dim = 32,
                                                               .intermediate_size = 256,
                                                               .recipe = recipes[i]});
        qg_engine_info info = qg_engine_describe(fixture_open(folder, &(qg_engine_options){0}));
        if (i == 0) {
            n_params = info.n_params;
            fp16_bytes = info.ledger.bytes[QG_PURPOSE_WEIGHTS];
        }
        ck_assert_int_eq(info.n_params, n_params);
        ck_assert_str_eq(info.method, recipes[i] ? i < 4    ? i == 3 ? "awq" : "gptq"
                                                   : i == 4 ? "gptq"
                                                            : "int8"
                                                 : "fp16");
        ck_assert(i == 0 || info.ledger.bytes[QG_PURPOSE_WEIGHTS] < fp16_bytes);
    }
}
END_TEST

/* The n-th allocation fails, for every n that there is; orders need room of their own. */
START_TEST(planning_survives_failing_allocations)
{
    const char *folder = model("m", &ordered);
    qg_ledger l;

    for (long n = 1;; n++) {
        qg_err_clear(&err);
        qg_arena_fail_after(n);
        qg_status status = qg_engine_plan_memory(&l, folder, &(qg_engine_options){0}, &err);
        if (qg_arena_fail_after(0)) {
            ck_assert_int_eq(status, QG_OK);
            return;
        }
        ck_assert_int_eq(status, QG_ENOMEM);
    }
}
END_TEST

/* Sums of codes must fit in int32. */
START_TEST(inputs_of_w8a8_are_limited)
{
    static const qg_model_config plain;
    qg_storage storage;
    qgk_shape shape;

    ck_assert_int_eq(qg_storage_choose(&storage, &plain, NULL, "int8", "int8", &err), QG_OK);
    ck_assert_int_eq(qg_storage_shape(&shape, &storage, Q, 64, 131072, &err), QG_OK);
    ck_assert_int_eq(qg_storage_shape(&shape, &storage, Q, 64, 131073, &err), QG_ENOSUP);
    ck_assert_str_eq(err.message, "'" Q "' has 131073 inputs, 8-bit activations allow 131072; "
                                  "quantize with float activations");
    ck_assert_str_eq(err.id, "quantization-unsupported");
    ck_assert_int_eq(qg_storage_choose(&storage, &plain, NULL, "int8", "float", &err), QG_OK);
    ck_assert_int_eq(qg_storage_shape(&shape, &storage, Q, 64, 131073, &err), QG_OK);
}
END_TEST

Suite *parts_check(void)
{
    Suite *s = suite_create("parts_check");
    TCase *c = tcase_create("parts");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, fixture_end);
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, what_a_folder_is_not_is_told, 0, sizeof faults / sizeof *faults);
    tcase_add_test(c, an_order_that_is_no_grouping);
    tcase_add_test(c, groups_that_do_not_divide_say_which_would);
    tcase_add_test(c, inputs_of_w8a8_are_limited);
    tcase_add_test(c, what_is_declared_is_what_is_found);
    tcase_add_test(c, parameters_are_counted_however_they_are_stored);
    tcase_add_test(c, planning_survives_failing_allocations);
    return s;
}
