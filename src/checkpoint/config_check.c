/* Unit tests of checkpoint/config. The good files follow what transformers 4.51 and 5.17 save for
 * LlamaConfig; every bad file is a good one with one line changed, and states the key and the words
 * that a user must read. */
#include "checkpoint/config.h"

#include "checkpoint/fixture_check.h"

#define SHAPE                                                                                      \
    "\"model_type\":\"llama\",\"vocab_size\":320,\"hidden_size\":64,\"num_hidden_layers\":2,"      \
    "\"num_attention_heads\":4,\"intermediate_size\":160"

static void put_config(const char *more)
{
    folder_put("config.json", qg_arena_format(arena, "{" SHAPE "%s%s}", more[0] ? "," : "", more));
}

static qg_model_config read_config(void)
{
    qg_model_config c;
    qg_status s = qg_config_read(&c, arena, folder, NULL, &err);
    ck_assert_msg(s == QG_OK, "%s: %s: %s", qg_status_name(s), err.context, err.message);
    return c;
}

static void expect_refusal(qg_status status, const char *words)
{
    qg_model_config c;

    qg_err_clear(&err);
    assert_refusal(qg_config_read(&c, arena, folder, NULL, &err), status, words, folder);
}

START_TEST(absent_keys_take_the_defaults_of_transformers)
{
    put_config("");
    qg_model_config c = read_config();
    ck_assert_str_eq(c.model_type, "llama");
    ck_assert_str_eq(c.architecture, "");
    ck_assert_int_eq(c.vocab_size, 320);
    ck_assert_int_eq(c.hidden_size, 64);
    ck_assert_int_eq(c.n_layers, 2);
    ck_assert_int_eq(c.n_heads, 4);
    ck_assert_int_eq(c.n_kv_heads, 4);
    ck_assert_int_eq(c.head_dim, 16);
    ck_assert_int_eq(c.intermediate_size, 160);
    ck_assert_int_eq(c.max_positions, 2048);
    ck_assert_double_eq(c.norm_eps, 1e-6);
    ck_assert_double_eq(c.rope.theta, 10000);
    ck_assert_int_eq(c.rope.type, QG_ROPE_NONE);
    ck_assert_str_eq(c.rope.name, "default");
    ck_assert_double_eq(c.rope.factor, 1);
    ck_assert(!c.tie_word_embeddings && !c.attention_bias && !c.mlp_bias);
    ck_assert_str_eq(c.hidden_act, "silu");
    ck_assert_int_eq(c.sliding_window, 0);
    ck_assert(!c.has_dtype && !c.quantization.present);
    ck_assert_int_eq(c.bos_id, -1);
    ck_assert_int_eq(c.pad_id, -1);
    ck_assert_int_eq(c.n_eos, 0);
}
END_TEST

START_TEST(the_spelling_of_transformers_4)
{
    put_config("\"architectures\":[\"LlamaForCausalLM\"],\"num_key_value_heads\":2,\"head_dim\":32,"
               "\"max_position_embeddings\":8192,\"rms_norm_eps\":1e-05,\"rope_theta\":500000.0,"
               "\"rope_scaling\":{\"factor\":32.0,\"high_freq_factor\":4.0,\"low_freq_factor\":1.0,"
               "\"original_max_position_embeddings\":512,\"rope_type\":\"llama3\"},"
               "\"tie_word_embeddings\":true,\"attention_bias\":true,\"mlp_bias\":true,"
               "\"torch_dtype\":\"bfloat16\",\"bos_token_id\":1,\"eos_token_id\":[2,3],"
               "\"pad_token_id\":320,\"hidden_act\":\"gelu\",\"sliding_window\":128");
    qg_model_config c = read_config();
    ck_assert_str_eq(c.architecture, "LlamaForCausalLM");
    ck_assert_int_eq(c.n_kv_heads, 2);
    ck_assert_int_eq(c.head_dim, 32);
    ck_assert_int_eq(c.max_positions, 8192);
    ck_assert_double_eq(c.norm_eps, 1e-5);
    ck_assert_double_eq(c.rope.theta, 500000);
    ck_assert_int_eq(c.rope.type, QG_ROPE_LLAMA3);
    ck_assert_double_eq(c.rope.factor, 32);
    ck_assert_double_eq(c.rope.low_freq_factor, 1);
    ck_assert_double_eq(c.rope.high_freq_factor, 4);
    ck_assert_int_eq(c.rope.original_max_positions, 512);
    ck_assert(c.tie_word_embeddings && c.attention_bias && c.mlp_bias);
    ck_assert(c.has_dtype);
    ck_assert_int_eq(c.dtype, QGK_BF16);
    ck_assert_int_eq(c.bos_id, 1);
    ck_assert_int_eq(c.n_eos, 2);
    ck_assert_int_eq(c.eos_ids[1], 3);
    ck_assert_int_eq(c.pad_id, 320);
    ck_assert_str_eq(c.hidden_act, "gelu");
    ck_assert_int_eq(c.sliding_window, 128);
}
END_TEST

START_TEST(the_spelling_of_transformers_5)
{
    put_config("\"dtype\":\"float16\",\"rope_parameters\":{\"rope_theta\":20000.0,\"rope_type\":"
               "\"linear\",\"factor\":2}");
    qg_model_config c = read_config();
    ck_assert_int_eq(c.dtype, QGK_F16);
    ck_assert_double_eq(c.rope.theta, 20000);
    ck_assert_int_eq(c.rope.type, QG_ROPE_LINEAR);
    ck_assert_double_eq(c.rope.factor, 2);
    put_config("\"rope_parameters\":{\"rope_theta\":20000.0,\"rope_type\":\"default\"}");
    ck_assert_int_eq(read_config().rope.type, QG_ROPE_NONE);
}
END_TEST

START_TEST(both_spellings_may_stand_together)
{
    put_config(
        "\"torch_dtype\":\"float32\",\"dtype\":\"float32\",\"rope_theta\":20000,"
        "\"rope_scaling\":{\"type\":\"linear\",\"rope_type\":\"linear\",\"factor\":2.0},"
        "\"rope_parameters\":{\"rope_theta\":20000.0,\"rope_type\":\"linear\",\"factor\":2}");
    qg_model_config c = read_config();
    ck_assert_int_eq(c.dtype, QGK_F32);
    ck_assert_double_eq(c.rope.theta, 20000);
    ck_assert_int_eq(c.rope.type, QG_ROPE_LINEAR);
    put_config("\"rope_theta\":20000,\"rope_scaling\":null,"
               "\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":2}");
    c = read_config();
    ck_assert_double_eq(c.rope.theta, 20000);
    ck_assert_double_eq(c.rope.factor, 2);
}
END_TEST

START_TEST(other_scalings_keep_their_name)
{
    static const char *const names[] = {"longrope", "mrope", "proportional"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        put_config(qg_arena_format(
            arena, "\"rope_scaling\":{\"type\":\"%s\",\"factor\":[1.0],\"x\":0}", names[i]));
        qg_model_config c = read_config();
        ck_assert_int_eq(c.rope.type, QG_ROPE_OTHER);
        ck_assert_str_eq(c.rope.name, names[i]);
    }
    put_config("\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"default\"}}");
    ck_assert_int_eq(read_config().rope.type, QG_ROPE_OTHER);
}
END_TEST

/* A model of another type with 3 layers. */
static void put_type(const char *type, const char *more)
{
    folder_put("config.json",
               qg_arena_format(arena,
                               "{\"model_type\":\"%s\",\"vocab_size\":320,\"hidden_size\":64,"
                               "\"num_hidden_layers\":3,\"num_attention_heads\":16,\"%s\":160%s%s}",
                               type, strcmp(type, "opt") == 0 ? "ffn_dim" : "intermediate_size",
                               more[0] ? "," : "", more));
}

START_TEST(families_have_their_own_defaults)
{
    put_type("mistral", "");
    qg_model_config c = read_config();
    ck_assert_int_eq(c.n_kv_heads, 8);
    ck_assert_int_eq(c.max_positions, 131072);
    ck_assert_int_eq(c.sliding_window, 4096);
    ck_assert(c.is_windowed[0] && c.is_windowed[2] && !c.is_windowed[3]);
    ck_assert(!c.attention_bias);
    put_type("qwen2", "\"num_key_value_heads\":4,\"sliding_window\":32");
    c = read_config();
    ck_assert_int_eq(c.sliding_window, 0);
    ck_assert(!c.is_windowed[2]);
    ck_assert(c.attention_bias && !c.mlp_bias && !c.tie_word_embeddings);
    ck_assert_int_eq(c.max_positions, 32768);
}
END_TEST

START_TEST(windows_of_layers)
{
    put_type("mistral", "\"sliding_window\":null");
    ck_assert_int_eq(read_config().sliding_window, 0);
    put_type("mistral", "\"sliding_window\":7,\"layer_types\":[\"sliding_attention\","
                        "\"sliding_attention\",\"sliding_attention\"]");
    ck_assert_int_eq(read_config().sliding_window, 7);
    put_type("qwen2", "\"num_key_value_heads\":4,\"use_sliding_window\":true,"
                      "\"sliding_window\":32,\"max_window_layers\":1");
    qg_model_config c = read_config();
    ck_assert_int_eq(c.sliding_window, 32);
    ck_assert(!c.is_windowed[0] && c.is_windowed[1] && c.is_windowed[2]);
    put_type("qwen2", "\"num_key_value_heads\":4,\"use_sliding_window\":true,"
                      "\"sliding_window\":32,\"layer_types\":[\"sliding_attention\","
                      "\"full_attention\",\"full_attention\"]");
    c = read_config();
    ck_assert(c.is_windowed[0] && !c.is_windowed[1] && !c.is_windowed[2]);
    put_type("qwen2", "\"num_key_value_heads\":4,\"use_sliding_window\":true");
    c = read_config(); /* 4096 from layer 28 on: no layer here */
    ck_assert_int_eq(c.sliding_window, 4096);
    ck_assert(!c.is_windowed[2]);
}
END_TEST

START_TEST(opt_in_its_own_words)
{
    put_type("opt", "");
    qg_model_config c = read_config();
    ck_assert_int_eq(c.intermediate_size, 160);
    ck_assert_int_eq(c.n_kv_heads, 16);
    ck_assert_int_eq(c.head_dim, 4);
    ck_assert_int_eq(c.embed_size, 64);
    ck_assert_int_eq(c.max_positions, 2048);
    ck_assert_double_eq(c.norm_eps, 1e-5);
    ck_assert_str_eq(c.hidden_act, "relu");
    ck_assert_str_eq(c.rope.name, "none");
    ck_assert(c.tie_word_embeddings && c.attention_bias && c.mlp_bias);
    ck_assert(!c.post_norm && !c.no_final_norm && !c.norms_are_plain);
    put_type("opt", "\"do_layer_norm_before\":false,\"word_embed_proj_dim\":24,"
                    "\"activation_function\":\"gelu\",\"enable_bias\":false,"
                    "\"layer_norm_elementwise_affine\":false,\"tie_word_embeddings\":false,"
                    "\"max_position_embeddings\":96,\"rope_theta\":-1,\"num_key_value_heads\":3");
    c = read_config();
    ck_assert(c.post_norm && c.no_final_norm && c.norms_are_plain);
    ck_assert(!c.tie_word_embeddings && !c.attention_bias && !c.mlp_bias);
    ck_assert_int_eq(c.embed_size, 24);
    ck_assert_int_eq(c.max_positions, 96);
    ck_assert_int_eq(c.n_kv_heads, 16);
    ck_assert_str_eq(c.hidden_act, "gelu");
    put_type("opt", "\"_remove_final_layer_norm\":true,\"word_embed_proj_dim\":null");
    c = read_config();
    ck_assert(!c.post_norm && c.no_final_norm);
    ck_assert_int_eq(c.embed_size, 64);
}
END_TEST

START_TEST(yarn_and_dynamic)
{
    put_config("\"max_position_embeddings\":100,\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4}");
    qg_model_config c = read_config();
    ck_assert_int_eq(c.rope.type, QG_ROPE_YARN);
    ck_assert_int_eq(c.rope.original_max_positions, 100);
    ck_assert_int_eq(c.max_positions, 100);
    ck_assert_int_eq(c.longest, 400);
    ck_assert_double_eq(c.rope.beta_fast, 32);
    ck_assert_double_eq(c.rope.beta_slow, 1);
    ck_assert_double_eq(c.rope.attention_factor, 0);
    ck_assert(c.rope.truncate);
    put_config("\"max_position_embeddings\":100,\"original_max_position_embeddings\":25,"
               "\"rope_parameters\":{\"rope_type\":\"yarn\",\"rope_theta\":10000.0,\"factor\":4,"
               "\"beta_fast\":16,\"beta_slow\":2,\"attention_factor\":1.5,\"mscale\":0.7,"
               "\"mscale_all_dim\":0.5,\"truncate\":false,"
               "\"original_max_position_embeddings\":25}");
    c = read_config();
    ck_assert_int_eq(c.rope.original_max_positions, 25);
    ck_assert_int_eq(c.longest, 100);
    ck_assert_double_eq(c.rope.beta_fast, 16);
    ck_assert_double_eq(c.rope.beta_slow, 2);
    ck_assert_double_eq(c.rope.attention_factor, 1.5);
    ck_assert_double_eq(c.rope.mscale, 0.7);
    ck_assert_double_eq(c.rope.mscale_all_dim, 0.5);
    ck_assert(!c.rope.truncate);
    put_config("\"max_position_embeddings\":100,"
               "\"rope_scaling\":{\"rope_type\":\"dynamic\",\"factor\":2.5}");
    c = read_config();
    ck_assert_int_eq(c.rope.type, QG_ROPE_DYNAMIC);
    ck_assert_int_eq(c.rope.original_max_positions, 100);
    ck_assert_int_eq(c.longest, 250);
    put_config("\"original_max_position_embeddings\":512,\"rope_scaling\":{\"rope_type\":"
               "\"llama3\",\"factor\":8,\"low_freq_factor\":1,\"high_freq_factor\":4}");
    ck_assert_int_eq(read_config().rope.original_max_positions, 512);
    put_config("\"rope_scaling\":{\"type\":\"yarn\",\"factor\":1e6},"
               "\"max_position_embeddings\":16777216");
    ck_assert_int_eq(read_config().longest, QG_MAX_POSITIONS);
}
END_TEST

START_TEST(unknown_families_are_refused_by_name_first)
{
    static const char *const families[] = {"llama", "mistral", NULL};
    qg_model_config c;

    folder_put("config.json", "{\"model_type\":\"gpt2\",\"n_embd\":768}");
    ck_assert_int_eq(qg_config_read(&c, arena, folder, families, &err), QG_ENOSUP);
    ck_assert_str_eq(err.message, "model type 'gpt2' is not supported, only llama, mistral");
    put_config("");
    ck_assert_int_eq(qg_config_read(&c, arena, folder, families, NULL), QG_OK);
}
END_TEST

START_TEST(end_tokens_of_generation_config_win)
{
    put_config("\"eos_token_id\":2");
    folder_put("generation_config.json", "{\"temperature\":0.6}");
    ck_assert_int_eq(read_config().eos_ids[0], 2);
    folder_put("generation_config.json", "{\"eos_token_id\":[5,6,7]}");
    qg_model_config c = read_config();
    ck_assert_int_eq(c.n_eos, 3);
    ck_assert_int_eq(c.eos_ids[0], 5);
    ck_assert_int_eq(c.eos_ids[2], 7);
    folder_put("generation_config.json", "{\"eos_token_id\":320}");
    expect_refusal(QG_EFORMAT, "generation_config.json': 'eos_token_id' is 320");
    folder_put("generation_config.json", "{");
    expect_refusal(QG_EFORMAT, "no valid JSON");
    folder_put("generation_config.json", "[]");
    expect_refusal(QG_EFORMAT, "holds an array");
}
END_TEST

START_TEST(quantization_is_seen_in_either_file)
{
    int64_t bits;

    put_config("\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4}");
    qg_model_config c = read_config();
    ck_assert(c.quantization.present);
    ck_assert_str_eq(c.quantization.method, "gptq");
    ck_assert_str_eq(c.quantization.source, "config.json");
    ck_assert(qg_json_int(qg_json_get(c.quantization.node, "bits"), &bits) && bits == 4);
    put_config("\"quantization_config\":null");
    ck_assert(!read_config().quantization.present);
    folder_put("quantize_config.json", "{\"bits\":8,\"group_size\":128}");
    c = read_config();
    ck_assert(c.quantization.present);
    ck_assert_ptr_null(c.quantization.method);
    ck_assert_str_eq(c.quantization.source, "quantize_config.json");
}
END_TEST

/* One line more (the last of a repeated key never wins: repeats are refused by themselves). */
static const struct {
    const char *more;
    qg_status status;
    const char *words;
} bad_lines[] = {
    {"\"num_key_value_heads\":3", QG_EFORMAT, "no multiple of 'num_key_value_heads' 3"},
    {"\"num_key_value_heads\":0", QG_EFORMAT, "'num_key_value_heads' is 0, an integer from 1"},
    {"\"num_key_value_heads\":8", QG_EFORMAT, "no multiple of 'num_key_value_heads' 8"},
    {"\"head_dim\":-16", QG_EFORMAT, "'head_dim' is -16"},
    {"\"head_dim\":15", QG_EFORMAT, "a head has 15 dimensions"},
    {"\"head_dim\":\"16\"", QG_EFORMAT, "'head_dim' is a string, an integer from 1 to 4096"},
    {"\"head_dim\":16.5", QG_EFORMAT, "'head_dim' is 16.5"},
    {"\"max_position_embeddings\":0", QG_EFORMAT, "'max_position_embeddings' is 0"},
    {"\"max_position_embeddings\":true", QG_EFORMAT, "'max_position_embeddings' is a boolean"},
    {"\"rms_norm_eps\":0", QG_EFORMAT, "'rms_norm_eps' is 0"},
    {"\"rms_norm_eps\":-1e-5", QG_EFORMAT, "'rms_norm_eps' is -1e-05"},
    {"\"rms_norm_eps\":NaN", QG_EFORMAT, "no valid JSON"},
    {"\"rms_norm_eps\":1e999", QG_EFORMAT, "no valid JSON"},
    {"\"rms_norm_eps\":\"1e-5\"", QG_EFORMAT, "'rms_norm_eps' is a string"},
    {"\"rope_theta\":0", QG_EFORMAT, "'rope_theta' is 0"},
    {"\"rope_theta\":1e300", QG_EFORMAT, "'rope_theta' is 1e+300"},
    {"\"rope_theta\":10000.0,\"rope_parameters\":{\"rope_theta\":5000.0}", QG_EFORMAT,
     "'rope_theta' says theta 10000, but 'rope_parameters' says 5000"},
    {"\"rope_scaling\":{\"rope_type\":\"default\"},"
     "\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":2}",
     QG_EFORMAT, "'rope_scaling' and 'rope_parameters' contradict"},
    {"\"rope_scaling\":{\"type\":\"linear\",\"factor\":4},"
     "\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":2}",
     QG_EFORMAT, "'rope_scaling' and 'rope_parameters' contradict"},
    {"\"rope_scaling\":{\"type\":\"linear\",\"rope_type\":\"yarn\"}", QG_EFORMAT,
     "'rope_type' is 'yarn', but 'type' is 'linear'"},
    {"\"rope_scaling\":{\"type\":\"linear\"}", QG_EFORMAT, "'rope_scaling': 'factor' is missing"},
    {"\"rope_scaling\":{\"type\":\"linear\",\"factor\":0.5}", QG_EFORMAT, "'factor' is 0.5"},
    {"\"rope_scaling\":{\"factor\":2.0}", QG_EFORMAT, "'rope_type' is missing"},
    {"\"rope_scaling\":\"linear\"", QG_EFORMAT, "'rope_scaling' is a string"},
    {"\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8.0}", QG_EFORMAT,
     "'low_freq_factor' is missing"},
    {"\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":4.0,"
     "\"high_freq_factor\":4.0,\"original_max_position_embeddings\":64}",
     QG_EFORMAT, "'low_freq_factor' 4 is not below 'high_freq_factor' 4"},
    {"\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":1.0,"
     "\"high_freq_factor\":4.0}",
     QG_EFORMAT, "'original_max_position_embeddings' is missing"},
    {"\"rope_scaling\":{\"type\":\"yarn\"}", QG_EFORMAT, "'rope_scaling': 'factor' is missing"},
    {"\"rope_scaling\":{\"type\":\"yarn\",\"factor\":null}", QG_EFORMAT, "'factor' is missing"},
    {"\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4,\"beta_fast\":1,\"beta_slow\":2}",
     QG_EFORMAT, "'beta_slow' 2 exceeds 'beta_fast' 1"},
    {"\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4,\"attention_factor\":0}", QG_EFORMAT,
     "'attention_factor' is 0"},
    {"\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4,\"truncate\":1}", QG_EFORMAT,
     "'truncate' is 1, true or false was expected"},
    {"\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4},\"rope_theta\":1", QG_EFORMAT,
     "yarn needs a 'rope_theta' above 1"},
    {"\"original_max_position_embeddings\":64,\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4,"
     "\"original_max_position_embeddings\":32}",
     QG_EFORMAT, "'original_max_position_embeddings' is 32, but 64 in config.json itself"},
    {"\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4},"
     "\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":4,\"mscale\":1}",
     QG_EFORMAT, "'rope_scaling' and 'rope_parameters' contradict"},
    {"\"rope_scaling\":{\"type\":\"dynamic\"}", QG_EFORMAT, "'factor' is missing"},
    {"\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2,"
     "\"original_max_position_embeddings\":512}",
     QG_EFORMAT,
     "'original_max_position_embeddings' is 512, but dynamic scaling starts at "
     "'max_position_embeddings', 2048"},
    {"\"head_dim\":2,\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2}", QG_EFORMAT,
     "dynamic scaling needs heads of 4 dimensions, not 2"},
    {"\"partial_rotary_factor\":0.5", QG_ENOSUP, "'partial_rotary_factor' 0.5"},
    {"\"rope_parameters\":{\"partial_rotary_factor\":0.5}", QG_ENOSUP, "'partial_rotary_factor'"},
    {"\"torch_dtype\":\"float16\",\"dtype\":\"bfloat16\"", QG_EFORMAT,
     "'torch_dtype' is 'float16', but 'dtype' is 'bfloat16'"},
    {"\"torch_dtype\":\"float8_e4m3fn\"", QG_ENOSUP, "FP8"},
    {"\"torch_dtype\":\"int8\"", QG_ENOSUP, "dtype 'int8'"},
    {"\"torch_dtype\":16", QG_EFORMAT, "'torch_dtype' is 16, a string was expected"},
    {"\"tie_word_embeddings\":1", QG_EFORMAT, "'tie_word_embeddings' is 1, true or false"},
    {"\"hidden_act\":[]", QG_EFORMAT, "'hidden_act' is an array"},
    {"\"sliding_window\":-1", QG_EFORMAT, "'sliding_window' is -1"},
    {"\"sliding_window\":0", QG_EFORMAT, "'sliding_window' is 0, an integer from 1"},
    {"\"bos_token_id\":320", QG_EFORMAT, "'bos_token_id' is 320"},
    {"\"eos_token_id\":-2", QG_EFORMAT, "'eos_token_id' is -2"},
    {"\"eos_token_id\":[2,\"</s>\"]", QG_EFORMAT, "'eos_token_id' is a string"},
    {"\"eos_token_id\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]", QG_EFORMAT, "lists 17 tokens"},
    {"\"architectures\":\"LlamaForCausalLM\"", QG_EFORMAT, "'architectures' is a string"},
    {"\"quantization_config\":[]", QG_EFORMAT, "'quantization_config' is an array"},
    {"\"quantization_config\":{\"quant_method\":\"fbgemm_fp8\"}", QG_ENOSUP, "FP8"},
    {"\"quantization_config\":{\"quant_method\":\"compressed-tensors\",\"format\":"
     "\"float-quantized\"}",
     QG_ENOSUP, "FP8"},
    {"\"vocab_size\":320", QG_EFORMAT, "duplicate object key"},
};

START_TEST(a_bad_line_is_refused)
{
    put_config(bad_lines[_i].more);
    expect_refusal(bad_lines[_i].status, bad_lines[_i].words);
}
END_TEST

/* The same for other families, which have 3 layers here. */
static const struct {
    const char *type, *more;
    qg_status status;
    const char *words;
} bad_kin[] = {
    {"mistral", "\"sliding_window\":0", QG_EFORMAT, "'sliding_window' is 0, an integer from 1"},
    {"mistral", "\"layer_types\":[\"sliding_attention\"]", QG_EFORMAT,
     "'layer_types' names 1 layers, 'num_hidden_layers' is 3"},
    {"mistral", "\"layer_types\":[\"sliding_attention\",\"full_attention\",\"sliding_attention\"]",
     QG_ENOSUP, "'layer_types' mixes layers with and without a window, not supported for model"},
    {"mistral", "\"layer_types\":\"full_attention\"", QG_EFORMAT, "'layer_types' is a string"},
    {"mistral", "\"layer_types\":[1,2,3]", QG_EFORMAT, "'layer_types' is 1"},
    {"qwen2",
     "\"num_key_value_heads\":4,\"layer_types\":[\"full_attention\",\"full_attention\","
     "\"linear_attention\"]",
     QG_ENOSUP, "layer type 'linear_attention' is not supported, only full_attention and"},
    {"qwen2",
     "\"num_key_value_heads\":4,\"sliding_window\":8,\"layer_types\":[\"full_attention\","
     "\"full_attention\",\"sliding_attention\"]",
     QG_EFORMAT, "'layer_types' gives layer 2 a sliding window, but 'use_sliding_window' is false"},
    {"qwen2", "\"num_key_value_heads\":4,\"use_sliding_window\":true,\"sliding_window\":0",
     QG_EFORMAT, "'sliding_window' is 0"},
    {"qwen2", "\"num_key_value_heads\":4,\"max_window_layers\":-1", QG_EFORMAT,
     "'max_window_layers' is -1"},
    {"qwen2", "", QG_EFORMAT, "no multiple of 'num_key_value_heads' 32"},
    {"opt", "\"word_embed_proj_dim\":0", QG_EFORMAT, "'word_embed_proj_dim' is 0"},
    {"opt", "\"word_embed_proj_dim\":65537", QG_EFORMAT, "'word_embed_proj_dim' is 65537"},
    {"opt", "\"do_layer_norm_before\":0", QG_EFORMAT, "'do_layer_norm_before' is 0"},
    {"opt", "\"enable_bias\":\"yes\"", QG_EFORMAT, "'enable_bias' is a string"},
    {"opt", "\"activation_function\":1", QG_EFORMAT, "'activation_function' is 1"},
    {"opt", "\"max_position_embeddings\":0", QG_EFORMAT, "'max_position_embeddings' is 0"},
};

START_TEST(a_bad_line_of_other_families_is_refused)
{
    put_type(bad_kin[_i].type, bad_kin[_i].more);
    expect_refusal(bad_kin[_i].status, bad_kin[_i].words);
}
END_TEST

/* The required keys in turn: absent, then each with a value out of bounds. */
static const struct {
    const char *config, *words;
} bad_shapes[] = {
    {"{}", "'model_type' is missing"},
    {"{\"model_type\":null}", "'model_type' is missing"},
    {"{\"model_type\":7}", "'model_type' is 7"},
    {"{\"model_type\":\"llama\"}", "'vocab_size' is missing"},
    {"{\"model_type\":\"llama\",\"vocab_size\":0}", "'vocab_size' is 0, an integer from 1"},
    {"{\"model_type\":\"llama\",\"vocab_size\":4194305}", "'vocab_size' is 4194305"},
    {"{\"model_type\":\"llama\",\"vocab_size\":9,\"hidden_size\":65537}", "'hidden_size' is 65537"},
    {"{\"model_type\":\"llama\",\"vocab_size\":9,\"hidden_size\":9223372036854775807}",
     "'hidden_size' is 9223372036854775807"},
    {"{\"model_type\":\"llama\",\"vocab_size\":9,\"hidden_size\":99999999999999999999}",
     "no valid JSON"},
    {"{\"model_type\":\"llama\",\"vocab_size\":9,\"hidden_size\":8,\"num_hidden_layers\":1001}",
     "'num_hidden_layers' is 1001"},
    {"{\"model_type\":\"llama\",\"vocab_size\":9,\"hidden_size\":8,\"num_hidden_layers\":1,"
     "\"num_attention_heads\":-1}",
     "'num_attention_heads' is -1"},
    {"{\"model_type\":\"llama\",\"vocab_size\":9,\"hidden_size\":10,\"num_hidden_layers\":1,"
     "\"num_attention_heads\":4,\"intermediate_size\":8}",
     "'hidden_size' 10 is no multiple of 'num_attention_heads' 4"},
    {"{\"model_type\":\"llama\",\"vocab_size\":9,\"hidden_size\":8,\"num_hidden_layers\":1,"
     "\"num_attention_heads\":4096,\"intermediate_size\":8,\"head_dim\":4096}",
     "4096 heads of 4096 dimensions"},
    {"{\"model_type\":\"llama\",\"vocab_size\":9,\"hidden_size\":8,\"num_hidden_layers\":1,"
     "\"num_attention_heads\":4,\"intermediate_size\":1048577}",
     "'intermediate_size' is 1048577"},
    {"[]", "'config' is an array, an object was expected"},
    {"", "no valid JSON"},
    {"not json", "no valid JSON"},
};

START_TEST(a_bad_shape_is_refused)
{
    folder_put("config.json", bad_shapes[_i].config);
    expect_refusal(QG_EFORMAT, bad_shapes[_i].words);
}
END_TEST

START_TEST(files_that_cannot_be_read_are_named)
{
    char *deep = qg_arena_alloc(arena, 100001);

    expect_refusal(QG_ENOTFOUND, "config.json': No such file");
    memset(deep, '[', 100000);
    folder_put("config.json", deep);
    expect_refusal(QG_EFORMAT, "nests deeper than 64");
}
END_TEST

static qg_status read_all(qg_arena *own)
{
    qg_model_config c;

    return qg_config_read(&c, own, folder, NULL, &err);
}

START_TEST(every_failed_allocation_is_reported)
{
    put_config("\"rope_theta\":10000.0,\"eos_token_id\":[1,2]");
    folder_put("generation_config.json", "{\"eos_token_id\":2}");
    folder_put("quantize_config.json", "{\"bits\":4}");
    fail_each_allocation(read_all);
}
END_TEST

Suite *config_check(void)
{
    Suite *s = suite_create("config_check");
    TCase *t = tcase_create("config");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, absent_keys_take_the_defaults_of_transformers);
    tcase_add_test(t, the_spelling_of_transformers_4);
    tcase_add_test(t, the_spelling_of_transformers_5);
    tcase_add_test(t, both_spellings_may_stand_together);
    tcase_add_test(t, other_scalings_keep_their_name);
    tcase_add_test(t, families_have_their_own_defaults);
    tcase_add_test(t, windows_of_layers);
    tcase_add_test(t, opt_in_its_own_words);
    tcase_add_test(t, yarn_and_dynamic);
    tcase_add_test(t, unknown_families_are_refused_by_name_first);
    tcase_add_test(t, end_tokens_of_generation_config_win);
    tcase_add_test(t, quantization_is_seen_in_either_file);
    tcase_add_loop_test(t, a_bad_line_is_refused, 0, sizeof bad_lines / sizeof *bad_lines);
    tcase_add_loop_test(t, a_bad_line_of_other_families_is_refused, 0,
                        sizeof bad_kin / sizeof *bad_kin);
    tcase_add_loop_test(t, a_bad_shape_is_refused, 0, sizeof bad_shapes / sizeof *bad_shapes);
    tcase_add_test(t, files_that_cannot_be_read_are_named);
    tcase_add_test(t, every_failed_allocation_is_reported);
    suite_add_tcase(s, t);
    return s;
}
