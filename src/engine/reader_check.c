/* Unit tests of engine/reader: what is said of each token against scores with the whole vocabulary
 * as candidates, worked out in double; what must change no bit; what is refused. */
#include "engine/reader.h"

#include "engine/reference_check.h"
#include "engine/score.h"

#include "check_suites.h"

#include <math.h>
#include <string.h>

enum { N = 75 };
static qg_arena *arena;
static qg_err err;

static void setup(void)
{
    fixture_begin();
    arena = fixture_arena();
    qg_err_clear(&err);
}

static const char *random_model(void)
{
    return fixture_model("m", &(qg_synth_options){.seed = 3});
}

/* Readings of ids by engines opened with `o` in chunks. */
static qg_reading *read_by(qg_engine *e, qg_engine *reference, qg_ids ids, int chunk)
{
    qg_reading *out = QG_NEW_N(arena, qg_reading, ids.n);
    qg_reader *r;

    ck_assert_msg(qg_reader_open(&r, arena, e, reference, chunk, &err) == QG_OK, "%s", err.message);
    ck_assert_msg(qg_reader_read(out, r, ids, &err) == QG_OK, "%s", err.message);
    ck_assert_int_eq(qg_engine_room(e).n_sessions, qg_engine_describe(e).max_seqs);
    return out;
}

/* log p of every id, in order of id. */
static const double *logprobs(const qg_next *next)
{
    double *p = QG_NEW_N(arena, double, (size_t)next->n_top);

    for (int i = 0; i < next->n_top; i++)
        p[next->top[i].id] = next->top[i].logprob;
    return p;
}

static double divergence(const double *of, const double *from, int n)
{
    double kl = 0, of_sum = 0, from_sum = 0;

    for (int i = 0; i < n; i++) { /* what the logarithms were rounded by goes out again */
        of_sum += exp(of[i]);
        from_sum += exp(from[i]);
    }
    for (int i = 0; i < n; i++)
        kl += exp(of[i]) / of_sum * (of[i] - log(of_sum) - from[i] + log(from_sum));
    return kl;
}

/* Of one model or folder beside another, each of them alone the truth. */
static void assert_readings(qg_engine *e, qg_engine *reference, qg_ids ids)
{
    int vocabulary = qg_engine_describe(e).vocab_size;
    const qg_reading *got = read_by(e, reference, ids, 0);
    double kl_sum = 0;
    qg_score own, other;

    ck_assert_int_eq(qg_score_ids(&own, arena, e, &ids, 1, vocabulary, &err), QG_OK);
    ck_assert_int_eq(qg_score_ids(&other, arena, reference, &ids, 1, vocabulary, &err), QG_OK);
    for (int i = 0; i < (int)ids.n - 1; i++) {
        const qg_next *next = &own.next[i], *of = &other.next[i];
        double kl = divergence(logprobs(of), logprobs(next), vocabulary);
        ck_assert_double_eq_tol(got[i].logprob, own.logprob[i + 1], 1e-6);
        ck_assert_double_eq_tol(got[i].reference_logprob, other.logprob[i + 1], 1e-6);
        ck_assert_double_eq_tol(got[i].kl, kl, 1e-6 + 1e-5 * kl);
        ck_assert_int_eq(got[i].hit, next->top[0].id == ids.id[i + 1]);
        ck_assert_int_eq(got[i].flip, next->top[0].id != of->top[0].id);
        kl_sum += kl;
    }
    ck_assert_double_gt(kl_sum, 1e-4); /* else nothing was compared */
}

START_TEST(readings_are_those_of_scores_over_the_whole_vocabulary)
{
    static const char *const tiers[] = {"ref", "auto"};
    const char *folder = random_model();
    qg_engine_options o = {.tier = tiers[_i]}, int8 = o;
    qg_ids ids;

    int8.quantization = "int8";
    qg_engine *plain = fixture_open(folder, &o), *rounded = fixture_open(folder, &int8);
    ids = (qg_ids){fixture_ids(N, qg_engine_describe(plain).vocab_size, 9), N};
    assert_readings(rounded, plain, ids);
    assert_readings(plain, rounded, ids); /* KL has a direction */
    const char *other = fixture_model("other", &(qg_synth_options){.seed = 4});
    assert_readings(fixture_open(other, &o), plain, ids);
}
END_TEST

START_TEST(of_a_trained_model_too)
{
    const char *folder = fixture_path("golden/models/tiny-llama");
    qg_engine *plain = fixture_open(folder, &(qg_engine_options){0});
    qg_engine *rounded = fixture_open(folder, &(qg_engine_options){.quantization = "int8"});
    qg_ids ids;

    ck_assert_int_eq(qg_tokenizer_encode(&ids, arena, qg_engine_tokenizer(plain),
                                         QG_STR("The capital of the country is the largest of its "
                                                "towns, and the river runs through it."),
                                         0, &err),
                     QG_OK);
    ck_assert_uint_gt(ids.n, 15);
    assert_readings(rounded, plain, ids);
}
END_TEST

START_TEST(a_model_beside_itself_differs_by_nothing)
{
    static const char *const methods[] = {NULL, "int8"};
    const char *folder = random_model();
    qg_engine_options o = {.quantization = methods[_i]};
    qg_engine *a = fixture_open(folder, &o), *b = fixture_open(folder, &o);
    qg_ids ids = {fixture_ids(N, 300, 5), N};
    const qg_reading *r = read_by(a, b, ids, 0);

    for (int i = 0; i < N - 1; i++) {
        ck_assert_double_eq(r[i].kl, 0);
        ck_assert_double_eq(r[i].logprob, r[i].reference_logprob);
        ck_assert(!r[i].flip);
    }
}
END_TEST

static void assert_same_bits(const qg_reading *a, const qg_reading *b, const char *what)
{
    for (int i = 0; i < N - 1; i++)
        ck_assert_msg(a[i].logprob == b[i].logprob && a[i].kl == b[i].kl &&
                          a[i].reference_logprob == b[i].reference_logprob &&
                          a[i].hit == b[i].hit && a[i].flip == b[i].flip,
                      "%s: token %d", what, i + 1);
}

START_TEST(chunks_passes_and_threads_change_no_bit)
{
    static const int chunks[] = {1, 2, 7, 32, N - 2, N - 1, N, 1000};
    const char *folder = random_model();
    qg_engine_options o = {.n_threads = 1}, int8 = {.n_threads = 1, .quantization = "int8"};
    qg_engine *plain = fixture_open(folder, &o), *rounded = fixture_open(folder, &int8);
    qg_ids ids = {fixture_ids(N, 300, 6), N};
    const qg_reading *first = read_by(rounded, plain, ids, 0);

    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++)
        assert_same_bits(first, read_by(rounded, plain, ids, chunks[i]), "chunks");
    o.n_threads = int8.n_threads = 3;
    assert_same_bits(first, read_by(fixture_open(folder, &int8), fixture_open(folder, &o), ids, 0),
                     "threads");
    o.max_rows = int8.max_rows = 5;
    o.block_tokens = 8;
    assert_same_bits(first, read_by(fixture_open(folder, &int8), fixture_open(folder, &o), ids, 16),
                     "passes");
}
END_TEST

START_TEST(without_a_reference_the_logprobs_have_the_same_bits)
{
    const char *folder = random_model();
    qg_engine *e = fixture_open(folder, &(qg_engine_options){.quantization = "int8"});
    qg_engine *reference = fixture_open(folder, &(qg_engine_options){0});
    qg_ids ids = {fixture_ids(N, 300, 7), N};
    const qg_reading *pair = read_by(e, reference, ids, 0), *alone = read_by(e, NULL, ids, 0);

    for (int i = 0; i < N - 1; i++) {
        ck_assert_double_eq(pair[i].logprob, alone[i].logprob);
        ck_assert_int_eq(pair[i].hit, alone[i].hit);
        ck_assert_double_eq(alone[i].kl, 0);
        ck_assert(!alone[i].flip);
    }
}
END_TEST

START_TEST(nothing_follows_fewer_than_two_ids)
{
    const char *folder = random_model();
    qg_engine *e = fixture_open(folder, &(qg_engine_options){0});
    qg_engine *reference = fixture_open(folder, &(qg_engine_options){0});
    qg_reading untouched = {.logprob = 42};
    int32_t one = 7;
    qg_reader *r;

    for (size_t n = 0; n < 2; n++) {
        ck_assert_int_eq(qg_reader_open(&r, arena, e, n ? reference : NULL, 0, &err), QG_OK);
        ck_assert_int_eq(qg_reader_read(&untouched, r, (qg_ids){&one, 0}, &err), QG_OK);
        ck_assert_int_eq(qg_reader_read(&untouched, r, (qg_ids){&one, 1}, &err), QG_OK);
    }
    ck_assert_double_eq(untouched.logprob, 42);
}
END_TEST

START_TEST(other_tokens_are_refused_and_both_are_named)
{
    qg_engine *llama =
        fixture_open(fixture_path("golden/models/tiny-llama"), &(qg_engine_options){0});
    qg_engine *opt = fixture_open(fixture_path("golden/models/tiny-opt"), &(qg_engine_options){0});
    qg_reader *r;

    ck_assert_int_eq(qg_reader_open(&r, arena, llama, opt, 0, &err), QG_EREFUSED);
    ck_assert_ptr_nonnull(strstr(err.message, "tiny-llama' (vocabulary 2048, tokenizer "));
    ck_assert_ptr_nonnull(strstr(err.message, "tiny-opt' (vocabulary 1536, tokenizer "));
    ck_assert_int_eq(qg_status_exit(QG_EREFUSED), 2);
    qg_err_clear(&err);
    /* as large, of other pieces */
    const char *folder = random_model();
    const char *other = fixture_model("other", &(qg_synth_options){.seed = 3});
    fixture_set(other, "tokenizer.json", "padding", "{\"direction\":\"Left\"}");
    qg_engine *a = fixture_open(folder, &(qg_engine_options){0});
    qg_engine *b = fixture_open(other, &(qg_engine_options){0});
    ck_assert_int_eq(qg_reader_open(&r, arena, a, b, 0, &err), QG_EREFUSED);
    ck_assert_ptr_nonnull(strstr(err.message, "do not share their tokens"));
}
END_TEST

/* Finite weights whose products overflow. */
static void blow_up(qg_tensor_spec *spec, void *data, void *user)
{
    (void)user;
    for (int64_t i = 0; strstr(spec->name, "model.norm") && i < spec->shape[0]; i++)
        ((float *)data)[i] = 3e38f;
}

START_TEST(errors_name_the_reference_and_close_the_sessions)
{
    const char *folder = random_model();
    const char *huge = fixture_model("huge", &(qg_synth_options){.seed = 3, .dtype = "float32"});
    qg_engine *e = fixture_open(folder, &(qg_engine_options){.max_model_len = 32});
    qg_engine *longer = fixture_open(folder, &(qg_engine_options){0});
    qg_ids ids = {fixture_ids(N, 300, 7), N};
    qg_reading out[N];
    qg_reader *r;

    ck_assert_int_eq(qg_reader_open(&r, arena, longer, e, 8, &err), QG_OK);
    ck_assert_int_eq(qg_reader_read(out, r, ids, &err), QG_EARG);
    ck_assert_ptr_nonnull(strstr(err.context, "reference '"));
    ck_assert_ptr_nonnull(strstr(err.message, "exceed max_model_len 32"));
    qg_err_clear(&err);
    ids.id[N - 1] = 99999; /* fed by nobody, and yet looked up */
    ck_assert_int_eq(qg_reader_read(out, r, ids, &err), QG_EARG);
    ck_assert_ptr_nonnull(strstr(err.message, "token id 99999"));
    qg_err_clear(&err);
    ck_assert_int_eq(qg_engine_room(e).n_sessions, 1);
    ck_assert_int_eq(qg_engine_room(longer).n_sessions, 1);
    fixture_tensors(huge, blow_up, NULL, NULL);
    qg_engine *nan = fixture_open(huge, &(qg_engine_options){0});
    ids.n = 20;
    ck_assert_int_eq(qg_reader_open(&r, arena, longer, nan, 0, &err), QG_OK);
    ck_assert_int_eq(qg_reader_read(out, r, ids, &err), QG_ENONFINITE);
    ck_assert_ptr_nonnull(strstr(err.context, "reference '"));
    qg_err_clear(&err);
    ck_assert_int_eq(qg_reader_open(&r, arena, nan, NULL, 0, &err), QG_OK);
    ck_assert_int_eq(qg_reader_read(out, r, ids, &err), QG_ENONFINITE);
    ck_assert_str_eq(err.context, "");
}
END_TEST

START_TEST(lack_of_memory_is_said)
{
    qg_engine *e = fixture_open(random_model(), &(qg_engine_options){0});
    qg_reader *r;
    long n = 1;

    for (bool fired = true; fired; n++) {
        qg_err_clear(&err);
        qg_arena *own = qg_arena_create();
        qg_arena_fail_after(n);
        qg_status s = qg_reader_open(&r, own, e, e, 0, &err);
        fired = !qg_arena_fail_after(0);
        ck_assert_int_eq(s, fired ? QG_ENOMEM : QG_OK);
        qg_arena_free(own);
    }
    ck_assert_int_gt(n, 3);
}
END_TEST

Suite *reader_check(void)
{
    Suite *s = suite_create("reader_check");
    TCase *c = tcase_create("reader");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, fixture_end);
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, readings_are_those_of_scores_over_the_whole_vocabulary, 0, 2);
    tcase_add_test(c, of_a_trained_model_too);
    tcase_add_loop_test(c, a_model_beside_itself_differs_by_nothing, 0, 2);
    tcase_add_test(c, chunks_passes_and_threads_change_no_bit);
    tcase_add_test(c, without_a_reference_the_logprobs_have_the_same_bits);
    tcase_add_test(c, nothing_follows_fewer_than_two_ids);
    tcase_add_test(c, other_tokens_are_refused_and_both_are_named);
    tcase_add_test(c, errors_name_the_reference_and_close_the_sessions);
    tcase_add_test(c, lack_of_memory_is_said);
    return s;
}
