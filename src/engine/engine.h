/* The door of the engine: a model folder, opened and ready to run.
 *
 * Nouns: an *engine* is a loaded model with its weights, KV pool and kernel context; a *session*
 * (engine/session.h) is one timeline of tokens on it. Opening checks all of the folder, the
 * tokenizer included, and refuses what is broken, or what does not fit in memory with the
 * arithmetic, before it computes. Nothing of tensors or kernels shows here. An engine and its
 * sessions belong to one thread.
 */
#ifndef QG_ENGINE_ENGINE_H
#define QG_ENGINE_ENGINE_H

#include "backend/device.h"
#include "backend/ledger.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "tokenizer/tokenizer.h"

typedef struct qg_engine_options {
    const char *device; /* "cpu", "cuda", "auto"; NULL: "auto"                               */
    const char *tier;   /* highest kernel tier, "auto" or NULL: the best of this CPU         */
    const char *quantization; /* method the caller declares; NULL: what the folder says. "int8"
                                 over a plain folder quantizes while loading */
    const char *activations;  /* of that int8: "int8" (W8A8, per token) or NULL, "float" (W8A16) */
    const char *dtype; /* "float16", "auto" or NULL; others are refused by name             */
    int n_threads;     /* 0: all that this process may use                                  */
    int max_model_len; /* most tokens of a session; 0: the model's, at most 4096 on the CPU */
    int max_seqs;      /* sessions that exist at once; 0: 1                                 */
    int64_t kv_tokens; /* KV pool, rounded up to blocks; 0: max_seqs * max_model_len        */
    int max_rows;      /* tokens of one forward pass: the prefill chunk; 0: 256, on CUDA 2048 */
    int block_tokens;  /* tokens of a KV block; 0: 16                                       */
    const qg_tokenizer *tokenizer; /* of this folder, already open; outlives the engine. NULL: the
                                      engine opens it */
} qg_engine_options;

typedef struct qg_engine qg_engine;

/* What was opened. Texts live as long as the engine. */
typedef struct qg_engine_info {
    const char *folder; /* NULL: of no folder */
    const char *family, *method, *dtype, *device, *tier;
    const char *gpu; /* model and driver; NULL on the CPU */
    int n_threads, n_layers, hidden_size, vocab_size, max_model_len, max_seqs;
    int bits, group_size; /* of quantized weights; 0: plain, and no groups */
    int64_t n_params;     /* numbers in the checkpoint's tensors, a tied head counted once */
    /* Loading: bytes of all tensors in the checkpoint, and the time until they were where kernels
     * read them, looked at and packed. */
    int64_t load_bytes, load_ns;
    qg_ledger ledger; /* at this moment */
} qg_engine_info;

/* The engine lives as long as the arena. */
qg_status qg_engine_open(qg_engine **out, qg_arena *arena, const char *folder,
                         const qg_engine_options *options, qg_err *err);
qg_engine_info qg_engine_describe(const qg_engine *e);
const qg_tokenizer *qg_engine_tokenizer(const qg_engine *e); /* NULL: it has none */
bool qg_engine_is_end(const qg_engine *e,
                      int32_t id);       /* an end token of generation_config.json or config.json */
void qg_engine_reset_peak(qg_engine *e); /* memory_peak counts from here */
/* What its device says of itself; false: nothing. */
bool qg_engine_observe(qg_device_state *out, const qg_engine *e);

/* SHA-256 over config.json and the content of every shard (reads them all). */
qg_status qg_engine_hash_folder(char hex[65], const char *folder, qg_err *err);

/* Bytes that opening would take, from config.json and the headers of the tensors alone. */
qg_status qg_engine_plan_memory(qg_ledger *out, const char *folder,
                                const qg_engine_options *options, qg_err *err);
/* The same for a model that is only imagined: a parsed configuration and a checkpoint of shapes
 * (qg_checkpoint_imagine). */
struct qg_model_config;
struct qg_checkpoint;
qg_status qg_engine_plan_shape(qg_ledger *out, const struct qg_model_config *config,
                               const struct qg_checkpoint *shapes, const qg_engine_options *options,
                               qg_err *err);
/* Opens a model that lies in memory: a checkpoint imagined with its data. There is no tokenizer, so
 * it takes ids and gives no text. */
qg_status qg_engine_open_shape(qg_engine **out, qg_arena *arena,
                               const struct qg_model_config *config,
                               const struct qg_checkpoint *weights,
                               const qg_engine_options *options, qg_err *err);

#endif
