/* Unit tests of judge/worst: which judgement is looked into, and over what. Goldens are written and
 * measured by hand. */
#include "judge/worst.h"

#include "base/folder_check.h"

static qg_err err;

enum { N_PROMPTS = 3 };
#define HASH_OF(digit) digit digit digit digit digit digit digit digit
#define AA_HASH        HASH_OF("aaaaaaaa")
#define BB_HASH        HASH_OF("bbbbbbbb")
#define CC_HASH        HASH_OF("cccccccc")
#define DD_HASH        HASH_OF("dddddddd")

/* Prompts of one token each, whose best log-probability is given. */
static qg_gold *gold(const double best[N_PROMPTS])
{
    qg_gold *g = QG_NEW(arena, qg_gold);

    *g = (qg_gold){.model_hash = AA_HASH,
                   .tokenizer_hash = BB_HASH,
                   .prompts_hash = CC_HASH,
                   .method = "fp16",
                   .backend = "cpu",
                   .protocol = "p",
                   .command = "",
                   .prompts = QG_NEW_N(arena, qg_gold_prompt, N_PROMPTS),
                   .n_prompts = N_PROMPTS};
    for (int i = 0; i < N_PROMPTS; i++) {
        qg_gold_prompt *p = &g->prompts[i];
        p->name = qg_arena_format(arena, "p%02d", i + 1);
        p->positions = QG_NEW(arena, qg_gold_position);
        p->n_positions = 1;
        p->positions[0].id = 4;
        p->positions[0].bytes = QG_STR("a");
        p->positions[0].top = QG_NEW(arena, qg_gold_entry);
        p->positions[0].top[0] = (qg_gold_entry){7, best[i]};
        p->positions[0].n_top = 1;
        p->greedy = QG_NEW_N(arena, qg_gold_choice, 2);
        p->greedy[0] = (qg_gold_choice){7, QG_STR("b"), 1};
        p->greedy[1] = (qg_gold_choice){i == 1 ? 9 : 8, QG_STR("c"), 1};
        p->n_greedy = 2;
    }
    return g;
}

static qg_suite_model models[] = {{.name = "fp16", .method = "fp16"},
                                  {.name = "q", .method = "gptq"}};
static qg_suite suite;
static qg_measurement m;
static qg_judgement judgements[4];
static qg_run run;

static void setup(void)
{
    static const double blessed[] = {-0.5, -0.5, -0.5}, measured[] = {-0.5, -0.75, -2.5};

    folder_begin();
    qg_err_clear(&err);
    suite = (qg_suite){.path = "s.yaml",
                       .models = models,
                       .n_models = 2,
                       .reference = &models[0],
                       .quality = {.golden = folder}};
    m = (qg_measurement){.id = {.id = "q/quality", .model = "q", .method = "gptq", .device = "cpu"},
                         .gold = gold(measured)};
    run = (qg_run){.measurements = &m, .n_measurements = 1, .judgements = judgements};
    qg_gold *g = gold(blessed);
    g->prompts[0].greedy[0].id = 70; /* another from the first token on */
    ck_assert_int_eq(qg_gold_write(qg_gold_path(arena, folder, "fp16", "cpu", "fp16"), g, &err),
                     QG_OK);
    g->prompts[1].positions[0].top[0].logprob = -9;
    g->model_hash = DD_HASH;
    ck_assert_int_eq(qg_gold_write(qg_gold_path(arena, folder, "gptq", "cpu", "q"), g, &err),
                     QG_OK);
}

static void judge(qg_metric metric, qg_verdict verdict)
{
    judgements[run.n_judgements++] =
        (qg_judgement){.case_id = "q/quality", .metric = metric, .verdict = verdict};
}

static qg_worst worst(void)
{
    qg_worst w;

    ck_assert_msg(qg_worst_find(&w, arena, &run, &suite, &m, &err) == QG_OK, "%s", err.message);
    return w;
}

START_TEST(nothing_is_worst_where_nothing_failed)
{
    judge(QG_METRIC_PPL, QG_VERDICT_PASS);
    judge(QG_METRIC_TPOT_P50, QG_VERDICT_FAIL); /* no quality */
    judge(QG_METRIC_GOLDEN_LOGPROB_MAX, QG_VERDICT_KNOWN_FAIL);
    judge(QG_METRIC_NONE, QG_VERDICT_FAIL);
    ck_assert_ptr_null(worst().judgement);
    judgements[0].verdict = QG_VERDICT_FAIL;
    judgements[0].case_id = "other/quality";
    ck_assert_ptr_null(worst().judgement);
}
END_TEST

START_TEST(the_worst_prompt_is_that_of_the_golden)
{
    judge(QG_METRIC_GOLDEN_LOGPROB_MAX, QG_VERDICT_FAIL);
    ck_assert_uint_eq(worst().index, 2);
    ck_assert_str_eq(worst().name, "p03");
    ck_assert_str_eq(worst().blessed_hash, AA_HASH);
    ck_assert(!worst().is_document);
    /* its own golden is another */
    judgements[0].metric = QG_METRIC_DRIFT_LOGPROB_MAX;
    ck_assert_str_eq(worst().name, "p02");
    ck_assert_str_eq(worst().blessed_hash, DD_HASH);
    judgements[0].metric = QG_METRIC_GREEDY_MATCH;
    ck_assert_str_eq(worst().name, "p01");
}
END_TEST

START_TEST(goldens_come_before_the_text)
{
    judge(QG_METRIC_PPL, QG_VERDICT_FAIL);
    judge(QG_METRIC_GOLDEN_LOGPROB_MAX, QG_VERDICT_FAIL);
    judge(QG_METRIC_DRIFT_LOGPROB_MAX, QG_VERDICT_FAIL);
    ck_assert_int_eq(worst().judgement->metric, QG_METRIC_GOLDEN_LOGPROB_MAX);
}
END_TEST

START_TEST(a_golden_that_is_gone_leaves_nothing)
{
    judge(QG_METRIC_GOLDEN_LOGPROB_MAX, QG_VERDICT_FAIL);
    suite.quality.golden = "nowhere";
    ck_assert_ptr_null(worst().judgement);
    suite.quality.golden = NULL;
    ck_assert_ptr_null(worst().judgement);
}
END_TEST

START_TEST(the_worst_document_is_what_the_metric_counts)
{
    qg_doc docs[] = {{.n_scored = 10, .sum_nll = 90, .has_reference = true, .sum_dnll = 1},
                     {.n_scored = 100, .sum_nll = 100, .has_reference = true, .sum_dnll = 30},
                     {.n_scored = 10, .has_reference = true, .sum_kl = 5, .flips = 1},
                     {.n_scored = 10, .has_reference = true, .sum_dp2 = 1, .flips = 4},
                     {.n_scored = 0, .sum_nll = 1000}};

    m.docs = docs;
    m.n_docs = 5;
    judge(QG_METRIC_PPL_INCREASE, QG_VERDICT_FAIL);
    ck_assert(worst().is_document);
    ck_assert_str_eq(worst().name, "document 2");
    judgements[0].metric = QG_METRIC_KLD_P99;
    ck_assert_str_eq(worst().name, "document 3");
    judgements[0].metric = QG_METRIC_SAME_TOP; /* of the text, where there is one */
    ck_assert_str_eq(worst().name, "document 4");
    judgements[0].metric = QG_METRIC_DP_RMS;
    ck_assert_str_eq(worst().name, "document 4");
    for (int i = 0; i < 5; i++)
        docs[i].has_reference = false;
    judgements[0].metric = QG_METRIC_PPL;
    ck_assert_str_eq(worst().name, "document 1");
    m.n_docs = 0;
    ck_assert_ptr_null(worst().judgement);
}
END_TEST

Suite *worst_check(void)
{
    Suite *s = suite_create("worst_check");
    TCase *t = tcase_create("worst");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_add_test(t, nothing_is_worst_where_nothing_failed);
    tcase_add_test(t, the_worst_prompt_is_that_of_the_golden);
    tcase_add_test(t, goldens_come_before_the_text);
    tcase_add_test(t, a_golden_that_is_gone_leaves_nothing);
    tcase_add_test(t, the_worst_document_is_what_the_metric_counts);
    suite_add_tcase(s, t);
    return s;
}
