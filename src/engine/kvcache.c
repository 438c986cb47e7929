/* Pages of the key-value cache, see kvcache.h. Free blocks are a stack; invariant: every block is
 * on the stack or in exactly one sequence's table. */
#include "engine/kvcache.h"

#include <assert.h>

void qg_kvcache_layout(qg_kvcache *kv, qg_slab *slab, const qg_model_config *config, int act_bytes)
{
    size_t per_block = (size_t)config->n_kv_heads * (size_t)kv->block_tokens *
                       (size_t)config->head_dim * (size_t)act_bytes;

    for (int i = 0; i < config->n_layers; i++) {
        qgk_kv *layer = &kv->layer[i];
        layer->k = qg_slab_take(slab, (size_t)kv->n_blocks, per_block);
        layer->v = qg_slab_take(slab, (size_t)kv->n_blocks, per_block);
        layer->n_kv_heads = config->n_kv_heads;
        layer->head_dim = config->head_dim;
        layer->block_tokens = kv->block_tokens;
    }
}

void qg_kvcache_clear(qg_kvcache *kv)
{
    kv->n_free = kv->n_blocks;
    for (int i = 0; i < kv->n_blocks; i++)
        kv->free_blocks[i] = kv->n_blocks - 1 - i;
}

int qg_kvcache_blocks_for(const qg_kvcache *kv, int n_tokens)
{
    return n_tokens / kv->block_tokens + (n_tokens % kv->block_tokens != 0);
}

bool qg_kvcache_append(qg_kvcache *kv, qg_kvseq *seq, int n_tokens)
{
    int n_blocks = qg_kvcache_blocks_for(kv, seq->n_tokens + n_tokens);

    if (n_blocks - seq->n_blocks > kv->n_free)
        return false;
    while (seq->n_blocks < n_blocks)
        seq->blocks[seq->n_blocks++] = kv->free_blocks[--kv->n_free];
    seq->n_tokens += n_tokens;
    return true;
}

void qg_kvcache_rewind(qg_kvcache *kv, qg_kvseq *seq, int n_tokens)
{
    assert(n_tokens >= 0 && n_tokens <= seq->n_tokens);
    int n_blocks = qg_kvcache_blocks_for(kv, n_tokens);
    while (seq->n_blocks > n_blocks)
        kv->free_blocks[kv->n_free++] = seq->blocks[--seq->n_blocks];
    seq->n_tokens = n_tokens;
}
