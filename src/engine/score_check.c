/* Unit tests of engine/score: the numbers of one row against plain formulas in double, and scoring
 * against the logits that a session gives. */
#include "engine/reference_check.h"
#include "engine/score.h"

#include "check_suites.h"

#include <math.h>
#include <string.h>

static qg_arena *arena;
static qg_err err;

static void setup(void)
{
    fixture_begin();
    arena = fixture_arena();
    qg_err_clear(&err);
}

START_TEST(the_best_come_first_ties_by_lower_index)
{
    static const float logits[] = {1, 5, 3, 5, -2, 3, 0};
    int32_t best[7];

    ck_assert_int_eq(qg_top_k(best, logits, 7, 4), 4);
    ck_assert_int_eq(best[0], 1);
    ck_assert_int_eq(best[1], 3);
    ck_assert_int_eq(best[2], 2);
    ck_assert_int_eq(best[3], 5);
    ck_assert_int_eq(qg_top_k(best, logits, 7, 100), 7);
    ck_assert_int_eq(best[6], 4);
    ck_assert_int_eq(qg_top_k(best, logits, 7, 0), 0);
    ck_assert_int_eq(qg_argmax(logits, 7), 1);
    ck_assert_double_eq(qg_margin(logits, 7), 0);
    ck_assert_double_eq(qg_margin(logits, 3), 2);
    ck_assert_double_eq(qg_margin(logits, 1), 0);
}
END_TEST

START_TEST(top_k_is_the_head_of_a_sort)
{
    enum { N = 200 };
    float logits[N];
    int32_t best[N], *noise = fixture_ids(N, 40, (uint32_t)_i); /* many ties */

    for (int i = 0; i < N; i++)
        logits[i] = (float)noise[i] - 20;
    for (int k = 1; k <= N; k += 1 + k / 3) {
        ck_assert_int_eq(qg_top_k(best, logits, N, k), k);
        for (int r = 0; r < k; r++) { /* rank = how many stand before */
            int rank = 0;
            for (int i = 0; i < N; i++)
                rank +=
                    logits[i] > logits[best[r]] || (logits[i] == logits[best[r]] && i < best[r]);
            ck_assert_int_eq(rank, r);
        }
    }
}
END_TEST

START_TEST(log_sum_exp_holds_at_the_ends_of_the_range)
{
    static const float equal[] = {3, 3, 3, 3}, large[] = {3e38f, -3e38f}, one[] = {-7};
    float many[1000];

    for (int i = 0; i < 1000; i++)
        many[i] = -0.001f * (float)i;
    ck_assert_double_eq_tol(qg_log_sum_exp(equal, 4), 3 + log(4), 1e-6);
    ck_assert_double_eq(qg_log_sum_exp(large, 2), (double)3e38f);
    ck_assert_double_eq(qg_log_sum_exp(one, 1), -7);
    /* a geometric series */
    ck_assert_double_eq_tol(qg_log_sum_exp(many, 1000), log((1 - exp(-1)) / (1 - exp(-0.001))),
                            1e-6);
}
END_TEST

typedef struct kept {
    float *rows;
    int vocabulary;
} kept;

static qg_status keep(void *user, int feed, int position, const float *logits, qg_err *e)
{
    kept *k = user;

    (void)feed, (void)e;
    memcpy(k->rows + position * k->vocabulary, logits, (size_t)k->vocabulary * sizeof *logits);
    return QG_OK;
}

/* Everything that qg_next says of one row, by its definition. */
static void assert_row(const qg_next *next, const float *logits, int n)
{
    double *p = QG_NEW_N(arena, double, (size_t)n), in_top = 0, entropy = 0, sum = 0;

    for (int i = 0; i < n; i++) {
        p[i] = logits[i];
        sum += exp(logits[i]);
    }
    reference_log_softmax(p, n);
    for (int i = 0; i < n; i++)
        entropy -= exp(p[i]) * p[i];
    for (int i = 0; i < next->n_top; i++) {
        ck_assert_double_eq_tol(next->top[i].logprob, p[next->top[i].id], 1e-6);
        in_top += exp(p[next->top[i].id]);
    }
    ck_assert_double_eq_tol(next->log_sum_exp, log(sum), 1e-6);
    ck_assert_double_eq_tol(next->entropy, entropy, 1e-5);
    if (next->n_top < n)
        ck_assert_double_eq_tol(exp(next->tail), 1 - in_top, 1e-6);
    else
        ck_assert_double_eq(next->tail, -1e30);
    if (next->n_top > 1)
        ck_assert_double_eq(next->margin,
                            (double)logits[next->top[0].id] - (double)logits[next->top[1].id]);
}

START_TEST(scores_are_the_softmax_of_the_logits)
{
    static const int tops[] = {1, 8, 100000};
    enum { N = 45 };
    const char *folder = fixture_model("m", &(qg_synth_options){.seed = 3});
    qg_engine *e = fixture_open(folder, &(qg_engine_options){.max_rows = 20});
    int vocabulary = qg_engine_describe(e).vocab_size;
    int32_t *ids = fixture_ids(N, vocabulary, 9);
    kept k = {QG_NEW_N(arena, float, (size_t)(N * vocabulary)), vocabulary};
    qg_session *session;
    qg_score s;

    ck_assert_int_eq(qg_session_open(&session, e, &err), QG_OK);
    qg_feed f = {session, ids, N, QG_WANT_ALL, NULL};
    ck_assert_int_eq(qg_forward(e, &f, 1, keep, &k, &err), QG_OK);
    qg_session_close(session);
    for (int t = 0; t < 3; t++) {
        ck_assert_int_eq(qg_score_ids(&s, arena, e, &(qg_ids){ids, N}, 1, tops[t], &err), QG_OK);
        double nll = 0;
        for (int i = 0; i < N; i++) {
            ck_assert_int_eq(s.next[i].n_top, tops[t] < vocabulary ? tops[t] : vocabulary);
            assert_row(&s.next[i], k.rows + i * vocabulary, vocabulary);
            nll -= i ? k.rows[(i - 1) * vocabulary + ids[i]] - s.next[i - 1].log_sum_exp : 0;
            ck_assert_int_eq(s.ids[i], ids[i]);
        }
        ck_assert_int_eq(s.n, N);
        ck_assert_int_eq(s.n_scored, N - 1);
        ck_assert_double_eq_tol(s.nll, nll, 1e-9);
        ck_assert_double_eq(s.logprob[0], 0);
    }
}
END_TEST

START_TEST(a_token_has_one_logprob)
{
    enum { N = 45 };
    const char *folder = fixture_model("m", &(qg_synth_options){.seed = 3});
    qg_engine *e = fixture_open(folder, &(qg_engine_options){0});
    int vocabulary = qg_engine_describe(e).vocab_size;
    qg_ids ids = {fixture_ids(N, vocabulary, 9), N};
    qg_score s;

    ck_assert_int_eq(qg_score_ids(&s, arena, e, &ids, 1, vocabulary, &err), QG_OK);
    for (int i = 1; i < N; i++) {
        const qg_candidate *c = s.next[i - 1].top;
        while (c->id != ids.id[i])
            c++;
        ck_assert_double_eq(c->logprob, s.logprob[i]);
    }
}
END_TEST

START_TEST(groups_give_the_numbers_of_one_batch)
{
    const char *folder = fixture_model("m", &(qg_synth_options){.seed = 3});
    qg_engine *wide = fixture_open(folder, &(qg_engine_options){.max_seqs = 5});
    /* two sessions, and blocks for 40 tokens: groups of one or two */
    qg_engine *narrow = fixture_open(
        folder, &(qg_engine_options){.max_seqs = 2, .kv_tokens = 40, .block_tokens = 8});
    static const size_t lengths[] = {30, 10, 12, 40, 1};
    qg_score a[5], b[5];
    qg_ids seqs[5];

    for (int i = 0; i < 5; i++)
        seqs[i] = (qg_ids){fixture_ids((int)lengths[i], 300, (uint32_t)i), lengths[i]};
    ck_assert_int_eq(qg_score_ids(a, arena, wide, seqs, 5, 0, &err), QG_OK);
    ck_assert_int_eq(qg_score_ids(b, arena, narrow, seqs, 5, 0, &err), QG_OK);
    for (int i = 0; i < 5; i++) {
        ck_assert_ptr_null(a[i].next);
        ck_assert_double_eq(a[i].nll, b[i].nll);
        ck_assert_int_eq(memcmp(a[i].logprob, b[i].logprob, lengths[i] * sizeof *a[i].logprob), 0);
    }
    ck_assert_int_eq(qg_engine_room(narrow).n_sessions, 2);
    ck_assert_int_eq(qg_engine_room(narrow).n_blocks, 5);
}
END_TEST

START_TEST(what_cannot_be_scored_leaves_no_session_open)
{
    const char *folder = fixture_model("m", &(qg_synth_options){.seed = 3});
    qg_engine *e = fixture_open(
        folder, &(qg_engine_options){.max_seqs = 3, .max_model_len = 32, .kv_tokens = 16});
    int32_t *ids = fixture_ids(40, 300, 1);
    qg_score s[3];

    ck_assert_int_eq(qg_score_ids(s, arena, e, &(qg_ids){ids, 33}, 1, 0, &err), QG_EARG);
    qg_err_clear(&err);
    ck_assert_int_eq(qg_score_ids(s, arena, e, &(qg_ids){ids, 17}, 1, 0, &err), QG_EREFUSED);
    qg_err_clear(&err);
    qg_ids seqs[] = {{ids, 4}, {ids, 0}, {ids, 4}};
    ck_assert_int_eq(qg_score_ids(s, arena, e, seqs, 3, 0, &err), QG_EARG);
    ck_assert_str_eq(err.message, "no tokens given, at least one is needed");
    ck_assert_int_eq(qg_engine_room(e).n_sessions, 3);
    ck_assert_int_eq(qg_engine_room(e).n_blocks, 1);
}
END_TEST

Suite *score_check(void)
{
    Suite *s = suite_create("score_check");
    TCase *c = tcase_create("score");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, fixture_end);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, the_best_come_first_ties_by_lower_index);
    tcase_add_loop_test(c, top_k_is_the_head_of_a_sort, 0, 5);
    tcase_add_test(c, log_sum_exp_holds_at_the_ends_of_the_range);
    tcase_add_test(c, scores_are_the_softmax_of_the_logits);
    tcase_add_test(c, a_token_has_one_logprob);
    tcase_add_test(c, groups_give_the_numbers_of_one_batch);
    tcase_add_test(c, what_cannot_be_scored_leaves_no_session_open);
    return s;
}
