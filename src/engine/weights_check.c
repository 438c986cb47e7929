/* Unit tests of engine/weights: what lies in place and what is converted, and every way in which
 * the tensors of a folder can contradict its config.json. */
#include "engine/weights.h"

#include "engine/reference_check.h"
#include "engine/score.h"

#include "check_suites.h"

#include <stdio.h>
#include <string.h>

static qg_arena *arena;
static qg_err err;
static const char *folder;

static void setup(void)
{
    fixture_begin();
    arena = fixture_arena();
    folder = fixture_model("m", &(qg_synth_options){.seed = 41});
    qg_err_clear(&err);
}

static qg_ledger ledger_of(const char *at)
{
    return qg_engine_describe(fixture_open(at, &(qg_engine_options){0})).ledger;
}

/* The tiny preset: hidden 72, 2 layers, 3 heads of 24, 1 KV head, ffn 107, vocabulary 307, tied. */
enum {
    MATRICES = 307 * 72 + 2 * (72 * 72 + 2 * 24 * 72 + 72 * 72 + 3 * 107 * 72),
    VECTORS = 5 * 72,
    VECTOR_BYTES = 5 * (72 * 4 + 32), /* rounded up to 64 */
};

START_TEST(halves_lie_in_place_and_others_are_converted)
{
    qg_ledger in_place = ledger_of(folder);
    qg_ledger converted =
        ledger_of(fixture_model("b", &(qg_synth_options){.seed = 41, .dtype = "bfloat16"}));

    ck_assert_int_eq(in_place.mapped, 2 * MATRICES);
    ck_assert_int_eq(in_place.bytes[QG_PURPOSE_WEIGHTS], 2 * MATRICES + VECTOR_BYTES);
    ck_assert_int_eq(converted.mapped, 0);
    ck_assert_int_ge(converted.bytes[QG_PURPOSE_WEIGHTS], 2 * MATRICES + VECTOR_BYTES);
    ck_assert_int_lt(converted.bytes[QG_PURPOSE_WEIGHTS], 2 * MATRICES + VECTOR_BYTES + 15 * 64);
    ck_assert_int_eq(qg_engine_describe(fixture_open(folder, &(qg_engine_options){0})).n_params,
                     MATRICES + VECTORS);
}
END_TEST

static double nll_of(const char *at)
{
    qg_engine *e = fixture_open(at, &(qg_engine_options){0});
    qg_score s;

    ck_assert_int_eq(qg_score_ids(&s, arena, e, &(qg_ids){fixture_ids(30, 300, 1), 30}, 1, 0, &err),
                     QG_OK);
    return s.nll;
}

START_TEST(a_tensor_at_an_odd_byte_is_copied)
{
    double nll = nll_of(folder);
    /* one byte in front of all others */
    fixture_tensors(folder, NULL, NULL, &(qg_tensor_spec){"a.rotary_emb.inv_freq", QGK_U8, 1, {1}});
    ck_assert_int_eq(ledger_of(folder).mapped, 0);
    ck_assert_double_eq(nll_of(folder), nll);
}
END_TEST

/* ---- what must be refused ---- */

typedef struct damage {
    const char *name;   /* of the tensor */
    const char *rename; /* NULL: drop, where nothing else is said */
    int64_t rows, cols; /* not 0: its new shape */
    qgk_dtype dtype;    /* where as_dtype */
    bool as_dtype;
    int put; /* this many values become `value` (F16 bits) */
    unsigned value;
    const char *message;
    qg_status status;
} damage;

static void apply(qg_tensor_spec *spec, void *data, void *user)
{
    const damage *d = user;

    if (strcmp(spec->name, d->name) != 0)
        return;
    for (int i = 0; i < d->put; i++)
        ((qgk_half *)data)[3 * i] = (qgk_half)d->value;
    if (d->rows) {
        spec->shape[0] = d->rows;
        spec->shape[1] = d->cols;
        spec->n_dims = d->cols ? 2 : 1;
    } else if (d->as_dtype) {
        spec->dtype = d->dtype;
    } else if (!d->put) {
        spec->name = d->rename;
    }
}

static const damage damages[] = {
    {.name = "model.norm.weight",
     .message = "tensor 'model.norm.weight' is missing",
     .status = QG_EFORMAT},
    {.name = "model.embed_tokens.weight",
     .message = "tensor 'model.embed_tokens.weight' is missing",
     .status = QG_EFORMAT},
    {.name = "model.layers.1.mlp.up_proj.weight",
     .message = "tensor 'model.layers.1.mlp.up_proj.weight' is missing",
     .status = QG_EFORMAT},
    {.name = "model.layers.0.self_attn.q_proj.weight",
     .rename = "model.layers.0.self_attn.q_proj.qweight",
     .message = "'model.layers.0.self_attn.q_proj' is quantized "
                "('model.layers.0.self_attn.q_proj.qweight'), yet the folder declares nothing; add "
                "the quantization_config that its tool wrote",
     .status = QG_EFORMAT},
    {.name = "model.layers.0.mlp.gate_proj.weight",
     .rows = 106,
     .cols = 72,
     .message = "tensor 'model.layers.0.mlp.gate_proj.weight' has shape [106, 72], config.json "
                "makes it [107, 72]",
     .status = QG_EFORMAT},
    {.name = "model.layers.0.self_attn.k_proj.weight",
     .rows = 72 * 24,
     .message = "tensor 'model.layers.0.self_attn.k_proj.weight' has shape [1728], config.json "
                "makes it [24, 72]",
     .status = QG_EFORMAT},
    {.name = "model.layers.0.self_attn.o_proj.weight",
     .as_dtype = true,
     .dtype = QGK_I16,
     .message = "tensor 'model.layers.0.self_attn.o_proj.weight' is I16, expected one of F32, F16, "
                "BF16",
     .status = QG_EFORMAT},
    {.name = "model.norm.weight",
     .as_dtype = true,
     .dtype = QGK_I16,
     .message = "tensor 'model.norm.weight' is I16, expected one of F32, F16, BF16",
     .status = QG_EFORMAT},
    {.name = "model.layers.1.mlp.down_proj.weight",
     .put = 2,
     .value = 0x7c00,
     .message = "tensor 'model.layers.1.mlp.down_proj.weight' holds 2 infinite or NaN values",
     .status = QG_ENONFINITE},
    {.name = "model.layers.1.input_layernorm.weight",
     .put = 1,
     .value = 0x7e01,
     .message = "tensor 'model.layers.1.input_layernorm.weight' holds 1 infinite or NaN values",
     .status = QG_ENONFINITE},
};

START_TEST(damaged_tensors_are_named)
{
    qg_engine *e;

    fixture_tensors(folder, apply, (void *)&damages[_i], NULL);
    ck_assert_int_eq(qg_engine_open(&e, arena, folder, &(qg_engine_options){0}, &err),
                     damages[_i].status);
    ck_assert_str_eq(err.message, damages[_i].message);
    ck_assert_str_eq(err.context, qg_arena_format(arena, "opening model '%s'", folder));
}
END_TEST

/* The same for what Llama does not have; `key`, where not NULL, is set in config.json first. */
static const struct {
    const char *family, *key, *json;
    damage damage;
} damages_of_kin[] = {
    {"qwen2", .damage = {.name = "model.layers.1.self_attn.k_proj.bias",
                         .message = "tensor 'model.layers.1.self_attn.k_proj.bias' is missing"}},
    {"qwen2", .damage = {.name = "model.layers.0.self_attn.q_proj.bias",
                         .rename = "model.layers.0.self_attn.o_proj.bias",
                         .message = "tensor 'model.layers.0.self_attn.q_proj.bias' is missing"}},
    {"opt", .damage = {.name = "model.decoder.layers.0.fc1.bias",
                       .message = "tensor 'model.decoder.layers.0.fc1.bias' is missing"}},
    {"opt",
     .damage = {.name = "model.decoder.layers.1.final_layer_norm.bias",
                .message = "tensor 'model.decoder.layers.1.final_layer_norm.bias' is missing"}},
    {"opt", .damage = {.name = "model.decoder.final_layer_norm.weight",
                       .message = "tensor 'model.decoder.final_layer_norm.weight' is missing"}},
    {"opt", .damage = {.name = "model.decoder.embed_positions.weight",
                       .message = "tensor 'model.decoder.embed_positions.weight' is missing"}},
    {"opt",
     .damage = {.name = "model.decoder.embed_positions.weight",
                .rows = 256,
                .cols = 72,
                .message = "tensor 'model.decoder.embed_positions.weight' has shape [256, 72], "
                           "config.json makes it [258, 72]"}},
    {"opt", "do_layer_norm_before", "false",
     .damage = {.name = "",
                .message = "tensor 'model.decoder.final_layer_norm.bias' does not belong to a "
                           "model of config.json's shape"}},
    {"opt", "enable_bias", "false",
     .damage = {.name = "",
                .message = "tensor 'model.decoder.layers.0.fc1.bias' does not belong to a model of "
                           "config.json's shape"}},
    {"opt", "word_embed_proj_dim", "40",
     .damage = {.name = "",
                .message = "tensor 'model.decoder.embed_tokens.weight' has shape [307, 72], "
                           "config.json makes it [307, 40]"}},
    {"opt", "activation_function", "\"gelu_new\"",
     .damage = {.name = "",
                .message = "hidden_act 'gelu_new' is not supported for family 'opt', only relu, "
                           "gelu",
                .status = QG_ENOSUP}},
};

START_TEST(damaged_kin_is_named)
{
    const damage *d = &damages_of_kin[_i].damage;
    qg_engine *e;

    folder = fixture_model("kin", &(qg_synth_options){.family = damages_of_kin[_i].family});
    if (damages_of_kin[_i].key)
        fixture_set(folder, "config.json", damages_of_kin[_i].key, damages_of_kin[_i].json);
    fixture_tensors(folder, apply, (void *)(uintptr_t)d, NULL);
    ck_assert_int_eq(qg_engine_open(&e, arena, folder, &(qg_engine_options){0}, &err),
                     d->status ? d->status : QG_EFORMAT);
    ck_assert_str_eq(err.message, d->message);
}
END_TEST

/* OPT, tiny: vocabulary 307, hidden 72, ffn 107, 256 positions, tied; 16 norm vectors and biases.
 */
START_TEST(positions_count_and_a_gate_does_not)
{
    int64_t matrices = 307 * 72 + 258 * 72 + 2 * (4 * 72 * 72 + 2 * 107 * 72);
    int64_t vectors = 2 * (4 * 72 + 107 + 72 + 4 * 72) + 2 * 72;
    qg_engine_options o = {.max_rows = 8};

    folder = fixture_model("opt", &(qg_synth_options){.family = "opt"});
    qg_engine_info info = qg_engine_describe(fixture_open(folder, &o));
    ck_assert_int_eq(info.ledger.mapped, 2 * matrices);
    ck_assert_int_eq(info.n_params, matrices + vectors);
    ck_assert_int_ge(info.ledger.bytes[QG_PURPOSE_WEIGHTS], 2 * matrices + 4 * vectors);
    ck_assert_int_lt(info.ledger.bytes[QG_PURPOSE_WEIGHTS],
                     2 * matrices + 4 * vectors + 2 * 8 * 64 + 2 * 64);
    /* x, normed, attended, delta of 72, q, k, v of 72, one row of ffn; then logits and picked */
    int64_t a = 8 * (4 * 72 + 3 * 72 + 107) * 4, logits = 8 * (307 + 72 + 1) * 4;
    ck_assert_int_ge(info.ledger.bytes[QG_PURPOSE_ACTIVATIONS], a + logits);
    ck_assert_int_lt(info.ledger.bytes[QG_PURPOSE_ACTIVATIONS], a + logits + 9 * 64);
}
END_TEST

START_TEST(a_tensor_too_many_is_a_contradiction)
{
    qg_engine *e;

    fixture_tensors(folder, NULL, NULL,
                    &(qg_tensor_spec){"model.layers.0.rotary_emb.inv_freq", QGK_F32, 1, {12}});
    fixture_open(folder, &(qg_engine_options){0}); /* old files have it */
    fixture_set(folder, "config.json", "num_hidden_layers", "1");
    ck_assert_int_eq(qg_engine_open(&e, arena, folder, &(qg_engine_options){0}, &err), QG_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.message, "tensor 'model.layers.1."));
    ck_assert_ptr_nonnull(strstr(err.message, "does not belong to a model of config.json's shape"));
    qg_err_clear(&err);
    fixture_set(folder, "config.json", "num_hidden_layers", "3");
    ck_assert_int_eq(qg_engine_open(&e, arena, folder, &(qg_engine_options){0}, &err), QG_EFORMAT);
    ck_assert_str_eq(err.message, "tensor 'model.layers.2.input_layernorm.weight' is missing");
}
END_TEST

/* BF16 reaches 3e38, a half 65504. */
static void enlarge(qg_tensor_spec *spec, void *data, void *user)
{
    (void)user;
    for (int i = 0; strstr(spec->name, "1.mlp.gate_proj") && i < 5; i++)
        ((qgk_bf16 *)data)[7 * i] = i == 4 ? 0x477f /* 65280 */ : 0x4780 /* 65536 */;
}

START_TEST(values_beyond_float16_are_counted)
{
    qg_engine *e;

    folder = fixture_model("b", &(qg_synth_options){.seed = 41, .dtype = "bfloat16"});
    fixture_tensors(folder, enlarge, NULL, NULL);
    ck_assert_int_eq(qg_engine_open(&e, arena, folder, &(qg_engine_options){0}, &err),
                     QG_ENONFINITE);
    ck_assert_str_eq(err.message, "tensor 'model.layers.1.mlp.gate_proj.weight': 4 values exceed "
                                  "65504, the largest of float16");
}
END_TEST

static void spoil_head(qg_tensor_spec *spec, void *data, void *user)
{
    (void)user;
    if (strcmp(spec->name, "lm_head.weight") == 0)
        ((qgk_half *)data)[5] ^= 1;
}

/* Renames the embedding's copy: an untied folder whose config then says tied. */
static void copy_embedding(qg_tensor_spec *spec, void *data, void *user)
{
    static char embedding[307 * 72 * 2];

    (void)user;
    if (strcmp(spec->name, "model.embed_tokens.weight") == 0)
        memcpy(embedding, data, sizeof embedding);
    if (strcmp(spec->name, "lm_head.weight") == 0)
        memcpy(data, embedding, sizeof embedding);
}

START_TEST(a_tied_head_may_be_stored_if_it_is_the_same)
{
    qg_engine *e;

    folder = fixture_model("u", &(qg_synth_options){.seed = 41, .tied = -1});
    fixture_tensors(folder, copy_embedding, NULL, NULL); /* remembers the embedding */
    fixture_tensors(folder, copy_embedding, NULL, NULL); /* whichever came first */
    double untied = nll_of(folder);
    fixture_set(folder, "config.json", "tie_word_embeddings", "true");
    ck_assert_double_eq(nll_of(folder), untied);
    fixture_tensors(folder, spoil_head, NULL, NULL);
    ck_assert_int_eq(qg_engine_open(&e, arena, folder, &(qg_engine_options){0}, &err), QG_EFORMAT);
    ck_assert_str_eq(err.message, "config.json ties the head to the embedding, but tensors "
                                  "'lm_head.weight' and 'model.embed_tokens.weight' differ");
}
END_TEST

START_TEST(an_untied_head_must_be_there)
{
    qg_engine *e;

    fixture_set(folder, "config.json", "tie_word_embeddings", "false");
    ck_assert_int_eq(qg_engine_open(&e, arena, folder, &(qg_engine_options){0}, &err), QG_EFORMAT);
    ck_assert_str_eq(err.message, "tensor 'lm_head.weight' is missing");
}
END_TEST

/* ---- a tier with a layout of its own ---- */

/* Rows from the last to the first, in front of them the shape. */
static size_t reversed_bytes(qgk_shape s)
{
    return sizeof s + 2 * (size_t)s.n * (size_t)s.k;
}

static void reversed_pack(void *packed, qgk_shape s, const qgk_canon *rows, int row0)
{
    if (row0 == 0) /* strips of a segment are packed side by side */
        memcpy(packed, &s, sizeof s);
    qgk_half *to = (qgk_half *)((char *)packed + sizeof s);
    for (int i = 0; i < rows->n_rows; i++)
        memcpy(to + (size_t)(s.n - 1 - row0 - i) * (size_t)s.k,
               (const qgk_half *)rows->codes + (size_t)i * (size_t)s.k, 2 * (size_t)s.k);
}

static void assert_reversed(const qgk_segment *seg, const qgk_half *rows, int k)
{
    const qgk_half *packed = (const qgk_half *)((const char *)seg->data + sizeof(qgk_shape));
    qgk_shape s;

    memcpy(&s, seg->data, sizeof s);
    ck_assert_int_eq(s.n, seg->n);
    ck_assert_int_eq(s.k, k);
    for (int i = 0; i < s.n; i++)
        ck_assert_int_eq(memcmp(packed + (size_t)(s.n - 1 - i) * (size_t)k,
                                rows + (size_t)i * (size_t)k, 2 * (size_t)k),
                         0);
}

START_TEST(a_tier_packs_its_own_layout)
{
    /* long enough for several strips */
    folder = fixture_model("long", &(qg_synth_options){.seed = 4, .vocab_size = 9001});
    qg_model_config config;
    const qg_checkpoint *checkpoint;
    qg_backend *b;
    qg_slab plan = {0};
    qg_weight_sums sums;
    void *memory;

    ck_assert_int_eq(qg_config_read(&config, arena, folder, qg_family_names(), &err), QG_OK);
    ck_assert_int_eq(qg_checkpoint_open(&checkpoint, arena, folder, &err), QG_OK);
    ck_assert_int_eq(qg_backend_open(&b, arena, &(qg_backend_options){0}, &err), QG_OK);
    b->table.linear[QGK_FORMAT_F16].in_place = 0;
    b->table.linear[QGK_FORMAT_F16].packed_bytes = reversed_bytes;
    b->table.linear[QGK_FORMAT_F16].pack = reversed_pack;
    qg_weights w = {.layers = QG_NEW_N(arena, qg_layer, (size_t)config.n_layers)};
    qg_weight_source source = {.checkpoint = checkpoint,
                               .config = &config,
                               .family = qg_family_find("llama"),
                               .storage = {.method = qgk_method_find("fp16")}};

    ck_assert_int_eq(qg_weights_layout(&w, &sums, &plan, &source, b, arena, &err), QG_OK);
    ck_assert_int_eq(b->alloc(&memory, b, plan.used, QG_PURPOSE_WEIGHTS, &err), QG_OK);
    qg_slab slab = {.base = memory};
    ck_assert_int_eq(qg_weights_layout(&w, &sums, &slab, &source, b, arena, &err), QG_OK);
    ck_assert_uint_eq(slab.used, plan.used);
    ck_assert_uint_eq(sums.mapped_bytes, 2 * 9001 * 72); /* embedding rows are read as they are */
    assert_reversed(&w.head.weight[0].segment[0], w.embed, 72);
    const char *names[] = {"q", "k", "v"};
    for (int i = 0; i < 3; i++) {
        const char *name =
            qg_arena_format(arena, "model.layers.1.self_attn.%s_proj.weight", names[i]);
        assert_reversed(&w.layers[1].qkv.weight[0].segment[i],
                        qg_checkpoint_find(checkpoint, name)->data, 72);
    }
    ck_assert_int_eq(w.layers[1].qkv.weight[0].n, 72 + 24 + 24);
}
END_TEST

/* ---- a backend with memory of its own ---- */

static size_t n_uploaded;

static void count_and_copy(qg_backend *b, void *to, const void *from, size_t bytes)
{
    (void)b;
    n_uploaded += bytes;
    memcpy(to, from, bytes);
}

typedef struct laid_out {
    qg_weights w;
    qg_weight_sums sums;
    qg_slab slab;
} laid_out;

static qg_status lay_out(laid_out *l, const qg_weight_source *source, qg_backend *b)
{
    qg_slab plan = {0};
    void *memory;

    l->w.layers = QG_NEW_N(arena, qg_layer, (size_t)source->config->n_layers);
    ck_assert_ptr_nonnull(l->w.layers);
    ck_assert_int_eq(qg_weights_layout(&l->w, &l->sums, &plan, source, b, arena, &err), QG_OK);
    ck_assert_int_eq(b->alloc(&memory, b, plan.used, QG_PURPOSE_WEIGHTS, &err), QG_OK);
    l->slab = (qg_slab){.base = memory};
    return qg_weights_layout(&l->w, &l->sums, &l->slab, source, b, arena, &err);
}

static void assert_same_linear(const qg_backend *b, const qg_linear *x, const qg_linear *y)
{
    ck_assert_int_eq(x->n_weights, y->n_weights);
    for (int i = 0; i < x->n_weights; i++)
        for (int k = 0; k < x->weight[i].n_segments; k++) {
            const qgk_weight *w = &x->weight[i];
            const qgk_segment *s = &w->segment[k], *t = &y->weight[i].segment[k];
            qgk_shape shape = {s->n, w->k, s->group, 4};
            ck_assert_ptr_ne(s->data, t->data);
            ck_assert_int_eq(
                memcmp(s->data, t->data, b->table.linear[w->format].packed_bytes(shape)), 0);
            ck_assert_int_eq(!s->order, !t->order);
            if (s->order)
                ck_assert_int_eq(memcmp(s->order, t->order, (size_t)w->k * sizeof *s->order), 0);
        }
}

/* Pieces of many sizes pass through one room, larger and smaller ones by turns; each must leave
 * what the host would have written straight to its place. */
START_TEST(what_is_uploaded_is_what_would_be_written)
{
    static const qg_recipe recipe = {.format = "gptq", .group_size = 32, .act_order = true};
    qg_synth_options o = {.hidden_size = 128,
                          .n_heads = 4,
                          .n_kv_heads = 2,
                          .intermediate_size = 1088,
                          .vocab_size = 600,
                          .tied = -1,
                          .attention_bias = true,
                          .recipe = &recipe};
    qg_backend *here, *there;
    laid_out a = {0}, c = {0};
    qg_model_config config;
    const qg_checkpoint *checkpoint;

    folder = fixture_model("uploaded", &o);
    ck_assert_int_eq(qg_config_read(&config, arena, folder, qg_family_names(), &err), QG_OK);
    ck_assert_int_eq(qg_checkpoint_open(&checkpoint, arena, folder, &err), QG_OK);
    ck_assert_int_eq(qg_backend_open(&here, arena, &(qg_backend_options){"cpu", 0, 2}, &err), 0);
    ck_assert_int_eq(qg_backend_open(&there, arena, &(qg_backend_options){"cpu", 0, 2}, &err), 0);
    there->reads_host_memory = false;
    there->upload = count_and_copy;
    qg_weight_source source = {
        .checkpoint = checkpoint, .config = &config, .family = qg_family_find("llama")};
    ck_assert_int_eq(qg_storage_choose(&source.storage, &config, checkpoint, NULL, NULL, &err), 0);

    ck_assert_int_eq(lay_out(&a, &source, here), QG_OK);
    ck_assert_int_eq(lay_out(&c, &source, there), QG_OK);
    ck_assert_uint_eq(c.sums.mapped_bytes, 0);
    ck_assert_uint_gt(n_uploaded, qg_checkpoint_bytes(checkpoint) / 2);
    ck_assert_uint_le(n_uploaded, c.slab.used);
    ck_assert_int_eq(memcmp(a.w.embed, c.w.embed, (size_t)(600 * 128) * sizeof *a.w.embed), 0);
    for (int i = 0; i < config.n_layers; i++) {
        const qg_layer *x = &a.w.layers[i], *y = &c.w.layers[i];
        const qg_linear *of[][2] = {{&x->qkv, &y->qkv},
                                    {&x->o, &y->o},
                                    {&x->mlp_in, &y->mlp_in},
                                    {&x->mlp_out, &y->mlp_out}};
        for (int k = 0; k < 4; k++)
            assert_same_linear(here, of[k][0], of[k][1]);
        ck_assert_int_eq(memcmp(x->qkv.weight[0].bias, y->qkv.weight[0].bias,
                                (size_t)x->qkv.weight[0].n * sizeof(float)),
                         0);
        ck_assert_int_eq(memcmp(x->mlp_norm.weight, y->mlp_norm.weight, 128 * sizeof(float)), 0);
    }
}
END_TEST

Suite *weights_check(void)
{
    Suite *s = suite_create("weights_check");
    TCase *c = tcase_create("weights");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, fixture_end);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, halves_lie_in_place_and_others_are_converted);
    tcase_add_test(c, a_tensor_at_an_odd_byte_is_copied);
    tcase_add_loop_test(c, damaged_tensors_are_named, 0, sizeof damages / sizeof *damages);
    tcase_add_loop_test(c, damaged_kin_is_named, 0, sizeof damages_of_kin / sizeof *damages_of_kin);
    tcase_add_test(c, positions_count_and_a_gate_does_not);
    tcase_add_test(c, a_tensor_too_many_is_a_contradiction);
    tcase_add_test(c, values_beyond_float16_are_counted);
    tcase_add_test(c, a_tied_head_may_be_stored_if_it_is_the_same);
    tcase_add_test(c, an_untied_head_must_be_there);
    tcase_add_test(c, a_tier_packs_its_own_layout);
    tcase_add_test(c, what_is_uploaded_is_what_would_be_written);
    return s;
}
