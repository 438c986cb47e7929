/* Unit tests of quantize/awq_search: both searches against what AutoAWQ does, written from its
 * formulas as plain loops in double over explicit inputs and outputs (rounding_check.h rounds);
 * then what they promise of ties, dead inputs, outliers, threads, and numbers that are none. */
#include "quantize/awq_search.h"

#include "quantize/fixture_check.h"
#include "quantize/rounding_check.h"

enum { N_CANDIDATES = 40 };

static const qg_rtn_grid asymmetric4 = {.bits = 4}, symmetric4 = {.bits = 4, .symmetric = 1},
                         symmetric8 = {.bits = 8, .symmetric = 1};

static const struct sized {
    const qg_rtn_grid *grid;
    int k, group, n_tokens, n_linears, n[3];
    bool tied, dead; /* some inputs are tied; never fire, or are not read */
} cases[] = {
    {&asymmetric4, 64, 16, 100, 3, {8, 4, 4}, false, false},
    {&asymmetric4, 96, 32, 80, 1, {10}, true, false},
    {&asymmetric4, 64, 64, 80, 2, {6, 5}, false, true},
    {&symmetric4, 48, 16, 90, 1, {12}, false, false},
    {&symmetric4, 64, 32, 100, 1, {1}, true, true},
    {&symmetric8, 60, 20, 70, 2, {6, 6}, false, false},
    {&asymmetric4, 33, 11, 90, 1, {7}, false, true},
    {&asymmetric4, 32, 1, 40, 1, {4}, false, false},
};
enum { N_CASES = sizeof cases / sizeof *cases };

static bool is_dead(const struct sized *c, int j)
{
    return c->dead && j % 16 == 5;
}

static bool is_unread(const struct sized *c, int j)
{
    return c->dead && j % 16 == 9;
}

static qg_block block_of(const struct sized *c, uint64_t seed)
{
    qg_block b = made_block(c->k, c->n_tokens, c->n_linears, c->n, seed);

    if (c->tied)
        b.tie = made_tie(c->k, 8);
    for (size_t i = 0; i < (size_t)c->n_tokens * (size_t)c->k; i++)
        if (is_dead(c, (int)(i % (size_t)c->k)))
            b.moments->sample[i] = 0;
    for (int l = 0; l < c->n_linears; l++)
        for (size_t i = 0; i < (size_t)c->n[l] * (size_t)c->k; i++)
            if (is_unread(c, (int)(i % (size_t)c->k)))
                b.linear[l].w[i] = 0;
    made_measure(b.moments);
    return b;
}

static rounding rounding_of(const qg_rtn_grid *grid)
{
    return (rounding){grid->bits, grid->symmetric, grid->float_scales, ldexp(1, grid->bits) - 1};
}

/* to [n] = what rounding leaves of w [n]. */
static void round_to(double *to, const double *w, int n, const qg_rtn_grid *grid)
{
    int codes[MADE_MAX_K], zero;
    double scale;

    round_group(codes, &scale, &zero, w, n, rounding_of(grid));
    for (int j = 0; j < n; j++)
        to[j] = scale * (codes[j] - zero);
}

/* ---- scales, by brute force ---- */

/* Means of |x| and of |w| / max |w|, over ties too. */
static void means_of(double *x, double *w, const qg_block *b, int group)
{
    double own_x[MADE_MAX_K] = {0}, own_w[MADE_MAX_K] = {0};
    const qg_moments *m = b->moments;
    int n_rows = 0;

    for (int i = 0; i < m->n_sample * b->k; i++)
        own_x[i % b->k] += fabs((double)m->sample[i]) / m->n_sample;
    for (int l = 0; l < b->n_linears; n_rows += b->linear[l++].n)
        for (int i = 0; i < b->linear[l].n * b->k; i++) {
            double largest = 0;
            for (int j = i / group * group; j < i / group * group + group; j++)
                largest = fmax(largest, fabs((double)b->linear[l].w[j]));
            own_w[i % b->k] += fabs((double)b->linear[l].w[i]) / (largest + 1e-6);
        }
    for (int j = 0; j < b->k; j++) {
        int n = 0;
        x[j] = w[j] = 0;
        for (int i = 0; i < b->k; i++)
            if (i == j || (b->tie && b->tie[i] == b->tie[j])) {
                x[j] += own_x[i];
                w[j] += own_w[i] / n_rows;
                n++;
            }
        x[j] /= n;
        w[j] /= n;
    }
}

static void candidate(float *s, const double *x, const double *w, int k, int i)
{
    double r = i % 20 / 20.0, low = INFINITY, high = -INFINITY, raw[MADE_MAX_K];

    for (int j = 0; j < k; j++) {
        raw[j] = i < 20 ? pow(x[j], r) : pow(x[j], r) / (pow(w[j], 1 - r) + 1e-4);
        raw[j] = raw[j] < 1e-4 ? 1e-4 : raw[j];
        if (x[j] == 0 || w[j] == 0)
            continue;
        low = raw[j] < low ? raw[j] : low;
        high = raw[j] > high ? raw[j] : high;
    }
    for (int j = 0; j < k; j++)
        s[j] = x[j] == 0 || w[j] == 0 ? 1 : (float)(raw[j] / sqrt(high * low));
}

/* Mean over tokens of the square error of all outputs. */
static double loss_by_outputs(const qg_block *b, const float *s, int group, const qg_rtn_grid *grid)
{
    const qg_moments *m = b->moments;
    double d[MADE_MAX_K], loss = 0;

    for (int l = 0; l < b->n_linears; l++)
        for (int row = 0; row < b->linear[l].n; row++) {
            const float *w = b->linear[l].w + (size_t)row * (size_t)b->k;
            for (int j = 0; j < b->k; j++)
                d[j] = (double)(w[j] * s[j]);
            for (int at = 0; at < b->k; at += group)
                round_to(d + at, d + at, group, grid);
            for (int t = 0; t < m->n_sample; t++) {
                double change = 0;
                for (int j = 0; j < b->k; j++)
                    change += (d[j] / (double)s[j] - (double)w[j]) *
                              (double)m->sample[(size_t)t * (size_t)b->k + (size_t)j];
                loss += change * change / m->n_sample;
            }
        }
    return loss;
}

static qg_awq_choice search(float *s, const qg_block *b, int group, const qg_rtn_grid *grid,
                            int n_threads)
{
    qg_awq_choice out;
    qgk_table table;
    qgk_ctx ctx = made_ctx(&table, UINT_MAX, n_threads);
    qg_status status = qg_awq_scale(s, &out, &ctx, b, group, grid, arena, &err);

    ck_assert_msg(status == QG_OK, "%s", err.message);
    return out;
}

START_TEST(the_best_scales_are_those_of_brute_force)
{
    const struct sized *c = &cases[_i % N_CASES];
    qg_block b = block_of(c, (uint64_t)_i + 1);
    double x[MADE_MAX_K], w[MADE_MAX_K], losses[N_CANDIDATES];
    float s[MADE_MAX_K], own[MADE_MAX_K];
    int best = 0;
    qg_awq_choice got = search(s, &b, c->group, c->grid, 2);

    means_of(x, w, &b, c->group);
    for (int i = 0; i < N_CANDIDATES; i++) {
        candidate(own, x, w, c->k, i);
        losses[i] = loss_by_outputs(&b, own, c->group, c->grid);
        best = losses[i] < losses[best] ? i : best;
    }
    ck_assert(best > 0); /* so that the test tells something */
    ck_assert_msg(got.duo == (best >= 20) && got.ratio == best % 20 / 20.0,
                  "ratio %g%s instead of candidate %d", got.ratio, got.duo ? " duo" : "", best);
    assert_close(got.loss, losses[best], 1e-6);
    assert_close(got.loss_unscaled, losses[0], 1e-6);
    candidate(own, x, w, c->k, best);
    for (int j = 0; j < c->k; j++)
        assert_close((double)s[j], (double)own[j], 1e-6);
}
END_TEST

/* What is scaled and rounded in the end has the loss that the search saw: outputs from the codes of
 * qg_rtn_quantize, multiplied with scaled inputs, against those of the block as it was. */
START_TEST(the_loss_is_that_of_the_scaled_block)
{
    const struct sized *c = &cases[0];
    qg_block b = block_of(c, 77), before = block_of(c, 77);
    float s[MADE_MAX_K], row[MADE_MAX_K];
    qg_awq_choice got = search(s, &b, c->group, c->grid, 1);
    size_t k = (size_t)c->k;
    double loss = 0;

    qg_block_scale(&b, s, 1);
    for (int l = 0; l < c->n_linears; l++) {
        uint8_t codes[8 * 64], zeros[8 * 4];
        float scales[8 * 4];
        qgk_canon rows = {QGK_FORMAT_W4A16, c->n[l], c->k, c->group, codes, scales, zeros};
        qg_rtn_quantize(&rows, b.linear[l].w, c->grid, 1);
        for (size_t n = 0; n < (size_t)c->n[l]; n++)
            for (size_t t = 0; t < (size_t)c->n_tokens; t++) {
                for (size_t j = 0; j < k; j++) {
                    size_t g = (n * k + j) / (size_t)c->group;
                    row[j] = scales[g] * (float)(codes[n * k + j] - zeros[g]);
                }
                double error =
                    made_dot(b.moments->sample + t * k, row, c->k) -
                    made_dot(before.moments->sample + t * k, before.linear[l].w + n * k, c->k);
                loss += error * error / c->n_tokens;
            }
    }
    assert_close(got.loss, loss, 1e-5);
    ck_assert_double_lt(got.loss, got.loss_unscaled);
}
END_TEST

/* ---- scales, what they promise ---- */

START_TEST(ties_and_dead_inputs_are_respected)
{
    const struct sized *c = &cases[_i];
    qg_block b = block_of(c, (uint64_t)_i + 1);
    float s[MADE_MAX_K], low = INFINITY, high = 0;

    search(s, &b, c->group, c->grid, 1);
    for (int j = 0; j < c->k; j++) {
        bool alone = !c->tied && (is_dead(c, j) || is_unread(c, j));
        if (alone)
            ck_assert_float_eq(s[j], 1);
        for (int i = 0; c->tied && i < c->k; i++)
            ck_assert(b.tie[i] != b.tie[j] || s[i] == s[j]);
        low = alone ? low : fminf(low, s[j]);
        high = alone ? high : fmaxf(high, s[j]);
    }
    ck_assert(low < high);
    assert_close((double)low * (double)high, 1, 1e-6); /* dead ones do not move the middle */
}
END_TEST

START_TEST(nothing_that_fires_leaves_weights_as_they_are)
{
    qg_block b = block_of(&cases[0], 12);
    float s[MADE_MAX_K];

    memset(b.moments->sample, 0, (size_t)cases[0].n_tokens * 64 * sizeof(float));
    made_measure(b.moments);
    qg_awq_choice got = search(s, &b, 16, &asymmetric4, 1);
    ck_assert(!got.duo && got.ratio == 0 && got.loss == 0 && got.loss_unscaled == 0);
    for (int j = 0; j < 64; j++)
        ck_assert_float_eq(s[j], 1);
}
END_TEST

/* Inputs 8 times as large: the same scales, 64 times the loss. */
START_TEST(the_size_of_inputs_does_not_matter)
{
    qg_block b = block_of(&cases[0], 13);
    float s[MADE_MAX_K], larger[MADE_MAX_K];
    qg_awq_choice got = search(s, &b, 16, &asymmetric4, 1);

    for (int i = 0; i < cases[0].n_tokens * 64; i++)
        b.moments->sample[i] *= 8;
    made_measure(b.moments);
    qg_awq_choice again = search(larger, &b, 16, &asymmetric4, 1);
    ck_assert(again.duo == got.duo && again.ratio == got.ratio);
    assert_close(again.loss, 64 * got.loss, 1e-3); /* a weight at a tie may go the other way */
    for (int j = 0; j < 64; j++)
        assert_close((double)larger[j], (double)s[j], 1e-6);
}
END_TEST

/* One input is 100 times as large as the 31 others of its group, and its weights are 16 times
 * smaller than the group's largest: up to 16 its scale does not touch that of the group. Errors are
 * even over a step D, so the loss is D^2 / 12 * (100^2 + 31) a row as it is, and with a scale of 16
 * against the others D^2 / 12 * ((100 / 16)^2 + 31): 143 times less. One of the others hardly
 * fires: its scale ends at 1e-4 before the middle is taken. */
START_TEST(an_outlier_is_protected)
{
    qg_block b = made_block(32, 100, 1, (int[]){100}, 14);
    uint64_t seed = 3;
    float s[32];

    for (int i = 0; i < 100 * 32; i++)
        b.moments->sample[i] = (float)(made_normal(&seed) * (i % 32 == 7   ? 100
                                                             : i % 32 == 9 ? 1e-12
                                                                           : 1));
    made_measure(b.moments);
    for (int i = 0; i < 100 * 32; i++) {
        double even = (double)(qg_random_next(&seed) >> 11) * 0x1p-52 - 1;
        b.linear[0].w[i] = (float)(i % 32 == 7 ? even / 16 : i % 32 == 8 ? 1 : even);
    }
    qg_awq_choice got = search(s, &b, 32, &symmetric4, 2);
    double factor = got.loss_unscaled / got.loss;
    ck_assert_msg(factor > 143 / 1.5 && factor < 143 * 1.5, "%g times less", factor);
    ck_assert_float_gt(s[7] / s[8], 8);
    ck_assert(s[9] / s[8] > 0.5e-4f && s[9] / s[8] < 2e-4f);
}
END_TEST

START_TEST(threads_do_not_change_scales)
{
    const struct sized *c = &cases[_i];
    qg_block b = block_of(c, 15);
    float one[MADE_MAX_K], three[MADE_MAX_K];
    qg_awq_choice a = search(one, &b, c->group, c->grid, 1),
                  z = search(three, &b, c->group, c->grid, 3);

    ck_assert(a.loss == z.loss && a.loss_unscaled == z.loss_unscaled);
    ck_assert_int_eq(memcmp(one, three, (size_t)c->k * sizeof *one), 0);
}
END_TEST

/* More rows than a strip: the loss is the sum over its parts. */
START_TEST(strips_add_up)
{
    qg_block b = made_block(16, 50, 1, (int[]){1100}, 16), part = b;
    float s[16];
    double sum = 0, whole = search(s, &b, 16, &asymmetric4, 2).loss_unscaled;

    for (int row = 0; row < 1100; row += 275) {
        part.linear[0] = (qg_block_linear){b.linear[0].w + (size_t)row * 16, 275};
        sum += search(s, &part, 16, &asymmetric4, 2).loss_unscaled;
    }
    assert_close(whole, sum, 1e-12);
}
END_TEST

/* ---- clipping ---- */

static qg_awq_clipping clip(float *w, int n, const qg_moments *m, int group,
                            const qg_rtn_grid *grid, int n_threads)
{
    qg_awq_clipping out;
    qgk_table table;
    qgk_ctx ctx = made_ctx(&table, UINT_MAX, n_threads);
    qg_status status = qg_awq_clip(w, &out, &ctx, n, m, group, grid, arena, &err);

    ck_assert_msg(status == QG_OK, "%s", err.message);
    return out;
}

/* to [group] = w cut to limit i, and the mean square error of the group's part of the output. */
static double try_limit(float *to, const float *w, const qg_moments *m, int at, int group, int i,
                        const qg_rtn_grid *grid)
{
    double largest = 0, rounded[MADE_MAX_K], error = 0;

    for (int j = 0; j < group; j++)
        largest = fmax(largest, fabs((double)w[j]));
    float limit = (float)(largest * (1 - i / 20.0));
    for (int j = 0; j < group; j++) {
        to[j] = fminf(fmaxf(w[j], -limit), limit);
        rounded[j] = (double)to[j];
    }
    round_to(rounded, rounded, group, grid);
    for (int t = 0; t < m->n_sample; t++) {
        double change = 0;
        for (int j = 0; j < group; j++)
            change += (double)m->sample[t * m->k + at + j] * (rounded[j] - (double)w[j]);
        error += change * change / m->n_sample;
    }
    return error;
}

START_TEST(the_best_limits_are_those_of_brute_force)
{
    const struct sized *c = &cases[_i];
    qg_block b = block_of(c, 21), before = block_of(c, 21);
    int n_clipped = 0, n_groups = c->n[0] * c->k / c->group;
    double factors = 0, loss = 0, unclipped = 0;
    qg_awq_clipping got = clip(b.linear[0].w, c->n[0], b.moments, c->group, c->grid, 2);

    for (int g = 0; g < n_groups; g++) {
        float cut[10][MADE_MAX_K];
        const float *w = before.linear[0].w + g * c->group;
        double errors[10];
        int best = 0;
        for (int i = 0; i < 10; i++) {
            errors[i] = try_limit(cut[i], w, b.moments, g * c->group % c->k, c->group, i, c->grid);
            best = errors[i] < errors[best] ? i : best;
        }
        ck_assert_int_eq(
            memcmp(b.linear[0].w + g * c->group, cut[best], (size_t)c->group * sizeof(float)), 0);
        n_clipped += best > 0;
        factors += 1 - best / 20.0;
        loss += errors[best];
        unclipped += errors[0];
    }
    ck_assert_int_eq(got.n_groups, n_groups);
    ck_assert_int_eq(got.n_clipped, n_clipped);
    assert_close(got.mean_factor, factors / n_groups, 1e-12);
    assert_close(got.loss, loss, 1e-5);
    assert_close(got.loss_unclipped, unclipped, 1e-5);
}
END_TEST

/* The largest weight of each group, twice the next, meets an input that never fires: clipping it
 * costs nothing, and the last limit makes steps 0.55 times as large, so 0.3 of the error is left,
 * and somewhat less where the best of ten is taken. */
START_TEST(a_weight_without_use_is_clipped)
{
    qg_block b = made_block(32, 300, 1, (int[]){100}, 22);
    uint64_t seed = 5;

    for (int i = 0; i < 300 * 32; i++)
        b.moments->sample[i] = i % 16 == 3 ? 0 : (float)made_normal(&seed);
    made_measure(b.moments);
    for (int i = 0; i < 100 * 32; i++) {
        double even = (double)(qg_random_next(&seed) >> 11) * 0x1p-52 - 1;
        b.linear[0].w[i] = (float)(i % 16 == 3 ? 2 : i % 16 == 4 ? -1 : i % 16 == 5 ? 1 : even);
    }
    qg_awq_clipping got = clip(b.linear[0].w, 100, b.moments, 16, &symmetric4, 1);
    ck_assert_int_eq(got.n_groups, 200);
    ck_assert_int_eq(got.n_clipped, 200);
    ck_assert_double_lt(got.mean_factor, 0.59);
    ck_assert_double_lt(got.loss, 0.27 * got.loss_unclipped);
}
END_TEST

START_TEST(zeros_are_not_clipped)
{
    qg_block b = made_block(32, 20, 1, (int[]){3}, 23);

    memset(b.linear[0].w, 0, (size_t)3 * 32 * sizeof(float));
    qg_awq_clipping got = clip(b.linear[0].w, 3, b.moments, 16, &asymmetric4, 1);
    ck_assert(got.n_groups == 6 && got.n_clipped == 0);
    ck_assert(got.mean_factor == 1 && got.loss == 0);
}
END_TEST

/* More rows than a strip. */
START_TEST(threads_and_strips_do_not_change_limits)
{
    int k = 128, n = 500;
    qg_block b = made_block(k, 30, 1, &n, 24), again = made_block(k, 30, 1, &n, 24);
    qg_awq_clipping one = clip(b.linear[0].w, n, b.moments, k, &asymmetric4, 1),
                    three = clip(again.linear[0].w, n, b.moments, k, &asymmetric4, 3);

    ck_assert(one.loss == three.loss && one.n_clipped == three.n_clipped && one.n_clipped > 0);
    ck_assert_int_eq(
        memcmp(b.linear[0].w, again.linear[0].w, (size_t)n * (size_t)k * sizeof(float)), 0);
}
END_TEST

/* ---- refusals ---- */

START_TEST(what_is_not_finite_is_refused)
{
    qg_block b = block_of(&cases[0], 31);
    qgk_table table;
    qgk_ctx ctx = made_ctx(&table, UINT_MAX, 1);
    qg_awq_choice choice;
    qg_awq_clipping clipping;
    float s[MADE_MAX_K];

    b.moments->gram[64 * 64 - 1] = _i == 0 ? NAN : _i == 1 ? 1e300 : INFINITY;
    assert_refusal(qg_awq_scale(s, &choice, &ctx, &b, 16, &asymmetric4, arena, &err), QG_ENONFINITE,
                   "the errors of rounded weights are not finite", NULL);
    qg_err_clear(&err);
    assert_refusal(qg_awq_clip(b.linear[0].w, &clipping, &ctx, b.linear[0].n, b.moments, 16,
                               &asymmetric4, arena, &err),
                   QG_ENONFINITE, "the errors of rounded weights are not finite", NULL);
    qg_err_clear(&err);
    b.moments->abs_sum[3] = NAN;
    assert_refusal(qg_awq_scale(s, &choice, &ctx, &b, 16, &asymmetric4, arena, &err), QG_ENONFINITE,
                   "input 3 is infinite or NaN", NULL);
}
END_TEST

/* What the calls that fail one after the other share: it is made before, on the test's arena. */
static qg_block shared;
static qgk_table shared_table;
static qgk_ctx shared_ctx;

static qg_status scale_shared(qg_arena *own)
{
    qg_awq_choice out;
    float s[MADE_MAX_K];

    return qg_awq_scale(s, &out, &shared_ctx, &shared, 32, &asymmetric4, own, &err);
}

static qg_status clip_shared(qg_arena *own)
{
    qg_awq_clipping out;

    return qg_awq_clip(shared.linear[0].w, &out, &shared_ctx, shared.linear[0].n, shared.moments,
                       32, &asymmetric4, own, &err);
}

START_TEST(every_allocation_may_fail)
{
    shared = made_block(64, 10, 1, (int[]){200}, 32);
    shared.tie = made_tie(64, 4);
    shared_ctx = made_ctx(&shared_table, UINT_MAX, 1);
    fail_each_allocation(_i ? clip_shared : scale_shared);
}
END_TEST

Suite *awq_search_check(void)
{
    Suite *s = suite_create("awq_search_check");
    TCase *c = tcase_create("awq");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, folder_end);
    tcase_add_loop_test(c, the_best_scales_are_those_of_brute_force, 0, 2 * N_CASES);
    tcase_add_test(c, the_loss_is_that_of_the_scaled_block);
    tcase_add_loop_test(c, ties_and_dead_inputs_are_respected, 0, N_CASES);
    tcase_add_test(c, nothing_that_fires_leaves_weights_as_they_are);
    tcase_add_test(c, the_size_of_inputs_does_not_matter);
    tcase_add_test(c, an_outlier_is_protected);
    tcase_add_loop_test(c, threads_do_not_change_scales, 0, N_CASES);
    tcase_add_test(c, strips_add_up);
    tcase_add_loop_test(c, the_best_limits_are_those_of_brute_force, 0, N_CASES);
    tcase_add_test(c, a_weight_without_use_is_clipped);
    tcase_add_test(c, zeros_are_not_clipped);
    tcase_add_test(c, threads_and_strips_do_not_change_limits);
    tcase_add_loop_test(c, what_is_not_finite_is_refused, 0, 3);
    tcase_add_loop_test(c, every_allocation_may_fail, 0, 2);
    return s;
}
