/* Unit tests of quantize/synth: what is written is read back by the checkpoint room; sizes are the
 * published ones of TinyLlama and Llama-2-7B; the first weights come from a numpy transcription of
 * the noise. Loading in transformers 5.23 (all three dtypes, shards, biases, rotary scalings) was
 * tried by hand: no missing or unexpected tensor, text survives the tokenizer. */
#include "quantize/synth.h"

#include "base/json.h"
#include "checkpoint/config.h"
#include "checkpoint/fixture_check.h"
#include "checkpoint/shards.h"
#include "engine/session.h"
#include "tokenizer/tokenizer.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

static const qg_checkpoint *make(const char *name, const qg_synth_options *o)
{
    const qg_checkpoint *c = NULL;
    qg_status s = qg_synth_write(o, folder_path(name), &err);

    ck_assert_msg(s == QG_OK, "%s: %s", err.context, err.message);
    s = qg_checkpoint_open(&c, arena, folder_path(name), &err);
    ck_assert_msg(s == QG_OK, "%s: %s", err.context, err.message);
    return c;
}

static size_t count_files(void)
{
    char **names;
    size_t n;
    ck_assert_int_eq(qg_dir_list(&names, &n, arena, folder, NULL), QG_OK);
    return n;
}

START_TEST(a_tiny_model_reads_back)
{
    qg_model_config c;
    const qg_checkpoint *cp = make("m", &(qg_synth_options){.seed = 7});

    ck_assert_int_eq(qg_config_read(&c, arena, folder_path("m"), NULL, &err), QG_OK);
    ck_assert_str_eq(c.model_type, "llama");
    ck_assert_str_eq(c.architecture, "LlamaForCausalLM");
    ck_assert_int_eq(c.n_layers, 2);
    ck_assert_int_eq(c.dtype, QGK_F16);
    ck_assert(c.tie_word_embeddings);
    ck_assert_int_eq(c.n_eos, 1);
    ck_assert_uint_eq(qg_checkpoint_count(cp), 2 + 2 * 9);
    const qg_tensor *k = qg_checkpoint_find(cp, "model.layers.1.self_attn.k_proj.weight");
    ck_assert_ptr_nonnull(k);
    ck_assert_int_eq(k->shape[0], c.n_kv_heads * c.head_dim);
    ck_assert_int_eq(k->shape[1], c.hidden_size);
    ck_assert_ptr_null(qg_checkpoint_find(cp, "lm_head.weight"));
    ck_assert_uint_eq(count_files(), 1);
}
END_TEST

START_TEST(weights_are_those_of_the_seed)
{
    static const struct {
        const char *name;
        qgk_half bits[6];
    } expected[] = {
        {"model.embed_tokens.weight", {0x350b, 0xacc4, 0xb47e, 0x2db0, 0xb4be, 0xb40c}},
        {"model.layers.0.self_attn.q_proj.weight",
         {0xad91, 0xab75, 0x30bb, 0xadba, 0x3126, 0x316e}},
        {"model.norm.weight", {0x3c00, 0x3c00, 0x3c00, 0x3c00, 0x3c00, 0x3c00}},
    };
    const qg_checkpoint *c = make("m", &(qg_synth_options){.seed = 7});

    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const qg_tensor *t = qg_checkpoint_find(c, expected[i].name);
        ck_assert_int_eq(memcmp(t->data, expected[i].bits, sizeof expected[i].bits), 0);
    }
}
END_TEST

START_TEST(weights_are_spread_as_promised)
{
    const qg_checkpoint *c = make(
        "m", &(qg_synth_options){.dtype = "float32", .hidden_size = 128, .n_heads = 4, .tied = -1});
    const qg_tensor *down = qg_checkpoint_find(c, "model.layers.0.mlp.down_proj.weight");
    const qg_tensor *head = qg_checkpoint_find(c, "lm_head.weight");
    const qg_tensor *both[] = {down, head};
    double expected[] = {1 / sqrt(107), 2.5 / sqrt(128)};

    for (int k = 0; k < 2; k++) {
        const float *w = both[k]->data;
        double sum = 0, squares = 0, n = (double)both[k]->n_elements;
        ck_assert(both[k]->aligned);
        for (int64_t i = 0; i < both[k]->n_elements; i++) {
            sum += w[i];
            squares += (double)w[i] * w[i];
        }
        ck_assert_double_lt(fabs(sum / n), 5 * expected[k] / sqrt(n));
        ck_assert_double_eq_tol(sqrt(squares / n) / expected[k], 1, 0.03);
    }
}
END_TEST

START_TEST(shards_do_not_change_a_weight)
{
    const qg_synth_options one = {.seed = 3, .tied = -1},
                           three = {.seed = 3, .tied = -1, .n_shards = 3},
                           other = {.seed = 4, .tied = -1, .n_shards = 21};
    const qg_checkpoint *a = make("a", &one), *b = make("b", &three), *c = make("c", &other);

    ck_assert_uint_eq(qg_checkpoint_n_shards(b), 3);
    ck_assert_uint_eq(qg_checkpoint_n_shards(c), 21);
    ck_assert_uint_eq(qg_checkpoint_count(a), qg_checkpoint_count(b));
    for (size_t i = 0; i < qg_checkpoint_count(a); i++) {
        const qg_tensor *s = qg_checkpoint_at(a, i), *t = qg_checkpoint_find(b, s->name);
        ck_assert_ptr_nonnull(t);
        ck_assert_uint_eq(s->n_bytes, t->n_bytes);
        ck_assert_int_eq(memcmp(s->data, t->data, s->n_bytes), 0);
    }
    const qg_tensor *s = qg_checkpoint_find(a, "lm_head.weight"),
                    *t = qg_checkpoint_find(c, "lm_head.weight");
    ck_assert_int_ne(memcmp(s->data, t->data, s->n_bytes), 0);
}
END_TEST

START_TEST(the_dry_run_counts_what_is_written)
{
    static const qg_synth_options all[] = {
        {.preset = "tiny"},
        {.dtype = "bfloat16", .attention_bias = true, .mlp_bias = true, .tied = -1},
        {.dtype = "float32",
         .rope_scaling = "llama3",
         .vocab_size = 258,
         .n_layers = 1,
         .hidden_size = 40,
         .n_heads = 5,
         .n_kv_heads = 1,
         .head_dim = 6,
         .intermediate_size = 11,
         .max_positions = 17},
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        qg_synth_size size;
        char name[] = {(char)('a' + (int)i), '\0'};
        ck_assert_int_eq(qg_synth_plan(&size, &all[i], &err), QG_OK);
        ck_assert_uint_eq(count_files(), i);
        const qg_checkpoint *c = make(name, &all[i]);
        ck_assert_uint_eq((size_t)size.total_bytes, qg_checkpoint_bytes(c));
        ck_assert_uint_eq((size_t)size.n_tensors, qg_checkpoint_count(c));
        ck_assert_int_eq(size.embedding_bytes + size.attention_bytes + size.mlp_bytes +
                             size.norm_bytes + size.head_bytes,
                         size.total_bytes);
    }
}
END_TEST

/* The numbers of parameters are those that huggingface.co shows beside each model's files. */
START_TEST(presets_have_the_published_sizes)
{
    static const struct {
        const char *preset;
        int64_t n_params;
    } published[] = {
        {"smollm2-135m", 134515008}, {"1.1b", 1100048384},      {"opt-1.3b", 1315758080},
        {"mistral-7b", 7248023552},  {"llama3-8b", 8030261248},
    };
    qg_synth_size size;

    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        qg_synth_options o = {.preset = published[i].preset};
        ck_assert_int_eq(qg_synth_plan(&size, &o, &err), QG_OK);
        ck_assert_int_eq(size.n_params, published[i].n_params);
        size = (qg_synth_size){0};
    }
    ck_assert_int_eq(qg_synth_plan(&size, &(qg_synth_options){.preset = "llama2-7b"}, &err), QG_OK);
    ck_assert_int_eq(size.n_params, 6738415616);
    ck_assert_int_eq(size.total_bytes, 2 * size.n_params);
    ck_assert_int_eq(size.head_bytes, 2LL * 32000 * 4096);
}
END_TEST

/* ---- quantized, and in every family ---- */

static const qg_recipe recipes[] = {
    {.format = "gptq", .group_size = 32},
    {.format = "gptq", .bits = 8, .group_size = 32, .symmetric = -1},
    {.format = "gptq_v2", .group_size = 64, .act_order = true},
    {.format = "awq", .group_size = 32},
    {.format = "compressed-tensors", .bits = 4, .group_size = 32},
    {.format = "compressed-tensors", .bits = 4, .group_size = 32, .symmetric = -1},
    {.format = "compressed-tensors", .bits = 8, .group_size = -1},
    {.format = "compressed-tensors", .bits = 8, .activations = "int8"},
    {.format = "bitsandbytes"},
};
static const char *const families[] = {"llama", "mistral", "qwen2", "opt"};
enum { N_RECIPES = sizeof recipes / sizeof *recipes, N_FAMILIES = 4 };

/* The engine opens the folder and holds as much of it as the dry run said. */
static void plan_write_and_open(const qg_synth_options *o)
{
    qg_synth_size size;
    qg_engine *e;

    ck_assert_int_eq(qg_synth_plan(&size, o, &err), QG_OK);
    ck_assert_uint_eq((size_t)size.total_bytes, qg_checkpoint_bytes(make("m", o)));
    qg_status s =
        qg_engine_open(&e, arena, folder_path("m"), &(qg_engine_options){.max_rows = 8}, &err);
    ck_assert_msg(s == QG_OK, "%s: %s", err.context, err.message);
    qg_engine_info info = qg_engine_describe(e);
    ck_assert_int_eq(info.n_params, size.n_params);
    ck_assert_int_eq(info.ledger.bytes[QG_PURPOSE_WEIGHTS], size.loaded_bytes);
    if (o->recipe)
        ck_assert_int_lt(size.loaded_bytes, size.loaded_fp16_bytes);
    else
        ck_assert_int_eq(size.loaded_bytes, size.loaded_fp16_bytes);
}

static qg_synth_options small(const char *family, const qg_recipe *recipe)
{
    return (qg_synth_options){.family = family,
                              .hidden_size = 128,
                              .n_heads = 4,
                              .n_kv_heads = strcmp(family, "opt") == 0 ? 4 : 2,
                              .head_dim = 32,
                              .intermediate_size = 192,
                              .recipe = recipe};
}

START_TEST(every_form_opens_and_takes_what_was_planned)
{
    qg_synth_options o = small("llama", &recipes[_i]);

    plan_write_and_open(&o);
}
END_TEST

START_TEST(every_family_opens_and_takes_what_was_planned)
{
    qg_synth_options o = small(families[_i / 2], _i % 2 ? &recipes[_i / 2] : NULL);

    o.tied = _i / 2 % 2 ? 1 : -1;
    plan_write_and_open(&o);
}
END_TEST

/* ---- in memory ---- */

START_TEST(what_is_made_is_what_would_be_written)
{
    qg_synth_options o = small("llama", _i < N_RECIPES ? &recipes[_i] : NULL);
    const qg_checkpoint *written, *made;
    qg_model_config c;

    o.n_layers = 1;
    o.seed = 5;
    written = make("m", &o);
    ck_assert_int_eq(qg_synth_make(&c, &made, arena, &o, &err), QG_OK);
    ck_assert_int_eq(c.n_layers, 1);
    ck_assert_uint_eq(qg_checkpoint_count(made), qg_checkpoint_count(written));
    for (size_t i = 0; i < qg_checkpoint_count(made); i++) {
        const qg_tensor *a = qg_checkpoint_at(made, i), *b = qg_checkpoint_at(written, i);
        ck_assert_str_eq(a->name, b->name);
        ck_assert_uint_eq(a->n_bytes, b->n_bytes);
        ck_assert_int_eq(memcmp(a->data, b->data, a->n_bytes), 0);
    }
}
END_TEST

START_TEST(layers_that_are_made_share_the_first)
{
    qg_synth_options o = small("llama", &recipes[0]);
    const qg_checkpoint *made;
    qg_model_config c;

    o.n_layers = 3;
    ck_assert_int_eq(qg_synth_make(&c, &made, arena, &o, &err), QG_OK);
    const qg_tensor *a = qg_checkpoint_find(made, "model.layers.0.mlp.down_proj.qweight"),
                    *b = qg_checkpoint_find(made, "model.layers.2.mlp.down_proj.qweight"),
                    *q = qg_checkpoint_find(made, "model.layers.2.self_attn.q_proj.qweight");
    ck_assert(a && b && q);
    ck_assert_ptr_eq(a->data, b->data);
    ck_assert_ptr_ne(q->data, b->data);
    ck_assert(!a->aligned);
}
END_TEST

static qg_status keep_logits(void *user, int feed, int position, const float *logits, qg_err *e)
{
    (void)feed, (void)position, (void)e;
    memcpy(user, logits, 307 * sizeof *logits);
    return QG_OK;
}

/* Of eight layers, so that what grows from layer to layer would show. */
START_TEST(a_made_model_speaks)
{
    static const int32_t ids[] = {0, 70, 105, 300, 17, 258};
    qg_synth_options o = small(families[_i / 2], _i % 2 ? &recipes[_i / 2] : NULL);
    qg_feed feed = {.ids = ids, .n_ids = 6, .want = QG_WANT_LAST};
    const qg_checkpoint *made;
    qg_model_config c;
    float logits[307], least, greatest;
    qg_engine *e;

    o.n_layers = 8;
    ck_assert_int_eq(qg_synth_make(&c, &made, arena, &o, &err), QG_OK);
    qg_status s =
        qg_engine_open_shape(&e, arena, &c, made, &(qg_engine_options){.device = "cpu"}, &err);
    ck_assert_msg(s == QG_OK, "%s: %s", err.context, err.message);
    ck_assert_ptr_null(qg_engine_tokenizer(e));
    ck_assert_int_eq(qg_engine_describe(e).ledger.mapped, 0);
    ck_assert_int_eq(qg_session_open(&feed.session, e, &err), QG_OK);
    s = qg_forward(e, &feed, 1, keep_logits, logits, &err);
    ck_assert_msg(s == QG_OK, "%s: %s", err.context, err.message); /* finite: forward looks */
    least = greatest = logits[0];
    for (int i = 1; i < 307; i++) {
        least = logits[i] < least ? logits[i] : least;
        greatest = logits[i] > greatest ? logits[i] : greatest;
    }
    ck_assert_float_gt(greatest - least, 1);
    ck_assert_float_lt(greatest - least, 100);
}
END_TEST

/* Of Llama-2-7B: (weights of layers 6476005376 at 4 + 20 / 128 bits, or at 8 bits and 4 bytes a
 * row, the other 262410240 in 16 bits) against 16 bits. */
START_TEST(a_quantized_7b_takes_its_share)
{
    static const struct {
        qg_recipe recipe;
        double low, high;
    } cases[] = {
        {{.bits = 4, .group_size = 128}, 0.29, 0.33},
        {{.format = "awq"}, 0.29, 0.33},
        {{.bits = 8, .activations = "int8"}, 0.515, 0.525},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        qg_synth_options o = {.preset = "llama2-7b", .recipe = &cases[i].recipe};
        qg_synth_size size;
        ck_assert_int_eq(qg_synth_plan(&size, &o, &err), QG_OK);
        double share = (double)size.loaded_bytes / (double)size.loaded_fp16_bytes;
        ck_assert_int_eq(size.n_params, 6738415616);
        ck_assert_double_ge(share, cases[i].low);
        ck_assert_double_le(share, cases[i].high);
        ck_assert_int_ge(size.loaded_fp16_bytes, 2 * size.n_params);
        ck_assert_int_lt(size.loaded_fp16_bytes, 2 * size.n_params + 2000000);
    }
}
END_TEST

START_TEST(quantized_weights_are_those_of_the_seed_too)
{
    qg_synth_options o = small("llama", &recipes[3]);
    const qg_checkpoint *a = make("a", &o), *b = make("b", &o), *c;

    o.seed = 1;
    c = make("c", &o);
    for (size_t i = 0; i < qg_checkpoint_count(a); i++) {
        const qg_tensor *t = qg_checkpoint_at(a, i), *same = qg_checkpoint_find(b, t->name);
        ck_assert(same && memcmp(t->data, same->data, t->n_bytes) == 0);
    }
    const char *name = "model.layers.0.mlp.up_proj.qweight";
    const qg_tensor *t = qg_checkpoint_find(a, name), *other = qg_checkpoint_find(c, name);
    ck_assert_int_ne(memcmp(t->data, other->data, t->n_bytes), 0);
}
END_TEST

START_TEST(the_tokenizer_fills_the_vocabulary)
{
    const qg_json *root, *vocab;
    bool seen[307] = {false};
    int64_t id;

    make("m", &(qg_synth_options){0});
    ck_assert_int_eq(qg_json_read(&root, arena, folder_path("m/tokenizer.json"), 1 << 20, &err),
                     QG_OK);
    vocab = qg_json_get(qg_json_get(root, "model"), "vocab");
    ck_assert_uint_eq(qg_json_len(vocab), 307);
    for (qg_json_iter it = {0}; qg_json_next(vocab, &it);) {
        ck_assert(qg_json_int(it.value, &id) && id >= 0 && id < 307 && !seen[id]);
        seen[id] = true;
    }
    /* GPT-2's bytes_to_unicode: the blank is U+0120, DEL is U+0121, 0xad is U+0143. */
    ck_assert(qg_json_int(qg_json_get(vocab, "A"), &id) && id == 2 + 'A');
    ck_assert(qg_json_int(qg_json_get(vocab, "\xc4\xa0"), &id) && id == 2 + ' ');
    ck_assert(qg_json_int(qg_json_get(vocab, "\xc4\xa1"), &id) && id == 2 + 0x7f);
    ck_assert(qg_json_int(qg_json_get(vocab, "\xc5\x83"), &id) && id == 2 + 0xad);
    ck_assert(qg_json_int(qg_json_get(vocab, "\xc3\xbf"), &id) && id == 2 + 0xff);
}
END_TEST

START_TEST(text_survives_the_tokenizer)
{
    static const char text[] = "Gr\xc3\xbc\xc3\x9f \"dich\" \\ \t\r\n\xf0\x9f\x91\x8d  </s>";
    const qg_tokenizer *t;
    qg_ids ids;
    qg_str back;

    make("m", &(qg_synth_options){0});
    ck_assert_int_eq(qg_tokenizer_open(&t, arena, folder_path("m"), &err), QG_OK);
    ck_assert_uint_eq(qg_tokenizer_size(t), 307);
    ck_assert_int_eq(qg_tokenizer_encode(&ids, arena, t, qg_str_from(text), 0, &err), QG_OK);
    ck_assert_uint_eq(ids.n, 1 + (strlen(text) - 4) + 1); /* <s>, a token a byte, </s> */
    ck_assert_int_eq(ids.id[0], 0);
    ck_assert_int_eq(ids.id[1], 2 + 'G');
    ck_assert_int_eq(ids.id[ids.n - 1], 1);
    ck_assert_int_eq(qg_tokenizer_decode(&back, arena, t, ids.id + 1, ids.n - 1, 0, &err), QG_OK);
    ck_assert(qg_str_is(back, text));
}
END_TEST

static const struct {
    qg_synth_options options;
    qg_status status;
    const char *words;
} bad[] = {
    {{.preset = "7b"}, QG_EARG, "preset '7b' is unknown"},
    {{.family = "gpt2"}, QG_ENOSUP, "family 'gpt2' is not supported, only llama"},
    {{.dtype = "int8"}, QG_ENOSUP, "dtype 'int8'"},
    {{.vocab_size = 257}, QG_EARG, "'vocab_size' is 257, at least 258"},
    {{.vocab_size = -1}, QG_EFORMAT, "'vocab_size' is -1"},
    {{.hidden_size = 70}, QG_EFORMAT, "'hidden_size' 70 is no multiple of 'num_attention_heads' 3"},
    {{.n_layers = 2000}, QG_EFORMAT, "'num_hidden_layers' is 2000"},
    {{.n_kv_heads = 2}, QG_EFORMAT, "no multiple of 'num_key_value_heads' 2"},
    {{.rope_scaling = "longrope"}, QG_ENOSUP, "rope scaling 'longrope'"},
    {{.rope_scaling = "llama3", .rope_factor = 1e-30}, QG_EFORMAT, "'factor' is 1e-30"},
    {{.rope_scaling = "linear", .rope_factor = NAN}, QG_ENONFINITE, "'factor' is not a finite"},
    {{.recipe = &(qg_recipe){.bits = 3}}, QG_EARG, "format 'gptq' holds no 3-bit codes"},
    {{.recipe = &(qg_recipe){.group_size = 128}},
     QG_EFORMAT,
     "has 72 inputs, which groups of 128 do not divide; these would: -1"},
    {{.rope_theta = -1}, QG_EFORMAT, "'rope_theta' is -1"},
    {{.n_shards = 21}, QG_EARG, "21 shards for 20 tensors"},
    {{.n_shards = -1}, QG_EARG, "-1 shards"},
};

START_TEST(impossible_options_are_refused)
{
    qg_synth_size size;

    ck_assert_int_eq(qg_synth_write(&bad[_i].options, folder_path("m"), &err), bad[_i].status);
    ck_assert_msg(strstr(err.message, bad[_i].words), "%s", err.message);
    ck_assert_int_eq(qg_synth_plan(&size, &bad[_i].options, NULL), bad[_i].status);
    ck_assert_uint_eq(count_files(), 0);
}
END_TEST

START_TEST(what_exists_is_left_alone)
{
    const qg_synth_options o = {0};

    ck_assert_int_eq(qg_dir_make(folder_path("m"), &err), QG_OK);
    ck_assert_int_eq(qg_synth_write(&o, folder_path("m/"), &err), QG_EEXISTS);
    ck_assert_ptr_nonnull(strstr(err.message, "exists already"));
    qg_err_clear(&err);
    ck_assert_int_eq(qg_file_write(folder_path("f"), QG_STR("x"), &err), QG_OK);
    ck_assert_int_eq(qg_synth_write(&o, folder_path("f"), &err), QG_EEXISTS);
    ck_assert_uint_eq(count_files(), 2);
}
END_TEST

START_TEST(a_full_disk_leaves_nothing)
{
    struct rlimit limit = {100000, RLIM_INFINITY};

    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(qg_synth_write(&(qg_synth_options){0}, folder_path("m"), &err), QG_ENOSPACE);
    limit.rlim_cur = RLIM_INFINITY;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_uint_eq(count_files(), 0);
}
END_TEST

START_TEST(every_failed_allocation_is_reported)
{
    const char *path = folder_path("m");

    for (long n = 1;; n++) {
        qg_err_clear(&err);
        qg_arena_fail_after(n);
        qg_status s = qg_synth_write(&(qg_synth_options){.n_shards = 2}, path, &err);
        bool unused = qg_arena_fail_after(0);
        ck_assert_msg(s == (unused ? QG_OK : QG_ENOMEM), "allocation %ld: %s: %s", n,
                      qg_status_name(s), err.message);
        if (unused)
            break;
        ck_assert_uint_eq(count_files(), 0);
        n += n / 20;
    }
    for (long n = 1;; n++) {
        const qg_checkpoint *made;
        qg_model_config c;
        qg_arena_fail_after(n);
        qg_status s = qg_synth_make(&c, &made, arena, &(qg_synth_options){0}, &err);
        bool unused = qg_arena_fail_after(0);
        ck_assert_int_eq(s, unused ? QG_OK : QG_ENOMEM);
        if (unused)
            break;
        n += n / 20;
    }
}
END_TEST

Suite *synth_check(void)
{
    Suite *s = suite_create("synth_check");
    TCase *t = tcase_create("synth");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_tiny_model_reads_back);
    tcase_add_test(t, weights_are_those_of_the_seed);
    tcase_add_test(t, weights_are_spread_as_promised);
    tcase_add_test(t, shards_do_not_change_a_weight);
    tcase_add_test(t, the_dry_run_counts_what_is_written);
    tcase_add_test(t, presets_have_the_published_sizes);
    tcase_add_loop_test(t, every_form_opens_and_takes_what_was_planned, 0, N_RECIPES);
    tcase_add_loop_test(t, every_family_opens_and_takes_what_was_planned, 0, 2 * N_FAMILIES);
    tcase_add_loop_test(t, what_is_made_is_what_would_be_written, 0, N_RECIPES + 1);
    tcase_add_test(t, layers_that_are_made_share_the_first);
    tcase_add_loop_test(t, a_made_model_speaks, 0, 2 * N_FAMILIES);
    tcase_add_test(t, a_quantized_7b_takes_its_share);
    tcase_add_test(t, quantized_weights_are_those_of_the_seed_too);
    tcase_add_test(t, the_tokenizer_fills_the_vocabulary);
    tcase_add_test(t, text_survives_the_tokenizer);
    tcase_add_loop_test(t, impossible_options_are_refused, 0, sizeof bad / sizeof *bad);
    tcase_add_test(t, what_exists_is_left_alone);
    tcase_add_test(t, a_full_disk_leaves_nothing);
    tcase_add_test(t, every_failed_allocation_is_reported);
    suite_add_tcase(s, t);
    return s;
}
