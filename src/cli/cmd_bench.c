/* `quantgate bench MODEL`: how fast prefill and decode are at given batch sizes and lengths. A
 * sample is that of `run` (measure/latency.h), and so are percentiles (record/value.h). Each batch
 * size has an engine of its own, with a KV cache of just batch x (input + output) tokens, so that
 * the memory shown belongs to the row. */
#include "base/json.h"
#include "base/progress.h"
#include "base/units.h"
#include "cli/bench_invariance.h"
#include "cli/bench_load.h"
#include "measure/latency.h"
#include "measure/pressure.h"
#include "record/value.h"

#include <stdio.h>

enum { MAX_BATCHES = 64, MAX_BATCH = 1024 };

typedef struct bench_options {
    qg_cli_model model;
    qg_bench_synth synth;
    const char *batch;
    int64_t input_len, output_len, repeat, warmup, seed;
    bool json, invariance;
    const char *beside;
    bool load; /* or any of these */
    int64_t requests, concurrency, kv_tokens;
    double rate, spread;
} bench_options;

static const bench_options defaults = {
    .batch = "1", .input_len = 512, .output_len = 128, .repeat = 5, .warmup = 1, .spread = -1};
static const qg_option options[] = {
    QG_TEXT("synth", bench_options, synth.preset, "PRESET",
            "instead of a folder: a random model of that shape, made in memory; presets are those "
            "of `synth`"),
    QG_INT("bits", bench_options, synth.bits, "N", 4, 16,
           "synth: 4 or 8 of a weight; 16: halves, the default but with the next two"),
    QG_TEXT("format", bench_options, synth.format, "NAME",
            "synth: how codes are stored, as of `synth`"),
    QG_INT("group-size", bench_options, synth.group_size, "N", -1, 1 << 20,
           "synth: inputs that share a scale, as of `synth`"),
    QG_TEXT("batch", bench_options, batch, "1,2,4", "sequences that run together (1)"),
    QG_INT("input-len", bench_options, input_len, "N", 1, 1 << 24, "tokens of a prompt (512)"),
    QG_INT("output-len", bench_options, output_len, "N", 1, 1 << 24,
           "new tokens of a sequence (128)"),
    QG_INT("repeat", bench_options, repeat, "N", 1, 100000, "samples of each row (5)"),
    QG_INT("warmup", bench_options, warmup, "N", 0, 100000, "runs before that do not count (1)"),
    QG_INT("seed", bench_options, seed, "N", 0, (double)((int64_t)1 << 53), "of the prompts (0)"),
    QG_FLAG("json", bench_options, json, "one JSON object with every sample"),
    QG_FLAG("invariance", bench_options, invariance,
            "instead of times: whether answers depend on the batch, or on chance"),
    QG_TEXT("beside", bench_options, beside, "DEVICE",
            "invariance: the first batch also beside this device, as cpu"),
    QG_FLAG("load", bench_options, load, "requests that come and go, instead of batches"),
    QG_INT("concurrency", bench_options, concurrency, "N", 1, 65536,
           "load: users, each of whom sends the next request when one is answered (8)"),
    QG_REAL("rate", bench_options, rate, "X", 1e-3, 1e6,
            "load: requests a second, at random times (Poisson), instead of users"),
    QG_INT("requests", bench_options, requests, "N", 1, 1000000, "load: in all (100)"),
    QG_REAL("spread", bench_options, spread, "X", 0, 1,
            "load: lengths vary by so much of them, up and down (0.5)"),
    QG_INT("kv-tokens", bench_options, kv_tokens, "N", 1, (double)((int64_t)1 << 40),
           "load: tokens that the KV cache holds (every user's longest request); who finds no room "
           "waits"),
    {0},
};

typedef enum series { TTFT, TPOT, E2E, THROUGHPUT, N_SERIES } series;

/* One row of the table: a batch size. Times are in ns, throughput in tokens a second. */
typedef struct row {
    int64_t batch;
    double *samples[N_SERIES]; /* [repeat] each */
    double p50[N_SERIES], p95[N_SERIES];
    qg_engine_info info;  /* texts belong to the command */
    int64_t device_bytes; /* as the driver counts; -1: not known */
} row;

typedef struct bench {
    qg_cli *cli;
    const bench_options *o;
    qg_bench_model model;
    int64_t batches[MAX_BATCHES];
    int n_rows;
    row *rows;
    qg_progress bar;
    int64_t work, work_done; /* sequences to run in all, and so far */
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
        b->batches[b->n_rows++] = n;
        b->work += n * (b->o->repeat + b->o->warmup);
    }
    if (b->n_rows == 0)
        return qg_fail(err, QG_EARG, "'--batch' is empty; write --batch 1,2,4");
    return QG_OK;
}

/* ---- measuring ---- */

static qg_task task_of(const bench *b, const row *r)
{
    return (qg_task){.seed = b->o->seed,
                     .batch = r->batch,
                     .input_len = b->o->input_len,
                     .output_len = b->o->output_len};
}

static qg_status run_samples(bench *b, row *r, qg_engine *e, qg_arena *arena, qg_err *err)
{
    const qg_task task = task_of(b, r);

    for (int64_t i = -b->o->warmup; i < b->o->repeat; i++) {
        qg_arena_mark here = qg_arena_here(arena);
        qg_sample s;
        QG_PASS(qg_latency_sample(&s, arena, e, &task, i, qg_pressure_timer_ns(), err));
        qg_arena_rewind(arena, here);
        const double values[] = {
            [TTFT] = s.ttft, [TPOT] = s.tpot, [E2E] = s.e2e, [THROUGHPUT] = s.throughput};
        for (int k = 0; i >= 0 && k < N_SERIES; k++)
            r->samples[k][i] = values[k];
        b->work_done += r->batch;
        qg_progress_update(&b->bar, (double)b->work_done / (double)b->work);
    }
    r->info.ledger = qg_engine_describe(e).ledger;
    qg_device_state device;
    r->device_bytes = qg_engine_observe(&device, e) ? device.used_bytes : -1;
    return QG_OK;
}

/* Sorts a copy: samples are told in the order in which they were taken. */
static qg_status sum_up(row *r, qg_arena *arena, size_t n, qg_err *err)
{
    for (int k = 0; k < N_SERIES; k++) {
        double *sorted = qg_arena_copy(arena, r->samples[k], n * sizeof *sorted);
        QG_NEED(sorted, err);
        r->p50[k] = qg_value_percentile(sorted, n, 50);
        r->p95[k] = qg_value_percentile(sorted, n, 95);
    }
    return QG_OK;
}

static qg_status measure_row(bench *b, row *r, qg_arena *arena, qg_err *err)
{
    const qg_task task = task_of(b, r);
    qg_engine_options o = qg_cli_engine_options(&b->o->model);
    int64_t len = b->o->input_len + b->o->output_len;
    size_t n = (size_t)b->o->repeat;
    qg_arena *run = b->cli->run;
    qg_engine *e;

    if (o.max_model_len && len > o.max_model_len)
        return qg_fail(err, QG_EARG, "%lld + %lld tokens are more than max_model_len %d",
                       (long long)b->o->input_len, (long long)b->o->output_len, o.max_model_len);
    o.max_model_len = (int)len;
    qg_latency_room(&o, &task);
    QG_PASS(qg_bench_model_open(&e, arena, &b->model, &o, err));
    r->info = qg_engine_describe(e);
    r->info.method = qg_str_dup(run, qg_str_from(r->info.method));
    r->info.device = qg_str_dup(run, qg_str_from(r->info.device));
    r->info.tier = qg_str_dup(run, qg_str_from(r->info.tier));
    QG_NEED(r->info.method && r->info.device && r->info.tier, err);
    for (int k = 0; k < N_SERIES; k++) {
        r->samples[k] = QG_NEW_N(run, double, n);
        QG_NEED(r->samples[k], err);
    }
    QG_PASS(run_samples(b, r, e, arena, err));
    return sum_up(r, arena, n, err);
}

/* `tokens` of every sequence of the batch in `ns`, a second; 0 where nothing was decoded. */
static double speed(const row *r, int64_t tokens, double ns)
{
    return ns > 0 ? (double)(r->batch * tokens) * 1e9 / ns : 0;
}

static double prefill_speed(const bench *b, const row *r)
{
    return speed(r, b->o->input_len, r->p50[TTFT]);
}

static double decode_speed(const row *r)
{
    return speed(r, 1, r->p50[TPOT]);
}

/* ---- output ---- */

static void put_samples(qg_json_writer *w, const char *key, const double *samples, int64_t n)
{
    qg_json_write_key(w, key);
    qg_json_write_array(w);
    for (int64_t i = 0; i < n; i++)
        qg_json_write_real(w, samples[i]);
    qg_json_write_end_array(w);
}

static void put_row(qg_json_writer *w, const bench *b, const row *r)
{
    int64_t n = b->o->repeat;

    qg_json_write_object(w);
    qg_json_put_int(w, "batch", r->batch);
    qg_json_put_int(w, "input_len", b->o->input_len);
    qg_json_put_int(w, "output_len", b->o->output_len);
    put_samples(w, "ttft_ns", r->samples[TTFT], n);
    put_samples(w, "tpot_ns", r->samples[TPOT], b->o->output_len > 1 ? n : 0);
    put_samples(w, "e2e_ns", r->samples[E2E], n);
    put_samples(w, "throughput_tok_s", r->samples[THROUGHPUT], n);
    qg_json_put_real(w, "prefill_tok_s", prefill_speed(b, r));
    qg_json_put_real(w, "decode_tok_s", decode_speed(r));
    qg_json_write_key(w, "ledger");
    qg_json_write_object(w);
    for (int p = 0; p < QG_N_PURPOSES; p++)
        qg_json_put_int(w, qg_purpose_name((qg_purpose)p), r->info.ledger.bytes[p]);
    qg_json_put_int(w, "peak", r->info.ledger.peak);
    qg_json_write_close(w);
    if (r->device_bytes >= 0)
        qg_json_put_int(w, "device_bytes", r->device_bytes);
    qg_json_put_int(w, "load_bytes", r->info.load_bytes);
    qg_json_put_int(w, "load_ns", r->info.load_ns);
    qg_json_write_close(w);
}

static qg_status write_json(const bench *b, qg_buf *out, qg_err *err)
{
    const qg_engine_info *info = &b->rows[0].info;
    qg_json_writer w;

    qg_json_write_begin(&w, out);
    qg_json_write_object(&w);
    qg_json_put_text(&w, "model", b->model.name);
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

static void show_time(qg_buf *out, double ns)
{
    char text[QG_UNIT_TEXT];

    qg_buf_format(out, " %10s", ns > 0 ? qg_unit_print(text, QG_UNIT_DURATION, ns) : "-");
}

/* "load 13.48 GB in 2.6 s, 5.18 GB/s": of the first row, as disks and buses are counted. */
static void write_load(qg_buf *out, const qg_engine_info *info)
{
    double bytes = (double)info->load_bytes, ns = info->load_ns > 0 ? (double)info->load_ns : 1;
    char text[QG_UNIT_TEXT];

    bool large = bytes >= 1e9;
    qg_buf_format(out, "load %.4g %s in %s, %.3g GB/s\n\n", bytes / (large ? 1e9 : 1e6),
                  large ? "GB" : "MB", qg_unit_print(text, QG_UNIT_DURATION, ns), bytes / ns);
}

static void write_table(const bench *b, qg_buf *out)
{
    const qg_engine_info *info = &b->rows[0].info;
    char text[QG_UNIT_TEXT];

    qg_buf_format(out, "%s: %s on %s, tier %s, %d thread%s; %lld + %lld tokens, %lld samples\n",
                  b->model.name, info->method, info->device, info->tier, info->n_threads,
                  info->n_threads == 1 ? "" : "s", (long long)b->o->input_len,
                  (long long)b->o->output_len, (long long)b->o->repeat);
    write_load(out, info);
    qg_buf_format(out, "%5s %12s %12s %12s %10s %10s %10s %10s\n", "batch", "prefill", "decode",
                  "throughput", "ttft p50", "ttft p95", "tpot p50", "tpot p95");
    for (int i = 0; i < b->n_rows; i++) {
        const row *r = &b->rows[i];
        qg_buf_format(out, "%5lld %6.0f tok/s %6.1f tok/s %6.1f tok/s", (long long)r->batch,
                      prefill_speed(b, r), decode_speed(r), r->p50[THROUGHPUT]);
        show_time(out, r->p50[TTFT]);
        show_time(out, r->p95[TTFT]);
        show_time(out, r->p50[TPOT]);
        show_time(out, r->p95[TPOT]);
        qg_buf_char(out, '\n');
    }
    qg_buf_format(out, "\n%5s", "batch");
    for (int p = 0; p < QG_N_PURPOSES; p++)
        qg_buf_format(out, " %12s", qg_purpose_name((qg_purpose)p));
    qg_buf_format(out, " %12s%s\n", "peak", b->rows[0].device_bytes >= 0 ? "       driver" : "");
    for (int i = 0; i < b->n_rows; i++) {
        const qg_ledger *l = &b->rows[i].info.ledger;
        qg_buf_format(out, "%5lld", (long long)b->rows[i].batch);
        for (int p = 0; p < QG_N_PURPOSES; p++)
            qg_buf_format(out, " %12s", qg_unit_print(text, QG_UNIT_BYTES, (double)l->bytes[p]));
        qg_buf_format(out, " %12s", qg_unit_print(text, QG_UNIT_BYTES, (double)l->peak));
        if (b->rows[i].device_bytes >= 0)
            qg_buf_format(out, " %12s",
                          qg_unit_print(text, QG_UNIT_BYTES, (double)b->rows[i].device_bytes));
        qg_buf_char(out, '\n');
    }
    if (b->rows[0].device_bytes >= 0)
        qg_buf_text(out, "\ndriver: what this process has of the device; beside the ledger that "
                         "is CUDA's context, the\ncode of kernels, and cuBLAS\n");
}

static qg_status measure_all(bench *b, qg_err *err)
{
    for (int i = 0; i < b->n_rows; i++) {
        qg_arena *arena = qg_arena_create();
        QG_NEED(arena, err);
        b->rows[i].batch = b->batches[i];
        qg_status s = measure_row(b, &b->rows[i], arena, err);
        qg_arena_free(arena);
        if (s != QG_OK) {
            qg_note(err, "batch %lld", (long long)b->batches[i]);
            return s;
        }
    }
    return QG_OK;
}

static qg_status find_model(qg_bench_model *out, qg_cli *cli, qg_err *err)
{
    const bench_options *o = cli->options;
    qg_engine_options engine = qg_cli_engine_options(&o->model);

    return qg_bench_model_find(out, cli->run, cli->n_args ? cli->args[0] : NULL, &o->synth, &engine,
                               err);
}

static qg_status run_load(qg_cli *cli, qg_err *err)
{
    const bench_options *o = cli->options;
    qg_bench_load b = {.options = qg_cli_engine_options(&o->model),
                       .kv_tokens = o->kv_tokens,
                       .json = o->json,
                       .load = {.seed = (uint64_t)o->seed,
                                .n_requests = o->requests ? o->requests : 100,
                                .concurrency = o->concurrency,
                                .rate = o->rate,
                                .input_len = o->input_len,
                                .output_len = o->output_len,
                                .spread = o->spread < 0 ? 0.5 : o->spread}};

    if (o->rate <= 0 && !o->concurrency)
        b.load.concurrency = 8;
    QG_PASS(find_model(&b.model, cli, err));
    return qg_bench_load_run(cli, &b, err);
}

static qg_status run_invariance(qg_cli *cli, qg_err *err)
{
    const bench_options *o = cli->options;
    bench parsed = {.cli = cli, .o = o};
    int batches[MAX_BATCHES];

    QG_PASS(parse_batches(&parsed, err));
    for (int i = 0; i < parsed.n_rows; i++)
        batches[i] = (int)parsed.batches[i];
    qg_bench_invariance b = {.options = qg_cli_engine_options(&o->model),
                             .json = o->json,
                             .beside = o->beside,
                             .task = {.seed = o->seed,
                                      .input_len = (int)o->input_len,
                                      .output_len = (int)o->output_len,
                                      .batches = batches,
                                      .n_batches = parsed.n_rows}};
    QG_PASS(find_model(&b.model, cli, err));
    return qg_bench_invariance_run(cli, &b, err);
}

static bool wants_load(const bench_options *o)
{
    return o->load || o->concurrency || o->rate > 0 || o->requests || o->spread >= 0 ||
           o->kv_tokens;
}

static qg_status run_bench(qg_cli *cli, qg_err *err)
{
    bench b = {.cli = cli, .o = cli->options};
    qg_buf out;

    if (b.o->invariance && wants_load(b.o))
        return qg_fail(err, QG_EARG, "'--invariance' and '--load' exclude each other");
    if (b.o->beside && !b.o->invariance)
        return qg_fail(err, QG_EARG, "'--beside' goes with '--invariance'");
    if (b.o->invariance)
        return run_invariance(cli, err);
    if (wants_load(b.o))
        return run_load(cli, err);
    QG_PASS(parse_batches(&b, err));
    b.rows = QG_NEW_N(cli->run, row, (size_t)b.n_rows);
    QG_NEED(b.rows, err);
    QG_PASS(find_model(&b.model, cli, err));
    qg_progress_begin(&b.bar, stderr, "bench");
    qg_status s = measure_all(&b, err);
    qg_progress_end(&b.bar);
    QG_PASS(s);
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
    .arguments = "[MODEL]",
    .summary = "speed of prefill and decode, and memory, by batch size",
    .details = "A sample is that of `run`: ttft until the last sequence has its first token, "
               "tpot the time\nof each further token (mean of the batch), throughput new tokens "
               "over the whole time.\nprefill and decode: tokens a second of the whole batch, from "
               "the medians of ttft and tpot.\nMemory is the engine's own ledger.\n\n"
               "--synth measures a shape without a folder: its layers share the weights of the "
               "first until they\nare loaded, then each has its own.\n\n"
               "Under --load requests of mixed lengths come one after the other and are answered "
               "together as they\ncome: ttft and e2e count from a request's arrival, wait is "
               "until it was admitted.\n\n"
               "--invariance reads random sequences alone, continues them greedily, and gives the "
               "same tokens to\neach batch, twice: it tells how far log-probabilities move, how "
               "often the best token stays, and\nwhether the bits come again; with --beside cpu "
               "also how far log-probabilities and final hidden\nstates are from the CPU's best "
               "tier, or from its portable one where that is asked for.",
    .example = "quantgate bench golden/models/tiny-llama --batch 1,2,4 --input-len 64 "
               "--output-len 32\n"
               "  quantgate bench --synth llama2-7b --bits 4 --device cuda --batch 1,8,32",
    .min_args = 0,
    .max_args = 1,
    .options = options,
    .shared = qg_cli_model_options,
    .defaults = &defaults,
    .options_size = sizeof(bench_options),
    .run = run_bench,
};
