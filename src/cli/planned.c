/* A plan in words: see planned.h. */
#include "cli/planned.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

enum { NAMED_MAX = 3 }; /* what a shard's name lists */

static bool is_of(const qg_plan *plan, size_t i, int shard)
{
    return shard == 0 || plan->cases[i].shard == shard;
}

/* Cases of a shard and what they are expected to cost. */
static size_t count(const qg_plan *plan, int shard, double *cost)
{
    size_t n = 0;

    *cost = 0;
    for (size_t i = 0; i < plan->n_cases; i++) {
        if (!is_of(plan, i, shard))
            continue;
        *cost += plan->cases[i].cost;
        n++;
    }
    return n;
}

/* ---- text ---- */

static void put_case(qg_buf *b, const qg_case *c)
{
    qg_buf_format(b, "%-24s %s", c->id, c->device_name);
    if (c->skip)
        qg_buf_format(b, "  skipped: %s", c->skip);
    for (size_t k = 0; !c->skip && k < c->expect.n; k++)
        qg_buf_format(b, "%s%s: %s", k ? ", " : "  ",
                      qg_metric_info_of(c->expect.at[k].metric)->name, c->expect.at[k].written);
    qg_buf_char(b, '\n');
}

/* Whether costs are times: of a stored run, in ns. */
static bool has_times(const qg_plan *plan)
{
    for (size_t i = 0; i < plan->n_cases; i++)
        if (plan->cases[i].cost > 1)
            return true;
    return false;
}

static void put_shard(qg_buf *b, const qg_plan *plan, int shard)
{
    char time[QG_UNIT_TEXT];
    double cost;
    size_t n = count(plan, shard, &cost);

    qg_buf_format(b, "%sshard %d/%d: %zu case%s", shard > 1 ? "\n" : "", shard, plan->n_shards, n,
                  n == 1 ? "" : "s");
    if (has_times(plan))
        qg_buf_format(b, ", %s expected", qg_unit_print(time, QG_UNIT_DURATION, cost));
    qg_buf_char(b, '\n');
}

void qg_planned_text(qg_buf *out, const qg_plan *plan)
{
    bool shards = plan->n_shards > 0 && plan->shard == 0;

    for (int shard = shards ? 1 : 0; shard <= (shards ? plan->n_shards : 0); shard++) {
        if (shards)
            put_shard(out, plan, shard);
        for (size_t i = 0; i < plan->n_cases; i++)
            if (is_of(plan, i, shard))
                put_case(out, &plan->cases[i]);
    }
    qg_buf_format(out, "%s%zu of %zu cases\n", shards ? "\n" : "", plan->n_cases, plan->n_all);
}

qg_status qg_planned_print(qg_cli *cli, const qg_plan *plan, qg_err *err)
{
    qg_buf b;

    qg_buf_init(&b, cli->run);
    qg_planned_text(&b, plan);
    QG_NEED(!b.failed, err);
    return qg_cli_write(qg_buf_view(&b), err);
}

/* ---- JSON ---- */

static void put_budgets(qg_json_writer *w, const qg_case *c)
{
    qg_json_write_key(w, "budgets");
    qg_json_write_array(w);
    for (size_t i = 0; i < c->expect.n; i++) {
        const qg_expect *e = &c->expect.at[i];
        qg_json_write_object(w);
        qg_json_put_text(w, "metric", qg_metric_info_of(e->metric)->name);
        qg_json_put_text(w, "written", e->written);
        qg_json_put_real(w, "limit", e->limit);
        qg_json_put_text(w, "file", e->place.file);
        qg_json_put_int(w, "line", e->place.line);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
}

/* "2/4", or null. */
static void put_shard_id(qg_json_writer *w, int shard, int n_shards)
{
    char text[32];

    snprintf(text, sizeof text, "%d/%d", shard, n_shards);
    qg_json_put_text(w, "shard", shard ? text : NULL);
}

static void put_case_object(qg_json_writer *w, const qg_plan *plan, const qg_case *c)
{
    qg_json_write_object(w);
    qg_json_put_text(w, "id", c->id);
    qg_json_put_text(w, "model", c->model->name);
    qg_json_put_text(w, "method", c->model->method);
    qg_json_put_text(w, "device", c->device_name);
    qg_json_put_text(w, "kind", c->kind == QG_CASE_QUALITY ? "quality" : "performance");
    qg_json_put_int(w, "batch", c->batch);
    qg_json_put_text(w, "skip", c->skip);
    put_shard_id(w, c->shard, plan->n_shards);
    qg_json_put_real(w, "cost", c->cost);
    put_budgets(w, c);
    qg_json_write_close(w);
}

/* What a shard holds, for the list of jobs: "fp16/quality, perf/b4": performance by its batch. */
static qg_status name_of(qg_str *out, qg_arena *arena, const qg_plan *plan, int shard, qg_err *err)
{
    size_t n = 0;
    qg_buf b;

    qg_buf_init(&b, arena);
    for (size_t i = 0; i < plan->n_cases; i++) {
        const qg_case *c = &plan->cases[i];
        bool seen = !is_of(plan, i, shard);
        for (size_t k = 0; !seen && c->batch && k < i; k++)
            seen = is_of(plan, k, shard) && plan->cases[k].batch == c->batch;
        if (seen || n++ >= NAMED_MAX)
            continue;
        if (c->batch)
            qg_buf_format(&b, "%sperf/b%d", b.len ? ", " : "", c->batch);
        else
            qg_buf_format(&b, "%s%s", b.len ? ", " : "", c->id);
    }
    if (n > NAMED_MAX)
        qg_buf_format(&b, " and %zu more", n - NAMED_MAX);
    QG_NEED(!b.failed, err);
    *out = qg_buf_view(&b);
    return QG_OK;
}

static qg_status put_shard_object(qg_json_writer *w, const qg_plan *plan, int shard, qg_err *err)
{
    double cost;
    qg_str name;

    QG_PASS(name_of(&name, w->buf->arena, plan, shard, err));
    qg_json_write_object(w);
    put_shard_id(w, shard, plan->n_shards);
    qg_json_put_str(w, "name", name);
    qg_json_write_key(w, "cases");
    qg_json_write_array(w);
    for (size_t i = 0; i < plan->n_cases; i++)
        if (is_of(plan, i, shard))
            qg_json_write_text(w, plan->cases[i].id);
    qg_json_write_end_array(w);
    count(plan, shard, &cost);
    qg_json_put_real(w, "cost", cost);
    qg_json_write_close(w);
    return QG_OK;
}

qg_status qg_planned_json(qg_buf *out, const qg_plan *plan, qg_err *err)
{
    qg_json_writer w;

    qg_json_write_begin(&w, out);
    qg_json_write_object(&w);
    qg_json_put_text(&w, "suite", plan->suite->name);
    qg_json_put_text(&w, "suite_hash", plan->suite->hash);
    qg_json_write_key(&w, "cases");
    qg_json_write_array(&w);
    for (size_t i = 0; i < plan->n_cases; i++)
        put_case_object(&w, plan, &plan->cases[i]);
    qg_json_write_end_array(&w);
    qg_json_write_key(&w, "shards");
    qg_json_write_array(&w);
    for (int shard = 1; shard <= plan->n_shards; shard++)
        QG_PASS(put_shard_object(&w, plan, shard, err));
    qg_json_write_end_array(&w);
    qg_json_write_close(&w);
    qg_buf_char(out, '\n');
    return qg_json_write_end(&w, err);
}

/* ---- GitHub ---- */

qg_status qg_planned_matrix(qg_buf *out, const qg_plan *plan, qg_err *err)
{
    qg_json_writer w;
    qg_str name;

    qg_buf_text(out, "matrix=");
    qg_json_write_begin(&w, out);
    qg_json_write_object(&w);
    qg_json_write_key(&w, "include");
    qg_json_write_array(&w);
    for (int shard = 1; shard <= plan->n_shards; shard++) {
        QG_PASS(name_of(&name, out->arena, plan, shard, err));
        qg_json_write_object(&w);
        put_shard_id(&w, shard, plan->n_shards);
        qg_json_put_str(&w, "name", name);
        qg_json_write_close(&w);
    }
    qg_json_write_end_array(&w);
    qg_json_write_close(&w);
    qg_buf_char(out, '\n');
    return qg_json_write_end(&w, err);
}
