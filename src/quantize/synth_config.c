/* The config.json of synthetic models: see synth_config.h. */
#include "quantize/synth_config.h"

#include "base/json.h"
#include "quantize/synth_tokenizer.h"

#include <stdio.h>
#include <string.h>

/* What a config.json says of its family. */
static const struct family {
    const char *name, *architecture;
    bool is_opt;
} families[] = {
    {"llama", "LlamaForCausalLM", false},
    {"mistral", "MistralForCausalLM", false},
    {"qwen2", "Qwen2ForCausalLM", false},
    {"opt", "OPTForCausalLM", true},
};
enum { N_FAMILIES = sizeof families / sizeof *families };

/* As the config.json of each says that its makers published. */
static const struct preset {
    const char *name, *family;
    int hidden_size, n_layers, n_heads, n_kv_heads, intermediate_size, vocab_size, max_positions;
    bool tied;
    double rope_theta;
} presets[] = {
    {"tiny", "llama", 72, 2, 3, 1, 107, 307, 256, true, 1e4},
    /* HuggingFaceTB/SmolLM2-135M */
    {"smollm2-135m", "llama", 576, 30, 9, 3, 1536, 49152, 8192, true, 1e5},
    /* TinyLlama/TinyLlama-1.1B */
    {"1.1b", "llama", 2048, 22, 32, 4, 5632, 32000, 2048, false, 1e4},
    /* facebook/opt-1.3b */
    {"opt-1.3b", "opt", 2048, 24, 32, 32, 8192, 50272, 2048, true, 0},
    /* meta-llama/Llama-2-7b-hf */
    {"llama2-7b", "llama", 4096, 32, 32, 32, 11008, 32000, 4096, false, 1e4},
    /* mistralai/Mistral-7B-v0.3, which attends to all: no window */
    {"mistral-7b", "mistral", 4096, 32, 32, 8, 14336, 32768, 32768, false, 1e6},
    /* meta-llama/Meta-Llama-3-8B */
    {"llama3-8b", "llama", 4096, 32, 32, 8, 14336, 128256, 8192, false, 5e5},
};
enum { N_PRESETS = sizeof presets / sizeof *presets };

static const struct family *find_family(const char *name)
{
    for (int i = 0; i < N_FAMILIES; i++)
        if (strcmp(families[i].name, name) == 0)
            return &families[i];
    return NULL;
}

static const struct preset *find_preset(const char *name)
{
    for (int i = 0; i < N_PRESETS; i++)
        if (strcmp(presets[i].name, name ? name : "tiny") == 0)
            return &presets[i];
    return NULL;
}

static int given_or(int given, int otherwise)
{
    return given ? given : otherwise;
}

static void write_rope(qg_json_writer *w, const qg_synth_options *o, const struct preset *p)
{
    double factor = o->rope_factor != 0 ? o->rope_factor : 4;
    double theta = p->rope_theta != 0 ? p->rope_theta : 10000;

    qg_json_put_real(w, "rope_theta", o->rope_theta != 0 ? o->rope_theta : theta);
    qg_json_write_key(w, "rope_scaling");
    if (!o->rope_scaling) {
        qg_json_write_null(w);
        return;
    }
    qg_json_write_object(w);
    qg_json_put_text(w, "rope_type", o->rope_scaling);
    qg_json_put_real(w, "factor", factor);
    if (strcmp(o->rope_scaling, "llama3") == 0) {
        int max_positions = given_or(o->max_positions, p->max_positions);
        double original = max_positions / factor; /* a factor below 1 is refused by the parser */
        qg_json_put_real(w, "low_freq_factor", 1);
        qg_json_put_real(w, "high_freq_factor", 4);
        qg_json_put_int(w, "original_max_position_embeddings",
                        original >= 1 && original <= max_positions ? (int64_t)original : 1);
    }
    qg_json_write_close(w);
}

/* Keys of Llama and its kin. */
static void write_llama(qg_json_writer *w, const qg_synth_options *o, const struct preset *p)
{
    qg_json_put_int(w, "num_key_value_heads", given_or(o->n_kv_heads, p->n_kv_heads));
    if (o->head_dim)
        qg_json_put_int(w, "head_dim", o->head_dim);
    qg_json_put_int(w, "intermediate_size", given_or(o->intermediate_size, p->intermediate_size));
    qg_json_put_text(w, "hidden_act", "silu");
    qg_json_put_real(w, "rms_norm_eps", 1e-5);
    write_rope(w, o, p);
    qg_json_put_bool(w, "attention_bias", o->attention_bias);
    qg_json_put_bool(w, "mlp_bias", o->mlp_bias);
}

static void write_opt(qg_json_writer *w, const qg_synth_options *o, const struct preset *p)
{
    qg_json_put_int(w, "ffn_dim", given_or(o->intermediate_size, p->intermediate_size));
    qg_json_put_int(w, "word_embed_proj_dim", given_or(o->hidden_size, p->hidden_size));
    qg_json_put_bool(w, "do_layer_norm_before", true);
    qg_json_put_text(w, "activation_function", "relu");
    qg_json_put_bool(w, "enable_bias", true);
    qg_json_put_bool(w, "layer_norm_elementwise_affine", true);
}

static qg_status write_config(qg_buf *b, const qg_synth_options *o, const struct preset *p,
                              const struct family *f, const qg_form *form, qg_err *err)
{
    qg_json_writer w;

    qg_json_write_begin(&w, b);
    qg_json_write_object(&w);
    qg_json_write_key(&w, "architectures");
    qg_json_write_array(&w);
    qg_json_write_text(&w, f->architecture);
    qg_json_write_end_array(&w);
    qg_json_put_text(&w, "model_type", f->name);
    qg_json_put_int(&w, "vocab_size", given_or(o->vocab_size, p->vocab_size));
    qg_json_put_int(&w, "hidden_size", given_or(o->hidden_size, p->hidden_size));
    qg_json_put_int(&w, "num_hidden_layers", given_or(o->n_layers, p->n_layers));
    qg_json_put_int(&w, "num_attention_heads", given_or(o->n_heads, p->n_heads));
    qg_json_put_int(&w, "max_position_embeddings", given_or(o->max_positions, p->max_positions));
    if (f->is_opt)
        write_opt(&w, o, p);
    else
        write_llama(&w, o, p);
    qg_json_put_bool(&w, "tie_word_embeddings", o->tied ? o->tied > 0 : p->tied || f->is_opt);
    qg_json_put_int(&w, "bos_token_id", QG_SYNTH_BOS);
    qg_json_put_int(&w, "eos_token_id", QG_SYNTH_EOS);
    qg_json_put_text(&w, "torch_dtype", o->dtype ? o->dtype : "float16");
    if (form) {
        qg_json_write_key(&w, "quantization_config");
        qg_form_write_config(form, &w);
    }
    qg_json_write_close(&w);
    return qg_json_write_end(&w, err);
}

static qg_status fail_preset(const char *name, qg_err *err)
{
    char known[128] = "";
    size_t used = 0;

    for (int i = 0; i < N_PRESETS; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "",
                                 presets[i].name);
    return qg_fail(err, QG_EARG, "preset '%s' is unknown: %s are there", name, known);
}

qg_status qg_synth_config(qg_buf *b, const qg_synth_options *o, const qg_form *form, qg_err *err)
{
    const struct preset *p = find_preset(o->preset);

    if (!p)
        return fail_preset(o->preset, err);
    const char *family = o->family ? o->family : p->family;
    const struct family *f = find_family(family);
    if (!f)
        return qg_fail(err, QG_ENOSUP,
                       "family '%s' is not supported, only llama, mistral, qwen2, opt", family);
    return write_config(b, o, p, f, form, err);
}
