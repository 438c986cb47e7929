/* Unit tests of engine/inventory: the names are held against the folders that transformers wrote or
 * opened (every tensor listed, none left over), shapes and biases against hand-written lists. */
#include "engine/inventory.h"

#include "checkpoint/shards.h"
#include "engine/reference_check.h"

#include "check_suites.h"

#include <stdio.h>

static qg_err err;

static qg_model_config parse(const char *text)
{
    const qg_json *root;
    qg_model_config c;

    ck_assert_int_eq(qg_json_parse(&root, fixture_arena(), qg_str_from(text), "test", &err), QG_OK);
    ck_assert_msg(qg_config_parse(&c, root, qg_family_names(), &err) == QG_OK, "%s", err.message);
    return c;
}

static qg_inventory make(const qg_model_config *c)
{
    qg_inventory inventory;

    ck_assert_int_eq(
        qg_inventory_make(&inventory, fixture_arena(), qg_family_find(c->model_type), c, &err),
        QG_OK);
    return inventory;
}

static void expect(const qg_inventory *inventory, size_t i, const char *line)
{
    char text[256];

    ck_assert_uint_lt(i, inventory->n_items);
    const qg_item *item = &inventory->items[i];
    snprintf(text, sizeof text, "%s %s %d [%d,%d]%s", qg_item_kind_name(item->kind), item->name,
             item->layer, item->n, item->k, item->bias ? " bias" : "");
    ck_assert_str_eq(text, line);
}

START_TEST(qwen2_in_full)
{
    static const char *const lines[] = {
        "embed model.embed_tokens -1 [320,64]",
        "attention_norm model.layers.0.input_layernorm 0 [64,0]",
        "q model.layers.0.self_attn.q_proj 0 [64,64] bias",
        "k model.layers.0.self_attn.k_proj 0 [32,64] bias",
        "v model.layers.0.self_attn.v_proj 0 [32,64] bias",
        "o model.layers.0.self_attn.o_proj 0 [64,64]",
        "mlp_norm model.layers.0.post_attention_layernorm 0 [64,0]",
        "gate model.layers.0.mlp.gate_proj 0 [160,64]",
        "up model.layers.0.mlp.up_proj 0 [160,64]",
        "down model.layers.0.mlp.down_proj 0 [64,160]",
        "final_norm model.norm -1 [64,0]",
        "lm_head lm_head -1 [320,64]",
    };
    qg_model_config c =
        parse("{\"model_type\":\"qwen2\",\"vocab_size\":320,\"hidden_size\":64,"
              "\"num_hidden_layers\":1,\"num_attention_heads\":4,\"num_key_value_heads\":2,"
              "\"intermediate_size\":160}");
    qg_inventory inventory = make(&c);

    ck_assert_uint_eq(inventory.n_items, sizeof lines / sizeof *lines);
    for (size_t i = 0; i < inventory.n_items; i++)
        expect(&inventory, i, lines[i]);
}
END_TEST

#define OPT                                                                                        \
    "{\"model_type\":\"opt\",\"vocab_size\":300,\"hidden_size\":60,\"num_hidden_layers\":2,"       \
    "\"num_attention_heads\":4,\"ffn_dim\":100,\"max_position_embeddings\":128"

START_TEST(opt_with_projection_in_full)
{
    static const char *const lines[] = {
        "embed model.decoder.embed_tokens -1 [300,24]",
        "positions model.decoder.embed_positions -1 [130,60]",
        "project_in model.decoder.project_in -1 [60,24]",
        "attention_norm model.decoder.layers.0.self_attn_layer_norm 0 [60,0] bias",
        "q model.decoder.layers.0.self_attn.q_proj 0 [60,60] bias",
        "k model.decoder.layers.0.self_attn.k_proj 0 [60,60] bias",
        "v model.decoder.layers.0.self_attn.v_proj 0 [60,60] bias",
        "o model.decoder.layers.0.self_attn.out_proj 0 [60,60] bias",
        "mlp_norm model.decoder.layers.0.final_layer_norm 0 [60,0] bias",
        "fc1 model.decoder.layers.0.fc1 0 [100,60] bias",
        "fc2 model.decoder.layers.0.fc2 0 [60,100] bias",
    };
    qg_model_config c = parse(OPT ",\"word_embed_proj_dim\":24,\"do_layer_norm_before\":false}");
    qg_inventory inventory = make(&c);

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        expect(&inventory, i, lines[i]);
    expect(&inventory, inventory.n_items - 1, "project_out model.decoder.project_out -1 [24,60]");
    ck_assert_uint_eq(inventory.n_items, 3 + 2 * 8 + 1);
}
END_TEST

START_TEST(the_switches_of_opt)
{
    qg_model_config c = parse(OPT ",\"enable_bias\":false,\"tie_word_embeddings\":false}");
    qg_inventory inventory = make(&c);

    ck_assert(!qg_inventory_find(&inventory, 1, QG_ITEM_FC2)->bias);
    ck_assert(qg_inventory_find(&inventory, 1, QG_ITEM_MLP_NORM)->bias);
    expect(&inventory, inventory.n_items - 2,
           "final_norm model.decoder.final_layer_norm -1 [60,0] "
           "bias");
    expect(&inventory, inventory.n_items - 1, "lm_head lm_head -1 [300,60]");
    c = parse(OPT ",\"layer_norm_elementwise_affine\":false}");
    inventory = make(&c);
    for (size_t i = 0; i < inventory.n_items; i++)
        ck_assert(!qg_item_is_norm(&inventory.items[i]));
    c = parse(OPT ",\"_remove_final_layer_norm\":true}");
    inventory = make(&c);
    ck_assert_ptr_null(qg_inventory_find(&inventory, -1, QG_ITEM_FINAL_NORM));
    ck_assert_ptr_null(qg_inventory_find(&inventory, -1, QG_ITEM_PROJECT_IN));
}
END_TEST

START_TEST(items_are_found_by_layer_and_kind)
{
    qg_model_config c = parse(OPT "}");
    qg_inventory inventory = make(&c);

    for (size_t i = 0; i < inventory.n_items; i++) {
        const qg_item *item = &inventory.items[i];
        ck_assert_ptr_eq(qg_inventory_find(&inventory, item->layer, item->kind), item);
        ck_assert_int_eq(qg_item_is_quantizable(item), item->layer >= 0 && !qg_item_is_norm(item));
    }
    ck_assert_ptr_null(qg_inventory_find(&inventory, 1, QG_ITEM_GATE));
    ck_assert_ptr_null(qg_inventory_find(&inventory, 1, QG_ITEM_HEAD));
    ck_assert_ptr_null(qg_inventory_find(&inventory, -1, QG_ITEM_HEAD));
    ck_assert_ptr_null(qg_inventory_find(&inventory, -1, QG_ITEM_Q));
}
END_TEST

/* Folders that transformers opened without a word about missing or unexpected tensors. */
static const char *const folders[] = {
    "golden/vectors/fp16/two-f16-gqa",        "golden/vectors/fp16/two-f16-bias",
    "golden/vectors/fp16/two-f16-shards",     "golden/vectors/fp16/two-bf16-linear",
    "golden/vectors/fp16/two-qwen2-tied",     "golden/vectors/fp16/two-qwen2-untied",
    "golden/vectors/fp16/two-mistral-window", "golden/vectors/fp16/two-opt-pre",
    "golden/vectors/fp16/two-opt-post-proj",  "golden/vectors/fp16/two-opt-no-bias",
    "golden/vectors/fp16/two-opt-no-final",   "golden/models/tiny-llama"};

static size_t find_one(const qg_checkpoint *checkpoint, const qg_item *item, const char *suffix,
                       int rows, int columns)
{
    const char *name = qg_arena_format(fixture_arena(), "%s.%s", item->name, suffix);
    const qg_tensor *t = qg_checkpoint_find(checkpoint, name);

    ck_assert_msg(t, "no tensor '%s'", name);
    ck_assert_int_eq(t->n_dims, columns ? 2 : 1);
    ck_assert_int_eq(t->shape[0], rows);
    ck_assert(columns == 0 || t->shape[1] == columns);
    return 1;
}

START_TEST(a_folder_holds_what_is_listed_and_nothing_else)
{
    const char *folder = fixture_path(folders[_i]);
    const qg_checkpoint *checkpoint;
    qg_model_config c;
    size_t n = 0;

    ck_assert_int_eq(qg_config_read(&c, fixture_arena(), folder, qg_family_names(), &err), QG_OK);
    ck_assert_int_eq(qg_checkpoint_open(&checkpoint, fixture_arena(), folder, &err), QG_OK);
    qg_inventory inventory = make(&c);
    qg_inventory_match(&inventory, checkpoint);
    n = c.tie_word_embeddings && qg_checkpoint_find(checkpoint, "lm_head.weight"); /* a copy */
    for (size_t i = 0; i < inventory.n_items; i++) {
        const qg_item *item = &inventory.items[i];
        n += find_one(checkpoint, item, "weight", item->n, item->k);
        if (item->bias)
            n += find_one(checkpoint, item, "bias", item->n, 0);
    }
    ck_assert_uint_eq(n, qg_checkpoint_count(checkpoint));
}
END_TEST

START_TEST(every_failed_allocation_is_reported)
{
    qg_model_config c = parse(OPT "}");

    for (long n = 1;; n++) {
        qg_inventory inventory;
        qg_arena *own = qg_arena_create();
        qg_arena_fail_after(n);
        qg_status s = qg_inventory_make(&inventory, own, qg_family_find("opt"), &c, &err);
        bool unused = qg_arena_fail_after(0);
        qg_arena_free(own);
        ck_assert_int_eq(s, unused ? QG_OK : QG_ENOMEM);
        if (unused)
            break;
    }
}
END_TEST

Suite *inventory_check(void)
{
    Suite *s = suite_create("inventory_check");
    TCase *c = tcase_create("inventory");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, fixture_begin, fixture_end);
    tcase_add_test(c, qwen2_in_full);
    tcase_add_test(c, opt_with_projection_in_full);
    tcase_add_test(c, the_switches_of_opt);
    tcase_add_test(c, items_are_found_by_layer_and_kind);
    tcase_add_loop_test(c, a_folder_holds_what_is_listed_and_nothing_else, 0,
                        sizeof folders / sizeof *folders);
    tcase_add_test(c, every_failed_allocation_is_reported);
    return s;
}
