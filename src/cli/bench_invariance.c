/* Batch invariance from the command line: see bench_invariance.h. */
#include "cli/bench_invariance.h"

#include "base/json.h"
#include "base/progress.h"
#include "base/units.h"

#include <stdio.h>
#include <string.h>

static void on_progress(void *user, double done)
{
    qg_progress_update(user, done);
}

typedef struct result {
    qg_engine_info info, beside; /* of the engine, and of its reference where there is one */
    qg_invariance *rows;         /* [n_batches] */
    qg_likeness likeness;
} result;

static qg_status open(qg_engine **e, const qg_bench_invariance *b, const char *device,
                      const char *tier, qg_arena *arena, qg_err *err)
{
    qg_engine_options o = b->options;

    if (!o.max_model_len)
        o.max_model_len = b->task.input_len + b->task.output_len;
    o.device = device;
    o.tier = tier;
    qg_invariance_room(&o, &b->task);
    return qg_bench_model_open(e, arena, &b->model, &o, err);
}

static qg_status measure(result *r, const qg_bench_invariance *b, qg_arena *arena, qg_err *err)
{
    qg_progress bar;
    qg_engine *e, *reference;

    QG_PASS(open(&e, b, b->options.device, b->options.tier, arena, err));
    r->info = qg_engine_describe(e);
    qg_progress_begin(&bar, stderr, "bench");
    qg_status s = qg_invariance_measure(r->rows, arena, e, &b->task, on_progress, &bar, err);
    qg_progress_end(&bar);
    if (s != QG_OK || !b->beside)
        return s;
    /* the best tier there is, unless one is asked for that says the same everywhere */
    bool portable = b->options.tier && strcmp(b->options.tier, "portable") == 0;
    QG_PASS(open(&reference, b, b->beside, portable ? b->options.tier : NULL, arena, err));
    r->beside = qg_engine_describe(reference);
    qg_progress_begin(&bar, stderr, "beside");
    s = qg_likeness_measure(&r->likeness, arena, e, reference, &b->task, on_progress, &bar, err);
    qg_progress_end(&bar);
    return s;
}

/* ---- output ---- */

static double same_top(const qg_invariance *v)
{
    return (double)v->n_same_best / (double)v->n;
}

static void write_beside(qg_json_writer *w, const result *r)
{
    const qg_likeness *l = &r->likeness;

    qg_json_write_key(w, "beside");
    qg_json_write_object(w);
    qg_json_put_text(w, "device", r->beside.device);
    qg_json_put_text(w, "tier", r->beside.tier);
    qg_json_put_int(w, "positions", l->n);
    qg_json_put_real(w, "logprob_max", l->logprob_max);
    qg_json_put_real(w, "same_top", (double)l->n_same_best / (double)l->n);
    qg_json_put_real(w, "state_error", l->state_error);
    qg_json_put_real(w, "state_worst", l->state_worst);
    qg_json_write_close(w);
}

static qg_status write_json(const qg_bench_invariance *b, const result *r, qg_buf *out, qg_err *err)
{
    const qg_engine_info *info = &r->info;
    const qg_invariance *rows = r->rows;
    qg_json_writer w;

    qg_json_write_begin(&w, out);
    qg_json_write_object(&w);
    qg_json_put_text(&w, "model", b->model.name);
    qg_json_put_text(&w, "method", info->method);
    qg_json_put_text(&w, "device", info->device);
    qg_json_put_text(&w, "tier", info->tier);
    qg_json_put_int(&w, "input_len", b->task.input_len);
    qg_json_put_int(&w, "output_len", b->task.output_len);
    qg_json_write_key(&w, "rows");
    qg_json_write_array(&w);
    for (int i = 0; i < b->task.n_batches; i++) {
        qg_json_write_object(&w);
        qg_json_put_int(&w, "batch", rows[i].batch);
        qg_json_put_int(&w, "positions", rows[i].n);
        qg_json_put_int(&w, "unlike", rows[i].n_unlike);
        qg_json_put_real(&w, "logprob_max", rows[i].logprob_max);
        qg_json_put_real(&w, "same_top", same_top(&rows[i]));
        qg_json_put_int(&w, "unrepeated", rows[i].n_unrepeated);
        qg_json_write_close(&w);
    }
    qg_json_write_end_array(&w);
    if (b->beside)
        write_beside(&w, r);
    qg_json_write_close(&w);
    QG_PASS(qg_json_write_end(&w, err));
    qg_buf_char(out, '\n');
    return QG_OK;
}

static void write_text(const qg_bench_invariance *b, const result *r, qg_buf *out)
{
    const qg_engine_info *info = &r->info;
    const qg_invariance *rows = r->rows;
    const qg_likeness *l = &r->likeness;
    char share[QG_UNIT_TEXT];

    qg_buf_format(out,
                  "%s: %s on %s, tier %s; %d + %d tokens, each batch beside its sequences "
                  "alone\n\n",
                  b->model.name, info->method, info->device, info->tier, b->task.input_len,
                  b->task.output_len);
    qg_buf_format(out, "%5s %10s %12s %12s %10s %12s\n", "batch", "positions", "other bits",
                  "max |d lp|", "same top", "unrepeated");
    for (int i = 0; i < b->task.n_batches; i++)
        qg_buf_format(out, "%5d %10lld %12lld %12.3g %10s %12lld\n", rows[i].batch,
                      (long long)rows[i].n, (long long)rows[i].n_unlike, rows[i].logprob_max,
                      qg_unit_print(share, QG_UNIT_SHARE, same_top(&rows[i])),
                      (long long)rows[i].n_unrepeated);
    qg_buf_text(out, "\nmax |d lp|: greatest difference of the log-probability of the token that a "
                     "sequence alone\nchose, in nats; unrepeated: other bits when the same batch "
                     "ran again\n");
    if (b->beside)
        qg_buf_format(out,
                      "\nbeside %s, tier %s, over %lld positions: hidden states differ by %.2g of "
                      "their size,\n%.2g at the worst; max |d lp| %.3g, same top %s\n",
                      r->beside.device, r->beside.tier, (long long)l->n, l->state_error,
                      l->state_worst, l->logprob_max,
                      qg_unit_print(share, QG_UNIT_SHARE, (double)l->n_same_best / (double)l->n));
}

qg_status qg_bench_invariance_run(qg_cli *cli, const qg_bench_invariance *b, qg_err *err)
{
    result r = {.rows = QG_NEW_N(cli->run, qg_invariance, (size_t)b->task.n_batches)};
    qg_buf out;

    QG_NEED(r.rows, err);
    QG_PASS(measure(&r, b, cli->run, err));
    qg_buf_init(&out, cli->run);
    if (b->json)
        QG_PASS(write_json(b, &r, &out, err));
    else
        write_text(b, &r, &out);
    QG_NEED(!out.failed, err);
    return qg_cli_write(qg_buf_view(&out), err);
}
