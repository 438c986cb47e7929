/* Synthetic models: a seeded random checkpoint of any shape that every command can open.
 *
 * The folder holds config.json, generation_config.json, model.safetensors (or shards with their
 * index), tokenizer.json (byte-level BPE without merges: <s>, </s>, the 256 bytes, then filler up
 * to the vocabulary) and tokenizer_config.json; transformers opens it as well. Weights are normal
 * with deviation 1/sqrt(inputs), the head's such that logits have a deviation near 2.5, norms are
 * 1: the activations keep their size through the layers and the model prefers some tokens to
 * others. The same options give the same bytes on every machine.
 */
#ifndef QG_QUANTIZE_SYNTH_H
#define QG_QUANTIZE_SYNTH_H

#include "base/err.h"
#include "checkpoint/config.h"
#include "checkpoint/shards.h"
#include "quantize/form.h"

#include <stdbool.h>
#include <stdint.h>

/* 0 or NULL: the preset's. What makes no sense together is refused as in a config.json. */
typedef struct qg_synth_options {
    const char *family; /* "llama", "mistral", "qwen2", "opt"; NULL: the preset's */
    const char *preset; /* NULL: "tiny" (2 layers, odd sizes); "smollm2-135m", "1.1b" (TinyLlama),
                           "opt-1.3b", "llama2-7b", "mistral-7b", "llama3-8b" */
    int hidden_size, n_layers, n_heads, n_kv_heads, head_dim, intermediate_size;
    int vocab_size; /* at least 258: the bytes and two specials */
    int max_positions;
    const char *dtype; /* "float16" (default), "bfloat16", "float32" */
    int tied;          /* head shares the embedding: 1 yes, -1 no, 0 as the preset */
    bool attention_bias, mlp_bias;
    double rope_theta;
    const char *rope_scaling; /* "linear", "llama3"; NULL: none */
    double rope_factor;       /* 0: 4 */
    int n_shards;             /* 0: one file without an index */
    const qg_recipe *recipe;  /* how the layers' linears are quantized; NULL: they are not */
    uint64_t seed;
} qg_synth_options;

/* What the options ask for; bytes are those of the weights as stored. */
typedef struct qg_synth_size {
    int64_t n_params;
    int n_tensors;
    int64_t embedding_bytes, attention_bytes, mlp_bytes, norm_bytes, head_bytes, total_bytes;
    /* Of the weights in the engine's memory, as the best CPU tier packs them, and of the same model
     * in float16. */
    int64_t loaded_bytes, loaded_fp16_bytes;
} qg_synth_size;

/* The dry run: checks the options and adds up, writes nothing. */
qg_status qg_synth_plan(qg_synth_size *out, const qg_synth_options *options, qg_err *err);

/* Writes the folder, which must not exist (QG_EEXISTS); it appears complete or not at all. Memory
 * is bounded whatever the size of the model. */
qg_status qg_synth_write(const qg_synth_options *options, const char *folder, qg_err *err);

/* The model in memory, for qg_engine_open_shape(): the bytes that would be written, but that all
 * layers share the data of the first, so that a large model takes the room of one layer and its
 * embedding, and is there at once. Everything lives as long as the arena. */
qg_status qg_synth_make(qg_model_config *config, const qg_checkpoint **weights, qg_arena *arena,
                        const qg_synth_options *options, qg_err *err);

#endif
