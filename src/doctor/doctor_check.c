/* Unit tests of the doctor: folders of every method are healthy as they are, also those that the
 * real tools wrote; each damage, alone and several at once, is the finding that a user must read,
 * with its id, tensor and fix, and nothing else is found. */
#include "doctor/doctor.h"

#include "base/file.h"
#include "engine/reference_check.h"

#include "check_suites.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define Q  "model.layers.1.self_attn.q_proj"
#define UP "model.layers.0.mlp.up_proj"

static qg_arena *arena;
static qg_err err;
static qg_findings found;

static void setup(void)
{
    fixture_begin();
    arena = fixture_arena();
    qg_err_clear(&err);
}

/* ---- folders ---- */

static const qg_recipe
    gptq = {.format = "gptq", .bits = 4, .group_size = 32},
    asymmetric = {.format = "gptq_v2", .bits = 4, .group_size = 32, .symmetric = -1},
    ordered = {.format = "gptq_v2", .bits = 4, .group_size = 32, .act_order = true},
    gptq8 = {.format = "gptq_v2", .bits = 8, .group_size = 32},
    awq = {.format = "awq", .bits = 4, .group_size = 32},
    packed = {.format = "compressed-tensors", .bits = 4, .group_size = 32},
    w8a16 = {.format = "compressed-tensors", .bits = 8, .group_size = 64},
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

static void put_file(const char *folder, const char *name, const char *text)
{
    ck_assert_int_eq(qg_file_write(qg_path_join(arena, folder, name), qg_str_from(text), &err),
                     QG_OK);
}

static void remove_file(const char *folder, const char *name)
{
    ck_assert_int_eq(remove(qg_path_join(arena, folder, name)), 0);
}

/* One change to a tensor: dropped (rename ""), renamed, reshaped, called another dtype, or number
 * `at` becomes `value`. */
typedef struct change {
    const char *name, *rename;
    int64_t shape[2];
    bool as_u8; /* of a quarter of the bytes, or half */
    int at;
    double value;
} change;
enum { MAX_CHANGES = 8 };

static void put(void *data, qgk_dtype d, size_t at, double value)
{
    if (d == QGK_I32)
        qgk_word_put(data, at, (uint32_t)(int64_t)value);
    else
        qgk_float_put(data, d, at, (float)value);
}

static void apply(qg_tensor_spec *spec, void *data, void *user)
{
    for (const change *c = user; c->name && spec->name; c++) {
        if (strcmp(spec->name, c->name) != 0)
            continue;
        if (c->rename)
            spec->name = *c->rename ? c->rename : NULL;
        else if (c->shape[0])
            memcpy(spec->shape, c->shape, sizeof c->shape);
        else if (c->as_u8)
            spec->dtype = QGK_U8;
        else
            put(data, spec->dtype, (size_t)c->at, c->value);
    }
}

/* ---- what must be found ---- */

typedef struct expected {
    const char *id, *tensor, *message, *fix; /* parts of the texts; tensor, fix NULL: none */
    qg_severity severity;
} expected;
enum { MAX_EXPECTED = 8 };
#define E QG_SEVERITY_ERROR
#define W QG_SEVERITY_WARNING
#define N QG_SEVERITY_NOTE

static void examine(const char *folder, qg_doctor_options options)
{
    char text[2048];

    qg_findings_begin(&found, arena);
    if (qg_doctor_examine(&found, folder, &options, &err) != QG_OK)
        ck_abort_msg("%s", qg_err_format(&err, text, sizeof text));
}

static const char *found_text(void)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_findings_format(&b, &found);
    return b.ptr ? b.ptr : "nothing";
}

static bool says(const char *text, const char *part)
{
    return part ? text && strstr(text, part) : !text;
}

static bool is_expected(const qg_finding *f, const expected *e)
{
    return f->id && strcmp(f->id, e->id) == 0 && f->severity == e->severity &&
           says(f->message, e->message) && says(f->suggestion, e->fix) &&
           (e->tensor ? f->tensor && strcmp(f->tensor, e->tensor) == 0 : !f->tensor);
}

/* Each expected one is there, and no more but the notice that small models get. */
static void assert_found(const expected *list)
{
    size_t n = 0, n_small = 0;

    for (; list[n].id; n++) {
        bool there = false;
        for (size_t i = 0; i < found.n; i++)
            there = there || is_expected(&found.at[i], &list[n]);
        ck_assert_msg(there, "no [%s] '%s' (%s) in:\n%s", list[n].id, list[n].message,
                      list[n].tensor ? list[n].tensor : "no tensor", found_text());
    }
    for (size_t i = 0; i < found.n; i++)
        n_small += strcmp(found.at[i].id, "small-model") == 0;
    ck_assert_msg(found.n == n + n_small, "%zu findings instead of %zu:\n%s", found.n - n_small, n,
                  found_text());
}

/* ---- health ---- */

START_TEST(healthy_folders_have_no_finding)
{
    static const qg_recipe *const all[] = {NULL, &gptq,   &asymmetric, &ordered, &gptq8,
                                           &awq, &packed, &w8a16,      &w8a8,    &bnb};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        examine(model(qg_arena_format(arena, "m%zu", i), all[i]), (qg_doctor_options){0});
        assert_found(&(expected){0});
        ck_assert_uint_eq(found.n, all[i] ? 1 : 0); /* the notice */
    }
}
END_TEST

static const char *const families[] = {"llama", "mistral", "qwen2", "opt"};

START_TEST(healthy_families_have_no_finding)
{
    qg_synth_options o = {.family = families[_i], .dtype = "bfloat16", .tied = _i % 2 ? 1 : -1};

    examine(fixture_model("m", &o), (qg_doctor_options){0});
    assert_found(&(expected){0});
}
END_TEST

static const char *const committed[] = {"golden/models",
                                        "golden/vectors/fp16",
                                        "golden/vectors/gptq",
                                        "golden/vectors/awq",
                                        "golden/vectors/compressed-tensors",
                                        "golden/vectors/bitsandbytes"};

/* Folders that the real tools wrote. */
START_TEST(committed_folders_are_healthy)
{
    const char *above = fixture_path(committed[_i]);
    char **names;
    size_t n = 0;

    if (!qg_dir_exists(above))
        return;
    ck_assert_int_eq(qg_dir_list(&names, &n, arena, above, &err), QG_OK);
    for (size_t i = 0; i < n; i++) {
        const char *folder = qg_path_join(arena, above, names[i]);
        if (!qg_file_exists(qg_path_join(arena, folder, "config.json")))
            continue;
        examine(folder, (qg_doctor_options){0});
        ck_assert_msg(found.n_errors + found.n_warnings == 0, "%s", found_text());
    }
}
END_TEST

/* ---- before the tensors ---- */

#define CONFIG(text) .key = "quantization_config", .json = (text)

/* A damaged folder, and all that is found. */
typedef struct sick {
    const qg_recipe *recipe;
    const char *key, *json; /* set in config.json */
    change changes[MAX_CHANGES];
    qg_tensor_spec extra; /* added, where it has a name */
    expected found[MAX_EXPECTED];
} sick;

#define GPTQ(bits, group, more)                                                                    \
    "{\"quant_method\":\"gptq\",\"bits\":" bits ",\"group_size\":" group more "}"
#define V1 ",\"checkpoint_format\":\"gptq\""

static const sick all_sick[] = {
    /* dense tensors */
    {.changes = {{Q ".weight", ""},
                 {"model.norm.weight", ""},
                 {UP ".weight", .shape = {127, 64}},
                 {"model.embed_tokens.weight", .as_u8 = true},
                 {"model.layers.0.mlp.gate_proj.weight", .at = 3, .value = NAN},
                 {"model.layers.0.mlp.gate_proj.weight", .at = 9, .value = INFINITY}},
     .extra = {"model.layers.2.mlp.up_proj.weight", QGK_F16, 2, {128, 64}},
     .found = {{"tensor-missing", Q ".weight", "tensor '" Q ".weight' is missing", "convert", E},
               {"tensor-missing", "model.norm.weight", "is missing", "convert", E},
               {"tensor-shape", UP ".weight", "has shape [127, 64], config.json makes it [128, 64]",
                "fetch both again", E},
               {"tensor-dtype", "model.embed_tokens.weight", "is U8, expected one of F32, F16",
                "convert the tensor", E},
               {"weight-not-finite", "model.layers.0.mlp.gate_proj.weight",
                "holds 2 infinite or NaN values", "again", E},
               {"tensor-unknown", "model.layers.2.mlp.up_proj.weight", "does not belong",
                "num_hidden_layers", E}}},
    {.key = "num_hidden_layers",
     .json = "1",
     .changes = {{"model.layers.1.self_attn.k_proj.weight", ""},
                 {"model.layers.1.self_attn.o_proj.weight", ""},
                 {"model.layers.1.self_attn.v_proj.weight", ""},
                 {"model.layers.1.mlp.gate_proj.weight", ""},
                 {"model.layers.1.mlp.down_proj.weight", ""},
                 {"model.layers.1.input_layernorm.weight", ""},
                 {"model.layers.1.post_attention_layernorm.weight", ""}},
     .found = {{"tensor-unknown", Q ".weight", "does not belong", "num_hidden_layers", E},
               {"tensor-unknown", "model.layers.1.mlp.up_proj.weight", "does not belong",
                "num_hidden_layers", E}}},
    {.changes = {{"lm_head.weight", ""}},
     .found = {{"head-missing", "lm_head.weight", "config.json does not tie the head",
                "\"tie_word_embeddings\": true", E}}},
    {.key = "tie_word_embeddings",
     .json = "true",
     .found = {{"head-untied", "lm_head.weight", "'lm_head.weight' and 'model.embed_tokens.weight'",
                "\"tie_word_embeddings\": false", E}}},
    {.extra = {Q ".bias", QGK_F16, 1, {64}},
     .found = {{"tensor-unknown", Q ".bias", "does not belong", "remove it", E}}},
    /* quantization that is not declared, or otherwise */
    {.changes = {{Q ".weight", Q ".weight_packed"}},
     .found = {{"quantization-undeclared", Q ".weight_packed", "the folder declares nothing",
                "add the quantization_config", E}}},
    {&gptq, CONFIG(GPTQ("4", "32", ",\"checkpoint_format\":\"gptq_v2\"")),
     .found = {{"gptq-zeros-v1-v2", NULL, "found the zero points of format v1",
                "write \"checkpoint_format\": \"gptq\" in config.json", E}}},
    {&gptq, CONFIG(GPTQ("4", "32", "")),
     .found = {{"gptq-zeros-guessed", NULL, "read as format v1, because every zero point",
                "write \"checkpoint_format\"", N}}},
    {&gptq8, CONFIG(GPTQ("8", "32", "")),
     .found = {{"gptq-zeros-guessed", NULL, "read as format v2", "write \"checkpoint_format\"",
                N}}},
    {&gptq, CONFIG(GPTQ("3", "32", V1)),
     .found = {{"quantization-unsupported", NULL, "GPTQ with 3 bits", "quantize again with", E}}},
    {&gptq, CONFIG("{\"quant_method\":\"aqlm\"}"),
     .found = {{"quantization-unsupported", NULL, "quantization method 'aqlm'",
                "quantize again with", E}}},
    {&gptq, CONFIG(GPTQ("\"four\"", "32", V1)),
     .found = {{"quantization-config", NULL, "'bits' of the quantization (config.json) is a string",
                "mend", E}}},
    {&gptq, CONFIG("{\"quant_method\":\"awq\",\"bits\":4,\"group_size\":32}"),
     .found = {{"method-mismatch", "model.layers.0.self_attn.q_proj.qweight",
                "found the layout of 'gptq', declared is 'awq'", "write \"quant_method\": \"gptq\"",
                E}}},
    {&awq, CONFIG(GPTQ("4", "32", V1)),
     .found = {{"method-mismatch", "model.layers.0.self_attn.q_proj.qweight",
                "found the layout of 'awq', declared is 'gptq' (and 13 more linears likewise)",
                "write \"quant_method\": \"awq\"", E}}},
    {&gptq, CONFIG(GPTQ("8", "32", V1)),
     .found = {{"packed-width", "model.layers.0.self_attn.q_proj.qweight",
                "has shape [8, 64], config.json makes it [16, 64]",
                "that is the width of \"bits\": 4, declared are 8", E}}},
    {&gptq, CONFIG(GPTQ("4", "64", V1)),
     .found = {{"group-size", "model.layers.0.self_attn.q_proj.qzeros", "has shape [2, 8]",
                "that is \"group_size\": 32, declared is 64", E}}},
    {&gptq, CONFIG(GPTQ("4", "48", V1)),
     .found = {{"group-size", "model.layers.0.self_attn.q_proj",
                "has 64 inputs, which groups of 48 do not divide", "these would: -1, 64, 32, 16",
                E}}},
    {&asymmetric, CONFIG(GPTQ("4", "32", ",\"checkpoint_format\":\"gptq_v2\"")),
     .found = {{"zero-point-not-symmetric", "model.layers.0.self_attn.q_proj.qzeros",
                "zero points off the middle, but 'sym' is declared", "\"sym\": false", E}}},
    {&awq,
     CONFIG("{\"quant_method\":\"awq\",\"bits\":4,\"group_size\":32,"
            "\"modules_to_not_convert\":[\"up_proj\"]}"),
     .found = {{"module-ignored", NULL, "'" UP "' is quantized, but the list", "remove it", E}}},
    /* quantized tensors, one by one and together */
    {&ordered,
     .changes = {{Q ".g_idx", .at = 5, .value = -1},
                 {UP ".g_idx", .at = 5, .value = 2},
                 {"model.layers.0.mlp.gate_proj.scales", .at = 7, .value = NAN},
                 {"model.layers.0.self_attn.o_proj.scales", .at = 0, .value = -INFINITY},
                 {"model.layers.1.mlp.down_proj.scales", .at = 3, .value = 0},
                 {"model.layers.1.self_attn.v_proj.scales", ""},
                 {"model.layers.1.self_attn.k_proj.scales", .at = 1, .value = 3e-6}},
     .found = {{"g-idx-negative", Q ".g_idx", "names a group below 0", "copy it again", E},
               {"g-idx-range", UP ".g_idx", "names a group behind the last", "copy it again", E},
               {"scale-not-finite", "model.layers.0.mlp.gate_proj.scales", "infinite or NaN",
                "quantize again", E},
               {"scale-not-finite", "model.layers.0.self_attn.o_proj.scales", "infinite or NaN",
                "quantize again", E},
               {"scale-zero", "model.layers.1.mlp.down_proj.scales", "a scale of zero",
                "quantize again", E},
               {"tensor-missing", "model.layers.1.self_attn.v_proj.scales", "is missing",
                "not complete", E},
               {"scale-denormal", "model.layers.1.self_attn.k_proj.scales",
                "holds 1 denormal scales", "float32", W}}},
    {&packed,
     .changes = {{Q ".weight_packed", Q ".qweight"}, {UP ".weight_scale", .at = 9, .value = 0}},
     .extra = {"lm_head.qweight", QGK_I32, 2, {8, 307}},
     .found = {{"method-mixed", Q ".qweight", "two methods in one folder", "one tool", E},
               {"scale-zero", UP ".weight_scale", "a scale of zero", "quantize again", E},
               {"module-unquantizable", "lm_head.qweight", "'lm_head' is quantized",
                "quantize again without it", E}}},
    {&w8a8, .changes = {{Q ".weight_scale", ""}, {UP ".weight_scale", .at = 1, .value = NAN}},
     .extra = {"model.embed_tokens.weight_scale", QGK_F16, 2, {307, 1}},
     .found = {{"tensor-missing", Q ".weight_scale", "is missing", "not complete", E},
               {"scale-not-finite", UP ".weight_scale", "infinite or NaN", "quantize again", E},
               {"module-unquantizable", "model.embed_tokens.weight_scale",
                "'model.embed_tokens' is quantized", "without it", E}}},
    {&bnb, .changes = {{Q ".SCB", ""}, {UP ".SCB", .at = 63, .value = INFINITY}},
     .found = {{"tensor-missing", Q ".SCB", "is missing", "not complete", E},
               {"scale-not-finite", UP ".SCB", "infinite or NaN", "quantize again", E}}},
    {&gptq, .extra = {Q ".weight", QGK_F16, 2, {64, 64}},
     .found = {{"method-mixed", Q ".weight", "is stored twice", "remove one", E}}},
};

START_TEST(damage_is_found)
{
    const sick *s = &all_sick[_i];
    const char *folder = model("m", s->recipe);

    if (s->key)
        fixture_set(folder, "config.json", s->key, s->json);
    fixture_tensors(folder, apply, (void *)s->changes, s->extra.name ? &s->extra : NULL);
    examine(folder, (qg_doctor_options){0});
    assert_found(s->found);
}
END_TEST

/* The first inputs become group 1's, until groups have other sizes. */
static void regroup(qg_tensor_spec *spec, void *data, void *user)
{
    (void)user;
    for (size_t i = 0; strcmp(spec->name, Q ".g_idx") == 0 && i < 40; i++)
        qgk_word_put(data, i, 1);
}

START_TEST(an_order_must_be_a_grouping)
{
    const char *folder = model("m", &ordered);

    fixture_tensors(folder, regroup, NULL, NULL);
    examine(folder, (qg_doctor_options){0});
    assert_found((expected[]){
        {"g-idx-not-a-grouping", Q ".g_idx", "gives some groups more inputs", "copy it again", E},
        {0}});
}
END_TEST

START_TEST(what_is_declared_by_the_caller_must_be_found)
{
    examine(model("m", &gptq), (qg_doctor_options){.quantization = "awq"});
    assert_found((expected[]){{"method-mismatch", NULL,
                               "found a folder quantized by method 'gptq' (config.json), declared "
                               "'awq'",
                               "write 'quantization: gptq'", E},
                              {0}});
    examine(model("plain", NULL), (qg_doctor_options){.quantization = "gptq"});
    assert_found((expected[]){
        {"method-mismatch", NULL, "found a plain float16 folder", "quantization: fp16", E}, {0}});
    examine(model("int8", NULL), (qg_doctor_options){.quantization = "int8"});
    assert_found((expected[]){{0}});
}
END_TEST

/* ---- the folder ---- */

static const char *weights_of(const char *folder)
{
    return qg_path_join(arena, folder, "model.safetensors");
}

/* Cuts, or with `more` appends zeros to, the file of weights. */
static void resize(const char *folder, off_t by)
{
    qg_str text;

    ck_assert_int_eq(qg_file_read(&text, arena, weights_of(folder), 1 << 26, &err), QG_OK);
    ck_assert_int_eq(truncate(weights_of(folder), (off_t)text.len + by), 0);
}

/* A file of two tensors of four bytes, whose header is given. */
static void put_header(const char *folder, const char *header, size_t n_data)
{
    qg_buf b;
    size_t n = strlen(header);

    qg_buf_init(&b, arena);
    for (int i = 0; i < 8; i++)
        qg_buf_char(&b, (char)(n >> 8 * i & 255));
    qg_buf_text(&b, header);
    for (size_t i = 0; i < n_data; i++)
        qg_buf_char(&b, '\0');
    ck_assert_int_eq(qg_file_write(weights_of(folder), qg_buf_view(&b), &err), QG_OK);
}

#define T(name, from, to)                                                                          \
    "\"" name "\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[" from "," to "]}"

START_TEST(unreadable_weights_are_told)
{
    const char *folder = model("m", NULL);

    resize(folder, -100);
    examine(folder, (qg_doctor_options){0});
    ck_assert_uint_eq(found.n, 1);
    ck_assert_str_eq(found.at[0].id, "tensor-outside");
    ck_assert_ptr_nonnull(strstr(found.at[0].message, weights_of(folder)));
    ck_assert_str_eq(found.at[0].suggestion, "it is truncated, fetch it again");

    put_header(folder, "{" T("model.norm.weight", "0", "4") "," T("lm_head.weight", "2", "6") "}",
               6);
    examine(folder, (qg_doctor_options){0});
    assert_found((expected[]){{"tensor-overlap", "lm_head.weight",
                               "overlaps tensor 'model.norm.weight'", "write the file again", E},
                              {0}});

    put_header(folder, "{" T(Q ".weight", "0", "4") "," T(Q ".weight", "4", "8") "}", 8);
    examine(folder, (qg_doctor_options){0});
    assert_found((expected[]){
        {"tensor-duplicate", Q ".weight", "duplicate tensor '" Q ".weight'", "each tensor once", E},
        {0}});

    put_header(folder, "{" T("a", "0", "6") "}", 6);
    examine(folder, (qg_doctor_options){0});
    assert_found(
        (expected[]){{"tensor-bytes", "a", "has 6 bytes of data", "header is wrong", E}, {0}});

    put_header(folder, "{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2);
    examine(folder, (qg_doctor_options){0});
    assert_found((expected[]){{"dtype-fp8", "a", "is FP8", "float16 or int8", E}, {0}});

    put_file(folder, "model.safetensors", "");
    examine(folder, (qg_doctor_options){0});
    assert_found((expected[]){{"weights-unreadable", NULL, "the file is empty", "again", E}, {0}});

    put_file(folder, "model.safetensors", "version https://git-lfs.github.com/spec/v1\n");
    examine(folder, (qg_doctor_options){0});
    assert_found((expected[]){
        {"weights-unreadable", NULL, "a pointer of git-lfs", "run 'git lfs pull'", E}, {0}});

    remove_file(folder, "model.safetensors");
    examine(folder, (qg_doctor_options){0});
    assert_found((expected[]){{"weights-missing", NULL, "holds no weights", "again", E}, {0}});

    put_file(folder, "pytorch_model.bin", "PK");
    examine(folder, (qg_doctor_options){0});
    assert_found((expected[]){{"weights-pickled", NULL, "'pytorch_model.bin' is pickled",
                               "convert the folder with scripts/convert-bin.py", E},
                              {0}});
}
END_TEST

START_TEST(unreadable_configurations_are_told)
{
    const char *folder = model("m", NULL);

    examine(qg_path_join(arena, folder, "none"), (qg_doctor_options){0});
    assert_found(
        (expected[]){{"folder-missing", NULL, "there is no model folder", "path", E}, {0}});
    fixture_set(folder, "config.json", "model_type", "\"gpt2\"");
    examine(folder, (qg_doctor_options){0});
    assert_found((expected[]){{"family-unsupported", NULL, "'gpt2'", NULL, E}, {0}});
    put_file(folder, "config.json", "{\"model_type\": \"llama\",");
    examine(folder, (qg_doctor_options){0});
    assert_found((expected[]){{"config-unreadable", NULL, "no valid JSON", "mend", E}, {0}});
    remove_file(folder, "config.json");
    examine(folder, (qg_doctor_options){0});
    assert_found((expected[]){{"config-unreadable", NULL, "config.json", "again", E}, {0}});
}
END_TEST

/* ---- the tokenizer ---- */

START_TEST(tokenizer_and_embedding_must_fit)
{
    const char *folder = model("m", NULL), *other = model("other", NULL), *wide;

    fixture_set(folder, "config.json", "eos_token_id", "306");
    fixture_set(folder, "config.json", "pad_token_id", "400");
    examine(folder, (qg_doctor_options){0});
    assert_found(
        (expected[]){{"special-id-range", NULL, "pad_token_id 400 lies outside", NULL, N}, {0}});

    /* of a model with a larger vocabulary */
    wide = fixture_model("wide", &(qg_synth_options){.vocab_size = 320});
    qg_str text;
    ck_assert_int_eq(
        qg_file_read(&text, arena, qg_path_join(arena, wide, "tokenizer.json"), 1 << 24, &err),
        QG_OK);
    ck_assert_int_eq(qg_file_write(qg_path_join(arena, other, "tokenizer.json"), text, &err),
                     QG_OK);
    examine(other, (qg_doctor_options){0});
    assert_found(
        (expected[]){{"vocabulary-embedding", NULL,
                      "ids up to 319, but the embedding has only 307 rows", "of another model", E},
                     {0}});
    /* the other way round: rows that no token has, of which one ends a text */
    ck_assert_int_eq(
        qg_file_read(&text, arena, qg_path_join(arena, folder, "tokenizer.json"), 1 << 24, &err),
        QG_OK);
    ck_assert_int_eq(qg_file_write(qg_path_join(arena, wide, "tokenizer.json"), text, &err), QG_OK);
    remove_file(wide, "generation_config.json");
    fixture_set(wide, "config.json", "eos_token_id", "315");
    examine(wide, (qg_doctor_options){0});
    assert_found((expected[]){{"special-id-range", NULL,
                               "eos_token_id 315 is no token of the tokenizer, which has 307",
                               "mend eos_token_id", W},
                              {0}});
    put_file(other, "tokenizer.json", "{\"model\":{\"type\":\"WordPiece\"}}");
    examine(other, (qg_doctor_options){0});
    assert_found((expected[]){{"tokenizer-unsupported", NULL, "WordPiece", NULL, E}, {0}});
}
END_TEST

/* ---- modes, notes, faults ---- */

START_TEST(quick_leaves_out_numbers_and_tokenizer)
{
    const change changes[] = {{"model.norm.weight", .at = 1, .value = NAN}, {0}};
    const char *folder = model("m", NULL);

    fixture_tensors(folder, apply, (void *)changes, NULL);
    put_file(folder, "tokenizer.json", "{");
    examine(folder, (qg_doctor_options){.quick = true});
    ck_assert_uint_eq(found.n, 0);
    examine(folder, (qg_doctor_options){0});
    ck_assert_uint_eq(found.n_errors, 2);
}
END_TEST

/* BF16 reaches 3e38, a half 65504. */
START_TEST(values_beyond_float16_are_counted)
{
    const change changes[] = {{Q ".weight", .at = 1, .value = 70000},
                              {Q ".weight", .at = 8, .value = -65536},
                              {Q ".weight", .at = 9, .value = 65280},
                              {0}};
    const char *folder = fixture_model("m", &(qg_synth_options){.dtype = "bfloat16"});

    fixture_tensors(folder, apply, (void *)changes, NULL);
    examine(folder, (qg_doctor_options){0});
    assert_found((expected[]){
        {"float16-overflow", Q ".weight", "2 values exceed 65504", "scale the tensor down", E},
        {0}});
}
END_TEST

START_TEST(only_small_quantized_models_get_the_notice)
{
    examine(model("m", &gptq), (qg_doctor_options){0});
    ck_assert_uint_eq(found.n, 1);
    ck_assert_str_eq(found.at[0].id, "small-model");
    ck_assert_int_eq(found.at[0].severity, QG_SEVERITY_NOTE);
    examine(model("plain", NULL), (qg_doctor_options){0});
    ck_assert_uint_eq(found.n, 0);
    examine(fixture_path("golden/models/tiny-llama"), (qg_doctor_options){.quantization = "int8"});
    ck_assert_uint_eq(found.n, 1);
    ck_assert_str_eq(found.at[0].id, "small-model");
}
END_TEST

START_TEST(failing_allocations_are_reported)
{
    const change changes[] = {
        {Q ".g_idx", .at = 5, .value = -1}, {.name = UP ".scales", .rename = ""}, {0}};
    const char *folder = model("m", &ordered);

    fixture_tensors(folder, apply, (void *)changes, NULL);
    for (long n = 1;; n += 1 + n / 50) {
        qg_arena *own = qg_arena_create();
        qg_findings_begin(&found, own);
        qg_err_clear(&err);
        qg_arena_fail_after(n);
        qg_status s = qg_doctor_examine(&found, folder, &(qg_doctor_options){0}, &err);
        bool unused = qg_arena_fail_after(0);
        ck_assert_msg(s == (unused ? QG_OK : QG_ENOMEM), "allocation %ld: %s", n,
                      qg_status_name(s));
        size_t n_errors = found.n_errors;
        qg_arena_free(own);
        if (unused) {
            ck_assert_uint_eq(n_errors, 2);
            break;
        }
    }
}
END_TEST

Suite *doctor_check(void)
{
    Suite *s = suite_create("doctor_check");
    TCase *c = tcase_create("doctor");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, fixture_end);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, healthy_folders_have_no_finding);
    tcase_add_loop_test(c, healthy_families_have_no_finding, 0, 4);
    tcase_add_loop_test(c, committed_folders_are_healthy, 0, sizeof committed / sizeof *committed);
    tcase_add_loop_test(c, damage_is_found, 0, sizeof all_sick / sizeof *all_sick);
    tcase_add_test(c, an_order_must_be_a_grouping);
    tcase_add_test(c, what_is_declared_by_the_caller_must_be_found);
    tcase_add_test(c, unreadable_weights_are_told);
    tcase_add_test(c, unreadable_configurations_are_told);
    tcase_add_test(c, tokenizer_and_embedding_must_fit);
    tcase_add_test(c, quick_leaves_out_numbers_and_tokenizer);
    tcase_add_test(c, values_beyond_float16_are_counted);
    tcase_add_test(c, only_small_quantized_models_get_the_notice);
    tcase_add_test(c, failing_allocations_are_reported);
    return s;
}
