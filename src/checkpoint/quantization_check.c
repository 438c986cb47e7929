/* Unit tests of checkpoint/quantization: what the tools write (taken from their folders), what is
 * refused and with which words, the version of GPTQ by its zero points, and the modules that a file
 * leaves out. */
#include "checkpoint/quantization.h"

#include "checkpoint/fixture_check.h"

static qg_model_config config_of(const char *source, const char *json)
{
    qg_model_config c = {.quantization = {.present = true, .source = source}};
    qg_str method;

    ck_assert_int_eq(qg_json_parse(&c.quantization.node, arena, qg_str_from(json), "t", &err),
                     QG_OK);
    if (qg_json_str(qg_json_get(c.quantization.node, "quant_method"), &method))
        c.quantization.method = qg_str_dup(arena, method);
    return c;
}

static qg_quantization read_from(const char *source, const char *json,
                                 const qg_checkpoint *checkpoint)
{
    qg_model_config c = config_of(source, json);
    qg_quantization q;
    qg_status s = qg_quantization_read(&q, &c, checkpoint, &err);

    ck_assert_msg(s == QG_OK, "%s: %s", qg_status_name(s), err.message);
    return q;
}

static void assert_config(qgk_quant_config got, qgk_quant_config expected)
{
    ck_assert_int_eq(got.bits, expected.bits);
    ck_assert_int_eq(got.group_size, expected.group_size);
    ck_assert_int_eq(got.symmetric, expected.symmetric);
    ck_assert_int_eq(got.act_order, expected.act_order);
    ck_assert_int_eq(got.zeros_less_one, expected.zeros_less_one);
    ck_assert_int_eq(got.float_inputs, expected.float_inputs);
}

#define GPTQ  "{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":128"
#define AWQ   "{\"quant_method\":\"awq\""
#define BNB   "{\"quant_method\":\"bitsandbytes\""
#define CT    "{\"quant_method\":\"compressed-tensors\",\"quantization_status\":\"compressed\","
#define GROUP "\"config_groups\":{\"group_0\":{\"targets\":[\"Linear\"],\"weights\":"
#define INT8  "{\"num_bits\":8,\"type\":\"int\",\"symmetric\":true,\"strategy\":\"channel\"}"
#define INT4                                                                                       \
    "{\"num_bits\":4,\"type\":\"int\",\"symmetric\":true,\"strategy\":\"group\","                  \
    "\"group_size\":64,\"actorder\":null,\"dynamic\":false}"
#define TOKEN                                                                                      \
    "{\"num_bits\":8,\"type\":\"int\",\"symmetric\":true,\"strategy\":\"token\",\"dynamic\":true}"
#define PACKED CT "\"format\":\"pack-quantized\","
#define W8A8   CT "\"format\":\"int-quantized\","

static const struct {
    const char *source, *json, *method;
    qgk_quant_config config;
} good[] = {
    {"quantize_config.json", /* GPTQModel 7.7 */
     "{\"bits\":4,\"group_size\":64,\"desc_act\":false,\"lm_head\":false,\"method\":\"gptq\","
     "\"quant_method\":\"gptq\",\"format\":\"gptq\",\"checkpoint_format\":\"gptq\","
     "\"pack_dtype\":\"int32\",\"meta\":{\"quantizer\":[\"gptqmodel:7.7.0\"]},\"sym\":false}",
     "gptq",
     {4, 64, 0, 0, 1, 0}},
    {"quantize_config.json", /* AutoGPTQ 0.7 */
     "{\"bits\":4,\"group_size\":128,\"damp_percent\":0.1,\"desc_act\":true,"
     "\"static_groups\":false,\"sym\":true,\"true_sequential\":true,\"model_name_or_path\":null,"
     "\"checkpoint_format\":\"gptq\"}",
     "gptq",
     {4, 128, 1, 1, 1, 0}},
    {"config.json",
     "{\"quant_method\":\"gptq\",\"bits\":8,\"group_size\":-1,\"sym\":true,\"dynamic\":{"
     "\"-:.*\\\\.0\\\\.mlp\":{},\".*\":{\"bits\":8}},\"format\":\"gptq_v2\"}",
     "gptq",
     {8, -1, 1, 0, 0, 0}},
    {"quant_config.json", /* AutoAWQ's own file */
     "{\"zero_point\":true,\"q_group_size\":64,\"w_bit\":4,\"version\":\"GEMM\","
     "\"modules_to_not_convert\":null}",
     "awq",
     {4, 64, 0, 0, 0, 0}},
    {"config.json",
     AWQ ",\"bits\":4,\"group_size\":32,\"version\":\"gemm\",\"zero_point\":true,"
         "\"modules_to_not_convert\":[\"v_proj\"]}",
     "awq",
     {4, 32, 0, 0, 0, 0}},
    {"config.json", AWQ "}", "awq", {4, 128, 0, 0, 0, 0}},
    {"config.json",
     PACKED GROUP INT4 ",\"input_activations\":null,\"output_activations\":null,"
                       "\"format\":\"pack-quantized\"}},\"ignore\":[\"lm_head\"],"
                       "\"kv_cache_scheme\":null,\"sparsity_config\":{},\"transform_config\":{},"
                       "\"version\":\"0.19.0\"}",
     "compressed-tensors pack-quantized",
     {4, 64, 1, 0, 0, 0}},
    {"config.json",
     PACKED GROUP INT4 "},\"group_1\":{\"targets\":[\"re:.*q\"],\"weights\":" INT4 "}}}",
     "compressed-tensors pack-quantized",
     {4, 64, 1, 0, 0, 0}},
    {"config.json",
     PACKED GROUP
     "{\"num_bits\":8,\"symmetric\":false,\"group_size\":32,\"actorder\":\"group\"}}}}",
     "compressed-tensors pack-quantized",
     {8, 32, 0, 1, 0, 1}},
    {"config.json",
     PACKED GROUP "{\"num_bits\":4,\"strategy\":\"channel\",\"group_size\":null,"
                  "\"actorder\":\"static\"}}}}",
     "compressed-tensors pack-quantized",
     {4, -1, 1, 0, 0, 0}},
    {"config.json",
     W8A8 GROUP INT8 ",\"input_activations\":" TOKEN "}}}",
     "compressed-tensors int-quantized",
     {8, -1, 1, 0, 0, 0}},
    {"config.json",
     W8A8 GROUP INT8 ",\"input_activations\":null}}}",
     "compressed-tensors int-quantized",
     {8, -1, 1, 0, 0, 1}},
    {"config.json",
     BNB ",\"_load_in_4bit\":false,\"_load_in_8bit\":true,\"load_in_4bit\":false,"
         "\"load_in_8bit\":true,\"llm_int8_threshold\":6.0,\"llm_int8_skip_modules\":null}",
     "bitsandbytes",
     {8, -1, 1, 0, 0, 1}},
};

START_TEST(what_the_tools_write_is_read)
{
    qg_quantization q = read_from(good[_i].source, good[_i].json, NULL);

    ck_assert_str_eq(q.method, good[_i].method);
    assert_config(q.config, good[_i].config);
    ck_assert_ptr_nonnull(q.declared);
    ck_assert_ptr_null(q.guess);
}
END_TEST

static const struct {
    const char *json;
    qg_status status;
    const char *words;
} bad[] = {
    {"{\"bits\":4}", QG_EFORMAT, "has no 'quant_method'"},
    {"{\"quant_method\":\"hqq\"}", QG_ENOSUP, "quantization method 'hqq' (config.json)"},
    {"{\"quant_method\":\"gptq\"}", QG_EFORMAT, "has no 'bits'"},
    {"{\"quant_method\":\"gptq\",\"bits\":3}", QG_ENOSUP, "GPTQ with 3 bits (config.json)"},
    {"{\"quant_method\":\"gptq\",\"bits\":2}", QG_ENOSUP, "only 4 and 8"},
    {"{\"quant_method\":\"gptq\",\"bits\":\"4\"}", QG_EFORMAT,
     "'bits' of the quantization "
     "(config.json) is a string"},
    {"{\"quant_method\":\"gptq\",\"bits\":4000000000}", QG_EFORMAT, "'bits'"},
    {"{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":0}", QG_EFORMAT, "'group_size'"},
    {GPTQ ",\"sym\":1}", QG_EFORMAT, "'sym' of the quantization (config.json) is a"},
    {GPTQ ",\"checkpoint_format\":\"marlin\"}", QG_ENOSUP, "'marlin'"},
    {GPTQ ",\"checkpoint_format\":\"bitblas\"}", QG_ENOSUP, "'bitblas'"},
    {GPTQ ",\"format\":\"qqq\"}", QG_ENOSUP, "'qqq'"},
    {GPTQ ",\"is_marlin_format\":true}", QG_ENOSUP, "'marlin'"},
    {GPTQ ",\"pack_dtype\":\"int16\"}", QG_ENOSUP, "'int16'"},
    {GPTQ ",\"lm_head\":true}", QG_ENOSUP, "'lm_head'"},
    {GPTQ ",\"dynamic\":{\".*down\":{\"bits\":8}}}", QG_ENOSUP, "'.*down'"},
    {GPTQ ",\"dynamic\":{\"+:.*down\":{\"group_size\":32}}}", QG_ENOSUP, "'+:.*down'"},
    {GPTQ ",\"dynamic\":[]}", QG_EFORMAT, "'dynamic'"},
    {AWQ ",\"bits\":8}", QG_ENOSUP, "AWQ with 8 bits"},
    {AWQ ",\"version\":\"gemv\"}", QG_ENOSUP, "'gemv'"},
    {AWQ ",\"version\":\"marlin\"}", QG_ENOSUP, "'marlin'"},
    {AWQ ",\"zero_point\":false}", QG_ENOSUP, "'zero_point'"},
    {AWQ ",\"modules_to_not_convert\":\"v\"}", QG_EFORMAT, "'modules_to_not_convert'"},
    {BNB ",\"load_in_4bit\":true}", QG_ENOSUP, "'load_in_4bit'"},
    {BNB "}", QG_EFORMAT, "'load_in_8bit'"},
    {CT "\"format\":\"pack-quantized\"}", QG_EFORMAT, "no 'config_groups'"},
    {CT "\"format\":\"nvfp4-pack-quantized\"," GROUP INT4 "}}}", QG_ENOSUP,
     "'nvfp4-pack-quantized'"},
    {CT "\"format\":\"marlin-24\"," GROUP INT4 "}}}", QG_ENOSUP, "'marlin-24'"},
    {"{\"quant_method\":\"compressed-tensors\",\"quantization_status\":\"frozen\"}", QG_ENOSUP,
     "'frozen'"},
    {PACKED "\"config_groups\":{\"g\":[]}}", QG_EFORMAT, "'config_groups'"},
    {PACKED "\"config_groups\":{\"g\":{}}}", QG_EFORMAT, "no 'weights'"},
    {PACKED "\"config_groups\":{\"g\":{\"weights\":[]}}}", QG_EFORMAT, "'weights'"},
    {PACKED GROUP "{\"num_bits\":2,\"group_size\":32}}}}", QG_ENOSUP, "'num_bits'"},
    {PACKED GROUP "{\"num_bits\":4,\"type\":\"float\"}}}}", QG_ENOSUP, "'float'"},
    {PACKED GROUP "{\"num_bits\":4}}}}", QG_ENOSUP, "'tensor'"},
    {PACKED GROUP "{\"num_bits\":4,\"strategy\":\"block\"}}}}", QG_ENOSUP, "'block'"},
    {PACKED GROUP "{\"num_bits\":4,\"group_size\":32,\"actorder\":\"x\"}}}}", QG_ENOSUP, "'x'"},
    {PACKED GROUP INT4 ",\"input_activations\":" TOKEN "}}}", QG_ENOSUP, "'input_activations'"},
    {PACKED GROUP INT4 ",\"output_activations\":" TOKEN "}}}", QG_ENOSUP, "'output_activations'"},
    {PACKED GROUP INT4 "}},\"kv_cache_scheme\":" TOKEN "}", QG_ENOSUP, "'kv_cache_scheme'"},
    {PACKED GROUP INT4 "}},\"sparsity_config\":{\"format\":\"sparse-24-bitmask\"}}", QG_ENOSUP,
     "'sparse-24-bitmask'"},
    {PACKED GROUP INT4 "}},\"transform_config\":{\"config_groups\":{\"R1\":{}}}}", QG_ENOSUP,
     "'transform_config'"},
    {PACKED GROUP INT4 "},\"group_1\":{\"weights\":{\"num_bits\":8,\"group_size\":64}}}}",
     QG_ENOSUP, "several settings"},
    {W8A8 GROUP INT4 "}}}", QG_ENOSUP, "'num_bits'"},
    {W8A8 GROUP "{\"num_bits\":8,\"group_size\":64}}}}", QG_ENOSUP, "'strategy'"},
    {W8A8 GROUP "{\"strategy\":\"channel\",\"symmetric\":false}}}}", QG_ENOSUP, "'symmetric'"},
    {W8A8 GROUP INT8 ",\"input_activations\":" INT8 "}}}", QG_ENOSUP, "'dynamic'"},
    {W8A8 GROUP INT8 ",\"input_activations\":{\"dynamic\":true}}}}", QG_ENOSUP, "'strategy'"},
    {W8A8 GROUP INT8 ",\"input_activations\":{\"num_bits\":4,\"dynamic\":true}}}}", QG_ENOSUP,
     "'num_bits'"},
    {W8A8 GROUP INT8 ",\"input_activations\":{\"dynamic\":true,\"symmetric\":false}}}}", QG_ENOSUP,
     "'symmetric'"},
    {W8A8 GROUP INT8 "}},\"ignore\":{}}", QG_EFORMAT, "'ignore'"},
};

START_TEST(what_no_method_runs_is_refused_by_name)
{
    qg_model_config c = config_of("config.json", bad[_i].json);
    qg_quantization q;

    assert_refusal(qg_quantization_read(&q, &c, NULL, &err), bad[_i].status, bad[_i].words,
                   "config.json");
}
END_TEST

START_TEST(a_plain_folder_is_fp16)
{
    qg_quantization q;

    ck_assert_int_eq(qg_quantization_read(&q, &(qg_model_config){0}, NULL, &err), QG_OK);
    ck_assert_str_eq(q.method, "fp16");
    ck_assert_ptr_null(q.declared);
    assert_config(q.config, (qgk_quant_config){0});
    ck_assert(!qg_quantization_skips(&q, "lm_head"));
}
END_TEST

/* ---- evidence ---- */

/* A folder with two tensors of zero points: the first filled with `word`, the second with `last`.
 */
static const qg_checkpoint *zeros_of(uint32_t word, uint32_t last)
{
    const qg_tensor_spec specs[] = {{"a.qzeros", QGK_I32, 2, {4, 2}},
                                    {"b.qweight", QGK_I32, 1, {1}},
                                    {"c.qzeros", QGK_I32, 1, {1}}};
    uint32_t data[10];
    qg_safetensors_writer *w;
    const qg_checkpoint *c;

    for (int i = 0; i < 8; i++)
        data[i] = word;
    data[8] = 0x12345678u; /* is no zero point */
    data[9] = last;
    ck_assert_int_eq(
        qg_safetensors_write_begin(&w, arena, folder_path("model.safetensors"), specs, 3, &err),
        QG_OK);
    ck_assert_int_eq(qg_safetensors_write_data(w, data, sizeof data, &err), QG_OK);
    ck_assert_int_eq(qg_safetensors_write_end(w, &err), QG_OK);
    ck_assert_int_eq(qg_checkpoint_open(&c, arena, folder, &err), QG_OK);
    return c;
}

START_TEST(the_zero_points_tell_the_version_where_the_file_does_not)
{
    static const char *const json[] = {GPTQ "}",
                                       "{\"quant_method\":\"gptq\",\"bits\":8,\"group_size\":32}"};
    static const uint32_t v1[] = {0x77777777u, 0x7f7f7f7fu}, v2[] = {0x88888888u, 0x80808080u};

    for (int i = 0; i < 2; i++) {
        qg_quantization q = read_from("config.json", json[i], zeros_of(v1[i], v1[i]));
        ck_assert_int_eq(q.config.zeros_less_one, 1);
        ck_assert_ptr_nonnull(strstr(q.guess, "read as format v1, because every"));
        q = read_from("config.json", json[i], zeros_of(v2[i], v2[i]));
        ck_assert_int_eq(q.config.zeros_less_one, 0);
        ck_assert_ptr_nonnull(strstr(q.guess, "read as format v2, because every"));
        q = read_from("config.json", json[i], zeros_of(v2[i], v1[i]));
        ck_assert_int_eq(q.config.zeros_less_one, 1);
        ck_assert_ptr_nonnull(strstr(q.guess, "the zero points do not tell"));
        q = read_from("config.json", json[i], NULL);
        ck_assert_int_eq(q.config.zeros_less_one, 1);
        ck_assert_ptr_nonnull(strstr(q.guess, "the zero points do not tell"));
    }
}
END_TEST

START_TEST(a_version_that_the_zero_points_contradict)
{
    qg_model_config v1 = config_of("config.json", GPTQ ",\"checkpoint_format\":\"gptq\"}");
    qg_model_config v2 = config_of("config.json", GPTQ ",\"checkpoint_format\":\"gptq_v2\"}");
    qg_quantization q;

    assert_refusal(qg_quantization_read(&q, &v2, zeros_of(0x77777777u, 0x77777777u), &err),
                   QG_EFORMAT,
                   "found the zero points of format v1, declared is 'checkpoint_format' "
                   "\"gptq_v2\"; write \"checkpoint_format\": \"gptq\" in config.json",
                   NULL);
    qg_err_clear(&err);
    assert_refusal(qg_quantization_read(&q, &v1, zeros_of(0x88888888u, 0x88888888u), &err),
                   QG_EFORMAT, "write \"checkpoint_format\": \"gptq_v2\"", NULL);
    ck_assert_str_eq(err.id, "gptq-zeros-v1-v2");
    qg_err_clear(&err); /* asymmetric ones contradict nothing */
    ck_assert_int_eq(qg_quantization_read(&q, &v1, zeros_of(0x88888888u, 0x88888880u), &err),
                     QG_OK);
    ck_assert_ptr_null(q.guess);
}
END_TEST

/* ---- modules that are left out ---- */

START_TEST(modules_that_are_left_out)
{
    static const struct {
        const char *json, *name;
        bool skipped;
    } cases[] = {
        {AWQ ",\"modules_to_not_convert\":[\"v_proj\",\"mlp.up\"]}", "model.layers.0.attn.v_proj",
         true},
        {AWQ ",\"modules_to_not_convert\":[\"v_proj\",\"mlp.up\"]}", "model.layers.0.mlp.up", true},
        {AWQ ",\"modules_to_not_convert\":[\"v_proj\",\"mlp.up\"]}", "model.layers.0.mlp.up_proj",
         false},
        {AWQ ",\"modules_to_not_convert\":[\"v_proj\",\"\",7]}", "model.layers.0.attn.k_proj",
         false},
        {GPTQ ",\"dynamic\":{\"-:.*\\\\.0\\\\.mlp\\\\.down_proj\":{}}}",
         "model.layers.0.mlp.down_proj", true},
        {GPTQ ",\"dynamic\":{\"-:.*\\\\.0\\\\.mlp\\\\.down_proj\":{}}}",
         "model.layers.10.mlp.down_proj", false},
        {GPTQ ",\"dynamic\":{\"-:.*\\\\.0\\\\.mlp\\\\.down_proj\":{}}}",
         "model.layers.1.mlp.up_proj", false},
        {GPTQ ",\"dynamic\":{\".*q_proj\":{},\"-:.*_proj$\":{}}}", "model.layers.1.q_proj", false},
        {GPTQ ",\"dynamic\":{\".*q_proj\":{},\"-:.*_proj$\":{}}}", "model.layers.1.k_proj", true},
        {GPTQ ",\"dynamic\":{\".*q_proj\":{},\"-:.*_proj$\":{}}}", "model.layers.1.k_proj.x",
         false},
        {GPTQ ",\"dynamic\":{\"-:^layers.[01]\":{}}}", "layers.1", false}, /* not understood */
        {PACKED GROUP INT4 "}},\"ignore\":[\"lm_head\",\"re:.*down.+\"]}", "lm_head", true},
        {PACKED GROUP INT4 "}},\"ignore\":[\"lm_head\",\"re:.*down.+\"]}", "a.down_proj", true},
        {PACKED GROUP INT4 "}},\"ignore\":[\"lm_head\",\"re:.*down.+\"]}", "a.down", false},
        {BNB ",\"load_in_8bit\":true,\"llm_int8_skip_modules\":[\"lm_head\"]}", "model.lm_head",
         true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        qg_quantization q = read_from("config.json", cases[i].json, NULL);
        ck_assert_msg(qg_quantization_skips(&q, cases[i].name) == cases[i].skipped, "%s in %s",
                      cases[i].name, cases[i].json);
    }
}
END_TEST

Suite *quantization_check(void)
{
    Suite *s = suite_create("quantization_check");
    TCase *c = tcase_create("quantization");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, folder_end);
    tcase_add_loop_test(c, what_the_tools_write_is_read, 0, sizeof good / sizeof *good);
    tcase_add_loop_test(c, what_no_method_runs_is_refused_by_name, 0, sizeof bad / sizeof *bad);
    tcase_add_test(c, a_plain_folder_is_fp16);
    tcase_add_test(c, the_zero_points_tell_the_version_where_the_file_does_not);
    tcase_add_test(c, a_version_that_the_zero_points_contradict);
    tcase_add_test(c, modules_that_are_left_out);
    return s;
}
