/* Unit tests of engine/kvcache: blocks are handed out once, come back, and lie apart. */
#include "engine/kvcache.h"

#include "check_suites.h"

#include <string.h>

enum { N_BLOCKS = 5, N_LAYERS = 3 };
static qgk_kv layers[N_LAYERS];
static int32_t free_blocks[N_BLOCKS], table_a[N_BLOCKS], table_b[N_BLOCKS];
static qg_kvcache kv;
static qg_kvseq a, b;

static void setup(void)
{
    kv = (qg_kvcache){
        .layer = layers, .n_blocks = N_BLOCKS, .block_tokens = 4, .free_blocks = free_blocks};
    a = (qg_kvseq){.blocks = table_a};
    b = (qg_kvseq){.blocks = table_b};
    qg_kvcache_clear(&kv);
}

/* Every block is on the stack or in one table. */
static void assert_invariant(void)
{
    int seen[N_BLOCKS] = {0};

    for (int i = 0; i < kv.n_free; i++)
        seen[kv.free_blocks[i]]++;
    for (int i = 0; i < a.n_blocks; i++)
        seen[a.blocks[i]]++;
    for (int i = 0; i < b.n_blocks; i++)
        seen[b.blocks[i]]++;
    for (int i = 0; i < N_BLOCKS; i++)
        ck_assert_int_eq(seen[i], 1);
}

START_TEST(blocks_are_taken_as_a_sequence_grows_into_them)
{
    ck_assert_int_eq(qg_kvcache_blocks_for(&kv, 0), 0);
    ck_assert_int_eq(qg_kvcache_blocks_for(&kv, 4), 1);
    ck_assert_int_eq(qg_kvcache_blocks_for(&kv, 5), 2);
    ck_assert(qg_kvcache_append(&kv, &a, 3));
    ck_assert_int_eq(a.n_blocks, 1);
    ck_assert(qg_kvcache_append(&kv, &a, 1));
    ck_assert_int_eq(a.n_blocks, 1);
    ck_assert(qg_kvcache_append(&kv, &b, 9));
    ck_assert_int_eq(b.n_blocks, 3);
    ck_assert(qg_kvcache_append(&kv, &a, 1));
    ck_assert_int_eq(a.n_blocks, 2);
    ck_assert_int_eq(kv.n_free, 0);
    assert_invariant();
}
END_TEST

START_TEST(what_does_not_fit_changes_nothing)
{
    ck_assert(qg_kvcache_append(&kv, &a, 13));
    ck_assert(!qg_kvcache_append(&kv, &b, 5));
    ck_assert_int_eq(b.n_tokens, 0);
    ck_assert_int_eq(b.n_blocks, 0);
    ck_assert_int_eq(kv.n_free, 1);
    ck_assert(qg_kvcache_append(&kv, &b, 4));
    ck_assert(qg_kvcache_append(&kv, &a, 3)); /* inside its last block */
    ck_assert(!qg_kvcache_append(&kv, &a, 1));
    ck_assert_int_eq(a.n_tokens, 16);
    assert_invariant();
}
END_TEST

START_TEST(rewinding_gives_back_what_is_not_needed)
{
    ck_assert(qg_kvcache_append(&kv, &a, 17));
    int32_t first = a.blocks[0], second = a.blocks[1];
    qg_kvcache_rewind(&kv, &a, 8);
    ck_assert_int_eq(a.n_blocks, 2);
    ck_assert_int_eq(a.n_tokens, 8);
    ck_assert_int_eq(a.blocks[0], first);
    ck_assert_int_eq(a.blocks[1], second);
    ck_assert(qg_kvcache_append(&kv, &b, 12));
    assert_invariant();
    qg_kvcache_rewind(&kv, &b, 0);
    qg_kvcache_rewind(&kv, &a, 0);
    ck_assert_int_eq(kv.n_free, N_BLOCKS);
    assert_invariant();
}
END_TEST

START_TEST(layers_lie_apart_and_the_plan_is_exact)
{
    qg_model_config c = {.n_layers = N_LAYERS, .n_kv_heads = 2, .head_dim = 6};
    static char memory[N_LAYERS * 2 * 1024] __attribute__((aligned(64)));
    size_t one = (size_t)N_BLOCKS * 2 * 4 * 6 * 4; /* 960 = 15 * 64 */
    qg_slab plan = {0}, slab = {.base = memory};

    qg_kvcache_layout(&kv, &plan, &c, 4);
    ck_assert_ptr_null(kv.layer[0].k);
    ck_assert_uint_eq(plan.used, N_LAYERS * 2 * one);
    qg_kvcache_layout(&kv, &slab, &c, 4);
    ck_assert_uint_eq(slab.used, plan.used);
    for (int i = 0; i < N_LAYERS; i++) {
        ck_assert_ptr_eq(kv.layer[i].k, memory + (size_t)(2 * i) * one);
        ck_assert_ptr_eq(kv.layer[i].v, memory + (size_t)(2 * i + 1) * one);
        ck_assert_int_eq(kv.layer[i].block_tokens, 4);
    }
}
END_TEST

START_TEST(a_slab_that_overflows_stays_too_large)
{
    qg_slab s = {0};

    qg_slab_take(&s, SIZE_MAX / 2, 4);
    ck_assert_uint_eq(s.used, QG_SLAB_MAX);
    qg_slab_take(&s, 1, 1);
    ck_assert_uint_eq(s.used, QG_SLAB_MAX);
    s = (qg_slab){0};
    qg_slab_take(&s, 65, 1);
    ck_assert_uint_eq(s.used, 128);
}
END_TEST

Suite *kvcache_check(void)
{
    Suite *s = suite_create("kvcache_check");
    TCase *c = tcase_create("kvcache");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, NULL);
    tcase_add_test(c, blocks_are_taken_as_a_sequence_grows_into_them);
    tcase_add_test(c, what_does_not_fit_changes_nothing);
    tcase_add_test(c, rewinding_gives_back_what_is_not_needed);
    tcase_add_test(c, layers_lie_apart_and_the_plan_is_exact);
    tcase_add_test(c, a_slab_that_overflows_stays_too_large);
    return s;
}
