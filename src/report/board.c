/* A suite as the dashboard shows it: see board.h. Trends come sorted by case and metric with their
 * bases side by side, so a line is a group of neighbours; a slot for each run then takes what the
 * bases say of it. */
#include "report/board.h"

#include "stats/changepoint.h"
#include "stats/numbers.h"

#include <stdlib.h>

/* ---- machines and branches ---- */

static const char *machine_of(const qg_history_run *run)
{
    return run->machine.fingerprint;
}

static const char *branch_of(const qg_history_run *run)
{
    return run->branch;
}

/* Numbers the different texts of the runs in the order of their first appearance. */
static qg_status number_runs(size_t **first, size_t *n_first, size_t **of, const qg_board *b,
                             const char *(*text)(const qg_history_run *), qg_arena *arena,
                             qg_err *err)
{
    *first = QG_NEW_N(arena, size_t, b->n_runs);
    *of = QG_NEW_N(arena, size_t, b->n_runs);
    QG_NEED(*first && *of, err);
    *n_first = 0;
    for (size_t i = 0; i < b->n_runs; i++) {
        qg_str own = qg_str_from(text(&b->runs[i]));
        size_t k = 0;
        while (k < *n_first && !qg_str_eq(own, qg_str_from(text(&b->runs[(*first)[k]]))))
            k++;
        if (k == *n_first)
            (*first)[(*n_first)++] = i;
        (*of)[i] = k;
    }
    return QG_OK;
}

/* ---- lines ---- */

static void take_budget(qg_board_point *p, const qg_history_number *n)
{
    p->value = n->value;
    p->has_low = n->has_low;
    p->has_high = n->has_high;
    p->has_limit = n->has_limit;
    p->low = n->low;
    p->high = n->high;
    p->limit = n->limit;
}

/* What another run says of a point: the base, and the value where no budget's trend has it. */
static void take_base(qg_board_point *p, bool *has_value, const qg_history_number *n,
                      qg_basis basis)
{
    if (!n->has_base)
        return;
    if (basis == QG_BASIS_BASELINE) {
        p->has_base = true;
        p->base = n->base;
    } else if (basis == QG_BASIS_ANCHOR) {
        p->has_anchor = true;
        p->anchor = n->base;
    }
    if (!*has_value && n->has_value) {
        p->value = n->is_share ? n->base * (1 + n->value) : n->base + n->value;
        *has_value = true;
    }
}

static void take_number(qg_board_point *p, bool *has_value, const qg_history_number *n,
                        qg_basis basis)
{
    if (basis != QG_BASIS_BUDGET)
        take_base(p, has_value, n, basis);
    else if (n->has_value) {
        take_budget(p, n);
        *has_value = true;
    }
    if (n->floor > p->floor)
        p->floor = n->floor;
    if (n->judged && (!p->judged || qg_verdict_rank(n->verdict) > qg_verdict_rank(p->verdict))) {
        p->judged = true;
        p->verdict = n->verdict;
    }
}

/* The line of n trends that are one case and metric, the budget's first. */
static qg_status make_line(qg_board_line *out, qg_arena *arena, const qg_board *b,
                           const qg_history_trend *trends, size_t n, qg_err *err)
{
    qg_board_point *slots = QG_NEW_N(arena, qg_board_point, b->n_runs);
    bool *has_value = QG_NEW_N(arena, bool, b->n_runs);

    QG_NEED(slots && has_value, err);
    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < trends[t].n_numbers; i++) {
            const qg_history_number *number = &trends[t].numbers[i];
            take_number(&slots[number->run], &has_value[number->run], number, trends[t].basis);
        }
    *out = (qg_board_line){.id = trends[n - 1].id, .metric = trends[0].metric, .points = slots};
    for (size_t run = 0; run < b->n_runs; run++)
        if (has_value[run]) {
            slots[out->n_points] = slots[run];
            slots[out->n_points++].run = run;
        }
    return QG_OK;
}

static bool is_case(const qg_history_trend *t)
{
    return t->metric != QG_METRIC_NONE && t->id.id[0] &&
           !qg_str_starts(qg_str_from(t->id.id), QG_STR("checklist/"));
}

static qg_status make_lines(qg_board *b, qg_arena *arena, const qg_history_trends *trends,
                            qg_err *err)
{
    b->lines = QG_NEW_N(arena, qg_board_line, trends->n + 1);
    QG_NEED(b->lines, err);
    for (size_t i = 0, n; i < trends->n; i += n) {
        const qg_history_trend *t = &trends->at[i];
        for (n = 1; i + n < trends->n && trends->at[i + n].metric == t->metric &&
                    strcmp(trends->at[i + n].id.id, t->id.id) == 0;
             n++)
            ;
        if (!is_case(t))
            continue;
        QG_PASS(make_line(&b->lines[b->n_lines], arena, b, t, n, err));
        b->n_lines += b->lines[b->n_lines].n_points > 0;
    }
    return QG_OK;
}

/* ---- change points ---- */

/* The points of a line that ran on one machine and branch, oldest first, the newest of them. */
typedef struct piece {
    size_t runs[QG_BOARD_CHANGE_RUNS];
    double values[QG_BOARD_CHANGE_RUNS];
    size_t n;
} piece;

static void take_piece(piece *out, const qg_board *b, const qg_board_line *line, size_t machine,
                       size_t branch)
{
    size_t from = line->n_points;

    out->n = 0;
    while (from > 0 && out->n < QG_BOARD_CHANGE_RUNS) {
        size_t run = line->points[--from].run;
        out->n += b->machine_of[run] == machine && b->branch_of[run] == branch;
    }
    out->n = 0;
    for (; from < line->n_points; from++) {
        size_t run = line->points[from].run;
        if (b->machine_of[run] != machine || b->branch_of[run] != branch)
            continue;
        out->runs[out->n] = run;
        out->values[out->n++] = line->points[from].value;
    }
}

static qg_status median_of(double *out, qg_arena *arena, const double *x, size_t n, qg_err *err)
{
    const double *sorted = qg_numbers_sorted(arena, x, n);

    QG_NEED(sorted, err);
    *out = n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    return QG_OK;
}

/* The changes of a piece, with the levels on both sides. */
static qg_status changes_of_piece(qg_board_line *line, qg_arena *arena, const piece *p, qg_err *err)
{
    static const qg_changepoint_options how = {.least = QG_CHANGEPOINT_LEAST,
                                               .level = QG_BOARD_CHANGE_LEVEL,
                                               .permutations = QG_CHANGEPOINT_PERMUTATIONS,
                                               .seed = 1};
    qg_changepoints found;
    qg_board_change *all;

    QG_PASS(qg_changepoint_find(&found, arena, p->values, p->n, &how, err));
    if (found.n == 0)
        return QG_OK;
    all = QG_NEW_N(arena, qg_board_change, line->n_changes + found.n);
    QG_NEED(all, err);
    if (line->n_changes)
        memcpy(all, line->changes, line->n_changes * sizeof *all);
    for (size_t i = 0; i < found.n; i++) {
        size_t from = i ? found.at[i - 1].at : 0, at = found.at[i].at;
        size_t end = i + 1 < found.n ? found.at[i + 1].at : p->n;
        qg_board_change *c = &all[line->n_changes++];
        c->run = p->runs[at];
        QG_PASS(median_of(&c->before, arena, p->values + from, at - from, err));
        QG_PASS(median_of(&c->after, arena, p->values + at, end - at, err));
    }
    line->changes = all;
    return QG_OK;
}

static int by_run(const void *a, const void *b)
{
    const qg_board_change *x = a, *y = b;

    return (x->run > y->run) - (x->run < y->run);
}

static qg_status changes_of_line(qg_board_line *line, qg_arena *arena, const qg_board *b,
                                 const size_t *n_runs, piece *p, qg_err *err)
{
    for (size_t machine = 0; machine < b->n_machines; machine++)
        for (size_t branch = 0; branch < b->n_branches; branch++) {
            if (n_runs[machine * b->n_branches + branch] < QG_BOARD_CHANGE_LEAST)
                continue;
            take_piece(p, b, line, machine, branch);
            if (p->n >= QG_BOARD_CHANGE_LEAST)
                QG_PASS(changes_of_piece(line, arena, p, err));
        }
    if (line->n_changes > 1)
        qsort(line->changes, line->n_changes, sizeof *line->changes, by_run);
    return QG_OK;
}

static qg_status find_changes(qg_board *b, qg_arena *arena, qg_err *err)
{
    piece *p = QG_NEW(arena, piece);
    size_t *n_runs = QG_NEW_N(arena, size_t, b->n_machines * b->n_branches);

    QG_NEED(p && n_runs, err);
    for (size_t i = 0; i < b->n_runs; i++)
        n_runs[b->machine_of[i] * b->n_branches + b->branch_of[i]]++;
    for (size_t i = 0; i < b->n_lines; i++)
        QG_PASS(changes_of_line(&b->lines[i], arena, b, n_runs, p, err));
    return QG_OK;
}

/* ---- what the newest run says ---- */

static bool is_bad(const qg_history_number *n)
{
    return n->judged && (n->verdict == QG_VERDICT_FAIL || n->verdict == QG_VERDICT_ERROR ||
                         n->verdict == QG_VERDICT_INCONCLUSIVE);
}

static bool is_known(const qg_history_number *n)
{
    return n->judged && (n->verdict == QG_VERDICT_KNOWN_FAIL || n->expires);
}

/* Puts a notice behind those that are as bad: worst first, else in the order of the case. */
static void insert_bad(qg_board *b, qg_board_notice notice)
{
    size_t i = b->n_bad++;

    for (; i > 0 && qg_verdict_rank(b->bad[i - 1].verdict) < qg_verdict_rank(notice.verdict); i--)
        b->bad[i] = b->bad[i - 1];
    b->bad[i] = notice;
}

static qg_status gather_notices(qg_board *b, qg_arena *arena, const qg_history_trends *trends,
                                qg_err *err)
{
    b->bad = QG_NEW_N(arena, qg_board_notice, trends->n + 1);
    b->known = QG_NEW_N(arena, qg_board_notice, trends->n + 1);
    QG_NEED(b->bad && b->known, err);
    for (size_t i = 0; i < trends->n; i++) {
        const qg_history_trend *t = &trends->at[i];
        const qg_history_number *n = t->n_numbers ? &t->numbers[t->n_numbers - 1] : NULL;
        if (!n || n->run != b->n_runs - 1)
            continue;
        qg_board_notice notice = {t->id.id,   t->metric, n->verdict,
                                  n->message, n->issue,  n->expires};
        if (is_bad(n))
            insert_bad(b, notice);
        if (is_known(n))
            b->known[b->n_known++] = notice;
    }
    return QG_OK;
}

qg_status qg_board_read(qg_board *out, qg_arena *arena, qg_history *h, const qg_history_runs *runs,
                        qg_err *err)
{
    qg_history_trends trends;
    qg_history_filter all = {0};

    *out = (qg_board){.runs = runs->at, .n_runs = runs->n};
    QG_PASS(qg_history_trends_find(&trends, arena, h, runs, &all, err));
    QG_PASS(number_runs(&out->machines, &out->n_machines, &out->machine_of, out, machine_of, arena,
                        err));
    QG_PASS(
        number_runs(&out->branches, &out->n_branches, &out->branch_of, out, branch_of, arena, err));
    QG_PASS(make_lines(out, arena, &trends, err));
    QG_PASS(find_changes(out, arena, err));
    return gather_notices(out, arena, &trends, err);
}
