/* `quantgate synth --out DIR`: writes a seeded random model of any shape, see quantize/synth.h. */
#include "base/json.h"
#include "base/units.h"
#include "cli/recipe.h"
#include "quantize/synth.h"

typedef struct synth_options {
    qg_cli_recipe recipe;
    const char *out, *family, *preset, *dtype, *rope_scaling;
    int64_t hidden_size, n_layers, n_heads, n_kv_heads, head_dim, intermediate_size, vocab_size;
    int64_t max_positions, n_shards, seed;
    double rope_theta, rope_factor;
    bool tied, untied, attention_bias, mlp_bias, dry_run, json;
} synth_options;

#define SIZE(name, field, help) QG_INT(name, synth_options, field, "N", 1, INT32_MAX, help)
static const qg_option options[] = {
    QG_TEXT("out", synth_options, out, "DIR", "the folder to make; it must not exist"),
    QG_TEXT("family", synth_options, family, "NAME", "llama, mistral, qwen2 or opt (the preset's)"),
    QG_TEXT("preset", synth_options, preset, "NAME",
            "tiny, smollm2-135m, 1.1b (TinyLlama), opt-1.3b, llama2-7b, mistral-7b or llama3-8b "
            "(tiny)"),
    QG_TEXT("dtype", synth_options, dtype, "float16|bfloat16|float32", "of the weights (float16)"),
    SIZE("hidden-size", hidden_size, "instead of the preset's; so the others:"),
    SIZE("layers", n_layers, "decoder layers"),
    SIZE("heads", n_heads, "attention heads"),
    SIZE("kv-heads", n_kv_heads, "heads of keys and values"),
    SIZE("head-dim", head_dim, "numbers of a head"),
    SIZE("intermediate-size", intermediate_size, "width of the MLP"),
    SIZE("vocab-size", vocab_size, "tokens, at least 258"),
    SIZE("max-positions", max_positions, "tokens of a sequence"),
    QG_FLAG("tied", synth_options, tied, "the head shares the embedding"),
    QG_FLAG("untied", synth_options, untied, "the head has weights of its own"),
    QG_FLAG("attention-bias", synth_options, attention_bias, "biases in attention"),
    QG_FLAG("mlp-bias", synth_options, mlp_bias, "biases in the MLP"),
    QG_REAL("rope-theta", synth_options, rope_theta, "X", 1, 1e12, "base of the rotation"),
    QG_TEXT("rope-scaling", synth_options, rope_scaling, "linear|llama3", "how it is stretched"),
    QG_REAL("rope-factor", synth_options, rope_factor, "X", 1, 1e6, "how far (4)"),
    QG_INT("shards", synth_options, n_shards, "N", 0, 1024, "files, 0: one without an index (0)"),
    QG_INT("seed", synth_options, seed, "N", 0, (double)((int64_t)1 << 53), "of the weights (0)"),
    QG_FLAG("dry-run", synth_options, dry_run, "tell the size, write nothing"),
    QG_FLAG("json", synth_options, json, "the size as one JSON object"),
    {0},
};

static qg_synth_options synth_of(const synth_options *o)
{
    return (qg_synth_options){.family = o->family,
                              .preset = o->preset,
                              .hidden_size = (int)o->hidden_size,
                              .n_layers = (int)o->n_layers,
                              .n_heads = (int)o->n_heads,
                              .n_kv_heads = (int)o->n_kv_heads,
                              .head_dim = (int)o->head_dim,
                              .intermediate_size = (int)o->intermediate_size,
                              .vocab_size = (int)o->vocab_size,
                              .max_positions = (int)o->max_positions,
                              .dtype = o->dtype,
                              .tied = o->tied     ? 1
                                      : o->untied ? -1
                                                  : 0,
                              .attention_bias = o->attention_bias,
                              .mlp_bias = o->mlp_bias,
                              .rope_theta = o->rope_theta,
                              .rope_scaling = o->rope_scaling,
                              .rope_factor = o->rope_factor,
                              .n_shards = (int)o->n_shards,
                              .seed = (uint64_t)o->seed};
}

static qg_status write_json(const synth_options *o, const qg_synth_size *size, qg_buf *out,
                            qg_err *err)
{
    qg_json_writer w;

    qg_json_write_begin(&w, out);
    qg_json_write_object(&w);
    qg_json_put_text(&w, "folder", o->dry_run ? NULL : o->out);
    qg_json_put_int(&w, "params", size->n_params);
    qg_json_put_int(&w, "tensors", size->n_tensors);
    qg_json_write_key(&w, "bytes");
    qg_json_write_object(&w);
    qg_json_put_int(&w, "embedding", size->embedding_bytes);
    qg_json_put_int(&w, "attention", size->attention_bytes);
    qg_json_put_int(&w, "mlp", size->mlp_bytes);
    qg_json_put_int(&w, "norm", size->norm_bytes);
    qg_json_put_int(&w, "head", size->head_bytes);
    qg_json_put_int(&w, "total", size->total_bytes);
    qg_json_put_int(&w, "loaded", size->loaded_bytes);
    qg_json_put_int(&w, "loaded_fp16", size->loaded_fp16_bytes);
    qg_json_write_close(&w);
    qg_json_write_close(&w);
    QG_PASS(qg_json_write_end(&w, err));
    qg_buf_char(out, '\n');
    return QG_OK;
}

static void write_text(const synth_options *o, const qg_synth_size *size, qg_buf *out)
{
    char stored[QG_UNIT_TEXT], loaded[QG_UNIT_TEXT], fp16[QG_UNIT_TEXT];

    qg_unit_print(stored, QG_UNIT_BYTES, (double)size->total_bytes);
    qg_unit_print(loaded, QG_UNIT_BYTES, (double)size->loaded_bytes);
    qg_unit_print(fp16, QG_UNIT_BYTES, (double)size->loaded_fp16_bytes);
    qg_buf_format(out, "%s: %lld parameters in %d tensors, %s\n", o->out ? o->out : "dry run",
                  (long long)size->n_params, size->n_tensors, stored);
    qg_buf_format(out, "weights when loaded: %s, %.4fx of float16's %s\n", loaded,
                  (double)size->loaded_bytes / (double)size->loaded_fp16_bytes, fp16);
}

static qg_status synth(qg_cli *cli, qg_err *err)
{
    const synth_options *o = cli->options;
    qg_synth_options model = synth_of(o);
    qg_synth_size size;
    qg_recipe recipe;
    qg_buf out;
    bool quantized;

    if (o->tied && o->untied)
        return qg_fail(err, QG_EARG, "'--tied' and '--untied' exclude each other");
    if (!o->out == !o->dry_run)
        return qg_fail(err, QG_EARG, "give either --out DIR or --dry-run");
    QG_PASS(qg_cli_recipe_read(&recipe, &quantized, &o->recipe, err));
    model.recipe = quantized ? &recipe : NULL;
    QG_PASS(qg_synth_plan(&size, &model, err));
    if (o->out)
        QG_PASS(qg_synth_write(&model, o->out, err));
    qg_buf_init(&out, cli->run);
    if (o->json)
        QG_PASS(write_json(o, &size, &out, err));
    else
        write_text(o, &size, &out);
    QG_NEED(!out.failed, err);
    return qg_cli_write(qg_buf_view(&out), err);
}

const qg_command qg_cmd_synth = {
    .name = "synth",
    .arguments = "",
    .summary = "write a seeded random model of any shape",
    .details = "A folder that every command opens, and transformers too. The same options give the "
               "same\nbytes on every machine.",
    .example = "quantgate synth --preset tiny -o random-model",
    .min_args = 0,
    .max_args = 0,
    .options = options,
    .shared = qg_cli_recipe_options,
    .options_size = sizeof(synth_options),
    .run = synth,
};
