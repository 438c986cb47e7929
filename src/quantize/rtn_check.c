/* Unit tests of quantize/rtn: groups worked out by hand, random ones against rounding_check.h, and
 * the promise that no weight moves by more than half a step. */
#include "quantize/rtn.h"

#include "quantize/rounding_check.h"

#include "check_suites.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_K = 16, SAMPLES = 96 * 48 };

static const qg_rtn_grid symmetric4 = {.bits = 4, .symmetric = 1}, asymmetric4 = {.bits = 4},
                         symmetric8 = {.bits = 8, .symmetric = 1}, asymmetric8 = {.bits = 8},
                         bitsandbytes = {
                             .bits = 8, .symmetric = 1, .steps = 254, .float_scales = 1};

/* ---- by hand ---- */

typedef struct by_hand {
    const qg_rtn_grid *grid;
    qgk_format format;
    int n, group;
    float w[MAX_K];
    int codes[MAX_K];
    float scales[4];
    int zeros[4];
} by_hand;

#define W4 QGK_FORMAT_W4A16
#define W8 QGK_FORMAT_W8A16
static const by_hand cases[] = {
    /* scale 2 * 7.5 / 15; ties to even: 0.5 -> 0, 1.5 -> 2, 2.5 -> 2; 7.5 -> 8, clipped */
    {&symmetric4,
     W4,
     8,
     8,
     {7.5, -7.5, 0.5, 1.5, 2.5, -0.5, -1.5, 0},
     {15, 0, 8, 10, 10, 8, 6, 8},
     {1},
     {8}},
    /* two groups: 2 * 15 / 15, and the largest is negative: 2 * 3.75 / 15 */
    {&symmetric4,
     W4,
     8,
     4,
     {15, 2, -3, 4, -3.75, 1, 0.25, -0.25},
     {15, 9, 6, 10, 0, 10, 8, 8},
     {2, 0.5},
     {8, 8}},
    {&asymmetric4, W4, 5, 5, {-3, 12, 0, 4.5, 5.5}, {0, 15, 3, 7, 9}, {1}, {3}},
    /* one side alone: the range is stretched to 0 */
    {&asymmetric4,
     W4,
     8,
     4,
     {5, 15, 7, 10, -5, -15, -7, -10},
     {5, 15, 7, 10, 10, 0, 8, 5},
     {1, 1},
     {0, 15}},
    {&asymmetric8, W8, 4, 4, {-55, 200, 0, 0.5}, {0, 255, 55, 55}, {1}, {55}},
    {&symmetric8, W8, 4, 4, {127.5, -127.5, 1, -1}, {255, 0, 129, 127}, {1}, {128}},
    {&symmetric8,
     QGK_FORMAT_W8A8,
     6,
     6,
     {127.5, -127.5, 0.5, 1.5, -1, 100},
     {127, -128, 0, 2, -1, 100},
     {1},
     {0}},
    {&bitsandbytes, W8, 4, 4, {127, -127, 63.5, -0.25}, {255, 1, 192, 128}, {1}, {128}},
    /* nothing but zeros */
    {&symmetric4, W4, 4, 2, {0, 0, 0, 0}, {8, 8, 8, 8}, {1, 1}, {8, 8}},
    {&asymmetric4, W4, 4, 4, {0, 0, -0.0f, 0}, {0, 0, 0, 0}, {1}, {0}},
    {&bitsandbytes, W8, 2, 2, {0, 0}, {128, 128}, {1}, {128}},
    /* the scale 2^-24 is the smallest half: 15 steps below it leave 7.5 of them */
    {&symmetric4, W4, 3, 3, {0x1p-24f, -0x1p-24f, 0x1p-26f}, {9, 7, 8}, {0x1p-24f}, {8}},
    {&asymmetric4, W4, 2, 2, {0x1p-140f, -0x1p-140f}, {0, 0}, {0x1p-24f}, {0}},
    /* 3 * 2^-24 is denormal as a half, and exact */
    {&asymmetric4, W4, 3, 3, {45 * 0x1p-24f, 3 * 0x1p-24f, 0}, {15, 1, 0}, {3 * 0x1p-24f}, {0}},
    /* 1 + 2^-11 lies in the middle of two halves: to the even one */
    {&asymmetric4, W4, 2, 2, {15 * (1 + 0x1p-11f), 0}, {15, 0}, {1}, {0}},
};

static int code_at(const qgk_canon *rows, size_t i)
{
    return rows->format == QGK_FORMAT_W8A8 ? ((const int8_t *)rows->codes)[i]
                                           : ((const uint8_t *)rows->codes)[i];
}

START_TEST(groups_are_as_by_hand)
{
    const by_hand *c = &cases[_i];
    uint8_t codes[MAX_K], zeros[4] = {0};
    float scales[4];
    qgk_canon rows = {c->format, 1, c->n, c->group, codes, scales, zeros};

    qg_rtn_quantize(&rows, c->w, c->grid, 1);
    for (int i = 0; i < c->n; i++)
        ck_assert_msg(code_at(&rows, (size_t)i) == c->codes[i], "code %d is %d instead of %d", i,
                      code_at(&rows, (size_t)i), c->codes[i]);
    for (int g = 0; g < c->n / c->group; g++) {
        ck_assert_float_eq(scales[g], c->scales[g]);
        ck_assert_int_eq(zeros[g], c->zeros[g]);
        qg_rtn_scale s = qg_rtn_scale_at(&rows, 0, g);
        ck_assert_float_eq(s.value, c->scales[g]);
        ck_assert_int_eq(s.zero, c->format == QGK_FORMAT_W8A8 ? 128 : c->zeros[g]);
    }
}
END_TEST

/* ---- at random ---- */

static double noise(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 33) * 0x1p-30 - 1;
}

/* Groups of very different sizes, some one-sided, some with one weight that sticks out. */
static void fill(float *w, int n, int group, uint64_t seed)
{
    for (int i = 0; i < n; i++) {
        int g = i / group;
        double x = noise(&seed) * ldexp(1, g % 37 - 30);
        w[i] = (float)(g % 5 == 1 ? fabs(x) : g % 5 == 2 ? -fabs(x) : g % 7 == 3 ? 0 : x);
        if (g % 5 == 4 && i % group == 0)
            w[i] *= 64;
    }
}

static const struct {
    const qg_rtn_grid *grid;
    qgk_format format;
    int group;
} grids[] = {
    {&symmetric4, W4, 16},  {&symmetric4, W4, 96},   {&asymmetric4, W4, 32},
    {&asymmetric4, W4, 96}, {&symmetric8, W8, 32},   {&asymmetric8, W8, 48},
    {&asymmetric8, W8, 1},  {&bitsandbytes, W8, 96}, {&symmetric8, QGK_FORMAT_W8A8, 96},
};

typedef struct made {
    float w[SAMPLES], scales[SAMPLES];
    uint8_t codes[SAMPLES], zeros[SAMPLES];
    qgk_canon rows;
} made;

static void quantize(made *m, int i, int n_threads)
{
    int k = 96;

    fill(m->w, SAMPLES, grids[i].group, (uint64_t)i + 1);
    memset(m->zeros, 0xee, sizeof m->zeros);
    m->rows =
        (qgk_canon){grids[i].format, SAMPLES / k, k, grids[i].group, m->codes, m->scales, m->zeros};
    qg_rtn_quantize(&m->rows, m->w, grids[i].grid, n_threads);
}

/* Code as its distance from the one that means 0. */
static int distance_at(const made *m, int i, int group)
{
    int code = code_at(&m->rows, (size_t)i);

    return m->rows.format == QGK_FORMAT_W8A8 ? code : code - m->zeros[i / group];
}

START_TEST(groups_are_as_in_double)
{
    made *m = malloc(sizeof *m);
    const qg_rtn_grid *grid = grids[_i].grid;
    int group = grids[_i].group;
    rounding r = {grid->bits, grid->symmetric, grid->float_scales,
                  grid->steps != 0 ? grid->steps : ldexp(1, grid->bits) - 1};

    quantize(m, _i, 1);
    for (int from = 0; from < SAMPLES; from += group) {
        double w[96], scale;
        int codes[96], zero;
        for (int i = 0; i < group; i++)
            w[i] = (double)m->w[from + i];
        round_group(codes, &scale, &zero, w, group, r);
        ck_assert_double_eq((double)m->scales[from / group], scale);
        for (int i = 0; i < group; i++)
            ck_assert_int_eq(distance_at(m, from + i, group), codes[i] - zero);
    }
    free(m);
}
END_TEST

/* Half a step, where the code is not the first or last; there the zero point's rounding, half a
 * step more, and the scale's own to a half, as many steps long as the code, count too. */
START_TEST(no_weight_moves_further_than_half_a_step)
{
    made *m = malloc(sizeof *m);
    int group = grids[_i].group, last = (1 << grids[_i].grid->bits) - 1;

    quantize(m, _i, 1);
    for (int i = 0; i < SAMPLES; i++) {
        double scale = (double)m->scales[i / group], w = (double)m->w[i];
        int code = code_at(&m->rows, (size_t)i) + (m->rows.format == QGK_FORMAT_W8A8 ? 128 : 0);
        double moved = fabs(w - scale * distance_at(m, i, group));
        if (code > 0 && code < last)
            ck_assert_double_le(moved, scale / 2 * (1 + 1e-12));
        else
            ck_assert_double_le(moved, scale * (grids[_i].grid->symmetric ? 0.5 : 1) +
                                           last * fmax(scale * 0x1p-11, 0x1p-25));
    }
    free(m);
}
END_TEST

/* At ties, a hair beside them and far beyond the grid, in place and for each length of a tail. */
START_TEST(whole_groups_round_as_single_weights)
{
    static const float values[] = {1, 0.1f, 49 * 0x1p-10f, 103 * 0x1p-24f, 0x1p-24f, 65504};
    const qg_rtn_grid *grid = grids[_i].grid;
    int last = (1 << grid->bits) - 1;

    for (int i = 0; i < (int)(sizeof values / sizeof *values) * 3; i++) {
        qg_rtn_scale s = {values[i / 3],
                          grid->symmetric ? 1 << (grid->bits - 1) : (int[]){0, 5, last}[i % 3]};
        float w[1800], steps[1800];
        int n = 1200 + i;
        for (int j = 0; j < n; j++) {
            w[j] = (float)((j / 3 - n / 6) * 0.5) * s.value;
            if (j % 3)
                w[j] = nextafterf(w[j], j % 3 == 1 ? INFINITY : -INFINITY);
        }
        qg_rtn_round(steps, w, n, s, grid);
        for (int j = 0; j < n; j++)
            if (qg_rtn_code((double)w[j], s, grid) - s.zero != (int)steps[j])
                ck_abort_msg("%a by %a: %g steps", (double)w[j], (double)s.value, (double)steps[j]);
        qg_rtn_round(w, w, n, s, grid);
        for (int j = 0; j < n; j++)
            if (w[j] != steps[j])
                ck_abort_msg("%g steps in place, not %g", (double)w[j], (double)steps[j]);
    }
}
END_TEST

START_TEST(threads_do_not_change_a_code)
{
    made *one = malloc(sizeof *one), *three = malloc(sizeof *three);
    size_t n_groups = SAMPLES / (size_t)grids[_i].group;

    quantize(one, _i, 1);
    quantize(three, _i, 3);
    ck_assert_int_eq(memcmp(one->codes, three->codes, sizeof one->codes), 0);
    ck_assert_int_eq(memcmp(one->scales, three->scales, n_groups * sizeof *one->scales), 0);
    ck_assert_int_eq(memcmp(one->zeros, three->zeros, n_groups), 0);
    free(one);
    free(three);
}
END_TEST

Suite *rtn_check(void)
{
    Suite *s = suite_create("rtn_check");
    TCase *c = tcase_create("rtn");
    int n_grids = sizeof grids / sizeof *grids;

    suite_add_tcase(s, c);
    tcase_add_loop_test(c, groups_are_as_by_hand, 0, sizeof cases / sizeof *cases);
    tcase_add_loop_test(c, groups_are_as_in_double, 0, n_grids);
    tcase_add_loop_test(c, no_weight_moves_further_than_half_a_step, 0, n_grids);
    tcase_add_loop_test(c, whole_groups_round_as_single_weights, 0, n_grids);
    tcase_add_loop_test(c, threads_do_not_change_a_code, 0, n_grids);
    return s;
}
