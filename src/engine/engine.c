/* Opening a model folder, in this order: read and check all that it claims, add up what it will
 * take (the same walk that later fills the buffers, see slab.h), compare with the memory that is
 * there, allocate, load. Invariant: nothing large is allocated before the comparison, and the
 * ledger afterwards is what was planned. */
#include "engine/engine.h"

#include "base/clock.h"
#include "base/units.h"
#include "engine/engine_internal.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum {
    DEFAULT_LEN = 4096,
    DEFAULT_ROWS = 256, /* on the CPU */
    DEVICE_ROWS = 2048,
    DEFAULT_BLOCK = 16,
    DEFAULT_LOGITS = 32, /* on the CPU */
    DEVICE_LOGITS = 128,
    MAX_SEQS = 65536,
    MAX_ROWS = 65536,
    MAX_BLOCK = 65536,
};

/* ---- what the folder says ---- */

/* What is declared has to be there, once all weights have been looked at. */
static qg_status check_storage(const qg_engine *e, qg_err *err)
{
    const qg_storage *s = &e->source.storage;

    if (s->method->marker < 0 || e->sums.n_quantized)
        return QG_OK;
    return qg_fail(err, QG_EFORMAT,
                   "found plain weights, declared is the method '%s' (%s); remove the declaration",
                   s->said.declared, e->config.quantization.source);
}

static qg_status check_dtype(const char *dtype, qg_err *err)
{
    if (!dtype || strcmp(dtype, "auto") == 0 || strcmp(dtype, "float16") == 0)
        return QG_OK;
    return qg_fail(err, QG_ENOSUP, "dtype '%s' is not supported, only float16 and auto", dtype);
}

/* What config.json and checkpoint, which are there, make of the engine. */
static qg_status read_model(qg_engine *e, qg_arena *arena, const qg_engine_options *options,
                            qg_err *err)
{
    size_t n_layers = (size_t)e->config.n_layers;

    QG_PASS(check_dtype(options->dtype, err));
    e->source.config = &e->config;
    e->source.checkpoint = e->checkpoint;
    e->source.family = qg_family_find(e->config.model_type);
    QG_PASS(qg_family_check(e->source.family, &e->config, err));
    /* a checkpoint that is only imagined has no folder, and no zero points to look at */
    QG_PASS(qg_storage_choose(&e->source.storage, &e->config, e->folder ? e->checkpoint : NULL,
                              options->quantization, options->activations, err));
    e->weights.layers = QG_NEW_N(arena, qg_layer, n_layers);
    e->kv.layer = QG_NEW_N(arena, qgk_kv, n_layers);
    QG_NEED(e->weights.layers && e->kv.layer, err);
    return QG_OK;
}

static qg_status read_folder(qg_engine *e, qg_arena *arena, const char *folder,
                             const qg_engine_options *options, qg_err *err)
{
    QG_PASS(qg_config_read(&e->config, arena, folder, qg_family_names(), err));
    QG_PASS(qg_checkpoint_open(&e->checkpoint, arena, folder, err));
    e->folder = qg_arena_copy(arena, folder, strlen(folder) + 1);
    QG_NEED(e->folder, err);
    return read_model(e, arena, options, err);
}

/* Ids that the tokenizer can give must have a row in the embedding. */
static qg_status read_tokenizer(qg_engine *e, qg_arena *arena, const char *folder,
                                const qg_tokenizer *open, qg_err *err)
{
    e->tokenizer = open;
    if (!open)
        QG_PASS(qg_tokenizer_open(&e->tokenizer, arena, folder, err));
    size_t n = qg_tokenizer_size(e->tokenizer);
    if (n > (size_t)e->config.vocab_size)
        return qg_fail(err, QG_EFORMAT,
                       "the tokenizer has ids up to %zu, but the embedding has only %d rows "
                       "(vocab_size of config.json)",
                       n - 1, e->config.vocab_size);
    return QG_OK;
}

/* ---- what the caller wants ---- */

/* `value`, or `fallback` where it is 0. */
static qg_status choose_size(int *out, const char *name, int value, int fallback, int max,
                             qg_err *err)
{
    *out = value ? value : fallback;
    if (*out < 1 || *out > max)
        return qg_fail(err, QG_EARG, "%s %d lies outside 1 to %d", name, *out, max);
    return QG_OK;
}

static qg_status choose_blocks(qg_kvcache *kv, const qg_sizes *s, int64_t kv_tokens, qg_err *err)
{
    int64_t n = (int64_t)s->max_seqs * s->blocks_per_seq;

    if (kv_tokens < 0)
        return qg_fail(err, QG_EARG, "kv_tokens %lld is negative", (long long)kv_tokens);
    if (kv_tokens > 0)
        n = kv_tokens / kv->block_tokens + (kv_tokens % kv->block_tokens != 0);
    if (n > INT_MAX)
        return qg_fail(err, QG_ENOMEM, "a KV cache of %lld blocks does not fit in any memory",
                       (long long)n);
    kv->n_blocks = (int)n;
    return QG_OK;
}

static qg_status choose_sizes(qg_engine *e, const qg_engine_options *o, qg_err *err)
{
    qg_sizes *s = &e->decoder.sizes;
    int positions = e->config.max_positions, longest = e->config.longest;
    int len = positions < DEFAULT_LEN ? positions : DEFAULT_LEN;

    if (o->max_model_len > longest)
        return qg_fail(err, QG_EARG, "max_model_len %d exceeds the model's %d positions",
                       o->max_model_len, longest);
    QG_PASS(choose_size(&s->max_len, "max_model_len", o->max_model_len, len, longest, err));
    QG_PASS(choose_size(&s->max_seqs, "max_seqs", o->max_seqs, 1, MAX_SEQS, err));
    bool on_cpu = e->backend->reads_host_memory;
    int rows = on_cpu ? DEFAULT_ROWS : DEVICE_ROWS,
        logits = on_cpu ? DEFAULT_LOGITS : DEVICE_LOGITS;
    QG_PASS(choose_size(&s->max_rows, "max_rows", o->max_rows, rows, MAX_ROWS, err));
    QG_PASS(choose_size(&e->kv.block_tokens, "block_tokens", o->block_tokens, DEFAULT_BLOCK,
                        MAX_BLOCK, err));
    s->blocks_per_seq = qg_kvcache_blocks_for(&e->kv, s->max_len);
    s->logits_rows = s->max_rows < logits ? s->max_rows : logits;
    return choose_blocks(&e->kv, s, o->kv_tokens, err);
}

/* ---- memory ---- */

/* Walks over everything that holds memory; with all bases NULL this only adds up. */
static qg_status layout(qg_engine *e, qg_slab slabs[QG_N_PURPOSES], qg_arena *arena, qg_err *err)
{
    e->decoder.backend = e->backend;
    e->decoder.config = &e->config;
    e->decoder.family = e->source.family;
    e->decoder.weights = &e->weights;
    e->decoder.kv = &e->kv;
    qg_kvcache_layout(&e->kv, &slabs[QG_PURPOSE_KV_CACHE], &e->config, e->backend->table.act_bytes);
    qg_transformer_layout(&e->decoder, &slabs[QG_PURPOSE_ACTIVATIONS],
                          &slabs[QG_PURPOSE_WORKSPACE]);
    return qg_weights_layout(&e->weights, &e->sums, &slabs[QG_PURPOSE_WEIGHTS], &e->source,
                             e->backend, arena, err);
}

static qgk_limits limits_of(const qg_engine *e)
{
    qgk_limits limits = qg_transformer_limits(&e->decoder);

    limits.formats = e->sums.formats;
    return limits;
}

static qg_status plan(qg_ledger *out, qg_engine *e, qg_slab slabs[QG_N_PURPOSES], qg_arena *arena,
                      qg_err *err)
{
    qg_slab scratch = {0};

    QG_PASS(layout(e, slabs, arena, err));
    QG_PASS(check_storage(e, err));
    qgk_limits limits = limits_of(e);
    qg_slab_take(&scratch, e->backend->table.scratch_bytes(&limits), 1);
    *out = e->backend->ledger; /* what the backend itself holds */
    out->mapped = (int64_t)e->sums.mapped_bytes;
    for (int p = 0; p < QG_N_PURPOSES; p++)
        qg_ledger_add(out, (qg_purpose)p, (int64_t)slabs[p].used);
    qg_ledger_add(out, QG_PURPOSE_WORKSPACE, (int64_t)scratch.used);
    qg_ledger_add(out, QG_PURPOSE_WEIGHTS, out->mapped);
    return QG_OK;
}

static qg_status check_fits(const qg_ledger *l, const qg_backend *backend, qg_err *err)
{
    int64_t available = backend->available(backend);
    char text[QG_N_PURPOSES + 2][QG_UNIT_TEXT];

    if (available < 0 || qg_ledger_total(l) <= available)
        return QG_OK;
    for (int p = 0; p < QG_N_PURPOSES; p++)
        qg_unit_print(text[p], QG_UNIT_BYTES, (double)l->bytes[p]);
    return qg_fail(err, QG_ENOMEM,
                   "not enough memory: weights %s + KV cache %s + activations %s + workspace %s = "
                   "%s, available are %s; lower max_model_len, max_seqs or the KV cache",
                   text[QG_PURPOSE_WEIGHTS], text[QG_PURPOSE_KV_CACHE],
                   text[QG_PURPOSE_ACTIVATIONS], text[QG_PURPOSE_WORKSPACE],
                   qg_unit_print(text[QG_N_PURPOSES], QG_UNIT_BYTES, (double)qg_ledger_total(l)),
                   qg_unit_print(text[QG_N_PURPOSES + 1], QG_UNIT_BYTES, (double)available));
}

/* ---- opening ---- */

static qg_status open_backend(qg_engine *e, qg_arena *arena, const qg_engine_options *o,
                              qg_err *err)
{
    QG_PASS(qg_backend_open(
        &e->backend, arena,
        &(qg_backend_options){.device = o->device, .tier = o->tier, .n_threads = o->n_threads},
        err));
    int most = e->backend->table.max_head_dim;
    if (most && e->config.head_dim > most)
        return qg_fail(err, QG_ENOSUP, "heads of %d numbers are not supported on %s, at most %d",
                       e->config.head_dim, e->backend->name, most);
    return QG_OK;
}

static qg_status allocate(qg_engine *e, qg_arena *arena, qg_slab slabs[QG_N_PURPOSES], qg_err *err)
{
    qgk_limits limits = limits_of(e);

    for (int p = 0; p < QG_N_PURPOSES; p++) {
        void *base;
        QG_PASS(e->backend->alloc(&base, e->backend, slabs[p].used, (qg_purpose)p, err));
        slabs[p] = (qg_slab){.base = base};
    }
    QG_PASS(qg_backend_reserve_scratch(e->backend, &limits, err));
    e->load_ns = qg_clock_ns();
    QG_PASS(layout(e, slabs, arena, err));
    QG_PASS(e->backend->sync(e->backend, err));
    e->load_ns = qg_clock_ns() - e->load_ns;
    qg_backend_count_mapped(e->backend, e->sums.mapped_bytes);
    return QG_OK;
}

/* The host's side: sessions with their block tables, the stack of free blocks. */
static qg_status open_sessions(qg_engine *e, qg_arena *arena, qg_err *err)
{
    const qg_sizes *s = &e->decoder.sizes;
    size_t n_seqs = (size_t)s->max_seqs, stride = (size_t)s->blocks_per_seq;
    int32_t *tables = QG_NEW_N(arena, int32_t, n_seqs * stride);

    e->sessions = QG_NEW_N(arena, qg_session, n_seqs);
    e->kv.free_blocks = QG_NEW_N(arena, int32_t, (size_t)e->kv.n_blocks);
    e->best = QG_NEW_N(arena, int32_t, (size_t)s->logits_rows);
    QG_NEED(tables && e->sessions && e->kv.free_blocks && e->best, err);
    for (size_t i = 0; i < n_seqs; i++)
        e->sessions[i] = (qg_session){.engine = e, .seq.blocks = tables + i * stride};
    qg_kvcache_clear(&e->kv);
    return QG_OK;
}

/* Loads the model that has been read. */
static qg_status load(qg_engine *e, qg_arena *arena, const qg_engine_options *options, qg_err *err)
{
    qg_slab slabs[QG_N_PURPOSES] = {0};
    qg_ledger planned;

    QG_PASS(open_backend(e, arena, options, err));
    QG_PASS(choose_sizes(e, options, err));
    QG_PASS(plan(&planned, e, slabs, arena, err));
    QG_PASS(check_fits(&planned, e->backend, err));
    QG_PASS(allocate(e, arena, slabs, err));
    QG_PASS(qg_transformer_open(&e->decoder, arena, err));
    return open_sessions(e, arena, err);
}

static qg_status open_folder(qg_engine *e, qg_arena *arena, const char *folder,
                             const qg_engine_options *options, qg_err *err)
{
    QG_PASS(read_folder(e, arena, folder, options, err));
    QG_PASS(read_tokenizer(e, arena, folder, options->tokenizer, err));
    return load(e, arena, options, err);
}

qg_status qg_engine_open(qg_engine **out, qg_arena *arena, const char *folder,
                         const qg_engine_options *options, qg_err *err)
{
    qg_engine *e = QG_NEW(arena, qg_engine);

    QG_NEED(e, err);
    QG_TRY(open_folder(e, arena, folder, options, err), err, "opening model '%s'", folder);
    *out = e;
    return QG_OK;
}

/* Reads a model of no folder. */
static qg_status read_shape(qg_engine *e, qg_arena *arena, const qg_model_config *config,
                            const qg_checkpoint *shapes, const qg_engine_options *options,
                            qg_err *err)
{
    e->config = *config;
    e->checkpoint = shapes;
    return read_model(e, arena, options, err);
}

qg_status qg_engine_open_shape(qg_engine **out, qg_arena *arena, const qg_model_config *config,
                               const qg_checkpoint *weights, const qg_engine_options *options,
                               qg_err *err)
{
    qg_engine *e = QG_NEW(arena, qg_engine);

    QG_NEED(e, err);
    QG_PASS(read_shape(e, arena, config, weights, options, err));
    QG_PASS(load(e, arena, options, err));
    *out = e;
    return QG_OK;
}

/* Adds up what the engine, of which the model has been read, would take. */
static qg_status plan_alone(qg_ledger *out, qg_engine *e, qg_arena *arena,
                            const qg_engine_options *options, qg_err *err)
{
    qg_slab slabs[QG_N_PURPOSES] = {0};

    QG_PASS(open_backend(e, arena, options, err));
    QG_PASS(choose_sizes(e, options, err));
    return plan(out, e, slabs, arena, err);
}

qg_status qg_engine_plan_memory(qg_ledger *out, const char *folder,
                                const qg_engine_options *options, qg_err *err)
{
    qg_arena *arena = qg_arena_create();
    qg_engine *e = arena ? QG_NEW(arena, qg_engine) : NULL;
    qg_status status = e ? QG_OK : qg_fail(err, QG_ENOMEM, "out of memory");

    if (!status)
        status = read_folder(e, arena, folder, options, err);
    if (!status)
        status = plan_alone(out, e, arena, options, err);
    if (status)
        qg_note(err, "planning the memory of model '%s'", folder);
    qg_arena_free(arena);
    return status;
}

qg_status qg_engine_plan_shape(qg_ledger *out, const qg_model_config *config,
                               const qg_checkpoint *shapes, const qg_engine_options *options,
                               qg_err *err)
{
    qg_arena *arena = qg_arena_create();
    qg_engine *e = arena ? QG_NEW(arena, qg_engine) : NULL;
    qg_status status = e ? QG_OK : qg_fail(err, QG_ENOMEM, "out of memory");

    if (!status)
        status = read_shape(e, arena, config, shapes, options, err);
    if (!status)
        status = plan_alone(out, e, arena, options, err);
    qg_arena_free(arena);
    return status;
}

qg_status qg_engine_hash_folder(char hex[65], const char *folder, qg_err *err)
{
    const qg_checkpoint *checkpoint;
    qg_arena *arena = qg_arena_create();

    QG_NEED(arena, err);
    qg_status status = qg_checkpoint_open(&checkpoint, arena, folder, err);
    if (!status)
        status = qg_checkpoint_hash(checkpoint, hex, err);
    if (status)
        qg_note(err, "hashing model '%s'", folder);
    qg_arena_free(arena);
    return status;
}

/* ---- what was opened ---- */

qg_engine_info qg_engine_describe(const qg_engine *e)
{
    const qg_storage *storage = &e->source.storage;
    bool is_plain = strcmp(storage->method->runs_as, "fp16") == 0;

    return (qg_engine_info){
        .folder = e->folder,
        .family = e->source.family->name,
        .method = storage->method->runs_as,
        .dtype = "float16",
        .device = e->backend->name,
        .gpu = e->backend->about,
        .tier = e->backend->table.tier,
        .n_threads = e->backend->ctx.n_threads,
        .n_layers = e->config.n_layers,
        .hidden_size = e->config.hidden_size,
        .vocab_size = e->config.vocab_size,
        .max_model_len = e->decoder.sizes.max_len,
        .max_seqs = e->decoder.sizes.max_seqs,
        .bits = is_plain ? 0 : storage->config.bits,
        .group_size = is_plain || storage->config.group_size < 0 ? 0 : storage->config.group_size,
        .n_params = e->sums.n_params,
        .load_bytes = (int64_t)qg_checkpoint_bytes(e->checkpoint),
        .load_ns = e->load_ns,
        .ledger = e->backend->ledger,
    };
}

const qg_tokenizer *qg_engine_tokenizer(const qg_engine *e)
{
    return e->tokenizer;
}

bool qg_engine_is_end(const qg_engine *e, int32_t id)
{
    for (int i = 0; i < e->config.n_eos; i++)
        if (e->config.eos_ids[i] == id)
            return true;
    return false;
}

bool qg_engine_observe(qg_device_state *out, const qg_engine *e)
{
    if (!e->backend->observe)
        return false;
    e->backend->observe(out, e->backend);
    return true;
}

void qg_engine_reset_peak(qg_engine *e)
{
    qg_ledger_reset_peak(&e->backend->ledger);
}
