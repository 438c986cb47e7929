/* Unit tests of quantize/gptq_rounding: codes against obq_check.h, errors against their definition,
 * and what must hold whatever the numbers are.
 */
#include "quantize/gptq_rounding.h"

#include "base/random.h"
#include "quantize/obq_check.h"

#include "check_suites.h"

#include <string.h>

static qg_arena *arena;
static qg_lapack lapack;
static qg_err err;
static obq *plain; /* too large for a stack */

static void set_up(void)
{
    arena = qg_arena_create();
    plain = QG_NEW(arena, obq);
    qg_err_clear(&err);
    ck_assert_msg(qg_lapack_open(&lapack, NULL, &err) == QG_OK, "%s", err.message);
}

static void tear_down(void)
{
    qg_arena_free(arena);
}

/* Of -1 .. 1. */
static double noise(uint64_t *state)
{
    return (double)(qg_random_next(state) >> 11) * 0x1p-52 - 1;
}

/* ---- problems ---- */

typedef struct problem {
    int k, n, group, n_tokens, n_dead;
    qgk_format format;
    const qg_rtn_grid *grid;
    const qg_gptq_options *options;
} problem;

typedef struct made {
    qg_moments moments;
    float *w;
    qgk_canon rows;
    qg_gptq_plan plan;
    qg_gptq_error error;
} made;

/* Input 5 t + 1 is dead, for the first n_dead t. */
static bool is_dead(const problem *p, int input)
{
    return input % 5 == 1 && input / 5 < p->n_dead;
}

/* Inputs that share four causes, and have sizes of their own. */
static void make_moments(qg_moments *m, const problem *p, uint64_t seed)
{
    size_t k = (size_t)p->k;
    double *x = QG_NEW_N(arena, double, k), *mix = QG_NEW_N(arena, double, 4 * k);

    *m = (qg_moments){.k = p->k, .n = p->n_tokens, .gram = QG_NEW_N(arena, double, k *k)};
    for (size_t i = 0; i < 4 * k; i++)
        mix[i] = noise(&seed);
    for (int t = 0; t < p->n_tokens; t++) {
        double cause[4] = {noise(&seed), noise(&seed), noise(&seed), noise(&seed)};
        for (size_t i = 0; i < k; i++) {
            x[i] = 0.3 * noise(&seed);
            for (int c = 0; c < 4; c++)
                x[i] += mix[4 * i + (size_t)c] * cause[c];
            x[i] *= is_dead(p, (int)i) ? 0 : 1 + (double)(i * 7 % 11) / 4;
        }
        for (size_t i = 0; i < k; i++)
            for (size_t j = 0; j < k; j++)
                m->gram[i * k + j] += x[i] * x[j];
    }
}

static void make_rows(made *m, const problem *p)
{
    size_t n_weights = (size_t)p->k * (size_t)p->n, n_groups = n_weights / (size_t)p->group;

    m->rows = (qgk_canon){p->format,
                          p->n,
                          p->k,
                          p->group,
                          qg_arena_alloc(arena, n_weights),
                          QG_NEW_N(arena, float, n_groups),
                          QG_NEW_N(arena, uint8_t, n_groups)};
    memset(m->rows.codes, 0xee, n_weights);
}

static made *make_input(const problem *p, uint64_t seed)
{
    made *m = QG_NEW(arena, made);
    size_t n_weights = (size_t)p->k * (size_t)p->n;

    make_moments(&m->moments, p, seed);
    m->w = QG_NEW_N(arena, float, n_weights);
    for (size_t i = 0; i < n_weights; i++)
        m->w[i] = (float)(noise(&seed) * (1 + (double)(i % 3)));
    make_rows(m, p);
    return m;
}

static void quantize(made *m, const problem *p, int n_threads)
{
    qg_status s = qg_gptq_plan_make(&m->plan, &m->moments, p->options, &lapack, arena, &err);
    ck_assert_msg(s == QG_OK, "%s", err.message);
    s = qg_gptq_quantize(&m->rows, &m->error, &m->plan, m->w, p->grid, n_threads, arena, &err);
    ck_assert_msg(s == QG_OK, "%s", err.message);
}

static made *make(const problem *p, uint64_t seed)
{
    made *m = make_input(p, seed);
    quantize(m, p, p->options->n_threads);
    return m;
}

/* From 0, as bytes hold them. */
static int code_at(const qgk_canon *rows, int row, int column)
{
    return ((const uint8_t *)rows->codes)[row * rows->k + column] ^
           (rows->format == QGK_FORMAT_W8A8 ? 0x80 : 0);
}

static int zero_at(const qgk_canon *rows, int at)
{
    return rows->format == QGK_FORMAT_W8A8 ? 0x80 : rows->zeros[at];
}

static double value_at(const qgk_canon *rows, int row, int column)
{
    int at = row * (rows->k / rows->group) + column / rows->group;
    return (double)rows->scales[at] * (code_at(rows, row, column) - zero_at(rows, at));
}

/* Input of a canonical column. */
static int input_of(const obq *o, int column)
{
    return o->in_order ? o->order[column] : column;
}

static void plain_form(obq *o, const problem *p, const qg_moments *m)
{
    rounding r = {p->grid->bits, p->grid->symmetric, p->grid->float_scales,
                  p->grid->steps != 0 ? p->grid->steps : ldexp(1, p->grid->bits) - 1};

    obq_make(o, m, p->options, p->group, r);
}

/* Of the codes, whatever made them. */
static double output_error(const obq *o, const qgk_canon *rows, const float *w)
{
    double sum = 0, d[OBQ_MAX_K];

    for (int row = 0; row < rows->n_rows; row++) {
        for (int i = 0; i < o->k; i++)
            d[input_of(o, i)] = (double)w[row * o->k + input_of(o, i)] - value_at(rows, row, i);
        sum += obq_energy(o, d);
    }
    return sum;
}

/* ---- against the plain form ---- */

#define W4 QGK_FORMAT_W4A16
#define W8 QGK_FORMAT_W8A16
static const qg_rtn_grid symmetric4 = {.bits = 4, .symmetric = 1}, asymmetric4 = {.bits = 4},
                         symmetric8 = {.bits = 8, .symmetric = 1}, asymmetric8 = {.bits = 8},
                         bitsandbytes = {
                             .bits = 8, .symmetric = 1, .steps = 254, .float_scales = 1};
static const qg_gptq_options natural = {0.01, 0.01, false, false, 1},
                             act_order = {0.01, 0.01, true, false, 2},
                             static_groups = {0.01, 0.01, false, true, 1},
                             both = {0.05, 0.01, true, true, 2};

static const problem problems[] = {
    {24, 8, 8, 60, 0, W4, &symmetric4, &natural},
    {48, 12, 16, 90, 0, W4, &asymmetric4, &natural},
    {48, 12, 48, 90, 3, W4, &symmetric4, &natural},
    {48, 12, 16, 90, 0, W4, &symmetric4, &act_order},
    {48, 12, 12, 90, 4, W4, &asymmetric4, &act_order}, /* no multiple of a step */
    {45, 12, 5, 90, 2, W4, &asymmetric4, &act_order},
    {48, 12, 16, 90, 2, W4, &symmetric4, &static_groups},
    {48, 12, 8, 90, 2, W4, &asymmetric4, &both},
    {48, 12, 48, 90, 2, W4, &asymmetric4, &act_order}, /* whole rows keep the natural order */
    {48, 12, 24, 90, 0, W8, &symmetric8, &natural},
    {40, 12, 20, 90, 3, W8, &asymmetric8, &act_order},
    {48, 12, 48, 90, 0, W8, &bitsandbytes, &natural},
    {48, 12, 48, 90, 0, QGK_FORMAT_W8A8, &symmetric8, &natural},
    {47, 12, 47, 90, 4, QGK_FORMAT_W8A8, &symmetric8, &act_order},
    {48, 12, 16, 1, 0, W4, &symmetric4, &natural}, /* one token */
    /* beyond a block, and groups that cross its end */
    {300, 4, 60, 400, 5, W4, &asymmetric4, &act_order},
    {300, 4, 100, 400, 5, W4, &symmetric4, &both},
    {300, 4, 150, 400, 0, W4, &asymmetric4, &natural},
    {384, 4, 192, 500, 9, W4, &symmetric4, &act_order},
    {299, 4, 299, 400, 0, QGK_FORMAT_W8A8, &symmetric8, &act_order},
    {256, 4, 128, 400, 0, W8, &asymmetric8, &natural},
};
enum { N_PROBLEMS = sizeof problems / sizeof *problems };

/* Compares a row as far as the plain form goes; returns how many inputs that are. */
static int compare_row(const made *m, int row)
{
    int codes[OBQ_MAX_K], zero[OBQ_MAX_K], n_groups = plain->k / plain->group;
    double scale[OBQ_MAX_K];
    int n = obq_round(plain, codes, scale, zero, m->w + row * plain->k);

    for (int i = 0; i < n; i++) {
        int column = plain->in_order ? i : plain->order[i], g = column / plain->group;
        int at = row * n_groups + g;
        ck_assert_msg(code_at(&m->rows, row, column) == codes[column],
                      "row %d, column %d (comes as %d): code %d instead of %d", row, column, i,
                      code_at(&m->rows, row, column), codes[column]);
        ck_assert_double_eq((double)m->rows.scales[at], scale[g]);
        ck_assert_int_eq(zero_at(&m->rows, at), zero[g]);
    }
    return n;
}

START_TEST(codes_are_those_of_the_plain_form)
{
    const problem *p = &problems[_i];
    made *m = make(p, (uint64_t)_i + 1);
    int n_whole = 0, n_columns = 0;

    plain_form(plain, p, &m->moments);
    for (int row = 0; row < p->n; row++) {
        int n = compare_row(m, row);
        n_whole += n == p->k;
        n_columns += n;
    }
    ck_assert_int_ge(4 * n_whole, 3 * p->n);
    ck_assert_int_ge(4 * n_columns, 3 * p->n * p->k);
    ck_assert_int_eq(m->plan.n_dead, p->n_dead);
    ck_assert_double_eq(m->plan.damp, p->options->damp);
}
END_TEST

START_TEST(the_order_of_columns_is_told)
{
    const problem *p = &problems[_i];
    made *m = make(p, (uint64_t)_i + 1);
    const int32_t *order = qg_gptq_order(&m->plan, p->group);

    plain_form(plain, p, &m->moments);
    if (!plain->in_order || !p->options->act_order) {
        ck_assert_ptr_null(order);
        return;
    }
    for (int i = 0; i < p->k; i++)
        ck_assert_int_eq(order[i], plain->order[i]);
}
END_TEST

START_TEST(errors_are_as_defined)
{
    const problem *p = &problems[_i];
    made *m = make(p, (uint64_t)_i + 1);
    double of_error = 0, of_weights = 0;

    plain_form(plain, p, &m->moments);
    for (int row = 0; row < p->n; row++)
        for (int i = 0; i < p->k; i++) {
            double w = (double)m->w[row * p->k + input_of(plain, i)];
            of_error += pow(w - value_at(&m->rows, row, i), 2);
            of_weights += w * w;
        }
    double of_outputs = output_error(plain, &m->rows, m->w);
    ck_assert_double_eq_tol(m->error.of_error, of_error, 1e-9 * of_error);
    ck_assert_double_eq_tol(m->error.of_weights, of_weights, 1e-9 * of_weights);
    ck_assert_double_eq_tol(m->error.of_outputs, of_outputs, 1e-7 * of_outputs);
}
END_TEST

START_TEST(dead_inputs_become_0)
{
    const problem *p = &problems[_i];
    made *m = make(p, (uint64_t)_i + 1);

    plain_form(plain, p, &m->moments);
    for (int row = 0; row < p->n; row++)
        for (int i = 0; i < p->k; i++) {
            int input = input_of(plain, i);
            ck_assert_int_eq(m->plan.is_dead[input], is_dead(p, input));
            ck_assert(!is_dead(p, input) || value_at(&m->rows, row, i) == 0);
        }
}
END_TEST

/* ---- against rounding ---- */

START_TEST(outputs_are_never_worse_than_by_rounding)
{
    problem p = {48, 12, _i % 2 ? 16 : 48, 90, 0, W4, &symmetric4, &natural};
    made *m = make_input(&p, 1000 + (uint64_t)_i);

    p.grid = _i % 3 ? &symmetric4 : &asymmetric4;
    plain_form(plain, &p, &m->moments);
    plain->in_order = false;
    qg_rtn_quantize(&m->rows, m->w, p.grid, 1);
    double rounded = output_error(plain, &m->rows, m->w);
    quantize(m, &p, 1);
    double found = output_error(plain, &m->rows, m->w);
    ck_assert_msg(found <= rounded, "%g instead of %g", found, rounded);
}
END_TEST

static void check_same(const made *a, const made *b)
{
    size_t n_weights = (size_t)a->rows.n_rows * (size_t)a->rows.k;
    size_t n_groups = n_weights / (size_t)a->rows.group;

    ck_assert_mem_eq(a->rows.codes, b->rows.codes, n_weights);
    ck_assert_mem_eq(a->rows.scales, b->rows.scales, n_groups * sizeof *a->rows.scales);
    ck_assert_mem_eq(a->rows.zeros, b->rows.zeros, n_groups);
}

/* Inputs that have nothing to do with each other leave nothing to make up for. */
START_TEST(independent_inputs_are_rounded)
{
    problem p = problems[_i];
    p.n_dead = 0;
    p.options = &natural; /* the columns are those of rounding */
    made *m = make_input(&p, (uint64_t)_i + 1), *rounded = make_input(&p, (uint64_t)_i + 1);

    for (int i = 0; i < p.k * p.k; i++)
        m->moments.gram[i] = i % (p.k + 1) == 0 ? 1 + i % 3 : 0;
    quantize(m, &p, 1);
    qg_rtn_quantize(&rounded->rows, rounded->w, p.grid, 1);
    check_same(m, rounded);
}
END_TEST

/* ---- what must not matter ---- */

static const problem wide = {200, 70, 40, 300, 5, W4, &asymmetric4, &act_order};

START_TEST(threads_do_not_change_a_code)
{
    made *one = make_input(&wide, 7);

    quantize(one, &wide, 1);
    for (int n_threads = 2; n_threads <= 3; n_threads++) {
        made *more = make_input(&wide, 7);
        more->plan = one->plan;
        ck_assert_int_eq(qg_gptq_quantize(&more->rows, &more->error, &one->plan, more->w, wide.grid,
                                          n_threads, arena, &err),
                         QG_OK);
        check_same(one, more);
        ck_assert_mem_eq(&one->error, &more->error, sizeof one->error);
    }
}
END_TEST

/* Of whatever tile a row is part. */
START_TEST(rows_do_not_depend_on_each_other)
{
    made *all = make(&wide, 7);
    problem p = wide;

    p.n = 37;
    for (int first = 1; first <= 33; first += 16) {
        made *some = make_input(&p, 7);
        memcpy(some->w, all->w + (size_t)first * (size_t)p.k,
               sizeof(float) * (size_t)p.n * (size_t)p.k);
        quantize(some, &p, 1);
        ck_assert_mem_eq(some->rows.codes, (uint8_t *)all->rows.codes + first * p.k,
                         (size_t)(p.n * p.k));
    }
}
END_TEST

/* By a power of 4: the factor's numbers change by one of 2, without rounding. */
START_TEST(the_unit_of_inputs_does_not_matter)
{
    made *a = make(&wide, 7), *b = make_input(&wide, 7);

    for (int i = 0; i < wide.k * wide.k; i++)
        b->moments.gram[i] *= 0x1p-20;
    quantize(b, &wide, 1);
    check_same(a, b);
    ck_assert_double_eq(b->error.of_outputs, a->error.of_outputs * 0x1p-20);
    ck_assert_double_eq(b->error.of_error, a->error.of_error);
}
END_TEST

START_TEST(nothing_but_dead_inputs_gives_zeros)
{
    problem p = {10, 3, 10, 5, 0, W4, &asymmetric4, &act_order};
    made *m = make_input(&p, 1);

    memset(m->moments.gram, 0, 100 * sizeof(double));
    quantize(m, &p, 1);
    ck_assert_int_eq(m->plan.n_dead, 10);
    for (int i = 0; i < 30; i++)
        ck_assert(value_at(&m->rows, i / 10, i % 10) == 0);
    ck_assert_double_eq(m->error.of_error, m->error.of_weights);
    ck_assert(m->error.of_outputs == 0);
}
END_TEST

/* ---- damping ---- */

/* Ten tokens for 48 inputs. */
START_TEST(damping_rises_until_it_is_enough)
{
    qg_gptq_options undamped = {0, 0.25, true, false, 1};
    problem p = {48, 12, 16, 10, 0, W4, &symmetric4, &undamped};
    made *m = make(&p, 3);
    double sum = 0;

    for (int i = 0; i < p.k; i++)
        sum += m->moments.gram[i * (p.k + 1)];
    ck_assert_double_eq(m->plan.damp, 0.25);
    ck_assert_double_eq_tol(m->plan.added, 0.25 * sum / 10 / 48, 1e-12);
    ck_assert(isfinite(m->error.of_outputs));
}
END_TEST

static int n_attempts;

static int never_definite(int layout, char uplo, int n, double *a, int lda)
{
    (void)layout, (void)uplo, (void)n, (void)a, (void)lda;
    n_attempts++;
    return 1;
}

START_TEST(damping_ends_at_1)
{
    qg_gptq_options undamped = {0, 0.3, false, false, 1};
    problem p = {10, 3, 10, 20, 0, W4, &symmetric4, &undamped};
    made *m = make_input(&p, 3);
    qg_lapack l = lapack;

    l.potrf = never_definite;
    ck_assert_int_eq(qg_gptq_plan_make(&m->plan, &m->moments, p.options, &l, arena, &err),
                     QG_EFORMAT);
    ck_assert_int_eq(n_attempts, 5); /* 0, 0.3, 0.6, 0.9, 1 */
    ck_assert_ptr_nonnull(strstr(err.message, "not positive definite, even damped by 1"));
}
END_TEST

START_TEST(what_is_no_gram_matrix_is_refused)
{
    double gram[] = {1, 5, 5, 1};
    qg_moments m = {.k = 2, .n = 1, .gram = gram};
    qg_gptq_plan p;

    ck_assert_int_eq(qg_gptq_plan_make(&p, &m, &natural, &lapack, arena, &err), QG_EFORMAT);
}
END_TEST

/* ---- bad input ---- */

static const double bad_numbers[] = {NAN, INFINITY, -INFINITY};

START_TEST(moments_that_are_not_finite_are_refused)
{
    problem p = {10, 3, 10, 20, 0, W4, &symmetric4, &natural};
    made *m = make_input(&p, 3);

    m->moments.gram[37] = bad_numbers[_i];
    ck_assert_int_eq(qg_gptq_plan_make(&m->plan, &m->moments, p.options, &lapack, arena, &err),
                     QG_ENONFINITE);
    ck_assert_str_eq(err.message, "1 of 100 sums of activations are not finite");
}
END_TEST

static const struct {
    double damp, step;
    int64_t n_tokens;
    const char *message;
} bad_options[] = {
    {-0.01, 0.01, 1, "a damping of -0.01"}, {1.5, 0.01, 1, "a damping of 1.5"},
    {NAN, 0.01, 1, "a damping of "},        {0, 0, 1, "a step of damping of 0"},
    {0, 2, 1, "a step of damping of 2"},    {0.01, NAN, 1, "a step of damping of "},
    {0.01, 0.01, 0, "without a token"},
};

START_TEST(options_that_make_no_sense_are_refused)
{
    double gram[] = {1};
    qg_moments m = {.k = 1, .n = bad_options[_i].n_tokens, .gram = gram};
    qg_gptq_options o = {bad_options[_i].damp, bad_options[_i].step, false, false, 1};
    qg_gptq_plan p;

    ck_assert_int_eq(qg_gptq_plan_make(&p, &m, &o, &lapack, arena, &err), QG_EARG);
    ck_assert_ptr_nonnull(strstr(err.message, bad_options[_i].message));
}
END_TEST

static int wrong_trtri(int layout, char uplo, char diag, int n, double *a, int lda)
{
    (void)layout, (void)uplo, (void)diag, (void)n, (void)a, (void)lda;
    return 0;
}

START_TEST(a_wrong_library_makes_no_plan)
{
    problem p = {10, 3, 10, 20, 0, W4, &symmetric4, &natural};
    made *m = make_input(&p, 3);
    qg_lapack l = lapack;

    l.trtri = wrong_trtri;
    ck_assert_int_eq(qg_gptq_plan_make(&m->plan, &m->moments, p.options, &l, arena, &err),
                     QG_EDEVICE);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    problem p = {10, 3, 5, 20, 0, W4, &symmetric4, &act_order};
    made *m = make_input(&p, 3);
    int n_failed = 0;

    for (long n = 1;; n++) {
        qg_arena_fail_after(n);
        qg_status s = qg_gptq_plan_make(&m->plan, &m->moments, p.options, &lapack, arena, NULL);
        if (s == QG_OK)
            s = qg_gptq_quantize(&m->rows, &m->error, &m->plan, m->w, p.grid, 2, arena, NULL);
        if (qg_arena_fail_after(0))
            break;
        ck_assert_int_eq(s, QG_ENOMEM);
        n_failed++;
    }
    ck_assert_int_ge(n_failed, 8);
}
END_TEST

Suite *gptq_rounding_check(void)
{
    Suite *s = suite_create("gptq_rounding_check");
    TCase *c = tcase_create("gptq_rounding");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 30);
    tcase_add_loop_test(c, codes_are_those_of_the_plain_form, 0, N_PROBLEMS);
    tcase_add_loop_test(c, the_order_of_columns_is_told, 0, N_PROBLEMS);
    tcase_add_loop_test(c, errors_are_as_defined, 0, N_PROBLEMS);
    tcase_add_loop_test(c, dead_inputs_become_0, 0, N_PROBLEMS);
    tcase_add_loop_test(c, outputs_are_never_worse_than_by_rounding, 0, 48);
    tcase_add_loop_test(c, independent_inputs_are_rounded, 0, N_PROBLEMS);
    tcase_add_test(c, threads_do_not_change_a_code);
    tcase_add_test(c, rows_do_not_depend_on_each_other);
    tcase_add_test(c, the_unit_of_inputs_does_not_matter);
    tcase_add_test(c, nothing_but_dead_inputs_gives_zeros);
    tcase_add_test(c, damping_rises_until_it_is_enough);
    tcase_add_test(c, damping_ends_at_1);
    tcase_add_test(c, what_is_no_gram_matrix_is_refused);
    tcase_add_loop_test(c, moments_that_are_not_finite_are_refused, 0,
                        sizeof bad_numbers / sizeof *bad_numbers);
    tcase_add_loop_test(c, options_that_make_no_sense_are_refused, 0,
                        sizeof bad_options / sizeof *bad_options);
    tcase_add_test(c, a_wrong_library_makes_no_plan);
    tcase_add_test(c, every_allocation_may_fail);
    return s;
}
