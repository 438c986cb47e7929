/* Parting cases among runners: see split.h. */
#include "suite/split.h"

#include <stdlib.h>
#include <string.h>

typedef struct group {
    size_t first; /* its first case */
    double cost;
} group;

bool qg_split_belong(const qg_case *a, const qg_case *b)
{
    return a->kind == QG_CASE_PERFORMANCE && b->kind == QG_CASE_PERFORMANCE &&
           a->batch == b->batch && a->device == b->device;
}

/* ---- costs ---- */

/* What a stored run says of the case; below 0: nothing. */
static double told(const qg_run *times, const char *id)
{
    const qg_measurement *m = times ? qg_run_case(times, id) : NULL;

    return m && m->state == QG_CASE_MEASURED && m->wall_ns > 0 ? (double)m->wall_ns : -1;
}

/* Mean of those that are told, of one kind or of both. */
static double mean_of(const double *cost, const qg_case *cases, size_t n, bool any,
                      qg_case_kind kind)
{
    double sum = 0;
    size_t n_told = 0;

    for (size_t i = 0; i < n; i++) {
        if (cost[i] < 0 || (!any && cases[i].kind != kind))
            continue;
        sum += cost[i];
        n_told++;
    }
    return n_told ? sum / (double)n_told : -1;
}

static void set_costs(double *cost, const qg_case *cases, size_t n, const qg_run *times)
{
    double mean[2], any;

    for (size_t i = 0; i < n; i++)
        cost[i] = told(times, cases[i].id);
    for (int kind = 0; kind < 2; kind++)
        mean[kind] = mean_of(cost, cases, n, false, (qg_case_kind)kind);
    any = mean_of(cost, cases, n, true, QG_CASE_QUALITY);
    for (size_t i = 0; i < n; i++) {
        double kind = mean[cases[i].kind];
        if (cases[i].skip)
            cost[i] = 0;
        else if (cost[i] < 0)
            cost[i] = kind > 0 ? kind : any > 0 ? any : 1;
    }
}

/* ---- groups ---- */

static int by_cost(const void *a, const void *b)
{
    const group *x = a, *y = b;
    int c = (x->cost < y->cost) - (x->cost > y->cost);

    return c ? c : (x->first > y->first) - (x->first < y->first);
}

/* The group of each case, and the groups. Batches of a suite are few, so the search is short. */
static size_t make_groups(group *groups, size_t *group_of, const qg_case *cases, size_t n,
                          const double *cost)
{
    size_t n_groups = 0;

    for (size_t i = 0; i < n; i++) {
        size_t g = 0;
        while (g < n_groups && !qg_split_belong(&cases[groups[g].first], &cases[i]))
            g++;
        if (g == n_groups)
            groups[n_groups++] = (group){.first = i};
        groups[g].cost += cost[i];
        group_of[i] = groups[g].first;
    }
    return n_groups;
}

static void deal(qg_split *s, group *groups, const size_t *group_of, size_t n)
{
    qsort(groups, s->n_groups, sizeof *groups, by_cost);
    for (size_t g = 0; g < s->n_groups; g++) {
        size_t least = 0;
        for (size_t p = 1; p < s->n_parts; p++)
            if (s->part_cost[p] < s->part_cost[least])
                least = p;
        s->part_cost[least] += groups[g].cost;
        s->part[groups[g].first] = (int)least + 1;
    }
    for (size_t i = 0; i < n; i++)
        s->part[i] = s->part[group_of[i]];
}

qg_status qg_split_cases(qg_split *out, qg_arena *arena, const qg_case *cases, size_t n_cases,
                         size_t n_parts, const qg_run *times, qg_err *err)
{
    qg_split s = {.part = QG_NEW_N(arena, int, n_cases + 1),
                  .cost = QG_NEW_N(arena, double, n_cases + 1),
                  .part_cost = QG_NEW_N(arena, double, n_parts + 1),
                  .n_parts = n_parts};
    group *groups = QG_NEW_N(arena, group, n_cases + 1);
    size_t *group_of = QG_NEW_N(arena, size_t, n_cases + 1);

    QG_NEED(s.part && s.cost && s.part_cost && groups && group_of, err);
    set_costs(s.cost, cases, n_cases, times);
    s.n_groups = make_groups(groups, group_of, cases, n_cases, s.cost);
    deal(&s, groups, group_of, n_cases);
    *out = s;
    return QG_OK;
}
