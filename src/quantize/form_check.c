/* Unit tests of quantize/form: each form's tensors have the names, dtypes and shapes that its
 * format asks for, worked out by hand for a linear of 96 outputs and 128 inputs, its
 * quantization_config has the words of its tool, and what cannot be is refused with what can. */
#include "quantize/form.h"

#include "checkpoint/fixture_check.h"

#include <string.h>

enum { OUTPUTS = 96, INPUTS = 128 };

static qg_form chosen(const qg_recipe *recipe)
{
    qg_form f;
    qg_status s = qg_form_choose(&f, recipe, &err);

    ck_assert_msg(s == QG_OK, "%s", err.message);
    return f;
}

/* ---- tensors ---- */

static const struct {
    qg_recipe recipe;
    const char *tensors; /* in any order */
} shapes[] = {
    {{.format = "gptq", .group_size = 32},
     "qweight I32 [16, 96], qzeros I32 [4, 12], scales F16 [4, 96], g_idx I32 [128]"},
    {{.format = "gptq", .bits = 8, .group_size = 64},
     "qweight I32 [32, 96], qzeros I32 [2, 24], scales F16 [2, 96], g_idx I32 [128]"},
    {{.format = "gptq_v2", .group_size = -1, .act_order = true},
     "qweight I32 [16, 96], qzeros I32 [1, 12], scales F16 [1, 96], g_idx I32 [128]"},
    {{.format = "gptq_v2", .bits = 8, .symmetric = -1},
     "qweight I32 [32, 96], qzeros I32 [1, 24], scales F16 [1, 96], g_idx I32 [128]"},
    {{.format = "awq", .group_size = 64},
     "qweight I32 [128, 12], qzeros I32 [2, 12], scales F16 [2, 96]"},
    {{.format = "awq"}, "qweight I32 [128, 12], qzeros I32 [1, 12], scales F16 [1, 96]"},
    {{.format = "compressed-tensors", .bits = 4, .group_size = 32},
     "weight_packed I32 [96, 16], weight_scale F16 [96, 4], weight_shape I64 [2]"},
    {{.format = "compressed-tensors", .bits = 4, .group_size = 32, .symmetric = -1},
     "weight_packed I32 [96, 16], weight_scale F16 [96, 4], weight_zero_point I32 [12, 4], "
     "weight_shape I64 [2]"},
    {{.format = "compressed-tensors", .bits = 8, .group_size = -1},
     "weight_packed I32 [96, 32], weight_scale F16 [96, 1], weight_shape I64 [2]"},
    {{.format = "compressed-tensors", .bits = 8, .activations = "int8"},
     "weight I8 [96, 128], weight_scale F16 [96, 1]"},
    {{.format = "bitsandbytes"}, "weight I8 [96, 128], SCB F32 [96], weight_format U8 []"},
};

START_TEST(tensors_are_those_of_the_format)
{
    qg_form f = chosen(&shapes[_i].recipe);
    qg_tensor_spec specs[QGK_MAX_PARTS];
    size_t n, n_bytes = 0;

    ck_assert_int_eq(qg_form_specs(&f, specs, &n, arena, "a.b", OUTPUTS, INPUTS, &err), QG_OK);
    for (size_t i = 0; i < n; i++) {
        char shape[64];
        qg_tensor t = {.n_dims = specs[i].n_dims};
        memcpy(t.shape, specs[i].shape, sizeof specs[i].shape);
        ck_assert(strncmp(specs[i].name, "a.b.", 4) == 0);
        const char *text =
            qg_arena_format(arena, "%s %s %s", specs[i].name + 4, qgk_dtype_name(specs[i].dtype),
                            qg_tensor_shape_text(&t, shape, sizeof shape));
        const char *at = strstr(shapes[_i].tensors, text);
        ck_assert_msg(at && (at == shapes[_i].tensors || at[-1] == ' '), "'%s' is not in '%s'",
                      text, shapes[_i].tensors);
        n_bytes += strlen(text) + 2;
    }
    ck_assert_uint_eq(n_bytes, strlen(shapes[_i].tensors) + 2); /* none is left out */
}
END_TEST

START_TEST(groups_and_words_must_fit)
{
    qg_tensor_spec specs[QGK_MAX_PARTS];
    size_t n;
    qg_form f = chosen(&(qg_recipe){0}),
            awq = chosen(&(qg_recipe){.format = "awq", .group_size = 32});

    ck_assert_int_eq(qg_form_specs(&f, specs, &n, arena, "x", 96, 576, &err), QG_EFORMAT);
    ck_assert_str_eq(err.message, "'x' has 576 inputs, which groups of 128 do not divide; these "
                                  "would: -1, 96, 64, 32, 16");
    qg_err_clear(&err);
    ck_assert_int_eq(qg_form_specs(&awq, specs, &n, arena, "x", 97, 64, &err), QG_EFORMAT);
    ck_assert_str_eq(err.message, "'x' is [97, 64]: 97 codes of 4 bit do not fill words of 32 bit");
}
END_TEST

/* ---- the words of the tools ---- */

#define ARGS(bits, symmetric, strategy, group)                                                     \
    "{\"num_bits\":" bits ",\"type\":\"int\",\"symmetric\":" symmetric ",\"strategy\":\"" strategy \
    "\",\"group_size\":" group ",\"dynamic\":false,\"actorder\":null}"

static const struct {
    qg_recipe recipe;
    const char *json; /* parts of it, each ended by a newline */
} words[] = {
    {{0},
     "\"quant_method\":\"gptq\"\n\"bits\":4\n\"group_size\":128\n\"sym\":true\n"
     "\"desc_act\":false\n\"checkpoint_format\":\"gptq\"\n\"lm_head\":false\n"},
    {{.format = "gptq_v2", .bits = 8, .group_size = -1, .symmetric = -1, .act_order = true},
     "\"quant_method\":\"gptq\"\n\"bits\":8\n\"group_size\":-1\n\"sym\":false\n"
     "\"desc_act\":true\n\"checkpoint_format\":\"gptq_v2\"\n"},
    {{.format = "awq", .group_size = 64},
     "\"quant_method\":\"awq\"\n\"bits\":4\n\"group_size\":64\n\"version\":\"gemm\"\n"
     "\"zero_point\":true\n\"modules_to_not_convert\":null\n"},
    {{.bits = 8},
     "\"quant_method\":\"compressed-tensors\"\n\"format\":\"pack-quantized\"\n"
     "\"quantization_status\":\"compressed\"\n\"targets\":[\"Linear\"]\n\"ignore\":[\"lm_head\"]\n"
     "\"weights\":" ARGS("8", "true", "group", "128") "\n"},
    {{.format = "compressed-tensors", .group_size = -1, .symmetric = -1},
     "\"weights\":" ARGS("4", "false", "channel", "null") "\n"},
    {{.bits = 8, .activations = "int8"},
     "\"format\":\"int-quantized\"\n\"weights\":" ARGS(
         "8", "true", "channel",
         "null") "\n\"input_activations\":{\"num_bits\":8,\"type\":\"int\",\"symmetric\":true,"
                 "\"strategy\":\"token\",\"group_size\":null,\"dynamic\":true,\"actorder\":null}"
                 "\n"},
    {{.format = "bitsandbytes"},
     "\"quant_method\":\"bitsandbytes\"\n\"load_in_8bit\":true\n\"load_in_4bit\":false\n"
     "\"llm_int8_threshold\":6\n\"llm_int8_skip_modules\":[\"lm_head\"]\n"},
};

START_TEST(the_configuration_has_the_words_of_the_tool)
{
    qg_form f = chosen(&words[_i].recipe);
    qg_str rest = qg_str_from(words[_i].json), part;
    qg_json_writer w;
    const qg_json *root;
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_json_write_begin(&w, &b);
    qg_form_write_config(&f, &w);
    ck_assert_int_eq(qg_json_write_end(&w, &err), QG_OK);
    ck_assert_int_eq(qg_json_parse(&root, arena, qg_buf_view(&b), "it", &err), QG_OK);
    while (qg_str_split(&rest, '\n', &part))
        ck_assert_msg(strstr(b.ptr, qg_str_dup(arena, part)), QG_STR_PRI " is not in %s",
                      QG_STR_ARG(part), b.ptr);
}
END_TEST

/* ---- what cannot be ---- */

static const struct {
    qg_recipe recipe;
    const char *message;
} impossible[] = {
    {{.format = "gguf"},
     "format 'gguf' is unknown: gptq, gptq_v2, awq, compressed-tensors, bitsandbytes are there"},
    {{.bits = 3}, "format 'gptq' holds no 3-bit codes, but 4 and 8 bit"},
    {{.format = "gptq", .bits = 2}, "format 'gptq' holds no 2-bit codes, but 4 and 8 bit"},
    {{.format = "awq", .bits = 8}, "format 'awq' holds no 8-bit codes, but 4 bit"},
    {{.format = "bitsandbytes", .bits = 4},
     "format 'bitsandbytes' holds no 4-bit codes, but 8 bit"},
    {{.activations = "int4"}, "activations 'int4' are unknown: int8, float are there"},
    {{.bits = 4, .activations = "int8"},
     "8-bit activations need '--format compressed-tensors --bits 8'"},
    {{.format = "gptq", .bits = 8, .activations = "int8"},
     "8-bit activations need '--format compressed-tensors --bits 8'"},
    {{.bits = 8, .activations = "int8", .group_size = 64},
     "W8A8 has one scale an output: leave the group size out, or -1"},
    {{.format = "bitsandbytes", .group_size = 128},
     "bitsandbytes has one scale an output: leave the group size out, or -1"},
    {{.group_size = -2}, "a group of -2 inputs: expected a size, or -1 for all"},
    {{.bits = 8, .activations = "int8", .symmetric = -1},
     "W8A8 has no zero points: leave '--asym' out"},
    {{.format = "bitsandbytes", .symmetric = -1},
     "bitsandbytes has no zero points: leave '--asym' out"},
    {{.format = "awq", .act_order = true}, "format 'awq' has no order of activations, gptq has"},
    {{.bits = 8, .act_order = true},
     "format 'compressed-tensors' has no order of activations, gptq has"},
};

START_TEST(impossible_recipes_are_refused)
{
    qg_form f;

    ck_assert_int_eq(qg_form_choose(&f, &impossible[_i].recipe, &err), QG_EARG);
    ck_assert_str_eq(err.message, impossible[_i].message);
}
END_TEST

START_TEST(defaults_are_those_of_the_header)
{
    qg_form f = chosen(&(qg_recipe){.format = "bitsandbytes"});

    ck_assert_int_eq(f.storage.config.bits, 8);
    ck_assert_int_eq(f.storage.config.group_size, -1);
    ck_assert(f.storage.config.float_inputs && f.storage.config.symmetric);
    f = chosen(&(qg_recipe){.activations = "int8", .bits = 8});
    ck_assert_str_eq(f.name, "compressed-tensors");
    ck_assert_int_eq(f.storage.config.group_size, -1);
    ck_assert(!f.storage.config.float_inputs);
    f = chosen(&(qg_recipe){.format = "awq"});
    ck_assert_int_eq(f.storage.config.group_size, 128);
    ck_assert(!f.storage.config.symmetric && !f.storage.config.zeros_less_one);
    f = chosen(&(qg_recipe){0});
    ck_assert(f.storage.config.symmetric && f.storage.config.zeros_less_one);
}
END_TEST

Suite *form_check(void)
{
    Suite *s = suite_create("form_check");
    TCase *c = tcase_create("form");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, folder_end);
    tcase_add_loop_test(c, tensors_are_those_of_the_format, 0, sizeof shapes / sizeof *shapes);
    tcase_add_test(c, groups_and_words_must_fit);
    tcase_add_loop_test(c, the_configuration_has_the_words_of_the_tool, 0,
                        sizeof words / sizeof *words);
    tcase_add_loop_test(c, impossible_recipes_are_refused, 0,
                        sizeof impossible / sizeof *impossible);
    tcase_add_test(c, defaults_are_those_of_the_header);
    return s;
}
