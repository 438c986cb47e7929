/* Unit tests of quantize/smooth: scales from the paper's formula, losses from 8-bit products
 * written as plain loops in double (kernels/linear/int8/i8_ref.c says how a token is rounded,
 * rounding_check.h how a weight is), and that the best strength is the best of them. */
#include "quantize/smooth.h"

#include "quantize/fixture_check.h"
#include "quantize/rounding_check.h"

static const qg_rtn_grid int8 = {.bits = 8, .symmetric = 1},
                         float_scales = {
                             .bits = 8, .symmetric = 1, .steps = 254, .float_scales = 1};

static const struct sized {
    const qg_rtn_grid *grid;
    int k, n_tokens, n_linears, n[3];
    bool tied, dead;
    double outlier; /* how many times larger input 5 is */
} cases[] = {
    {&int8, 64, 12, 3, {12, 8, 4}, false, false, 1},
    {&int8, 37, 7, 2, {65, 3}, false, false, 30},
    {&int8, 96, 10, 1, {70}, true, false, 100},
    {&float_scales, 33, 5, 2, {9, 1}, false, true, 8},
    {&int8, 64, 1, 1, {40}, true, true, 3},
    {&int8, 1, 6, 1, {5}, false, false, 1},
};
enum { N_CASES = sizeof cases / sizeof *cases };

static qg_block block_of(const struct sized *c, uint64_t seed)
{
    qg_block b = made_block(c->k, c->n_tokens, c->n_linears, c->n, seed);
    size_t k = (size_t)c->k;

    if (c->tied)
        b.tie = made_tie(c->k, 8);
    for (size_t i = 0; i < (size_t)c->n_tokens * k; i++)
        b.moments->sample[i] *= c->dead && i % k == 3 ? 0 : i % k == 5 ? (float)c->outlier : 1;
    for (int l = 0; l < c->n_linears; l++)
        for (size_t i = 0; i < (size_t)c->n[l] * k; i++)
            b.linear[l].w[i] *= c->dead && i % k == 9 ? 0 : 1;
    made_measure(b.moments);
    return b;
}

static qg_smooth_choice choose(float *s, const qg_block *b, double strength,
                               const qg_rtn_grid *grid, unsigned features, int n_threads)
{
    qg_smooth_choice out;
    qgk_table table;
    qgk_ctx ctx = made_ctx(&table, features, n_threads);
    qg_status status = qg_smooth_choose(s, &out, &ctx, b, strength, grid, arena, &err);

    ck_assert_msg(status == QG_OK, "%s", err.message);
    return out;
}

/* ---- scales ---- */

static float scale_by_formula(const qg_block *b, int j, double strength)
{
    double x = 0, w = 0;

    for (int i = 0; i < b->k; i++) {
        if (i != j && !(b->tie && b->tie[i] == b->tie[j]))
            continue;
        for (int t = 0; t < b->moments->n_sample; t++)
            x = fmax(x, fabs((double)b->moments->sample[t * b->k + i]));
        for (int l = 0; l < b->n_linears; l++)
            for (int row = 0; row < b->linear[l].n; row++)
                w = fmax(w, fabs((double)b->linear[l].w[row * b->k + i]));
    }
    double s = x == 0 || w == 0 ? 1 : pow(x, strength) / pow(w, 1 - strength);
    return (float)(s < 1e-5 ? 1e-5 : s > 1e5 ? 1e5 : s);
}

START_TEST(scales_are_those_of_the_formula)
{
    static const double strengths[] = {0, 0.3, 0.5, 0.85, 1};
    const struct sized *c = &cases[_i];
    qg_block b = block_of(c, 1);
    float s[MADE_MAX_K];

    for (int i = 0; i < 5; i++) {
        qg_smooth_choice got = choose(s, &b, strengths[i], c->grid, UINT_MAX, 1);
        ck_assert(got.smooth && got.strength == strengths[i]);
        for (int j = 0; j < c->k; j++)
            assert_close((double)s[j], (double)scale_by_formula(&b, j, strengths[i]), 1e-7);
    }
}
END_TEST

START_TEST(scales_stay_within_bounds)
{
    qg_block b = made_block(4, 3, 1, (int[]){2}, 2);
    float s[4];

    for (int i = 0; i < 3 * 4; i++) {
        b.moments->sample[i] = ((float[]){1e9f, 1, 1e-9f, 0})[i % 4];
        if (i < 2 * 4)
            b.linear[0].w[i] = ((float[]){0x1p-9f, 1e-9f, 1, 1})[i % 4];
    }
    made_measure(b.moments);
    choose(s, &b, 1, &int8, UINT_MAX, 1);
    ck_assert(s[0] == 1e5f && s[1] == 1 && s[2] == 1e-5f && s[3] == 1);
    choose(s, &b, 0, &int8, UINT_MAX, 1);
    ck_assert(s[0] == 512 && s[1] == 1e5f && s[2] == 1 && s[3] == 1);
}
END_TEST

/* ---- losses ---- */

/* Codes of a token as i8_ref.c says, and their scale. */
static double round_token(double *codes, const float *x, const float *s, int k)
{
    float scaled[MADE_MAX_K], largest = 0;

    for (int j = 0; j < k; j++) {
        scaled[j] = x[j] / s[j];
        largest = fmaxf(largest, fabsf(scaled[j]));
    }
    for (int j = 0; j < k; j++)
        codes[j] = largest == 0 ? 0 : (double)rintf(scaled[j] * (127 / largest));
    return (double)largest / 127;
}

/* Codes of a row less the one that means 0, and their scale. */
static double round_row(double *steps, const float *w, const float *s, int k,
                        const qg_rtn_grid *grid)
{
    double scaled[MADE_MAX_K], scale;
    int codes[MADE_MAX_K], zero;

    for (int j = 0; j < k; j++)
        scaled[j] = (double)(w[j] * s[j]);
    round_group(codes, &scale, &zero, scaled, k,
                (rounding){8, true, grid->float_scales, grid->steps != 0 ? grid->steps : 255});
    for (int j = 0; j < k; j++)
        steps[j] = codes[j] - zero;
    return scale;
}

static double loss_by_outputs(const qg_block *b, const float *s, const qg_rtn_grid *grid)
{
    const qg_moments *m = b->moments;
    double loss = 0;

    for (int l = 0; l < b->n_linears; l++)
        for (int row = 0; row < b->linear[l].n; row++) {
            const float *w = b->linear[l].w + row * b->k;
            double steps[MADE_MAX_K], w_scale = round_row(steps, w, s, b->k, grid);
            for (int t = 0; t < m->n_sample; t++) {
                const float *x = m->sample + t * b->k;
                double codes[MADE_MAX_K], x_scale = round_token(codes, x, s, b->k), y = 0;
                for (int j = 0; j < b->k; j++)
                    y += codes[j] * steps[j];
                double error = y * x_scale * w_scale - made_dot(x, w, b->k);
                loss += error * error / m->n_sample;
            }
        }
    return loss;
}

START_TEST(losses_are_those_of_8_bit_products)
{
    const struct sized *c = &cases[_i % N_CASES];
    qg_block b = block_of(c, (uint64_t)_i + 3);
    float s[MADE_MAX_K], ones[MADE_MAX_K];

    for (int j = 0; j < c->k; j++)
        ones[j] = 1;
    for (int i = 0; i <= 4; i++) {
        qg_smooth_choice got = choose(s, &b, i / 4.0, c->grid, UINT_MAX, 2);
        assert_close(got.loss, loss_by_outputs(&b, s, c->grid), 1e-4);
        assert_close(got.loss_unsmoothed, loss_by_outputs(&b, ones, c->grid), 1e-4);
    }
}
END_TEST

START_TEST(the_best_is_no_worse_than_any_strength)
{
    const struct sized *c = &cases[_i % N_CASES];
    qg_block b = block_of(c, (uint64_t)_i + 50);
    float best[MADE_MAX_K], s[MADE_MAX_K];
    qg_smooth_choice got = choose(best, &b, QG_SMOOTH_BEST, c->grid, UINT_MAX, 2);
    double least = got.loss_unsmoothed;

    assert_close(got.loss, loss_by_outputs(&b, best, c->grid), 1e-4);
    for (int i = 0; i <= 20; i++) {
        for (int j = 0; j < c->k; j++)
            s[j] = scale_by_formula(&b, j, i / 20.0);
        double loss = loss_by_outputs(&b, s, c->grid);
        ck_assert_double_le(got.loss, loss * (1 + 1e-4));
        least = fmin(least, loss);
        if (got.smooth && got.strength == i / 20.0)
            ck_assert_int_eq(memcmp(best, s, (size_t)c->k * sizeof *s), 0);
    }
    assert_close(got.loss, least, 1e-4);
    for (int j = 0; !got.smooth && j < c->k; j++)
        ck_assert_float_eq(best[j], 1);
}
END_TEST

/* An input 200 times as large as others takes the codes of a token for itself: others have steps of
 * about 200 * 3 / 127 = 4.7, so nearly all of them become 0. With strength 1/2 the outlier is 14
 * times as large in inputs and in weights, and steps are 0.33: 0.33^2 / 12, or 1 %, is left of the
 * square of an input of size 1, and as much comes from weights. */
START_TEST(an_outlier_is_taken_to_the_weights)
{
    const struct sized outlier = {&int8, 64, 64, 1, {32}, false, false, 200};
    qg_block b = block_of(&outlier, 5);
    float s[MADE_MAX_K];
    qg_smooth_choice got = choose(s, &b, QG_SMOOTH_BEST, &int8, UINT_MAX, 1);

    ck_assert(got.smooth && got.strength > 0 && got.strength < 1);
    ck_assert_double_lt(got.loss * 10, got.loss_unsmoothed);
}
END_TEST

/* Inputs that are all alike, and weights that are whole steps but for the largest: every strength
 * below 1 makes it worse, and strength 1 scales nothing. */
START_TEST(what_is_smooth_stays_as_it_is)
{
    qg_block b = made_block(8, 4, 1, (int[]){3}, 6);
    float s[8];

    for (int i = 0; i < 4 * 8; i++) {
        b.moments->sample[i] = i % 3 ? 1 : -1;
        if (i < 3 * 8)
            b.linear[0].w[i] = i % 8 ? (float)(i * 7 % 200 - 100) : 127.5f;
    }
    made_measure(b.moments);
    qg_smooth_choice got = choose(s, &b, QG_SMOOTH_BEST, &int8, UINT_MAX, 1);
    ck_assert(!got.smooth);
    assert_close(got.loss, got.loss_unsmoothed, 0);
    for (int j = 0; j < 8; j++)
        ck_assert_float_eq(s[j], 1);
}
END_TEST

START_TEST(tiers_and_threads_change_nothing)
{
    static const char *const tiers[] = {"ref", "avx2", "avx512"};
    const struct sized *c = &cases[_i];
    qg_block b = block_of(c, 7);
    float first[MADE_MAX_K], s[MADE_MAX_K];
    qg_smooth_choice one = choose(first, &b, QG_SMOOTH_BEST, c->grid, 0, 1);

    for (int i = 0; i < 3; i++) {
        qg_smooth_choice got =
            choose(s, &b, QG_SMOOTH_BEST, c->grid, qgk_features_parse(tiers[i]), 3);
        ck_assert(got.smooth == one.smooth && got.strength == one.strength);
        ck_assert(got.loss == one.loss && got.loss_unsmoothed == one.loss_unsmoothed);
        ck_assert_int_eq(memcmp(first, s, (size_t)c->k * sizeof *s), 0);
    }
}
END_TEST

/* ---- refusals ---- */

START_TEST(what_is_not_finite_is_refused)
{
    qg_block b = block_of(&cases[0], 8);
    qgk_table table;
    qgk_ctx ctx = made_ctx(&table, UINT_MAX, 1);
    qg_smooth_choice out;
    float s[MADE_MAX_K];

    b.moments->sample[70] = _i ? NAN : INFINITY;
    assert_refusal(qg_smooth_choose(s, &out, &ctx, &b, 0.5, &int8, arena, &err), QG_ENONFINITE,
                   "the errors of 8-bit products are not finite", NULL);
    qg_err_clear(&err);
    b.moments->abs_max[6] = _i ? NAN : INFINITY;
    assert_refusal(qg_smooth_choose(s, &out, &ctx, &b, 0.5, &int8, arena, &err), QG_ENONFINITE,
                   "input 6 is infinite or NaN", NULL);
}
END_TEST

static qg_block shared;
static qgk_table shared_table;
static qgk_ctx shared_ctx;

static qg_status choose_shared(qg_arena *own)
{
    qg_smooth_choice out;
    float s[MADE_MAX_K];

    return qg_smooth_choose(s, &out, &shared_ctx, &shared, QG_SMOOTH_BEST, &int8, own, &err);
}

START_TEST(every_allocation_may_fail)
{
    shared = made_block(64, 10, 2, (int[]){200, 30}, 9);
    shared.tie = made_tie(64, 4);
    shared_ctx = made_ctx(&shared_table, UINT_MAX, 2);
    fail_each_allocation(choose_shared);
}
END_TEST

Suite *smooth_check(void)
{
    Suite *s = suite_create("smooth_check");
    TCase *c = tcase_create("smooth");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, folder_end);
    tcase_add_loop_test(c, scales_are_those_of_the_formula, 0, N_CASES);
    tcase_add_test(c, scales_stay_within_bounds);
    tcase_add_loop_test(c, losses_are_those_of_8_bit_products, 0, 2 * N_CASES);
    tcase_add_loop_test(c, the_best_is_no_worse_than_any_strength, 0, 2 * N_CASES);
    tcase_add_test(c, an_outlier_is_taken_to_the_weights);
    tcase_add_test(c, what_is_smooth_stays_as_it_is);
    tcase_add_loop_test(c, tiers_and_threads_change_nothing, 0, N_CASES);
    tcase_add_loop_test(c, what_is_not_finite_is_refused, 0, 2);
    tcase_add_test(c, every_allocation_may_fail);
    return s;
}
