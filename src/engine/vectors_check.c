/* The engine against Hugging Face transformers in float32 on the same float16 weights: the vectors
 * that scripts/make-vectors/logprobs.py wrote, for every committed folder, and for SmolLM2 where it
 * is there ($SMOLLM2_DIR or models/), on every tier. Log-probabilities differ by at most 1e-3; 64
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
/* Of each folder below golden/vectors/fp16, and of the models named in full. */
static const struct {
    const char *name, *folder;
    bool by_length; /* transformers' result depends on the length of the pass */
} models[] = {
    {"two-f16-gqa", NULL, false},
    {"two-f16-bias", NULL, false},
    {"two-f16-shards", NULL, false},
    {"two-bf16-linear", NULL, false},
    {"two-f32-llama3", NULL, false},
    {"two-mixed", NULL, false},
    {"two-llama-dynamic", NULL, true},
    {"two-llama-dynamic-new", NULL, true},
    {"two-llama-yarn", NULL, false},
    {"two-llama-yarn-new", NULL, false},
    {"two-llama-yarn-plain", NULL, false},
    {"two-mistral-window", NULL, false},
    {"two-mistral-full", NULL, false},
    {"two-qwen2-tied", NULL, false},
    {"two-qwen2-untied", NULL, false},
    {"two-opt-pre", NULL, false},
    {"two-opt-post-proj", NULL, false},
    {"two-opt-no-final", NULL, false},
    {"two-opt-no-bias", NULL, false},
    {"tiny-llama", "golden/models/tiny-llama", false},
    {"tiny-opt", "golden/models/tiny-opt", false},
    {"SmolLM2-135M-Instruct", "models/SmolLM2-135M-Instruct", false},
};
enum { N_MODELS = sizeof models / sizeof *models, N_TIERS = sizeof tiers / sizeof *tiers };
enum { SMOLLM2 = N_MODELS - 1 };

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
        ck_assert(qg_json_int(qg_json_at(node, i), &id));
        ids.id[i] = (int32_t)id;
    }
    return ids;
}

static double number_at(const qg_json *array, size_t i)
{
    double v = NAN;

    ck_assert(qg_json_real(qg_json_at(array, i), &v));
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
    return fixture_path(
        folder ? folder : qg_arena_format(arena, "golden/vectors/fp16/%s", models[model].name));
}

/* False where the model is not on this machine, which is said. */
static bool open_model(int model, const char *tier)
{
    arena = fixture_arena();
    const char *folder = folder_of(model);
    const char *vectors =
        fixture_path(qg_arena_format(arena, "golden/vectors/fp16/%s.jsonl", models[model].name));

    if (!qg_dir_exists(folder) || !qg_file_exists(vectors)) {
        fprintf(stderr, "vectors_check: skipped '%s': the model or its vectors are not here\n",
                models[model].name);
        return false;
    }
    read_prompts(vectors);
    if (!models[model].by_length)
        engine = fixture_open(folder, &(qg_engine_options){.tier = tier, .max_model_len = 512});
    return true;
}

/* Opens the model for texts of `n` tokens where that makes a difference. */
static void open_for_length(int model, const char *tier, size_t n)
{
    if (models[model].by_length)
        engine = fixture_open(folder_of(model),
                              &(qg_engine_options){.tier = tier, .max_model_len = (int)n});
}

static double worst_of_prompt(const prompt *p)
{
    const qg_json *given = qg_json_get(p->node, "logprob"), *top = qg_json_get(p->node, "top");
    int vocabulary = qg_engine_describe(engine).vocab_size;
    qg_err err = {0};
    qg_score s;
    double worst = 0;

    ck_assert_int_eq(qg_score_ids(&s, arena, engine, &p->ids, 1, vocabulary, &err), QG_OK);
    for (size_t i = 1; i < p->ids.n; i++)
        worst = fmax(worst, fabs(s.logprob[i] - number_at(given, i)));
    for (size_t i = 0; i < p->ids.n; i++) {
        const qg_json *row = qg_json_at(top, i);
        for (size_t j = 0; j < qg_json_len(row); j++) {
            const qg_json *pair = qg_json_at(row, j);
            /* among equals the order may differ, so look for the id, not for the rank */
            int32_t id = (int32_t)number_at(pair, 0);
            int k = 0;
            while (k < s.next[i].n_top && s.next[i].top[k].id != id)
                k++;
            worst = fmax(worst, fabs(s.next[i].top[k].logprob - number_at(pair, 1)));
        }
    }
    return worst;
}

START_TEST(log_probabilities_are_those_of_transformers)
{
    int model = _i / N_TIERS;
    const char *tier = tiers[_i % N_TIERS];

    if (!open_model(model, tier))
        return;
    for (int i = 0; i < n_prompts; i++) {
        qg_arena_mark mark = qg_arena_here(arena);
        open_for_length(model, tier, prompts[i].ids.n);
        double worst = worst_of_prompt(&prompts[i]);
        if (getenv("QG_VERBOSE"))
            fprintf(stderr, "%s %s %s: %.2e\n", models[model].name, tier, prompts[i].name, worst);
        ck_assert_msg(worst <= 1e-3, "%s, prompt %s, tier %s: off by %g", models[model].name,
                      prompts[i].name, tier, worst);
        qg_arena_rewind(arena, mark);
    }
}
END_TEST

START_TEST(greedy_tokens_are_those_of_transformers)
{
    int model = _i / N_TIERS, n_compared = 0;
    qg_completion out;
    qg_err err = {0};

    if (!open_model(model, tiers[_i % N_TIERS]))
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
    ck_assert_int_ge(n_compared, models[model].by_length ? 0 : 1); /* those have one, maybe a tie */
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
