/* Unit tests of engine/decoder: the forward pass of every tier against the plain one in double of
 * reference_check.c, over shapes that leave tails everywhere. */
#include "engine/reference_check.h"
#include "engine/score.h"

#include "check_suites.h"

#include <math.h>
#include <string.h>

static const char *const tiers[] = {"ref", "auto"};

static const qg_synth_options shapes[] = {
    {.seed = 1},
    {.seed = 2, .tied = -1, .dtype = "bfloat16", .n_layers = 3},
    {.seed = 3, .tied = 1, .dtype = "float32", .attention_bias = true, .mlp_bias = true},
    {.seed = 4, .hidden_size = 40, .n_heads = 5, .n_kv_heads = 5, .head_dim = 6},
    {.seed = 5, .hidden_size = 64, .n_heads = 8, .n_kv_heads = 2, .head_dim = 10, .tied = -1},
    {.seed = 6, .intermediate_size = 1, .n_layers = 1, .vocab_size = 258},
    {.seed = 7, .rope_scaling = "linear", .rope_factor = 2.5, .n_shards = 0},
    {.seed = 8, .rope_scaling = "llama3", .rope_factor = 8, .max_positions = 512},
    {.seed = 9, .hidden_size = 128, .n_heads = 2, .n_kv_heads = 1, .head_dim = 64, .n_layers = 4},
    {.seed = 10, .family = "mistral"},
    {.seed = 11, .family = "qwen2", .n_layers = 3},
    {.seed = 12, .family = "opt"},
    {.seed = 13, .family = "opt", .hidden_size = 45, .n_heads = 9, .n_layers = 3, .tied = -1},
    {.seed = 14, .family = "opt", .hidden_size = 64, .n_heads = 2, .intermediate_size = 1},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes, N_TIERS = sizeof tiers / sizeof *tiers };

static double worst_difference(qg_engine *e, const char *folder, int n)
{
    qg_arena *arena = fixture_arena();
    int vocabulary = qg_engine_describe(e).vocab_size;
    int32_t *ids = fixture_ids(n, vocabulary, 11);
    double *truth = reference_logits(arena, folder, ids, n), worst = 0;
    qg_err err = {0};
    qg_score s;

    ck_assert_int_eq(qg_score_ids(&s, arena, e, &(qg_ids){ids, (size_t)n}, 1, vocabulary, &err),
                     QG_OK);
    for (int t = 0; t < n; t++) {
        double *row = truth + t * vocabulary;
        reference_log_softmax(row, vocabulary);
        ck_assert_int_eq(s.next[t].n_top, vocabulary);
        for (int i = 0; i < vocabulary; i++) {
            const qg_candidate *c = &s.next[t].top[i];
            worst = fmax(worst, fabs(c->logprob - row[c->id]));
        }
    }
    return worst;
}

static void drop_last_norm(qg_tensor_spec *spec, void *data, void *user)
{
    (void)data;
    (void)user;
    if (strncmp(spec->name, "model.decoder.final_layer_norm", 30) == 0)
        spec->name = NULL;
}

/* What a family has that synth does not: windows shorter than the text, norms after their blocks,
 * GELU. */
static void turn_switches(const char *folder, const qg_synth_options *o)
{
    if (strcmp(o->family, "mistral") == 0)
        fixture_set(folder, "config.json", "sliding_window", "11");
    if (strcmp(o->family, "qwen2") == 0) { /* only the last layer */
        fixture_set(folder, "config.json", "use_sliding_window", "true");
        fixture_set(folder, "config.json", "sliding_window", "9");
        fixture_set(folder, "config.json", "max_window_layers", "2");
    }
    if (strcmp(o->family, "opt") == 0 && o->hidden_size) {
        fixture_set(folder, "config.json", "do_layer_norm_before", "false");
        fixture_set(folder, "config.json", "activation_function", "\"gelu\"");
        fixture_tensors(folder, drop_last_norm, NULL, NULL);
    }
}

START_TEST(every_tier_computes_the_reference)
{
    const char *folder = fixture_model("m", &shapes[_i / N_TIERS]);
    const char *tier = tiers[_i % N_TIERS];

    fixture_vary_vectors(folder);
    if (shapes[_i / N_TIERS].family)
        turn_switches(folder, &shapes[_i / N_TIERS]);
    qg_engine *e = fixture_open(folder, &(qg_engine_options){.tier = tier, .max_rows = 16});
    double worst = worst_difference(e, folder, 37);
    ck_assert_msg(worst < 1e-4, "shape %d, tier %s: off by %g", _i / N_TIERS, tier, worst);
}
END_TEST

Suite *decoder_check(void)
{
    Suite *s = suite_create("decoder_check");
    TCase *c = tcase_create("decoder");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, fixture_begin, fixture_end);
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, every_tier_computes_the_reference, 0, N_SHAPES * N_TIERS);
    return s;
}
