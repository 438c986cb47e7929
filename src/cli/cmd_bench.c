/* `quantgate bench MODEL`: how fast prefill and decode are at given batch sizes and lengths. Each
 * batch size has an engine of its own, with a KV cache of just batch x (input + output) tokens, so
 * that the memory shown belongs to the row. A sample is one run of the whole batch: ttft of its
 * last sequence, mean tpot of its sequences. Prompts are seeded random ids: the same every run. */
#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "base/units.h"
#include "cli/cli.h"
#include "engine/scheduler.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_BATCHES = 64, MAX_BATCH = 1024, BLOCK_TOKENS = 16 };

typedef struct bench_options {
    qg_cli_model model;
    const char *batch;
    int64_t input_len, output_len, repeat, warmup, seed;
    bool json;
} bench_options;

static const bench_options defaults = {
    .batch = "1", .input_len = 512, .output_len = 128, .repeat = 5, .warmup = 1};
static const qg_option options[] = {
    QG_TEXT("batch", bench_options, batch, "1,2,4", "sequences that run together (1)"),
    QG_INT("input-len", bench_options, input_len, "N", 1, 1 << 24, "tokens of a prompt (512)"),
    QG_INT("output-len", bench_options, output_len, "N", 1, 1 << 24,
           "new tokens of a sequence (128)"),
    QG_INT("repeat", bench_options, repeat, "N", 1, 100000, "samples of each row (5)"),
    QG_INT("warmup", bench_options, warmup, "N", 0, 100000, "runs before that do not count (1)"),
    QG_INT("seed", bench_options, seed, "N", 0, (double)((int64_t)1 << 53), "of the prompts (0)"),
    QG_FLAG("json", bench_options, json, "one JSON object with every sample"),
    {0},
};

/* One row of the table: a batch size. Times are in ns, a sample each; tpot is empty where only one
 * token is asked for. */
typedef struct row {
    int batch;
    int64_t *ttft, *tpot, *wall;
    int n;
    qg_engine_info info; /* texts belong to the engine and are copied by the first row */
} row;

typedef struct bench {
    qg_cli *cli;
    const bench_options *o;
    int batches[MAX_BATCHES], n_rows;
    row *rows;
    int64_t start_ns, work, work_done; /* sequences to run in all, and so far */
} bench;

static qg_status parse_batches(bench *b, qg_err *err)
{
    qg_str rest = qg_str_from(b->o->batch), word;
    int64_t n;

    while (qg_str_split(&rest, ',', &word)) {
        if (!qg_str_to_int(qg_str_trim(word), &n) || n < 1 || n > MAX_BATCH)
            return qg_fail(err, QG_EARG,
                           "'--batch %s': expected whole numbers from 1 to %d, as 1,2,4",
                           b->o->batch, MAX_BATCH);
        if (b->n_rows == MAX_BATCHES)
            return qg_fail(err, QG_EARG, "'--batch' has more than %d sizes", MAX_BATCHES);
        b->batches[b->n_rows++] = (int)n;
        b->work += n * (b->o->repeat + b->o->warmup);
    }
    if (b->n_rows == 0)
        return qg_fail(err, QG_EARG, "'--batch' is empty; write --batch 1,2,4");
    return QG_OK;
}

/* ---- measuring ---- */

/* On a terminal only, over its own line. */
static void show_progress(const bench *b, int batch, int64_t done)
{
    int64_t ns = qg_clock_ns() - b->start_ns;

    if (!isatty(STDERR_FILENO))
        return;
    if (done < b->work && done > 0)
        fprintf(stderr, "\r\033[Kbatch %d: %.0f %%, %.0f s left", batch,
                100.0 * (double)done / (double)b->work,
                (double)ns * 1e-9 * (double)(b->work - done) / (double)done);
    else
        fprintf(stderr, "\r\033[K");
    fflush(stderr);
}

static qg_status make_requests(qg_request **out, qg_arena *arena, const bench *b, int batch,
                               int vocabulary, qg_err *err)
{
    size_t n = (size_t)b->o->input_len;
    uint64_t state = (uint64_t)b->o->seed;

    *out = QG_NEW_N(arena, qg_request, (size_t)batch);
    QG_NEED(*out, err);
    for (int i = 0; i < batch; i++) {
        int32_t *id = QG_NEW_N(arena, int32_t, n);
        QG_NEED(id, err);
        for (size_t k = 0; k < n; k++)
            id[k] = (int32_t)(qg_random_next(&state) % (uint64_t)vocabulary);
        (*out)[i] = (qg_request){.prompt = {id, n},
                                 .max_tokens = (int)b->o->output_len,
                                 .sampling = QG_SAMPLING_GREEDY,
                                 .ignore_end = true};
    }
    return QG_OK;
}

static void add_sample(row *r, const qg_completion *done, int64_t wall_ns)
{
    int64_t ttft = 0, tpot = 0;
    size_t n_gaps = done[0].ids.n - 1;

    for (int i = 0; i < r->batch; i++) {
        ttft = done[i].first_ns > ttft ? done[i].first_ns : ttft;
        if (n_gaps)
            tpot += (done[i].token_ns[n_gaps] - done[i].token_ns[0]) / (int64_t)n_gaps;
    }
    r->ttft[r->n] = ttft;
    r->tpot[r->n] = tpot / r->batch;
    r->wall[r->n++] = wall_ns;
}

static qg_status run_samples(bench *b, row *r, qg_engine *e, qg_arena *arena, qg_err *err)
{
    qg_request *requests = NULL;
    qg_completion *done = QG_NEW_N(arena, qg_completion, (size_t)r->batch);

    QG_NEED(done, err);
    QG_PASS(make_requests(&requests, arena, b, r->batch, r->info.vocab_size, err));
    for (int64_t i = 0; i < b->o->warmup + b->o->repeat; i++) {
        qg_arena_mark here = qg_arena_here(arena);
        int64_t start_ns = qg_clock_ns();
        QG_PASS(qg_generate(done, arena, e, requests, r->batch, NULL, NULL, err));
        int64_t wall_ns = qg_clock_ns() - start_ns;
        if (i >= b->o->warmup)
            add_sample(r, done, wall_ns);
        qg_arena_rewind(arena, here);
        b->work_done += r->batch;
        show_progress(b, r->batch, b->work_done);
    }
    r->info.ledger = qg_engine_describe(e).ledger;
    return QG_OK;
}

static qg_status measure_row(bench *b, row *r, qg_arena *arena, qg_err *err)
{
    qg_engine_options o = qg_cli_engine_options(&b->o->model);
    int64_t len = b->o->input_len + b->o->output_len;
    qg_engine *e;

    if (o.max_model_len && len > o.max_model_len)
        return qg_fail(err, QG_EARG, "%lld + %lld tokens are more than max_model_len %d",
                       (long long)b->o->input_len, (long long)b->o->output_len, o.max_model_len);
    o.max_model_len = (int)len;
    o.max_seqs = r->batch;
    o.block_tokens = BLOCK_TOKENS;
    o.kv_tokens = r->batch * ((len + BLOCK_TOKENS - 1) / BLOCK_TOKENS * BLOCK_TOKENS);
    QG_PASS(qg_engine_open(&e, arena, b->cli->args[0], &o, err));
    r->info = qg_engine_describe(e);
    r->info.method = qg_str_dup(b->cli->run, qg_str_from(r->info.method));
    r->info.device = qg_str_dup(b->cli->run, qg_str_from(r->info.device));
    r->info.tier = qg_str_dup(b->cli->run, qg_str_from(r->info.tier));
    r->ttft = QG_NEW_N(b->cli->run, int64_t, (size_t)b->o->repeat);
    r->tpot = QG_NEW_N(b->cli->run, int64_t, (size_t)b->o->repeat);
    r->wall = QG_NEW_N(b->cli->run, int64_t, (size_t)b->o->repeat);
    QG_NEED(r->info.method && r->info.device && r->info.tier && r->ttft && r->tpot && r->wall, err);
    return run_samples(b, r, e, arena, err);
}

/* ---- numbers of a row ---- */

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The smallest sample that at least the share p of them does not exceed. */
static double percentile(const row *r, const int64_t *samples, double p, qg_arena *arena)
{
    int64_t *sorted = qg_arena_copy(arena, samples, (size_t)r->n * sizeof *samples);
    int at = 0;

    if (!sorted)
        return 0;
    qsort(sorted, (size_t)r->n, sizeof *sorted, by_value);
    while (at < r->n - 1 && (double)(at + 1) < p * (double)r->n)
        at++;
    return (double)sorted[at];
}

/* Tokens a second at the median; 0 where nothing was decoded. */
static double prefill_speed(const bench *b, const row *r)
{
    double ns = percentile(r, r->ttft, 0.5, b->cli->run);
    return ns > 0 ? (double)r->batch * (double)b->o->input_len * 1e9 / ns : 0;
}

static double decode_speed(const bench *b, const row *r)
{
    double ns = percentile(r, r->tpot, 0.5, b->cli->run);
    return ns > 0 ? (double)r->batch * 1e9 / ns : 0;
}

/* ---- output ---- */

static void put_samples(qg_json_writer *w, const char *key, const int64_t *samples, int n)
{
    qg_json_write_key(w, key);
    qg_json_write_array(w);
    for (int i = 0; i < n; i++)
        qg_json_write_int(w, samples[i]);
    qg_json_write_end_array(w);
}

static void put_row(qg_json_writer *w, const bench *b, const row *r)
{
    bool decodes = b->o->output_len > 1;

    qg_json_write_object(w);
    qg_json_put_int(w, "batch", r->batch);
    qg_json_put_int(w, "input_len", b->o->input_len);
    qg_json_put_int(w, "output_len", b->o->output_len);
    put_samples(w, "ttft_ns", r->ttft, r->n);
    put_samples(w, "tpot_ns", r->tpot, decodes ? r->n : 0);
    put_samples(w, "wall_ns", r->wall, r->n);
    qg_json_put_real(w, "prefill_tok_s", prefill_speed(b, r));
    qg_json_put_real(w, "decode_tok_s", decode_speed(b, r));
    qg_json_write_key(w, "ledger");
    qg_json_write_object(w);
    for (int p = 0; p < QG_N_PURPOSES; p++)
        qg_json_put_int(w, qg_purpose_name((qg_purpose)p), r->info.ledger.bytes[p]);
    qg_json_put_int(w, "peak", r->info.ledger.peak);
    qg_json_write_close(w);
    qg_json_write_close(w);
}

static qg_status write_json(const bench *b, qg_buf *out, qg_err *err)
{
    const qg_engine_info *info = &b->rows[0].info;
    qg_json_writer w;

    qg_json_write_begin(&w, out);
    qg_json_write_object(&w);
    qg_json_put_text(&w, "model", b->cli->args[0]);
    qg_json_put_text(&w, "method", info->method);
    qg_json_put_text(&w, "device", info->device);
    qg_json_put_text(&w, "tier", info->tier);
    qg_json_put_int(&w, "threads", info->n_threads);
    qg_json_write_key(&w, "rows");
    qg_json_write_array(&w);
    for (int i = 0; i < b->n_rows; i++)
        put_row(&w, b, &b->rows[i]);
    qg_json_write_end_array(&w);
    qg_json_write_close(&w);
    QG_PASS(qg_json_write_end(&w, err));
    qg_buf_char(out, '\n');
    return QG_OK;
}

static void show_time(qg_buf *out, const bench *b, const row *r, const int64_t *samples, double p)
{
    char text[QG_UNIT_TEXT];
    double ns = percentile(r, samples, p, b->cli->run);

    qg_buf_format(out, " %10s", ns > 0 ? qg_unit_print(text, QG_UNIT_DURATION, ns) : "-");
}

static void write_table(const bench *b, qg_buf *out)
{
    const qg_engine_info *info = &b->rows[0].info;
    char text[QG_UNIT_TEXT];

    qg_buf_format(out, "%s: %s on %s, tier %s, %d thread%s; %lld + %lld tokens, %lld samples\n\n",
                  b->cli->args[0], info->method, info->device, info->tier, info->n_threads,
                  info->n_threads == 1 ? "" : "s", (long long)b->o->input_len,
                  (long long)b->o->output_len, (long long)b->o->repeat);
    qg_buf_format(out, "%5s %12s %12s %10s %10s %10s %10s\n", "batch", "prefill", "decode",
                  "ttft p50", "ttft p95", "tpot p50", "tpot p95");
    for (int i = 0; i < b->n_rows; i++) {
        const row *r = &b->rows[i];
        qg_buf_format(out, "%5d %6.0f tok/s %6.1f tok/s", r->batch, prefill_speed(b, r),
                      decode_speed(b, r));
        show_time(out, b, r, r->ttft, 0.5);
        show_time(out, b, r, r->ttft, 0.95);
        show_time(out, b, r, r->tpot, 0.5);
        show_time(out, b, r, r->tpot, 0.95);
        qg_buf_char(out, '\n');
    }
    qg_buf_format(out, "\n%5s", "batch");
    for (int p = 0; p < QG_N_PURPOSES; p++)
        qg_buf_format(out, " %12s", qg_purpose_name((qg_purpose)p));
    qg_buf_format(out, " %12s\n", "peak");
    for (int i = 0; i < b->n_rows; i++) {
        const qg_ledger *l = &b->rows[i].info.ledger;
        qg_buf_format(out, "%5d", b->rows[i].batch);
        for (int p = 0; p < QG_N_PURPOSES; p++)
            qg_buf_format(out, " %12s", qg_unit_print(text, QG_UNIT_BYTES, (double)l->bytes[p]));
        qg_buf_format(out, " %12s\n", qg_unit_print(text, QG_UNIT_BYTES, (double)l->peak));
    }
}

static qg_status measure_all(bench *b, qg_err *err)
{
    b->start_ns = qg_clock_ns();
    for (int i = 0; i < b->n_rows; i++) {
        qg_arena *arena = qg_arena_create();
        QG_NEED(arena, err);
        b->rows[i].batch = b->batches[i];
        qg_status s = measure_row(b, &b->rows[i], arena, err);
        qg_arena_free(arena);
        if (s != QG_OK) {
            show_progress(b, 0, b->work);
            qg_note(err, "batch %d", b->batches[i]);
            return s;
        }
    }
    return QG_OK;
}

static qg_status run_bench(qg_cli *cli, qg_err *err)
{
    bench b = {.cli = cli, .o = cli->options};
    qg_buf out;

    QG_PASS(parse_batches(&b, err));
    b.rows = QG_NEW_N(cli->run, row, (size_t)b.n_rows);
    QG_NEED(b.rows, err);
    QG_PASS(measure_all(&b, err));
    qg_buf_init(&out, cli->run);
    if (b.o->json)
        QG_PASS(write_json(&b, &out, err));
    else
        write_table(&b, &out);
    QG_NEED(!out.failed, err);
    return qg_cli_write(qg_buf_view(&out), err);
}

const qg_command qg_cmd_bench = {
    .name = "bench",
    .arguments = "MODEL",
    .summary = "speed of prefill and decode, and memory, by batch size",
    .details = "ttft: from the request to the first token of the last sequence. tpot: time of each "
               "further\ntoken, mean of the batch. prefill and decode: tokens a second of the "
               "whole batch, from\nthe medians. Memory is the engine's own ledger.",
    .example = "quantgate bench golden/models/tiny-llama --batch 1,2,4 --input-len 64 "
               "--output-len 32",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .shared = qg_cli_model_options,
    .defaults = &defaults,
    .options_size = sizeof(bench_options),
    .run = run_bench,
};
