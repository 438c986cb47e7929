/* Misfits: see misfit.h. One pass over the rows, a strip of them dequantized at a time. Invariant:
 * sums of a row are complete before its cells are compared, so nothing but the greatest is kept. */
#include "engine/misfit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STRIP = 64, PLAIN_BITS = 10 };
#define LEAST_SHARE                                                                                \
    (1.0 / 64)               /* of its row that a group's range counts as, for groups of zeros     \
                              */
#define LEAST_ROOM (1.0 / 4) /* of a group that its inputs count as, together */

typedef struct sums {
    double error, square;
} sums;

typedef struct meter {
    const qg_fold_pair *pair;
    const qg_misfit_inputs *inputs;
    qg_misfit *out;
    int k, n_groups;
    double levels;
    bool by_row;          /* an output has one scale */
    int *group_of;        /* [k] */
    double *counts;       /* [k] 0 .. 1 */
    double *room;         /* [n_groups] their sums */
    float *plain, *other; /* [STRIP][k] */
    /* Of the row at hand, [n_groups]. */
    double *largest, *mean, *square;
    sums *cells;
    /* Of all. */
    double *every;    /* [n * n_groups] root mean squares */
    double *of_input; /* [k] squares in steps */
    sums *groups, all;
} meter;

static double quotient(const sums *s)
{
    if (!isfinite(s->error))
        return INFINITY;
    return s->square > 0 ? sqrt(s->error / s->square) : s->error > 0 ? INFINITY : 0;
}

static void add(sums *to, double error, double square)
{
    to->error += error;
    to->square += square;
}

int qg_misfit_group_size(const qg_fold_pair *pair)
{
    int size = pair->other.group < pair->k ? pair->other.group : QG_MISFIT_BLOCK;

    return size < pair->k ? size : pair->k;
}

/* ---- before the rows ---- */

static qg_status make_out(qg_misfit *out, qg_arena *arena, int n, int n_groups, qg_err *err)
{
    size_t groups = (size_t)n_groups, rows = (size_t)n;

    *out = (qg_misfit){.n_groups = n_groups};
    out->cell = out->shift = (qg_misfit_at){-1, -1, -1, -1, NULL};
    out->cell.groups = QG_NEW_N(arena, double, groups);
    out->shift.groups = QG_NEW_N(arena, double, groups);
    out->group_error = QG_NEW_N(arena, double, groups);
    out->row_error = QG_NEW_N(arena, double, rows);
    out->noise = QG_NEW_N(arena, double, rows);
    QG_NEED(out->cell.groups && out->shift.groups && out->group_error && out->row_error &&
                out->noise,
            err);
    return QG_OK;
}

static qg_status make_meter(meter *m, qg_arena *scratch, qg_err *err)
{
    size_t k = (size_t)m->k, n = (size_t)m->pair->n, groups = (size_t)m->n_groups;

    m->group_of = QG_NEW_N(scratch, int, k);
    m->counts = QG_NEW_N(scratch, double, k);
    m->of_input = QG_NEW_N(scratch, double, k);
    m->plain = QG_NEW_N(scratch, float, STRIP *k);
    m->other = QG_NEW_N(scratch, float, STRIP *k);
    m->room = QG_NEW_N(scratch, double, groups);
    m->largest = QG_NEW_N(scratch, double, groups);
    m->mean = QG_NEW_N(scratch, double, groups);
    m->square = QG_NEW_N(scratch, double, groups);
    m->cells = QG_NEW_N(scratch, sums, groups);
    m->groups = QG_NEW_N(scratch, sums, groups);
    m->every = QG_NEW_N(scratch, double, n *groups);
    QG_NEED(m->group_of && m->counts && m->of_input && m->plain && m->other && m->room, err);
    QG_NEED(m->largest && m->mean && m->square && m->cells && m->groups && m->every, err);
    return QG_OK;
}

static qg_status count_inputs(meter *m, qg_arena *scratch, qg_err *err)
{
    const qg_dequantizer *d = &m->pair->other;
    const double *size = m->inputs->size;
    int group = qg_misfit_group_size(m->pair);
    double *sorted = qg_arena_copy(scratch, size, (size_t)m->k * sizeof *size);

    QG_NEED(sorted, err);
    double middle = qg_fold_median(sorted, (size_t)m->k);
    for (int i = 0; i < m->k; i++)
        m->group_of[d->order ? d->order[i] : i] = i / group;
    for (int i = 0; i < m->k; i++) {
        double ratio = middle > 0 ? size[i] / middle : 1;
        m->counts[i] = ratio < 1 ? ratio * ratio : 1;
        m->room[m->group_of[i]] += m->counts[i];
        m->largest[m->group_of[i]] += LEAST_ROOM;
    }
    for (int g = 0; g < m->n_groups; g++)
        m->room[g] = fmax(m->room[g], m->largest[g]);
    return QG_OK;
}

/* ---- a row ---- */

/* What the row should be, in place, and the largest weight of each scale. */
static void expect_row(meter *m, float *w, int row)
{
    float f_out = m->inputs->f_out ? m->inputs->f_out[row] : 1;
    double all = 0;

    memset(m->largest, 0, (size_t)m->n_groups * sizeof *m->largest);
    for (int i = 0; i < m->k; i++) {
        double *largest = &m->largest[m->group_of[i]];
        w[i] *= f_out / m->inputs->f_in[i];
        *largest = fmax(*largest, fabs((double)w[i]));
        all = fmax(all, fabs((double)w[i]));
    }
    for (int g = 0; g < m->n_groups; g++)
        m->largest[g] = fmax(fmax(m->largest[g], m->by_row ? all : all * LEAST_SHARE), 1e-30);
}

static void add_row(meter *m, const float *w, const float *is, int row)
{
    const qg_misfit_inputs *in = m->inputs;
    double noise = 0;

    memset(m->mean, 0, (size_t)m->n_groups * sizeof *m->mean);
    memset(m->square, 0, (size_t)m->n_groups * sizeof *m->square);
    memset(m->cells, 0, (size_t)m->n_groups * sizeof *m->cells);
    for (int i = 0; i < m->k; i++) {
        int g = m->group_of[i];
        double step = 2 * m->largest[g] / m->levels, x = in->size[i] * (double)in->f_in[i];
        double expected = (double)w[i], d = (double)is[i] - expected, steps = d / step;
        m->mean[g] += steps * m->counts[i];
        m->square[g] += steps * steps * m->counts[i];
        m->of_input[i] += steps * steps * m->counts[i];
        add(&m->cells[g], d * d, expected * expected);
        noise += step * step / 12 * x * x + expected * expected * in->noise * in->noise;
    }
    m->out->noise[row] = sqrt(noise);
}

/* A new greatest of the cells of the row at hand. */
static void raise(meter *m, qg_misfit_at *at, double steps, int row, int group)
{
    steps = isfinite(steps) ? steps : INFINITY;
    if (steps <= at->steps)
        return;
    at->steps = steps;
    at->group = group;
    for (int g = 0; at->row != row && g < m->n_groups; g++)
        at->groups[g] = quotient(&m->cells[g]);
    at->row = row;
}

static void keep_row(meter *m, int row)
{
    sums of_row = {0};

    for (int g = 0; g < m->n_groups; g++) {
        double cell = sqrt(m->square[g] / m->room[g]);
        m->every[(size_t)row * (size_t)m->n_groups + (size_t)g] = isfinite(cell) ? cell : INFINITY;
        raise(m, &m->out->cell, cell, row, g);
        raise(m, &m->out->shift, fabs(m->mean[g]) / m->room[g], row, g);
        add(&of_row, m->cells[g].error, m->cells[g].square);
        add(&m->groups[g], m->cells[g].error, m->cells[g].square);
    }
    m->out->row_error[row] = quotient(&of_row);
    add(&m->all, of_row.error, of_row.square);
}

static void measure_rows(meter *m, int n_threads)
{
    size_t k = (size_t)m->k;

    for (int row = 0; row < m->pair->n; row += STRIP) {
        int n = m->pair->n - row < STRIP ? m->pair->n - row : STRIP;
#pragma omp parallel for num_threads(n_threads)
        for (int r = 0; r < n; r++) {
            qg_dequantize_row(m->plain + (size_t)r * k, &m->pair->plain, row + r);
            qg_dequantize_row(m->other + (size_t)r * k, &m->pair->other, row + r);
        }
        for (int r = 0; r < n; r++) {
            expect_row(m, m->plain + (size_t)r * k, row + r);
            add_row(m, m->plain + (size_t)r * k, m->other + (size_t)r * k, row + r);
            keep_row(m, row + r);
        }
    }
}

/* ---- behind the rows ---- */

static void sum_up(meter *m)
{
    qg_misfit *out = m->out;

    out->error = quotient(&m->all);
    for (int g = 0; g < m->n_groups; g++)
        out->group_error[g] = quotient(&m->groups[g]);
    out->cell_median = qg_fold_median(m->every, (size_t)m->pair->n * (size_t)m->n_groups);
    out->input = (qg_misfit_at){-1, -1, -1, -1, NULL};
    for (int i = 0; i < m->k; i++) {
        double steps = sqrt(m->of_input[i] / m->pair->n);
        steps = isfinite(steps) ? steps : INFINITY;
        if (steps > out->input.steps)
            out->input = (qg_misfit_at){steps, -1, m->group_of[i], i, NULL};
    }
}

qg_status qg_misfit_measure(qg_misfit *out, qg_arena *arena, qg_arena *scratch,
                            const qg_fold_pair *pair, const qg_misfit_inputs *inputs, int n_threads,
                            qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(scratch);
    int group = qg_misfit_group_size(pair), bits = pair->other.runs_bits;
    meter m = {.pair = pair,
               .inputs = inputs,
               .out = out,
               .k = pair->k,
               .n_groups = (pair->k + group - 1) / group,
               .levels = exp2(bits ? bits : PLAIN_BITS) - 1,
               .by_row = pair->other.group >= pair->k};

    QG_PASS(make_out(out, arena, pair->n, m.n_groups, err));
    QG_PASS(make_meter(&m, scratch, err));
    QG_PASS(count_inputs(&m, scratch, err));
    measure_rows(&m, n_threads);
    sum_up(&m);
    qg_arena_rewind(scratch, mark);
    return QG_OK;
}
