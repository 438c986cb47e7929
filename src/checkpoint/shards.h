/* The weights of a model folder: one file or many, looked up by tensor name.
 *
 * A folder holds `model.safetensors`, or shards with `model.safetensors.index.json`
 * ({"weight_map": {"TENSOR": "model-00001-of-00002.safetensors", ...}}, transformers' sharding).
 * The index wins where both exist, as in vLLM. It is held to the truth: shard names are plain file
 * names of this folder, every tensor that it lists lies in the shard that it names, and every
 * tensor in the shards is listed; a tensor in two shards is refused. A folder with nothing but
 * pickled weights
 * (*.bin, *.pt, *.pth) is refused with the way out, scripts/convert-bin.py.
 *
 * Statuses as in safetensors.h; QG_ENOTFOUND when the folder or a shard is absent, QG_ENOSUP for
 * pickles.
 */
#ifndef QG_CHECKPOINT_SHARDS_H
#define QG_CHECKPOINT_SHARDS_H

#include "base/hash.h"
#include "checkpoint/safetensors.h"

enum { QG_CHECKPOINT_MAX_SHARDS = 1024 };

typedef struct qg_checkpoint qg_checkpoint;

/* All views live as long as the arena. */
qg_status qg_checkpoint_open(const qg_checkpoint **out, qg_arena *arena, const char *folder,
                             qg_err *err);
/* The checkpoint that would have these tensors. data [n_specs]: what they hold, where several may
 * point to the same bytes, which outlive the checkpoint; so none is to be used in place. NULL:
 * views without data, for planning. */
qg_status qg_checkpoint_imagine(const qg_checkpoint **out, qg_arena *arena,
                                const qg_tensor_spec *specs, const void *const *data,
                                size_t n_specs, qg_err *err);
const char *qg_checkpoint_folder(const qg_checkpoint *c);
size_t qg_checkpoint_n_shards(const qg_checkpoint *c);
const qg_safetensors *qg_checkpoint_shard(const qg_checkpoint *c, size_t i);

size_t qg_checkpoint_count(const qg_checkpoint *c);
const qg_tensor *qg_checkpoint_at(const qg_checkpoint *c, size_t i); /* in order of names (bytes) */
const qg_tensor *qg_checkpoint_find(const qg_checkpoint *c, const char *name); /* NULL: absent */
/* Sum of the tensors' n_bytes. */
size_t qg_checkpoint_bytes(const qg_checkpoint *c);

/* Identity of the model: SHA-256 over everything that decides its numbers: config.json,
 * generation_config.json, quantize_config.json and quant_config.json where they exist, and every
 * shard whole, each with name and length. Reads all weights: ask once. */
qg_status qg_checkpoint_hash(const qg_checkpoint *c, char hex[QG_HASH_HEX], qg_err *err);

#endif
