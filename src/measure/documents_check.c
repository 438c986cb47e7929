/* Unit tests of measure/documents: the sums of each document against scores over the whole
 * vocabulary of both models, added up here in double; what has nothing to score. */
#include "measure/documents.h"

#include "base/hash.h"
#include "engine/reference_check.h"
#include "engine/score.h"
#include "record/value.h"

#include "check_suites.h"

#include <math.h>
#include <string.h>

static qg_arena *arena;
static const char *folder;
static qg_err err;

static void setup(void)
{
    fixture_begin();
    arena = fixture_arena();
    folder = fixture_path("golden/models/tiny-llama");
    qg_err_clear(&err);
}

/* Of several windows, and of one. */
static const char text[] =
    "The north of the country is known for its mills. The capital of the country lies in the "
    "south, where the river runs into the sea, and every road ends there.\n"
    "Its people are called by the name of the town.\n\n"
    "A short one.\n\n.\n\nAnd the last of all.\n";

static qg_documents prepared(const qg_engine *e, int64_t window)
{
    char hash[QG_HASH_HEX];
    qg_documents d;
    qg_texts texts;

    ck_assert_int_eq(qg_texts_documents_of(&texts, arena, qg_str_from(text), "text", &err), QG_OK);
    ck_assert_int_eq(qg_hash_text(hash, qg_str_from(text), &err), QG_OK);
    ck_assert_msg(qg_documents_prepare(&d, arena, texts, "text", hash, window,
                                       qg_engine_tokenizer(e), &err) == QG_OK,
                  "%s", err.message);
    return d;
}

static qg_measurement measured(qg_engine *e, qg_engine *reference, const qg_documents *d)
{
    qg_measurement m = {.id.id = "x"};

    ck_assert_msg(qg_documents_measure(&m, arena, e, reference, d, NULL, NULL, &err) == QG_OK, "%s",
                  err.message);
    return m;
}

/* p of every id, in order of id, summing up to 1 in double. */
static const double *probabilities(const qg_next *next)
{
    double *p = QG_NEW_N(arena, double, (size_t)next->n_top), sum = 0;

    for (int i = 0; i < next->n_top; i++)
        sum += p[next->top[i].id] = exp(next->top[i].logprob);
    for (int i = 0; i < next->n_top; i++)
        p[i] /= sum;
    return p;
}

/* The sums of one window by their definitions. */
static void add_window(qg_doc *doc, double *kl_max, double *change_max, qg_engine *e,
                       qg_engine *reference, qg_ids ids)
{
    int vocabulary = qg_engine_describe(e).vocab_size;
    qg_score own, other;

    ck_assert_int_eq(qg_score_ids(&own, arena, e, &ids, 1, vocabulary, &err), QG_OK);
    ck_assert_int_eq(qg_score_ids(&other, arena, reference, &ids, 1, vocabulary, &err), QG_OK);
    for (int i = 1; i < own.n; i++) {
        const double *q = probabilities(&own.next[i - 1]), *p = probabilities(&other.next[i - 1]);
        double kl = 0, dp = q[ids.id[i]] - p[ids.id[i]];
        for (int v = 0; v < vocabulary; v++)
            kl += p[v] * log(p[v] / q[v]);
        doc->n_scored++;
        doc->sum_nll -= log(q[ids.id[i]]);
        doc->sum_dnll += log(p[ids.id[i]]) - log(q[ids.id[i]]);
        doc->sum_kl += kl;
        doc->sum_dp2 += dp * dp;
        doc->flips += own.next[i - 1].top[0].id != other.next[i - 1].top[0].id;
        doc->hits += own.next[i - 1].top[0].id == ids.id[i];
        *kl_max = fmax(*kl_max, kl);
        *change_max = fmax(*change_max, fabs(log(q[ids.id[i]]) - log(p[ids.id[i]])));
    }
}

START_TEST(sums_are_those_of_scores_over_the_whole_vocabulary)
{
    static const int64_t windows[] = {7, 512};
    qg_engine *e = fixture_open(folder, &(qg_engine_options){.quantization = "int8"});
    qg_engine *reference = fixture_open(folder, &(qg_engine_options){0});
    qg_documents d = prepared(e, windows[_i]);
    qg_measurement m = measured(e, reference, &d);
    double kl_max = 0, change_max = 0;

    ck_assert_uint_eq(m.n_docs, 4);
    for (size_t i = 0; i < m.n_docs; i++) {
        const qg_doc *got = &m.docs[i];
        qg_doc doc = {0};
        for (size_t at = 0; at < d.ids[i].n; at += (size_t)windows[_i]) {
            size_t left = d.ids[i].n - at, n = left < (size_t)windows[_i] ? left : (size_t)d.window;
            add_window(&doc, &kl_max, &change_max, e, reference, (qg_ids){d.ids[i].id + at, n});
        }
        ck_assert(got->has_reference);
        ck_assert_int_eq(got->n_scored, doc.n_scored);
        ck_assert_int_eq(got->flips, doc.flips);
        ck_assert_int_eq(got->hits, doc.hits);
        double n = (double)doc.n_scored;
        ck_assert_double_eq_tol(got->sum_nll, doc.sum_nll, 1e-6 * n);
        ck_assert_double_eq_tol(got->sum_dnll, doc.sum_dnll, 1e-6 * n);
        ck_assert_double_eq_tol(got->sum_kl, doc.sum_kl, 1e-6 * n + 1e-5 * doc.sum_kl);
        ck_assert_double_eq_tol(got->sum_dp2, doc.sum_dp2, 1e-6 * n);
    }
    ck_assert_int_gt(m.docs[0].n_scored, 30);
    ck_assert_int_eq(m.docs[2].n_scored, d.ids[2].n > 1 ? (int)d.ids[2].n - 1 : 0);
    ck_assert_double_gt(m.docs[0].sum_kl, 1e-3); /* else nothing was compared */
    ck_assert_double_eq_tol(m.kld->greatest, kl_max, 1e-6 + 1e-5 * kl_max);
    ck_assert_double_gt(change_max, 1e-2);
    ck_assert_double_eq_tol(m.dlogprob->greatest, change_max, 1e-5 + 1e-5 * change_max);
    ck_assert_int_eq(m.dlogprob->n, m.kld->n);
    ck_assert_int_eq(m.kld->n, m.docs[0].n_scored + m.docs[1].n_scored + m.docs[2].n_scored +
                                   m.docs[3].n_scored);
}
END_TEST

static double value_of(const qg_measurement *m, qg_metric metric)
{
    qg_value v;

    ck_assert_int_eq(qg_value_of(&v, arena, m, metric, &err), QG_OK);
    ck_assert(v.known);
    return v.value;
}

START_TEST(beside_itself_nothing_has_changed)
{
    qg_engine *e = fixture_open(folder, &(qg_engine_options){0});
    qg_engine *same = fixture_open(folder, &(qg_engine_options){0});
    qg_documents d = prepared(e, 512);
    qg_measurement m = measured(e, same, &d);
    static const qg_metric zeros[] = {QG_METRIC_KLD_MEAN, QG_METRIC_KLD_P99, QG_METRIC_KLD_MAX,
                                      QG_METRIC_DP_RMS, QG_METRIC_PPL_INCREASE};

    for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++)
        ck_assert_double_eq(value_of(&m, zeros[i]), 0);
    ck_assert_double_eq(value_of(&m, QG_METRIC_SAME_TOP), 1);
}
END_TEST

START_TEST(without_a_reference_the_same_is_said_of_the_model)
{
    qg_engine *e = fixture_open(folder, &(qg_engine_options){.quantization = "int8"});
    qg_engine *reference = fixture_open(folder, &(qg_engine_options){0});
    qg_documents d = prepared(e, 16);
    qg_measurement alone = measured(e, NULL, &d), pair = measured(e, reference, &d);

    ck_assert_ptr_null(alone.kld);
    ck_assert_ptr_null(alone.dlogprob);
    for (size_t i = 0; i < alone.n_docs; i++) {
        ck_assert(!alone.docs[i].has_reference);
        ck_assert_double_eq(alone.docs[i].sum_nll, pair.docs[i].sum_nll);
        ck_assert_int_eq(alone.docs[i].hits, pair.docs[i].hits);
        ck_assert_double_eq(alone.docs[i].sum_dnll, 0);
        ck_assert_double_eq(alone.docs[i].sum_kl, 0);
    }
    ck_assert_str_eq(alone.protocol, pair.protocol);
}
END_TEST

START_TEST(the_protocol_names_what_numbers_depend_on)
{
    qg_engine *e = fixture_open(folder, &(qg_engine_options){0});
    char hash[QG_HASH_HEX];

    ck_assert_int_eq(qg_hash_text(hash, qg_str_from(text), &err), QG_OK);
    ck_assert_str_eq(prepared(e, 64).protocol,
                     qg_arena_format(arena,
                                     "ppl/text=%.12s/window=64/stride=64/documents=apart/"
                                     "special=declared/tokenizer=%.12s",
                                     hash, qg_tokenizer_hash(qg_engine_tokenizer(e))));
    ck_assert_int_eq(prepared(e, 16).kv_tokens, 16);
}
END_TEST

START_TEST(what_scores_nothing_is_refused)
{
    qg_engine *e = fixture_open(folder, &(qg_engine_options){0});
    const qg_tokenizer *t = qg_engine_tokenizer(e);
    qg_str one = QG_STR(""), bad = QG_STR("a\xff");
    qg_documents d;

    ck_assert_int_eq(
        qg_documents_prepare(&d, arena, (qg_texts){&one, 1}, "text", "00", 512, t, &err), QG_EARG);
    ck_assert_str_eq(err.message, "'text' has no token to score");
    qg_err_clear(&err);
    ck_assert_int_eq(qg_documents_prepare(&d, arena, (qg_texts){&one, 1}, "text", "00", 1, t, &err),
                     QG_EARG);
    ck_assert_str_eq(err.message, "a window of 1 tokens scores none");
    qg_err_clear(&err);
    ck_assert_int_ne(
        qg_documents_prepare(&d, arena, (qg_texts){&bad, 1}, "text", "00", 512, t, &err), QG_OK);
    ck_assert_str_eq(err.context, "document 1 of 'text'");
}
END_TEST

typedef struct told {
    size_t n_documents;
    int64_t tokens, all;
    int n;
} told;

static void tell(void *user, size_t n_documents, int64_t tokens, int64_t all)
{
    told *t = user;

    ck_assert_uint_ge(n_documents, t->n_documents);
    ck_assert_int_gt(tokens, t->tokens);
    *t = (told){n_documents, tokens, all, t->n + 1};
}

START_TEST(progress_comes_with_every_window_and_ends_at_all)
{
    qg_engine *e = fixture_open(folder, &(qg_engine_options){0});
    qg_documents d = prepared(e, 8);
    qg_measurement m = {.id.id = "x"};
    told t = {0};
    int n_windows = 0;

    for (size_t i = 0; i < d.n; i++)
        n_windows += (int)(d.ids[i].n + 7) / 8;
    ck_assert_int_eq(qg_documents_measure(&m, arena, e, NULL, &d, tell, &t, &err), QG_OK);
    ck_assert_int_eq(t.n, n_windows);
    ck_assert_int_eq(t.tokens, t.all);
    ck_assert_uint_eq(t.n_documents, 3);
}
END_TEST

START_TEST(errors_name_the_document)
{
    qg_engine *e = fixture_open(folder, &(qg_engine_options){.max_model_len = 16});
    qg_documents d = prepared(e, 512);
    qg_measurement m = {.id.id = "x"};

    ck_assert_int_eq(qg_documents_measure(&m, arena, e, NULL, &d, NULL, NULL, &err), QG_EARG);
    ck_assert_str_eq(err.context, "document 1 of 'text'");
    ck_assert_ptr_nonnull(strstr(err.message, "exceed max_model_len 16"));
}
END_TEST

START_TEST(lack_of_memory_is_said)
{
    qg_engine *e = fixture_open(folder, &(qg_engine_options){.quantization = "int8"});
    qg_engine *reference = fixture_open(folder, &(qg_engine_options){0});
    qg_documents d = prepared(e, 512);
    bool waiting = false;

    for (long n = 1; !waiting; n++) {
        qg_arena *own = qg_arena_create();
        qg_measurement m = {.id.id = "x"};
        qg_err_clear(&err);
        qg_arena_fail_after(n);
        qg_status s = qg_documents_measure(&m, own, e, reference, &d, NULL, NULL, &err);
        waiting = qg_arena_fail_after(0);
        ck_assert_int_eq(s, waiting ? QG_OK : QG_ENOMEM);
        ck_assert_int_eq(qg_engine_room(e).n_sessions, 1);
        qg_arena_free(own);
    }
}
END_TEST

Suite *documents_check(void)
{
    Suite *s = suite_create("documents_check");
    TCase *c = tcase_create("documents");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, fixture_end);
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, sums_are_those_of_scores_over_the_whole_vocabulary, 0, 2);
    tcase_add_test(c, beside_itself_nothing_has_changed);
    tcase_add_test(c, without_a_reference_the_same_is_said_of_the_model);
    tcase_add_test(c, the_protocol_names_what_numbers_depend_on);
    tcase_add_test(c, what_scores_nothing_is_refused);
    tcase_add_test(c, progress_comes_with_every_window_and_ends_at_all);
    tcase_add_test(c, errors_name_the_document);
    tcase_add_test(c, lack_of_memory_is_said);
    return s;
}
