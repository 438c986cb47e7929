/* The engine against Hugging Face transformers in float32 on the same weights: the vectors that
 * scripts/make-vectors/ wrote, for every committed folder, and for SmolLM2 where it is there
 * ($SMOLLM2_DIR or models/), on every tier. Quantized folders come from the tools themselves, and
 * their weights were decoded by the scripts. Log-probabilities differ by at most 1e-3, and where
 * activations are rounded too, 99 of 100 by at most 2e-2, since a code may fall to either side;
 * greedy tokens are the same where every margin exceeds 0.01. */
#include "base/file.h"
#include "base/json.h"
#include "engine/reference_check.h"
#include "engine/scheduler.h"
#include "engine/score.h"

#include "check_suites.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const tiers[] = {"ref", "auto"};
/* Of each folder below golden/vectors, and of the models named in full. */
static const struct {
    const char *name, *folder;
    enum {
        BY_WEIGHTS,
        BY_LENGTH, /* transformers' result depends on the length of the pass */
        ROUNDED,   /* activations are rounded to 8 bits */
    } how;
} models[] = {
    {.name = "fp16/two-f16-gqa"},
    {.name = "fp16/two-f16-bias"},
    {.name = "fp16/two-f16-shards"},
    {.name = "fp16/two-bf16-linear"},
    {.name = "fp16/two-f32-llama3"},
    {.name = "fp16/two-mixed"},
    {.name = "fp16/two-llama-dynamic", .how = BY_LENGTH},
    {.name = "fp16/two-llama-dynamic-new", .how = BY_LENGTH},
    {.name = "fp16/two-llama-yarn"},
    {.name = "fp16/two-llama-yarn-new"},
    {.name = "fp16/two-llama-yarn-plain"},
    {.name = "fp16/two-mistral-window"},
    {.name = "fp16/two-mistral-full"},
    {.name = "fp16/two-qwen2-tied"},
    {.name = "fp16/two-qwen2-untied"},
    {.name = "fp16/two-opt-pre"},
    {.name = "fp16/two-opt-post-proj"},
    {.name = "fp16/two-opt-no-final"},
    {.name = "fp16/two-opt-no-bias"},
    {.name = "fp16/tiny-llama", .folder = "golden/models/tiny-llama"},
    {.name = "fp16/tiny-opt", .folder = "golden/models/tiny-opt"},
    {.name = "gptq/gptqmodel-v1-sym-g32"},
    {.name = "gptq/gptqmodel-v1-asym-g64"},
    {.name = "gptq/gptqmodel-v1-sym-act-g128"},
    {.name = "gptq/gptqmodel-v1-sym-act-column-dynamic"},
    {.name = "gptq/gptqmodel-v1-8bit-asym-g64-opt"},
    {.name = "gptq/gptqmodel-v2-asym-act-g32-qwen2"},
    {.name = "gptq/gptqmodel-v2-8bit-sym-act-g32"},
    {.name = "gptq/llmcompressor-w4a16-g128"},
    {.name = "gptq/llmcompressor-w4a16-asym-g32-qwen2"},
    {.name = "gptq/llmcompressor-w4a16-act-weight-asym-g64"},
    {.name = "gptq/repacked-w4a16-act-group-asym-g32-qwen2"},
    {.name = "awq/autoawq-g128"},
    {.name = "awq/autoawq-g64-untied"},
    {.name = "awq/autoawq-g32-qwen2-left"},
    {.name = "int8/llmcompressor-w8a16-channel-opt"},
    {.name = "int8/llmcompressor-w8a16-asym-g64"},
    {.name = "int8/llmcompressor-w8a8", .how = ROUNDED},
    {.name = "int8/llmcompressor-w8a8-targets-qwen2", .how = ROUNDED},
    {.name = "int8/bitsandbytes-opt"},
    {.name = "int8/bitsandbytes-qwen2-left"},
    {.name = "fp16/SmolLM2-135M-Instruct", .folder = "models/SmolLM2-135M-Instruct"},
};
enum { N_MODELS = sizeof models / sizeof *models, N_TIERS = sizeof tiers / sizeof *tiers };
enum { SMOLLM2 = N_MODELS - 1, MOST_TOP = 8 };

/* One line of the file. */
typedef struct prompt {
    const qg_json *node;
    const char *name;
    qg_ids ids;
} prompt;

static qg_arena *arena;
static qg_engine *engine;
static prompt prompts[16];
static int n_prompts;

static qg_ids read_ids(const qg_json *node)
{
    qg_ids ids = {QG_NEW_N(arena, int32_t, qg_json_len(node)), qg_json_len(node)};

    for (size_t i = 0; i < ids.n; i++) {
        int64_t id = -1;
        if (!qg_json_int(qg_json_at(node, i), &id))
            ck_abort_msg("id %zu is no number", i);
        ids.id[i] = (int32_t)id;
    }
    return ids;
}

static double number_at(const qg_json *array, size_t i)
{
    double v = NAN;

    if (!qg_json_real(qg_json_at(array, i), &v))
        ck_abort_msg("entry %zu is no number", i);
    return v;
}

static void read_prompts(const char *path)
{
    qg_err err = {0};
    qg_str text, line, name;

    ck_assert_int_eq(qg_file_read(&text, arena, path, 1 << 24, &err), QG_OK);
    qg_str_split(&text, '\n', &line); /* the head */
    for (n_prompts = 0; qg_str_split(&text, '\n', &line) && line.len; n_prompts++) {
        ck_assert_int_lt(n_prompts, 16);
        prompt *p = &prompts[n_prompts];
        ck_assert_int_eq(qg_json_parse(&p->node, arena, line, path, &err), QG_OK);
        ck_assert(qg_json_str(qg_json_get(p->node, "name"), &name));
        p->name = qg_str_dup(arena, name);
        p->ids = read_ids(qg_json_get(p->node, "ids"));
    }
    ck_assert_int_ge(n_prompts, 4);
}

static const char *folder_of(int model)
{
    const char *own = getenv("SMOLLM2_DIR"), *folder = models[model].folder;

    if (model == SMOLLM2 && own)
        return own;
    return fixture_path(folder ? folder
                               : qg_arena_format(arena, "golden/vectors/%s", models[model].name));
}

/* False where the model is not on this machine, which is said. */
static bool open_model(int model, const char *tier)
{
    arena = fixture_arena();
    const char *folder = folder_of(model);
    const char *vectors =
        fixture_path(qg_arena_format(arena, "golden/vectors/%s.jsonl", models[model].name));

    if (!qg_dir_exists(folder) || !qg_file_exists(vectors)) {
        fprintf(stderr, "vectors_check: skipped '%s': the model or its vectors are not here\n",
                models[model].name);
        return false;
    }
    read_prompts(vectors);
    if (models[model].how != BY_LENGTH)
        engine = fixture_open(folder, &(qg_engine_options){.tier = tier, .max_model_len = 512});
    return true;
}

/* Opens the model for texts of `n` tokens where that makes a difference. */
static void open_for_length(int model, const char *tier, size_t n)
{
    if (models[model].how == BY_LENGTH)
        engine = fixture_open(folder_of(model),
                              &(qg_engine_options){.tier = tier, .max_model_len = (int)n});
}

/* Differences of the given tokens, then of the best ones at each position; returns how many. */
static size_t compare(const prompt *p, double *difference)
{
    const qg_json *given = qg_json_get(p->node, "logprob"), *top = qg_json_get(p->node, "top");
    int vocabulary = qg_engine_describe(engine).vocab_size;
    qg_err err = {0};
    qg_score s;
    size_t n = 0;

    ck_assert_int_eq(qg_score_ids(&s, arena, engine, &p->ids, 1, vocabulary, &err), QG_OK);
    for (size_t i = 1; i < p->ids.n; i++)
        difference[n++] = fabs(s.logprob[i] - number_at(given, i));
    for (size_t i = 0; i < p->ids.n; i++) {
        const qg_json *row = qg_json_at(top, i);
        for (size_t j = 0; j < qg_json_len(row); j++) {
            const qg_json *pair = qg_json_at(row, j);
            /* among equals the order may differ, so look for the id, not for the rank */
            int32_t id = (int32_t)number_at(pair, 0);
            int k = 0;
            while (k < s.next[i].n_top && s.next[i].top[k].id != id)
                k++;
            difference[n++] = fabs(s.next[i].top[k].logprob - number_at(pair, 1));
        }
    }
    return n;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The smallest that `share` of them do not exceed; puts them in order. */
static double quantile(double *v, size_t n, double share)
{
    qsort(v, n, sizeof *v, by_size);
    return v[(size_t)ceil(share * (double)n) - 1];
}

START_TEST(log_probabilities_are_those_of_transformers)
{
    int model = _i / N_TIERS;
    const char *tier = tiers[_i % N_TIERS];
    bool rounded = models[model].how == ROUNDED;
    size_t n = 0, room = 0;

    if (!open_model(model, tier))
        return;
    for (int i = 0; i < n_prompts; i++)
        room += prompts[i].ids.n * (1 + MOST_TOP);
    double *all = QG_NEW_N(arena, double, room);
    for (int i = 0; i < n_prompts; i++) {
        qg_arena_mark mark = qg_arena_here(arena);
        open_for_length(model, tier, prompts[i].ids.n);
        size_t n_new = compare(&prompts[i], all + n);
        double worst = quantile(all + n, n_new, 1);
        n += n_new;
        if (getenv("QG_VERBOSE"))
            fprintf(stderr, "%s %s %s: %.2e\n", models[model].name, tier, prompts[i].name, worst);
        ck_assert_msg(rounded || worst <= 1e-3, "%s, prompt %s, tier %s: off by %g",
                      models[model].name, prompts[i].name, tier, worst);
        qg_arena_rewind(arena, mark);
    }
    double most = quantile(all, n, 0.99);
    ck_assert_msg(most <= 2e-2, "%s, tier %s: one of 100 is off by %g or more", models[model].name,
                  tier, most);
}
END_TEST

START_TEST(greedy_tokens_are_those_of_transformers)
{
    int model = _i / N_TIERS, n_compared = 0;
    qg_completion out;
    qg_err err = {0};

    if (models[model].how == ROUNDED || !open_model(model, tiers[_i % N_TIERS]))
        return;
    for (int i = 0; i < n_prompts; i++) {
        const qg_json *greedy = qg_json_get(prompts[i].node, "greedy");
        const qg_json *margins = qg_json_get(greedy, "margin");
        qg_ids want = read_ids(qg_json_get(greedy, "ids"));
        double least = INFINITY;
        for (size_t j = 0; j < want.n; j++)
            least = fmin(least, number_at(margins, j));
        if (want.n == 0 || least <= 0.01)
            continue;
        if (model == SMOLLM2 && strcmp(tiers[_i % N_TIERS], "ref") == 0 && n_compared > 0)
            break; /* the reference tier takes its time */
        open_for_length(model, tiers[_i % N_TIERS], prompts[i].ids.n + want.n);
        qg_request r = {.prompt = prompts[i].ids,
                        .max_tokens = (int)want.n,
                        .sampling = QG_SAMPLING_GREEDY,
                        .ignore_end = true};
        ck_assert_int_eq(qg_generate(&out, arena, engine, &r, 1, NULL, NULL, &err), QG_OK);
        ck_assert_uint_eq(out.ids.n, want.n);
        for (size_t j = 0; j < want.n; j++) {
            ck_assert_msg(out.ids.id[j] == want.id[j], "%s, prompt %s: token %zu is %d, not %d",
                          models[model].name, prompts[i].name, j, out.ids.id[j], want.id[j]);
            ck_assert_double_eq_tol(out.margins[j], number_at(margins, j), 2e-3);
        }
        n_compared++;
    }
    ck_assert_int_ge(n_compared,
                     models[model].how == BY_LENGTH ? 0 : 1); /* those have one, maybe a tie */
}
END_TEST

Suite *vectors_check(void)
{
    Suite *s = suite_create("vectors_check");
    TCase *c = tcase_create("vectors");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, fixture_begin, fixture_end);
    tcase_set_timeout(c, 600);
    tcase_add_loop_test(c, log_probabilities_are_those_of_transformers, 0, N_MODELS * N_TIERS);
    tcase_add_loop_test(c, greedy_tokens_are_those_of_transformers, 0, N_MODELS * N_TIERS);
    return s;
}
