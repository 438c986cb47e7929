/* Load from the command line: see bench_load.h. */
#include "cli/bench_load.h"

#include "base/json.h"
#include "base/progress.h"
#include "base/units.h"
#include "record/value.h"

#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_TOKENS = 16, MOST_RUNNING = 256 };

typedef enum series { TTFT, TPOT, ITL, E2E, WAIT, N_SERIES } series;
static const char *const names[] = {"ttft", "tpot", "itl", "e2e", "wait"};

/* Sorted samples of a series. */
typedef struct samples {
    double *x;
    size_t n;
} samples;

typedef struct outcome {
    qg_load_result times;
    samples of[N_SERIES];
    qg_engine_info info;
} outcome;

typedef struct progress {
    qg_progress bar;
    int64_t n, done;
} progress;

static void on_done(void *user, int request)
{
    progress *p = user;

    (void)request;
    p->done++;
    qg_progress_update(&p->bar, (double)p->done / (double)p->n);
}

static int64_t most_running(const qg_load *load)
{
    int64_t users = load->concurrency ? load->concurrency : load->n_requests;
    return users < MOST_RUNNING ? users : MOST_RUNNING;
}

static qg_status open_engine(qg_engine **e, const qg_bench_load *b, qg_arena *arena, qg_err *err)
{
    qg_engine_options o = b->options;
    int64_t longest = qg_load_longest(&b->load);
    int64_t blocks = (longest + BLOCK_TOKENS - 1) / BLOCK_TOKENS;

    if (o.max_model_len && longest > o.max_model_len)
        return qg_fail(err, QG_EARG, "requests of up to %lld tokens are more than max_model_len %d",
                       (long long)longest, o.max_model_len);
    if (longest > INT32_MAX)
        return qg_fail(err, QG_EARG, "requests of up to %lld tokens are too long",
                       (long long)longest);
    o.max_model_len = (int)longest;
    o.max_seqs = (int)most_running(&b->load);
    o.block_tokens = BLOCK_TOKENS;
    o.kv_tokens = b->kv_tokens ? b->kv_tokens : most_running(&b->load) * blocks * BLOCK_TOKENS;
    return qg_bench_model_open(e, arena, &b->model, &o, err);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void sort_series(outcome *o)
{
    const qg_load_result *r = &o->times;
    const samples of[] = {[TTFT] = {r->ttft, r->n},
                          [TPOT] = {r->tpot, r->n},
                          [ITL] = {r->itl, r->n_itl},
                          [E2E] = {r->e2e, r->n},
                          [WAIT] = {r->wait, r->n}};

    for (int k = 0; k < N_SERIES; k++) {
        o->of[k] = of[k];
        if (of[k].n > 0)
            qsort(of[k].x, of[k].n, sizeof(double), by_value);
    }
}

static qg_status measure(outcome *o, const qg_bench_load *b, qg_arena *arena, qg_err *err)
{
    progress p = {.n = b->load.n_requests};
    qg_engine *e;

    QG_PASS(open_engine(&e, b, arena, err));
    qg_progress_begin(&p.bar, stderr, "bench");
    qg_status s = qg_load_run(&o->times, arena, e, &b->load, on_done, &p, err);
    qg_progress_end(&p.bar);
    QG_PASS(s);
    o->info = qg_engine_describe(e);
    sort_series(o);
    return QG_OK;
}

/* ---- output ---- */

static double per_second(double n, const outcome *o)
{
    return o->times.wall_ns > 0 ? n * 1e9 / (double)o->times.wall_ns : 0;
}

static double mean_of(samples s)
{
    double sum = 0;

    for (size_t i = 0; i < s.n; i++)
        sum += s.x[i];
    return s.n ? sum / (double)s.n : 0;
}

/* The samples are sorted, and stay so. */
static double percentile(samples s, int percent)
{
    return s.n ? qg_value_percentile(s.x, s.n, percent) : 0;
}

static void put_series(qg_json_writer *w, const outcome *o, series k)
{
    char key[16];

    snprintf(key, sizeof key, "%s_ns", names[k]);
    qg_json_write_key(w, key);
    qg_json_write_object(w);
    qg_json_put_real(w, "mean", mean_of(o->of[k]));
    qg_json_put_real(w, "p50", percentile(o->of[k], 50));
    qg_json_put_real(w, "p95", percentile(o->of[k], 95));
    qg_json_put_real(w, "p99", percentile(o->of[k], 99));
    qg_json_write_key(w, "samples");
    qg_json_write_array(w);
    for (size_t i = 0; i < o->of[k].n; i++)
        qg_json_write_real(w, o->of[k].x[i]);
    qg_json_write_end_array(w);
    qg_json_write_close(w);
}

static qg_status write_json(const qg_bench_load *b, const outcome *o, qg_buf *out, qg_err *err)
{
    const qg_load_result *r = &o->times;
    qg_json_writer w;

    qg_json_write_begin(&w, out);
    qg_json_write_object(&w);
    qg_json_put_text(&w, "model", b->model.name);
    qg_json_put_text(&w, "method", o->info.method);
    qg_json_put_text(&w, "device", o->info.device);
    qg_json_put_text(&w, "tier", o->info.tier);
    qg_json_put_int(&w, "threads", o->info.n_threads);
    qg_json_put_int(&w, "requests", (int64_t)r->n);
    qg_json_put_int(&w, "concurrency", b->load.concurrency);
    qg_json_put_real(&w, "rate", b->load.rate);
    qg_json_put_int(&w, "input_len", b->load.input_len);
    qg_json_put_int(&w, "output_len", b->load.output_len);
    qg_json_put_real(&w, "spread", b->load.spread);
    qg_json_put_int(&w, "wall_ns", r->wall_ns);
    qg_json_put_int(&w, "input_tokens", r->input_tokens);
    qg_json_put_int(&w, "output_tokens", r->output_tokens);
    qg_json_put_int(&w, "most_running", r->most_running);
    qg_json_put_real(&w, "requests_s", per_second((double)r->n, o));
    qg_json_put_real(&w, "output_tok_s", per_second((double)r->output_tokens, o));
    for (int k = 0; k < N_SERIES; k++)
        put_series(&w, o, (series)k);
    qg_json_write_key(&w, "ledger");
    qg_json_write_object(&w);
    for (int p = 0; p < QG_N_PURPOSES; p++)
        qg_json_put_int(&w, qg_purpose_name((qg_purpose)p), o->info.ledger.bytes[p]);
    qg_json_put_int(&w, "peak", o->info.ledger.peak);
    qg_json_write_close(&w);
    qg_json_write_close(&w);
    QG_PASS(qg_json_write_end(&w, err));
    qg_buf_char(out, '\n');
    return QG_OK;
}

static void write_text(const qg_bench_load *b, const outcome *o, qg_buf *out)
{
    const qg_load_result *r = &o->times;
    const qg_load *l = &b->load;
    char text[QG_UNIT_TEXT], of[24];

    snprintf(of, sizeof of, l->spread > 0 ? " +- %.0f %%" : "", 100 * l->spread);
    qg_buf_format(out, "%s: %s on %s, tier %s; %zu requests of %lld + %lld tokens%s, ",
                  b->model.name, o->info.method, o->info.device, o->info.tier, r->n,
                  (long long)l->input_len, (long long)l->output_len, of);
    if (l->concurrency)
        qg_buf_format(out, "%lld users%s", (long long)l->concurrency, l->rate > 0 ? ", " : "");
    if (l->rate > 0)
        qg_buf_format(out, "%g a second", l->rate);
    qg_buf_format(
        out, "\n\n%.4g requests/s, %.4g tokens/s out, %.4g in; %s in all, up to %d at once\n\n",
        per_second((double)r->n, o), per_second((double)r->output_tokens, o),
        per_second((double)r->input_tokens, o),
        qg_unit_print(text, QG_UNIT_DURATION, (double)r->wall_ns), r->most_running);
    qg_buf_format(out, "%5s %10s %10s %10s %10s\n", "", "mean", "p50", "p95", "p99");
    for (int k = 0; k < N_SERIES; k++) {
        samples s = o->of[k];
        const double shown[] = {mean_of(s), percentile(s, 50), percentile(s, 95),
                                percentile(s, 99)};
        qg_buf_format(out, "%5s", names[k]);
        for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
            qg_buf_format(out, " %10s", qg_unit_print(text, QG_UNIT_DURATION, shown[i]));
        qg_buf_char(out, '\n');
    }
    qg_buf_format(
        out, "\nKV cache %s, ",
        qg_unit_print(text, QG_UNIT_BYTES, (double)o->info.ledger.bytes[QG_PURPOSE_KV_CACHE]));
    qg_buf_format(out, "peak %s\n",
                  qg_unit_print(text, QG_UNIT_BYTES, (double)o->info.ledger.peak));
}

qg_status qg_bench_load_run(qg_cli *cli, const qg_bench_load *b, qg_err *err)
{
    outcome o = {0};
    qg_buf out;

    QG_PASS(measure(&o, b, cli->run, err));
    qg_buf_init(&out, cli->run);
    if (b->json)
        QG_PASS(write_json(b, &o, &out, err));
    else
        write_text(b, &o, &out);
    QG_NEED(!out.failed, err);
    return qg_cli_write(qg_buf_view(&out), err);
}
