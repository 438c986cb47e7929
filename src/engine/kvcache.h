/* The cache of keys and values, in pages (Kwon et al. 2023).
 *
 * The pool holds n_blocks blocks of block_tokens tokens for every layer; block b of a sequence is
 * the same number in all layers. A sequence owns a table of blocks: token t lies in its block t /
 * block_tokens. Blocks are taken when a sequence grows into them and given back when it is rewound;
 * which ones it gets has no influence on any result.
 */
#ifndef QG_ENGINE_KVCACHE_H
#define QG_ENGINE_KVCACHE_H

#include "base/arena.h"
#include "base/err.h"
#include "checkpoint/config.h"
#include "engine/slab.h"
#include "kernels/qgk.h"

#include <stdbool.h>

typedef struct qg_kvcache {
    qgk_kv *layer; /* [n_layers] the pool as kernels see it */
    int n_blocks, block_tokens;
    int32_t *free_blocks; /* [n_free] a stack */
    int n_free;
} qg_kvcache;

typedef struct qg_kvseq {
    int32_t *blocks; /* [n_blocks], room for as many as the longest sequence needs */
    int n_blocks, n_tokens;
} qg_kvseq;

/* Lays the pool of all layers into `slab`; n_blocks and block_tokens are set by the caller, `layer`
 * has room for every layer. */
void qg_kvcache_layout(qg_kvcache *kv, qg_slab *slab, const qg_model_config *config, int act_bytes);
/* Puts all blocks on the stack, which has room for n_blocks. */
void qg_kvcache_clear(qg_kvcache *kv);

int qg_kvcache_blocks_for(const qg_kvcache *kv, int n_tokens);
/* Makes the sequence n_tokens longer. False, and nothing has changed, where blocks are lacking. */
bool qg_kvcache_append(qg_kvcache *kv, qg_kvseq *seq, int n_tokens);
/* Keeps the first n_tokens and gives back the blocks behind them. */
void qg_kvcache_rewind(qg_kvcache *kv, qg_kvseq *seq, int n_tokens);

#endif
