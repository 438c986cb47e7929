/* config.json of a model folder as plain numbers.
 *
 * Reads what Hugging Face transformers writes, in both spellings: version 4 (`torch_dtype`,
 * `rope_theta`, `rope_scaling` with `type` or `rope_type`) and version 5 (`dtype`,
 * `rope_parameters`, `layer_types`). A file that has both must say the same in both. Absent keys
 * take the defaults of transformers' configuration class. A family's own words for the same facts
 * (OPT: `ffn_dim`, `activation_function`, `enable_bias`) end up in the same fields. End tokens come
 * from generation_config.json where that names any, as `generate` does, else from config.json.
 *
 * Every number is held to the bounds below, so that products of a few of them fit into 64 bits and
 * no caller allocates by a wild claim; whether the tensors agree is checked where they are bound
 * (engine/weights). Messages name the key and what was found. Statuses: QG_ENOTFOUND (no
 * config.json), QG_EFORMAT (no JSON, wrong type, out of bounds, contradiction), QG_ENOSUP (unknown
 * model type, FP8, partial rotation).
 */
#ifndef QG_CHECKPOINT_CONFIG_H
#define QG_CHECKPOINT_CONFIG_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "kernels/qgk_types.h"

enum {
    QG_MAX_VOCAB = 4 << 20,
    QG_MAX_HIDDEN = 65536,
    QG_MAX_LAYERS = 1000,
    QG_MAX_HEADS = 4096,
    QG_MAX_HEAD_DIM = 4096,
    QG_MAX_ATTENTION = 1 << 18, /* n_heads * head_dim */
    QG_MAX_INTERMEDIATE = 1 << 20,
    QG_MAX_POSITIONS = 1 << 24,
    QG_MAX_EOS = 16,
};

typedef enum qg_rope_type {
    QG_ROPE_NONE,    /* plain rotation ("default", or nothing said), or none at all */
    QG_ROPE_LINEAR,  /* positions / factor */
    QG_ROPE_DYNAMIC, /* theta grows with the length, see engine/rope.h */
    QG_ROPE_YARN,    /* frequencies by wavelength, cosines and sines scaled */
    QG_ROPE_LLAMA3,  /* frequencies by wavelength */
    QG_ROPE_OTHER,   /* longrope, ...: only the name is known here */
} qg_rope_type;

typedef struct qg_rope_config {
    double theta;
    qg_rope_type type;
    const char *name; /* as the file spells it; "default" where it says nothing, "none" in OPT */
    double factor;    /* >= 1; 1 where there is no scaling */
    double low_freq_factor, high_freq_factor; /* llama3: 0 < low < high */
    double beta_fast, beta_slow;              /* yarn: 0 < slow <= fast */
    double attention_factor;                  /* yarn: 0 where it is inferred from the others */
    double mscale, mscale_all_dim;            /* yarn: 0 where absent */
    bool truncate;                            /* yarn */
    /* llama3, yarn, dynamic: positions of the model before it was stretched; else 0 */
    int64_t original_max_positions;
} qg_rope_config;

/* What says that the weights are quantized, unparsed. */
typedef struct qg_quantization_config {
    bool present;
    const char *method; /* `quant_method`; NULL where it is not named (old quantize_config.json) */
    const char *source; /* "config.json", "quantize_config.json", "quant_config.json" */
    const qg_json *node;
} qg_quantization_config;

/* Strings and nodes live as long as the arena of qg_config_read. */
typedef struct qg_model_config {
    const char *model_type;   /* "llama": the family */
    const char *architecture; /* first of `architectures`, "" where absent */
    int vocab_size, hidden_size, n_layers, n_heads, n_kv_heads, head_dim;
    int intermediate_size;
    int embed_size;    /* columns of embedding and head; not hidden_size where OPT projects */
    int max_positions; /* as declared */
    int longest;       /* positions that scaling allows: more than declared for yarn and dynamic */
    double norm_eps;
    qg_rope_config rope;
    /* biases as asked for; which linears follow them is the family's business */
    bool tie_word_embeddings, attention_bias, mlp_bias;
    bool post_norm;         /* OPT-350m: norms stand after their blocks */
    bool no_final_norm;     /* post_norm, or as the file says */
    bool norms_are_plain;   /* norms without weight and bias */
    const char *hidden_act; /* "silu", "relu", "gelu" */
    int sliding_window;     /* 0: none; else layers with is_windowed see that many positions */
    bool is_windowed[QG_MAX_LAYERS];
    bool has_dtype;     /* false: the file does not say */
    qgk_dtype dtype;    /* F32, F16 or BF16, as declared; the tensors may differ */
    int bos_id, pad_id; /* -1: none; pad may lie outside the vocabulary, nothing uses it */
    int n_eos;
    int eos_ids[QG_MAX_EOS];
    qg_quantization_config quantization;
    const qg_json *root; /* config.json, for what a family reads beyond this */
} qg_model_config;

/* `families` is a NULL-terminated list of model types: any other is refused by name before the rest
 * is read, since another family has other keys. NULL accepts all. */
qg_status qg_config_read(qg_model_config *out, qg_arena *arena, const char *folder,
                         const char *const *families, qg_err *err);

/* The same from a config.json that was parsed already, without a look at the folder's other files.
 * `out` points into `root`. */
qg_status qg_config_parse(qg_model_config *out, const qg_json *root, const char *const *families,
                          qg_err *err);

#endif
