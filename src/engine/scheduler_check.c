/* Unit tests of engine/scheduler: what a batch generates is what each request generates alone, step
 * by step; how requests end; what streams. The tokenizer of the synthetic models is one token a
 * byte (byte b is id b + 2), so any text that matters lies across tokens. */
#include "base/clock.h"
#include "base/file.h"
#include "engine/reference_check.h"
#include "engine/scheduler.h"
#include "engine/score.h"

#include "check_suites.h"

#include <stdlib.h>
#include <string.h>

static qg_arena *arena;
static qg_err err;
static const char *folder;

static void setup(void)
{
    fixture_begin();
    arena = fixture_arena();
    folder = fixture_model("m", &(qg_synth_options){.seed = 31});
    qg_err_clear(&err);
}

static qg_request request(qg_ids prompt, int max_tokens)
{
    return (qg_request){.prompt = prompt,
                        .max_tokens = max_tokens,
                        .sampling = QG_SAMPLING_GREEDY,
                        .ignore_end = true};
}

static qg_ids prompt_of(int n, uint32_t seed)
{
    return (qg_ids){fixture_ids(n, 250, seed), (size_t)n};
}

typedef struct last_row {
    qg_sampler *sampler;
    int32_t id;
} last_row;

static qg_status choose(void *user, int feed, int position, const float *logits, qg_err *e)
{
    last_row *r = user;

    (void)feed, (void)position, (void)e;
    r->id = qg_sampler_next(r->sampler, logits);
    return QG_OK;
}

/* The same by hand: one session, one token a forward. */
static void assert_as_by_hand(qg_engine *e, const qg_request *r, uint64_t stream,
                              const qg_completion *out)
{
    last_row row;
    qg_session *s;

    ck_assert_int_eq(qg_session_open(&s, e, &err), QG_OK);
    ck_assert_int_eq(qg_sampler_open(&row.sampler, arena, &r->sampling,
                                     qg_engine_describe(e).vocab_size, stream, &err),
                     QG_OK);
    for (size_t i = 0; i < r->prompt.n; i++)
        qg_sampler_saw(row.sampler, r->prompt.id[i]);
    qg_feed f = {s, r->prompt.id, (int)r->prompt.n, QG_WANT_LAST, NULL};
    for (size_t i = 0; i < out->ids.n; i++) {
        ck_assert_int_eq(qg_forward(e, &f, 1, choose, &row, &err), QG_OK);
        ck_assert_int_eq(row.id, out->ids.id[i]);
        f = (qg_feed){s, &out->ids.id[i], 1, QG_WANT_LAST, NULL};
    }
    qg_session_close(s);
}

/* Six requests where two sessions and few blocks make most of them wait. */
START_TEST(a_batch_generates_what_each_request_does_alone)
{
    qg_engine *alone = fixture_open(folder, &(qg_engine_options){0});
    qg_engine *e = fixture_open(folder, &(qg_engine_options){.max_seqs = _i ? 6 : 2,
                                                             .kv_tokens = _i ? 0 : 60,
                                                             .block_tokens = 4,
                                                             .max_rows = 9});
    static const int lengths[] = {5, 30, 1, 12, 7, 20}, counts[] = {20, 10, 1, 25, 3, 8};
    qg_request r[6];
    qg_completion out[6];

    for (int i = 0; i < 6; i++) {
        r[i] = request(prompt_of(lengths[i], (uint32_t)i), counts[i]);
        if (i % 2)
            r[i].sampling = (qg_sampling){
                .temperature = 0.9, .top_p = 0.95, .repetition_penalty = 1.1, .seed = (uint64_t)i};
    }
    ck_assert_int_eq(qg_generate(out, arena, e, r, 6, NULL, NULL, &err), QG_OK);
    for (int i = 0; i < 6; i++) {
        ck_assert_uint_eq(out[i].ids.n, (size_t)counts[i]);
        ck_assert_str_eq(out[i].finish, "length");
        assert_as_by_hand(alone, &r[i], (uint64_t)i, &out[i]);
    }
    ck_assert_int_eq(qg_engine_room(e).n_sessions, _i ? 6 : 2);
    ck_assert_int_eq(qg_engine_room(e).n_blocks, _i ? 6 * 64 : 15);
}
END_TEST

/* Without margins the forward itself chooses; beside a request that is sampled it does not. */
START_TEST(choices_of_the_forward_are_the_same)
{
    qg_engine *alone = fixture_open(folder, &(qg_engine_options){0});
    qg_engine *e = fixture_open(folder, &(qg_engine_options){.max_seqs = 3});
    qg_request r[3];
    qg_completion out[3];

    for (int i = 0; i < 3; i++) {
        r[i] = request(prompt_of(3 + 4 * i, (uint32_t)i), 12 + i);
        r[i].no_margins = true;
    }
    if (_i)
        r[1].sampling = (qg_sampling){.temperature = 0.8, .top_p = 1, .repetition_penalty = 1};
    ck_assert_int_eq(qg_generate(out, arena, e, r, 3, NULL, NULL, &err), QG_OK);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(out[i].ids.n, 12 + (size_t)i);
        assert_as_by_hand(alone, &r[i], (uint64_t)i, &out[i]);
        for (size_t k = 0; k < out[i].ids.n && !_i; k++)
            ck_assert(out[i].margins[k] == 0);
    }
}
END_TEST

/* The text of a request, streamed: pieces joined. */
static qg_status collect(void *user, int index, qg_str piece, qg_err *e)
{
    qg_buf *b = user;

    (void)e;
    ck_assert_int_eq(index, 0);
    ck_assert_uint_gt(piece.len, 0);
    ck_assert_uint_eq(qg_utf8_valid(piece), piece.len);
    qg_buf_str(b, piece);
    return QG_OK;
}

static qg_str decoded(const qg_engine *e, const qg_ids *ids)
{
    qg_str text;

    ck_assert_int_eq(qg_tokenizer_decode(&text, arena, qg_engine_tokenizer(e), ids->id, ids->n,
                                         QG_DECODE_SKIP_SPECIAL, &err),
                     QG_OK);
    return text;
}

START_TEST(pieces_join_to_the_text)
{
    qg_engine *e = fixture_open(folder, &(qg_engine_options){0});
    qg_request r = request(prompt_of(4, (uint32_t)_i), 60);
    qg_completion out;
    qg_buf b;

    r.sampling = (qg_sampling){.temperature = 1, .top_p = 1, .repetition_penalty = 1, .seed = 5};
    qg_buf_init(&b, arena);
    ck_assert_int_eq(qg_generate(&out, arena, e, &r, 1, collect, &b, &err), QG_OK);
    ck_assert(qg_str_eq(out.text, qg_buf_view(&b)));
    ck_assert(qg_str_eq(out.text, decoded(e, &out.ids)));
}
END_TEST

/* One fixed text of 40 tokens, cut by stop strings. */
static qg_completion say(qg_engine *e, const qg_str *stop, int n_stop, qg_buf *streamed)
{
    qg_request r = request(prompt_of(3, 2), 40);
    qg_completion out;

    r.sampling = (qg_sampling){.temperature = 1, .top_p = 1, .repetition_penalty = 1, .seed = 9};
    r.stop = stop;
    r.n_stop = n_stop;
    qg_buf_init(streamed, arena);
    ck_assert_int_eq(qg_generate(&out, arena, e, &r, 1, collect, streamed, &err), QG_OK);
    return out;
}

START_TEST(stop_strings_cut_across_tokens)
{
    qg_engine *e = fixture_open(folder, &(qg_engine_options){0});
    qg_buf streamed;
    qg_completion whole = say(e, NULL, 0, &streamed), cut;

    ck_assert_uint_gt(whole.text.len, 25);
    for (size_t from = 0; from + 5 < whole.text.len; from += 3) {
        qg_str part = qg_str_sub(whole.text, from, 5);
        while (part.len && ((unsigned char)part.ptr[0] & 0xc0) == 0x80) /* start at a character */
            part = qg_str_sub(part, 1, part.len);
        const char *first = memmem(whole.text.ptr, whole.text.len, part.ptr, part.len);
        qg_str stops[] = {QG_STR("never said"), part, QG_STR("")};
        cut = say(e, stops, 3, &streamed);
        ck_assert_str_eq(cut.finish, "stop");
        ck_assert_uint_eq(cut.text.len, (size_t)(first - whole.text.ptr));
        ck_assert(qg_str_eq(cut.text, qg_str_sub(whole.text, 0, cut.text.len)));
        ck_assert(qg_str_eq(cut.text, qg_buf_view(&streamed)));
        ck_assert_uint_le(cut.ids.n, whole.ids.n);
        ck_assert_int_eq(memcmp(cut.ids.id, whole.ids.id, cut.ids.n * sizeof *cut.ids.id), 0);
        qg_str with_stop = decoded(e, &cut.ids);
        ck_assert_uint_ge(with_stop.len, cut.text.len + part.len);
    }
}
END_TEST

START_TEST(what_only_begins_like_a_stop_string_is_said_in_the_end)
{
    qg_engine *e = fixture_open(folder, &(qg_engine_options){0});
    qg_buf streamed;
    qg_completion whole = say(e, NULL, 0, &streamed);
    size_t tail = whole.text.len - 4;

    while (((unsigned char)whole.text.ptr[tail] & 0xc0) == 0x80)
        tail--;
    qg_str stop = qg_str_from(
        qg_arena_format(arena, QG_STR_PRI "!?", QG_STR_ARG(qg_str_sub(whole.text, tail, 99))));
    qg_completion out = say(e, &stop, 1, &streamed);
    ck_assert_str_eq(out.finish, "length");
    ck_assert(qg_str_eq(out.text, whole.text));
    ck_assert(qg_str_eq(qg_buf_view(&streamed), whole.text));
}
END_TEST

/* The end token is whatever this model says third. */
START_TEST(the_end_token_ends_and_is_no_text)
{
    qg_engine *e = fixture_open(folder, &(qg_engine_options){0});
    qg_request r = request(prompt_of(6, 3), 12);
    qg_completion free_run, ended, ignored;

    r.sampling = (qg_sampling){.temperature = 1, .top_p = 1, .repetition_penalty = 1, .seed = 2};
    ck_assert_int_eq(qg_generate(&free_run, arena, e, &r, 1, NULL, NULL, &err), QG_OK);
    int32_t end = free_run.ids.id[2];
    size_t first = end == free_run.ids.id[0] ? 1 : end == free_run.ids.id[1] ? 2 : 3;
    fixture_set(folder, "generation_config.json", "eos_token_id",
                qg_arena_format(arena, "[1,%d]", end));
    e = fixture_open(folder, &(qg_engine_options){0});
    ck_assert(qg_engine_is_end(e, end));
    ck_assert(qg_engine_is_end(e, 1));
    ck_assert(!qg_engine_is_end(e, end + 1));
    r.ignore_end = false;
    ck_assert_int_eq(qg_generate(&ended, arena, e, &r, 1, NULL, NULL, &err), QG_OK);
    ck_assert_uint_eq(ended.ids.n, first);
    ck_assert_int_eq(ended.ids.id[first - 1], end);
    ck_assert_str_eq(ended.finish, "stop");
    r.ignore_end = true;
    ck_assert_int_eq(qg_generate(&ignored, arena, e, &r, 1, NULL, NULL, &err), QG_OK);
    ck_assert_uint_eq(ignored.ids.n, 12);
}
END_TEST

/* More rows in the head than the tokenizer has ids: padding that a model can still choose. */
START_TEST(ids_without_a_token_are_no_text)
{
    qg_str tokenizer;
    qg_request r = request(prompt_of(4, 1), 80);
    qg_completion out;
    int n_nameless = 0;

    ck_assert_int_eq(qg_file_read(&tokenizer, arena, qg_path_join(arena, folder, "tokenizer.json"),
                                  1 << 24, &err),
                     QG_OK);
    folder = fixture_model("padded", &(qg_synth_options){.seed = 31, .vocab_size = 700});
    ck_assert_int_eq(qg_file_write(qg_path_join(arena, folder, "tokenizer.json"), tokenizer, &err),
                     QG_OK);
    qg_engine *e = fixture_open(folder, &(qg_engine_options){0});
    r.sampling = (qg_sampling){.temperature = 2, .top_p = 1, .repetition_penalty = 1, .seed = 5};
    ck_assert_int_eq(qg_generate(&out, arena, e, &r, 1, NULL, NULL, &err), QG_OK);
    ck_assert_uint_eq(out.ids.n, 80);
    for (size_t i = 0; i < out.ids.n; i++)
        n_nameless += out.ids.id[i] >= 307;
    ck_assert_int_gt(n_nameless, 10);
    ck_assert_uint_gt(out.text.len, 0);
}
END_TEST

START_TEST(max_model_len_bounds_the_text)
{
    qg_engine *e = fixture_open(folder, &(qg_engine_options){.max_model_len = 20});
    qg_request r = request(prompt_of(15, 1), 100);
    qg_completion out;

    ck_assert_int_eq(qg_generate(&out, arena, e, &r, 1, NULL, NULL, &err), QG_OK);
    ck_assert_uint_eq(out.ids.n, 5);
    ck_assert_str_eq(out.finish, "length");
    r.prompt = prompt_of(20, 1);
    ck_assert_int_eq(qg_generate(&out, arena, e, &r, 1, NULL, NULL, &err), QG_EARG);
    ck_assert_str_eq(err.message,
                     "the prompt has 20 tokens, max_model_len 20 leaves no room for more");
}
END_TEST

START_TEST(requests_that_cannot_run_are_refused_before_any_runs)
{
    qg_engine *e = fixture_open(folder, &(qg_engine_options){.max_seqs = 2, .kv_tokens = 32});
    qg_request r[] = {request(prompt_of(4, 1), 4), request(prompt_of(20, 1), 20)};
    qg_completion out[2];

    ck_assert_int_eq(qg_generate(out, arena, e, r, 2, NULL, NULL, &err), QG_EREFUSED);
    ck_assert_str_eq(err.context, "prompt 1");
    ck_assert_str_eq(err.message, "20 + 20 tokens need 3 blocks of the KV cache, it has 2 free");
    qg_err_clear(&err);
    r[1] = request((qg_ids){NULL, 0}, 3);
    ck_assert_int_eq(qg_generate(out, arena, e, r, 2, NULL, NULL, &err), QG_EARG);
    qg_err_clear(&err);
    r[1] = request(prompt_of(3, 1), 0);
    ck_assert_int_eq(qg_generate(out, arena, e, r, 2, NULL, NULL, &err), QG_EARG);
    qg_err_clear(&err);
    r[1] = request(prompt_of(3, 1), 3);
    r[1].sampling.top_k = -4;
    ck_assert_int_eq(qg_generate(out, arena, e, r, 2, NULL, NULL, &err), QG_EARG);
    ck_assert_int_eq(qg_generate(out, arena, e, r, 0, NULL, NULL, &err), QG_OK);
    ck_assert_int_eq(qg_engine_room(e).n_sessions, 2);
}
END_TEST

static qg_status interrupt(void *user, int index, qg_str piece, qg_err *e)
{
    (void)user, (void)index, (void)piece;
    return qg_fail(e, QG_EIO, "the pipe is closed");
}

START_TEST(an_error_of_the_reader_gives_everything_back)
{
    qg_engine *e = fixture_open(folder, &(qg_engine_options){.max_seqs = 2});
    qg_request r[] = {request(prompt_of(4, 1), 40), request(prompt_of(20, 1), 40)};
    qg_completion out[2];
    int n_blocks = qg_engine_room(e).n_blocks;

    ck_assert_int_eq(qg_generate(out, arena, e, r, 2, interrupt, NULL, &err), QG_EIO);
    ck_assert_int_eq(qg_engine_room(e).n_sessions, 2);
    ck_assert_int_eq(qg_engine_room(e).n_blocks, n_blocks);
}
END_TEST

static int64_t ticks;
static int64_t tick(void)
{
    return ticks += 1000;
}

START_TEST(times_are_in_order)
{
    qg_engine *e = fixture_open(folder, &(qg_engine_options){0});
    qg_request r = request(prompt_of(4, 1), 5);
    qg_completion out;

    qg_clock_replace(tick);
    ck_assert_int_eq(qg_generate(&out, arena, e, &r, 1, NULL, NULL, &err), QG_OK);
    qg_clock_replace(NULL);
    ck_assert_int_eq(out.start_ns, 1000);
    ck_assert_int_eq(out.first_ns, 1000);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(out.token_ns[i], 2000 + 1000 * i);
}
END_TEST

static void count(void *user, int index)
{
    int *done = user;
    done[index]++;
}

/* Three users and seven requests, with room for two at once: each is answered once, and as alone; a
 * user sends the next when the last is answered. */
START_TEST(users_send_one_request_after_the_other)
{
    qg_engine *alone = fixture_open(folder, &(qg_engine_options){0});
    qg_engine *e = fixture_open(folder, &(qg_engine_options){.max_seqs = 2});
    qg_arrivals arrivals = {.concurrency = 3};
    qg_request r[7];
    qg_completion out[7];
    int done[7] = {0};

    for (int i = 0; i < 7; i++)
        r[i] = request(prompt_of(2 + i, (uint32_t)i), 3 + i % 3);
    ticks = 0;
    qg_clock_replace(tick);
    ck_assert_int_eq(qg_serve(out, arena, e, r, 7, &arrivals, count, done, &err), QG_OK);
    qg_clock_replace(NULL);
    for (int i = 0; i < 7; i++) {
        int n_out = 0; /* requests that had come and were not answered when this one came */
        ck_assert_int_eq(done[i], 1);
        assert_as_by_hand(alone, &r[i], (uint64_t)i, &out[i]);
        ck_assert_int_le(out[i].arrive_ns, out[i].start_ns);
        for (int j = 0; j < i; j++)
            n_out += out[j].token_ns[out[j].ids.n - 1] > out[i].arrive_ns;
        ck_assert_int_lt(n_out, 3);
    }
    ck_assert_int_eq(out[0].arrive_ns, out[2].arrive_ns);
    ck_assert_int_gt(out[2].start_ns, out[0].token_ns[0]); /* waited for a session */
    ck_assert_int_eq(qg_engine_room(e).n_sessions, 2);
}
END_TEST

/* Arrivals far apart: nobody is there in between, and the second never meets the first. */
START_TEST(requests_come_at_their_times)
{
    qg_engine *e = fixture_open(folder, &(qg_engine_options){.max_seqs = 2});
    const int64_t at_ns[] = {0, 500000, 500000};
    qg_arrivals arrivals = {.at_ns = at_ns};
    qg_request r[] = {request(prompt_of(4, 1), 3), request(prompt_of(5, 2), 3),
                      request(prompt_of(6, 3), 3)};
    qg_completion out[3];

    ticks = 0;
    qg_clock_replace(tick);
    ck_assert_int_eq(qg_serve(out, arena, e, r, 3, &arrivals, NULL, NULL, &err), QG_OK);
    qg_clock_replace(NULL);
    ck_assert_int_eq(out[0].arrive_ns, 1000);
    ck_assert_int_eq(out[1].arrive_ns, 501000);
    ck_assert_int_eq(out[2].arrive_ns, 501000);
    ck_assert_int_lt(out[0].token_ns[2], 501000);
    ck_assert_int_ge(out[1].start_ns, 501000);
    ck_assert_int_eq(out[1].token_ns[2] + 1000, out[2].token_ns[2]); /* in the same steps */
}
END_TEST

Suite *scheduler_check(void)
{
    Suite *s = suite_create("scheduler_check");
    TCase *c = tcase_create("scheduler");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, fixture_end);
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, a_batch_generates_what_each_request_does_alone, 0, 2);
    tcase_add_loop_test(c, choices_of_the_forward_are_the_same, 0, 2);
    tcase_add_loop_test(c, pieces_join_to_the_text, 0, 4);
    tcase_add_test(c, stop_strings_cut_across_tokens);
    tcase_add_test(c, what_only_begins_like_a_stop_string_is_said_in_the_end);
    tcase_add_test(c, the_end_token_ends_and_is_no_text);
    tcase_add_test(c, ids_without_a_token_are_no_text);
    tcase_add_test(c, max_model_len_bounds_the_text);
    tcase_add_test(c, requests_that_cannot_run_are_refused_before_any_runs);
    tcase_add_test(c, an_error_of_the_reader_gives_everything_back);
    tcase_add_test(c, users_send_one_request_after_the_other);
    tcase_add_test(c, requests_come_at_their_times);
    tcase_add_test(c, times_are_in_order);
    return s;
}
