/* Unit tests of engine/session: how tokens are cut into passes, batches and blocks changes no bit;
 * what cannot run is refused and leaves sessions as they were. */
#include "engine/reference_check.h"
#include "engine/session.h"

#include "check_suites.h"

#include <math.h>
#include <string.h>

static const char *const tiers[] = {"ref", "auto"};
/* What families compute differently: a random Llama, then folders below golden/vectors/fp16. */
static const char *const kin[] = {NULL,
                                  "two-mistral-window",
                                  "two-qwen2-untied",
                                  "two-opt-pre",
                                  "two-opt-post-proj",
                                  "two-opt-no-bias",
                                  "two-llama-dynamic",
                                  "two-llama-yarn"};
enum { N_TIERS = 2, N_KIN = sizeof kin / sizeof *kin };
static qg_arena *arena;
static const char *folder;
static int vocabulary;
static qg_err err;

static void setup(void)
{
    fixture_begin();
    arena = fixture_arena();
    folder = fixture_model("m", &(qg_synth_options){.seed = 21});
    fixture_vary_vectors(folder);
    qg_err_clear(&err);
}

/* The kin and the tier of a loop's turn. */
static const char *choose(int turn)
{
    if (kin[turn / N_TIERS])
        folder =
            fixture_path(qg_arena_format(arena, "golden/vectors/fp16/%s", kin[turn / N_TIERS]));
    return tiers[turn % N_TIERS];
}

static qg_engine *open_with(qg_engine_options o)
{
    qg_engine *e = fixture_open(folder, &o);

    vocabulary = qg_engine_describe(e).vocab_size;
    return e;
}

/* Rows of logits as they come: [feed][position][vocabulary]. */
typedef struct rows {
    float *at[8];
    int n[8], next[8];
} rows;

static qg_status keep(void *user, int feed, int position, const float *logits, qg_err *e)
{
    rows *r = user;

    (void)e;
    ck_assert_int_eq(position, r->next[feed]); /* in order */
    r->next[feed]++;
    memcpy(r->at[feed] + (size_t)r->n[feed]++ * (size_t)vocabulary, logits,
           (size_t)vocabulary * sizeof *logits);
    return QG_OK;
}

static rows room_for(int n_feeds, int n)
{
    rows r = {0};

    for (int i = 0; i < n_feeds; i++)
        r.at[i] = QG_NEW_N(arena, float, (size_t)(n * vocabulary));
    return r;
}

/* All logits of ids [n] in one session of an engine opened with `o`, fed `piece` ids a call. */
static float *run_alone(qg_engine_options o, const int32_t *ids, int n, int piece)
{
    qg_engine *e = open_with(o);
    rows r = room_for(1, n);
    qg_session *s;

    ck_assert_int_eq(qg_session_open(&s, e, &err), QG_OK);
    for (int i = 0; i < n; i += piece) {
        qg_feed f = {s, ids + i, n - i < piece ? n - i : piece, QG_WANT_ALL, NULL};
        ck_assert_int_eq(qg_forward(e, &f, 1, keep, &r, &err), QG_OK);
    }
    ck_assert_int_eq(r.n[0], n);
    ck_assert_int_eq(qg_session_len(s), n);
    return r.at[0];
}

static void assert_same_bits(const float *a, const float *b, int n_rows)
{
    ck_assert_int_eq(memcmp(a, b, (size_t)(n_rows * vocabulary) * sizeof *a), 0);
}

START_TEST(passes_pieces_blocks_and_threads_change_no_bit)
{
    static const struct {
        int max_rows, piece, block_tokens, n_threads;
    } ways[] = {{1, 61, 16, 1}, {7, 61, 16, 2},     {256, 1, 16, 1}, {256, 13, 1, 3},
                {33, 61, 5, 2}, {256, 61, 1024, 1}, {40, 20, 7, 5}};
    int32_t *ids = fixture_ids(61, 258, 5);
    const char *tier = choose(_i);
    qg_engine_options first = {.tier = tier, .n_threads = 1, .max_model_len = 200};
    float *whole = run_alone(first, ids, 61, 61);

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        qg_engine_options o = {.tier = tier,
                               .max_model_len = 200,
                               .max_rows = ways[i].max_rows,
                               .block_tokens = ways[i].block_tokens,
                               .n_threads = ways[i].n_threads};
        assert_same_bits(whole, run_alone(o, ids, 61, ways[i].piece), 61);
    }
}
END_TEST

START_TEST(a_ragged_batch_is_its_single_runs)
{
    static const int lengths[] = {1, 17, 40, 5};
    qg_engine_options o = {
        .tier = choose(_i), .max_rows = 24, .max_seqs = 4, .block_tokens = 3, .max_model_len = 200};
    qg_engine *e = open_with(o);
    rows r = room_for(4, 44);
    int32_t *ids[4], next[4];
    qg_feed feeds[4];

    for (int i = 0; i < 4; i++) {
        ids[i] = fixture_ids(44, vocabulary, (uint32_t)i + 1);
        feeds[i] = (qg_feed){.ids = ids[i], .n_ids = lengths[i], .want = QG_WANT_ALL};
        ck_assert_int_eq(qg_session_open(&feeds[i].session, e, &err), QG_OK);
    }
    ck_assert_int_eq(qg_forward(e, feeds, 4, keep, &r, &err), QG_OK);
    for (int step = 0; step < 4; step++) { /* decode together, greedy choices on the device */
        for (int i = 0; i < 4; i++) {
            feeds[i].ids = ids[i] + lengths[i] + step;
            feeds[i].n_ids = 1;
            feeds[i].want = QG_WANT_LAST;
            feeds[i].greedy = &next[i];
        }
        ck_assert_int_eq(qg_forward(e, feeds, 4, keep, &r, &err), QG_OK);
    }
    for (int i = 0; i < 4; i++) {
        qg_engine_options single = {.tier = o.tier, .max_model_len = 200};
        float *alone = run_alone(single, ids[i], lengths[i] + 4, 99);
        assert_same_bits(alone, r.at[i], lengths[i] + 4);
        const float *last = alone + (lengths[i] + 3) * vocabulary;
        for (int j = 0; j < vocabulary; j++)
            ck_assert(last[j] < last[next[i]] || (last[j] == last[next[i]] && j >= next[i]));
    }
}
END_TEST

START_TEST(rewinding_forgets)
{
    int32_t *ids = fixture_ids(30, 258, 3), *others = fixture_ids(30, 258, 4);
    qg_engine *e = open_with((qg_engine_options){.block_tokens = 4, .max_model_len = 30});
    rows r = room_for(1, 90);
    qg_session *s;

    ck_assert_int_eq(qg_session_open(&s, e, &err), QG_OK);
    ck_assert_int_eq(qg_forward(e, &(qg_feed){s, ids, 10, QG_WANT_ALL, NULL}, 1, keep, &r, &err),
                     QG_OK);
    ck_assert_int_eq(
        qg_forward(e, &(qg_feed){s, others, 20, QG_WANT_NOTHING, NULL}, 1, keep, &r, &err), QG_OK);
    qg_session_rewind(s, 10);
    ck_assert_int_eq(qg_session_len(s), 10);
    ck_assert_int_eq(
        qg_forward(e, &(qg_feed){s, ids + 10, 20, QG_WANT_ALL, NULL}, 1, keep, &r, &err), QG_OK);
    ck_assert_int_eq(r.n[0], 30);
    assert_same_bits(run_alone((qg_engine_options){0}, ids, 30, 30), r.at[0], 30);
}
END_TEST

START_TEST(only_the_last_row_comes_where_only_it_is_wanted)
{
    int32_t *ids = fixture_ids(20, 258, 3);
    qg_engine *e = open_with((qg_engine_options){.max_rows = 6});
    rows r = room_for(1, 20);
    qg_session *s;

    r.next[0] = 19;
    ck_assert_int_eq(qg_session_open(&s, e, &err), QG_OK);
    ck_assert_int_eq(qg_forward(e, &(qg_feed){s, ids, 20, QG_WANT_LAST, NULL}, 1, keep, &r, &err),
                     QG_OK);
    ck_assert_int_eq(r.n[0], 1);
    assert_same_bits(run_alone((qg_engine_options){0}, ids, 20, 20) + 19 * vocabulary, r.at[0], 1);
}
END_TEST

START_TEST(sessions_run_out)
{
    qg_engine *e = open_with((qg_engine_options){.max_seqs = 2});
    qg_session *a, *b, *c;

    ck_assert_int_eq(qg_session_open(&a, e, &err), QG_OK);
    ck_assert_int_eq(qg_session_open(&b, e, &err), QG_OK);
    ck_assert_int_eq(qg_engine_room(e).n_sessions, 0);
    ck_assert_int_eq(qg_session_open(&c, e, &err), QG_EREFUSED);
    ck_assert_str_eq(err.message, "all 2 sessions of the engine are in use");
    qg_session_close(a);
    ck_assert_int_eq(qg_session_open(&c, e, &err), QG_OK);
    ck_assert_int_eq(qg_session_len(c), 0);
}
END_TEST

START_TEST(blocks_run_out_and_nothing_has_changed)
{
    int32_t *ids = fixture_ids(30, 258, 3);
    qg_engine *e =
        open_with((qg_engine_options){.max_seqs = 2, .kv_tokens = 30, .block_tokens = 8});
    qg_session *a, *b;

    ck_assert_int_eq(qg_engine_room(e).n_blocks, 4); /* rounded up */
    ck_assert_int_eq(qg_session_open(&a, e, &err), QG_OK);
    ck_assert_int_eq(qg_session_open(&b, e, &err), QG_OK);
    qg_feed feeds[] = {{a, ids, 9, QG_WANT_LAST, NULL}, {b, ids, 17, QG_WANT_LAST, NULL}};
    ck_assert_int_eq(qg_forward(e, feeds, 2, NULL, NULL, &err), QG_EREFUSED);
    ck_assert_str_eq(err.message, "the KV cache is full: 2 of 4 blocks of 8 tokens are left");
    ck_assert_int_eq(qg_session_len(a), 0);
    ck_assert_int_eq(qg_session_len(b), 0);
    ck_assert_int_eq(qg_engine_room(e).n_blocks, 4);
    feeds[1].n_ids = 16;
    ck_assert_int_eq(qg_forward(e, feeds, 2, NULL, NULL, &err), QG_OK);
    ck_assert_int_eq(qg_engine_room(e).n_blocks, 0);
    qg_session_close(b);
    ck_assert_int_eq(qg_engine_room(e).n_blocks, 2);
}
END_TEST

START_TEST(bad_feeds_are_refused)
{
    int32_t *ids = fixture_ids(30, 258, 3);
    qg_engine *e = open_with((qg_engine_options){.max_model_len = 12});
    qg_session *s;

    ck_assert_int_eq(qg_session_open(&s, e, &err), QG_OK);
    qg_feed f = {s, ids, 13, QG_WANT_LAST, NULL};
    ck_assert_int_eq(qg_forward(e, &f, 1, NULL, NULL, &err), QG_EARG);
    ck_assert_str_eq(err.message, "13 tokens exceed max_model_len 12");
    qg_err_clear(&err);
    f.n_ids = 0;
    ck_assert_int_eq(qg_forward(e, &f, 1, NULL, NULL, &err), QG_EARG);
    f.n_ids = 5;
    ids[4] = vocabulary;
    qg_err_clear(&err);
    ck_assert_int_eq(qg_forward(e, &f, 1, NULL, NULL, &err), QG_EARG);
    ck_assert_str_eq(err.message, "token id 307 lies outside the vocabulary of 307");
    ids[4] = -1;
    ck_assert_int_eq(qg_forward(e, &f, 1, NULL, NULL, &err), QG_EARG);
    ids[4] = 0;
    qg_feed twice[] = {f, f};
    ck_assert_int_eq(qg_forward(e, twice, 2, NULL, NULL, &err), QG_EARG);
    ck_assert_int_eq(qg_session_len(s), 0);
    ck_assert_int_eq(qg_forward(e, &f, 1, NULL, NULL, &err), QG_OK);
    ck_assert_int_eq(qg_session_len(s), 5);
}
END_TEST

static qg_status refuse(void *user, int feed, int position, const float *logits, qg_err *e)
{
    (void)user, (void)feed, (void)logits;
    return position == 3 ? qg_fail(e, QG_EIO, "the reader has had enough") : QG_OK;
}

START_TEST(an_error_of_the_reader_ends_the_forward)
{
    int32_t *ids = fixture_ids(8, 258, 3);
    qg_engine *e = open_with((qg_engine_options){.max_rows = 2});
    qg_session *s;

    ck_assert_int_eq(qg_session_open(&s, e, &err), QG_OK);
    ck_assert_int_eq(qg_forward(e, &(qg_feed){s, ids, 8, QG_WANT_ALL, NULL}, 1, refuse, NULL, &err),
                     QG_EIO);
    ck_assert_int_eq(qg_session_len(s), 0);
}
END_TEST

/* Finite weights whose products overflow. */
static void blow_up(qg_tensor_spec *spec, void *data, void *user)
{
    (void)user;
    for (int64_t i = 0; strstr(spec->name, "model.norm") && i < spec->shape[0]; i++)
        ((float *)data)[i] = 3e38f;
}

START_TEST(logits_that_are_not_finite_are_an_error)
{
    int32_t *ids = fixture_ids(8, 258, 3), next = 7;
    qg_session *s;

    folder = fixture_model("huge", &(qg_synth_options){.seed = 21, .dtype = "float32"});
    fixture_tensors(folder, blow_up, NULL, NULL);
    qg_engine *e = open_with((qg_engine_options){.tier = tiers[_i]});
    ck_assert_int_eq(qg_session_open(&s, e, &err), QG_OK);
    qg_feed f = {s, ids, 8, QG_WANT_LAST, &next};
    ck_assert_int_eq(qg_forward(e, &f, 1, NULL, NULL, &err), QG_ENONFINITE);
    ck_assert_str_eq(err.message,
                     "the model gives infinite or NaN logits after position 7 of sequence 0");
    ck_assert_int_eq(next, 7);
    ck_assert_int_eq(qg_session_len(s), 0);
}
END_TEST

Suite *session_check(void)
{
    Suite *s = suite_create("session_check");
    TCase *c = tcase_create("session");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, fixture_end);
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, passes_pieces_blocks_and_threads_change_no_bit, 0, N_KIN * N_TIERS);
    tcase_add_loop_test(c, a_ragged_batch_is_its_single_runs, 0, N_KIN * N_TIERS);
    tcase_add_test(c, rewinding_forgets);
    tcase_add_test(c, only_the_last_row_comes_where_only_it_is_wanted);
    tcase_add_test(c, sessions_run_out);
    tcase_add_test(c, blocks_run_out_and_nothing_has_changed);
    tcase_add_test(c, bad_feeds_are_refused);
    tcase_add_test(c, an_error_of_the_reader_ends_the_forward);
    tcase_add_loop_test(c, logits_that_are_not_finite_are_an_error, 0, 2);
    return s;
}
