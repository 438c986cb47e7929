/* Faults that ci/mutation.sh puts into the program, to see that the gate finds them, and
 * ci/faults.sh, to see what becomes of a run on a machine that fails.
 *
 * The program is linked once more from the release's own objects, with this file between: the
 * linker sends calls of the functions below (`--wrap`) here first, so that what is shipped holds no
 * hook. QUANTGATE_FAULT=NAME or NAME,PARAMETER chooses a row of `faults`; without it nothing
 * changes. A kernel fault replaces a slot of the table by one that spoils its arguments and calls
 * the real kernel, on any tier; faults of time and memory sit around the forward pass and in the
 * ledger. Each sample is a mistake that someone could make: a term dropped, an index one off, a
 * number counted twice; those of the machine are real where there is a GPU: memory that it does not
 * have, a kernel that reads where nothing is.
 */
#include "backend/backend.h"
#include "base/clock.h"
#include "engine/session.h"
#include "kernels/qgk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void __real_qgk_table_init(qgk_table *table, unsigned features);
void __wrap_qgk_table_init(qgk_table *table, unsigned features);
void __real_qg_ledger_add(qg_ledger *l, qg_purpose p, int64_t bytes);
void __wrap_qg_ledger_add(qg_ledger *l, qg_purpose p, int64_t bytes);
qg_status __real_qg_backend_open(qg_backend **out, qg_arena *arena,
                                 const qg_backend_options *options, qg_err *err);
qg_status __wrap_qg_backend_open(qg_backend **out, qg_arena *arena,
                                 const qg_backend_options *options, qg_err *err);
qg_status __real_qg_forward(qg_engine *e, const qg_feed *feeds, int n_feeds,
                            qg_on_logits *on_logits, void *user, qg_err *err);
qg_status __wrap_qg_forward(qg_engine *e, const qg_feed *feeds, int n_feeds,
                            qg_on_logits *on_logits, void *user, qg_err *err);

static qgk_table real; /* all tables of a process are the same */
static double parameter;
static int n_packed, n_added; /* segments begun; norms behind an addition in this pass */
static qg_backend *backend;

/* Memory that a fault needs; it is never given back. */
static void *need(size_t bytes)
{
    void *at = malloc(bytes + !bytes);

    if (!at)
        abort();
    return at;
}

/* Room that the next call uses again, one for each `which`. */
static void *reuse(int which, size_t bytes)
{
    static void *at[2];
    static size_t size[2];

    if (size[which] < bytes) {
        at[which] = need(bytes);
        size[which] = bytes;
    }
    return at[which];
}

/* ---- kernels ---- */

static void attention_without_last(qgk_ctx *ctx, qgk_act *out, const qgk_act *q, int stride,
                                   const qgk_kv *kv, const qgk_batch *batch, int n_heads,
                                   float scale, int window)
{
    qgk_batch b = *batch;
    int32_t *pos = reuse(0, (size_t)b.n_rows * sizeof *pos);

    for (int i = 0; i < b.n_rows; i++)
        pos[i] = batch->row_pos[i] > 0 ? batch->row_pos[i] - 1 : 0;
    b.row_pos = pos;
    real.attention(ctx, out, q, stride, kv, &b, n_heads, scale, window);
}

static void attention_scaled(qgk_ctx *ctx, qgk_act *out, const qgk_act *q, int stride,
                             const qgk_kv *kv, const qgk_batch *batch, int n_heads, float scale,
                             int window)
{
    real.attention(ctx, out, q, stride, kv, batch, n_heads, scale * (float)parameter, window);
}

static void attention_forgets(qgk_ctx *ctx, qgk_act *out, const qgk_act *q, int stride,
                              const qgk_kv *kv, const qgk_batch *batch, int n_heads, float scale,
                              int window)
{
    (void)window;
    real.attention(ctx, out, q, stride, kv, batch, n_heads, scale, (int)parameter);
}

/* The first two blocks of every sequence that has two. */
static void attention_swaps_blocks(qgk_ctx *ctx, qgk_act *out, const qgk_act *q, int stride,
                                   const qgk_kv *kv, const qgk_batch *batch, int n_heads,
                                   float scale, int window)
{
    qgk_batch b = *batch;
    size_t n = (size_t)b.n_seqs * (size_t)b.table_stride;
    int32_t *table = reuse(0, n * sizeof *table);

    memcpy(table, batch->block_table, n * sizeof *table);
    for (int i = 0; i < b.n_seqs; i++)
        if (b.seq_len[i] > kv->block_tokens) {
            int32_t *own = table + (size_t)i * (size_t)b.table_stride, first = own[0];
            own[0] = own[1];
            own[1] = first;
        }
    b.block_table = table;
    real.attention(ctx, out, q, stride, kv, &b, n_heads, scale, window);
}

/* The first head of the queries alone: all heads together would turn by the same angle, which
 * changes nothing. */
static void rope_late(qgk_ctx *ctx, qgk_act *x, int stride, const float *cos_sin,
                      const int32_t *row_pos, int rows, int heads, int head_dim)
{
    int32_t *pos = reuse(0, (size_t)rows * sizeof *pos);

    for (int i = 0; i < rows; i++)
        pos[i] = row_pos[i] > 0 ? row_pos[i] - 1 : 0;
    real.rope(ctx, x, stride, cos_sin, pos, rows, 1, head_dim);
    real.rope(ctx, qgk_act_at(&real, x, (size_t)head_dim), stride, cos_sin, row_pos, rows,
              heads - 1, head_dim);
}

/* A pass of one token counts positions from 1, one of many from 0. */
static void rope_decode(qgk_ctx *ctx, qgk_act *x, int stride, const float *cos_sin,
                        const int32_t *row_pos, int rows, int heads, int head_dim)
{
    int32_t late = row_pos[0] + 1;

    real.rope(ctx, x, stride, cos_sin, rows == 1 ? &late : row_pos, rows, heads, head_dim);
}

static void rmsnorm_eps(qgk_ctx *ctx, qgk_act *out, const qgk_act *x, const float *w, int rows,
                        int cols, float eps)
{
    real.rmsnorm(ctx, out, x, w, rows, cols, eps * (float)parameter);
}

static void add_rmsnorm_eps(qgk_ctx *ctx, qgk_act *out, qgk_act *x, const qgk_act *y,
                            const float *w, int rows, int cols, float eps)
{
    real.add_rmsnorm(ctx, out, x, y, w, rows, cols, eps * (float)parameter);
}

static void embed_counts(qgk_ctx *ctx, qgk_act *out, const qgk_half *table, const int32_t *ids,
                         int rows, int cols)
{
    n_added = 0;
    real.embed(ctx, out, table, ids, rows, cols);
}

/* Of the layer that the parameter names, both blocks are not added. */
static void add_rmsnorm_skips(qgk_ctx *ctx, qgk_act *out, qgk_act *x, const qgk_act *y,
                              const float *w, int rows, int cols, float eps)
{
    if (n_added++ / 2 == (int)parameter)
        real.rmsnorm(ctx, out, x, w, rows, cols, eps);
    else
        real.add_rmsnorm(ctx, out, x, y, w, rows, cols, eps);
}

static void swiglu_swapped(qgk_ctx *ctx, qgk_act *out, const qgk_act *gate_up, int rows, int cols)
{
    size_t half = (size_t)cols * (size_t)real.act_bytes, row = 2 * half;
    char *swapped = reuse(0, (size_t)rows * row);
    const char *from = (const char *)gate_up;

    for (size_t i = 0; i < (size_t)rows; i++) {
        memcpy(swapped + i * row, from + i * row + half, half);
        memcpy(swapped + i * row + half, from + i * row, half);
    }
    real.swiglu(ctx, out, (const qgk_act *)(void *)swapped, rows, cols);
}

static void gelu_for_relu(qgk_ctx *ctx, qgk_act *x, size_t count)
{
    real.gelu(ctx, x, count);
}

/* The upper half of the logits is not computed, as where the second of two threads is not asked. */
static void product_half(qgk_ctx *ctx, void *out, const qgk_act *x, const qgk_weight *w, int rows,
                         int f32_out)
{
    size_t n = (size_t)w->n;

    real.linear[w->format].product(ctx, out, x, w, rows, f32_out);
    for (size_t i = 0; f32_out && i < (size_t)rows; i++)
        memset((float *)out + i * n + n / 2, 0, (n - n / 2) * sizeof(float));
}

/* Without the biases of a model that has them. */
static void product_without_bias(qgk_ctx *ctx, void *out, const qgk_act *x, const qgk_weight *w,
                                 int rows, int f32_out)
{
    qgk_weight plain = *w;

    plain.bias = NULL;
    real.linear[w->format].product(ctx, out, x, &plain, rows, f32_out);
}

/* The last of several rows is computed from the one before: a tail that is one short. */
static void product_tail(qgk_ctx *ctx, void *out, const qgk_act *x, const qgk_weight *w, int rows,
                         int f32_out)
{
    size_t k = (size_t)w->k, bytes = k * (size_t)real.act_bytes;
    char *short_x = reuse(0, (size_t)rows * bytes);

    memcpy(short_x, x, (size_t)rows * bytes);
    if (rows > 1)
        memcpy(short_x + (size_t)(rows - 1) * bytes, short_x + (size_t)(rows - 2) * bytes, bytes);
    real.linear[w->format].product(ctx, out, (const qgk_act *)(void *)short_x, w, rows, f32_out);
}

/* The zero point of the first group of the first row, in the segment that the parameter counts. */
static void pack_without_zero(void *packed, qgk_shape s, const qgk_canon *rows, int row0)
{
    qgk_canon spoiled = *rows;
    size_t n = (size_t)rows->n_rows * (size_t)qgk_groups(s);

    if (row0 == 0 && n_packed++ == (int)parameter) {
        uint8_t *zeros = need(n);
        memcpy(zeros, rows->zeros, n);
        zeros[0] = 0;
        spoiled.zeros = zeros;
    }
    real.linear[QGK_FORMAT_W4A16].pack(packed, s, &spoiled, row0);
}

/* The scale of the first row, in the segment that the parameter counts. */
static void pack_int8_scale(void *packed, qgk_shape s, const qgk_canon *rows, int row0)
{
    qgk_canon spoiled = *rows;
    size_t n = (size_t)rows->n_rows * (size_t)qgk_groups(s);

    if (row0 == 0 && n_packed++ == (int)parameter) {
        float *scales = need(n * sizeof *scales);
        memcpy(scales, rows->scales, n * sizeof *scales);
        scales[0] *= 2;
        spoiled.scales = scales;
    }
    real.linear[QGK_FORMAT_W8A8].pack(packed, s, &spoiled, row0);
}

static void put_attention_last(qgk_table *t)
{
    t->attention = attention_without_last;
}

static void put_attention_scale(qgk_table *t)
{
    t->attention = attention_scaled;
}

static void put_attention_window(qgk_table *t)
{
    t->attention = attention_forgets;
}

static void put_kv_swap(qgk_table *t)
{
    t->attention = attention_swaps_blocks;
}

static void put_rope_late(qgk_table *t)
{
    t->rope = rope_late;
}

static void put_rope_decode(qgk_table *t)
{
    t->rope = rope_decode;
}

static void put_norm_eps(qgk_table *t)
{
    t->rmsnorm = rmsnorm_eps;
    t->add_rmsnorm = add_rmsnorm_eps;
}

static void put_layer_skip(qgk_table *t)
{
    t->embed = embed_counts;
    t->add_rmsnorm = add_rmsnorm_skips;
}

static void put_swiglu_swap(qgk_table *t)
{
    t->swiglu = swiglu_swapped;
}

static void put_gelu(qgk_table *t)
{
    t->relu = gelu_for_relu;
}

static void put_head_half(qgk_table *t)
{
    t->linear[QGK_FORMAT_F16].product = product_half;
}

static void put_no_bias(qgk_table *t)
{
    for (int f = 0; f < QGK_N_FORMATS; f++)
        t->linear[f].product = product_without_bias;
}

static void put_tail(qgk_table *t)
{
    for (int f = 0; f < QGK_N_FORMATS; f++)
        t->linear[f].product = product_tail;
}

static void put_no_zero(qgk_table *t)
{
    t->linear[QGK_FORMAT_W4A16].pack = pack_without_zero;
}

static void put_int8_scale(qgk_table *t)
{
    t->linear[QGK_FORMAT_W8A8].pack = pack_int8_scale;
}

/* ---- time ---- */

/* Works for a while, as code would that does something needless. */
static void waste(int64_t ns)
{
    volatile double sum = 0;

    for (int64_t end = qg_clock_ns() + ns; qg_clock_ns() < end;)
        for (int i = 0; i < 100; i++)
            sum = sum + i;
}

/* Whether a pass continues sequences by a token each. */
static bool is_decode(const qg_feed *feeds, int n_feeds)
{
    for (int i = 0; i < n_feeds; i++)
        if (feeds[i].n_ids != 1)
            return false;
    return true;
}

static void slow_decode(const qg_feed *feeds, int n_feeds, int64_t spent_ns)
{
    if (is_decode(feeds, n_feeds))
        waste((int64_t)((double)spent_ns * parameter / 100));
}

static void slow_prefill(const qg_feed *feeds, int n_feeds, int64_t spent_ns)
{
    if (!is_decode(feeds, n_feeds))
        waste((int64_t)((double)spent_ns * parameter / 100));
}

static void slow_all(const qg_feed *feeds, int n_feeds, int64_t spent_ns)
{
    (void)feeds, (void)n_feeds;
    waste((int64_t)((double)spent_ns * parameter / 100));
}

/* One prefill in ten takes twice as long: a median does not see it. */
static void slow_tail(const qg_feed *feeds, int n_feeds, int64_t spent_ns)
{
    static int n;

    if (!is_decode(feeds, n_feeds) && ++n % 10 == 0)
        waste(spent_ns);
}

/* ---- memory ---- */

static void after_pool_leak(const qg_feed *feeds, int n_feeds, int64_t spent_ns)
{
    void *at;

    (void)feeds, (void)n_feeds, (void)spent_ns;
    backend->alloc(&at, backend, (size_t)(parameter * 1024), QG_PURPOSE_WORKSPACE, NULL);
}

static void after_host_leak(const qg_feed *feeds, int n_feeds, int64_t spent_ns)
{
    size_t bytes = (size_t)(parameter * 1024);
    volatile char *at = need(bytes); /* else the compiler would leave all of it out */

    (void)feeds, (void)n_feeds, (void)spent_ns;
    for (size_t i = 0; i < bytes; i += 4096)
        at[i] = 1;
}

/* ---- the machine ---- */

static qg_status (*real_alloc)(void **out, qg_backend *b, size_t bytes, qg_purpose purpose,
                               qg_err *err);

/* More than any machine has. */
static size_t too_much(const qg_backend *b)
{
    return (size_t)1 << (b->reads_host_memory ? 62 : 46);
}

/* Of the purpose that the parameter counts, there is no room. */
static qg_status alloc_without_room(void **out, qg_backend *b, size_t bytes, qg_purpose purpose,
                                    qg_err *err)
{
    return real_alloc(out, b, purpose == (qg_purpose)parameter ? too_much(b) : bytes, purpose, err);
}

static void put_no_room(qg_backend *b)
{
    real_alloc = b->alloc;
    b->alloc = alloc_without_room;
}

/* Whether this is the pass that the parameter counts. */
static bool is_its_turn(void)
{
    static int n;

    return n++ == (int)parameter;
}

static qg_status before_no_room(qg_err *err)
{
    void *at;

    if (!is_its_turn())
        return QG_OK;
    return backend->alloc(&at, backend, too_much(backend), QG_PURPOSE_WORKSPACE, err);
}

/* Reads and writes where nothing is: the GPU finds out while it works, a processor would end the
 * process, so that there it is only said. */
static qg_status before_kernel_dies(qg_err *err)
{
    (void)err;
    if (!is_its_turn())
        return QG_OK;
    if (backend->reads_host_memory)
        backend->ctx.failed = "embed";
    else
        backend->table.embed(&backend->ctx, (qgk_act *)64, (const qgk_half *)64,
                             (const int32_t *)64, 1, 64);
    return QG_OK;
}

/* ---- the rest ---- */

static void after_crash(const qg_feed *feeds, int n_feeds, int64_t spent_ns)
{
    (void)feeds, (void)n_feeds, (void)spent_ns;
    abort();
}

static const struct fault {
    const char *name;
    void (*put)(qgk_table *t);
    void (*put_backend)(qg_backend *b);
    qg_status (*before)(qg_err *err); /* a forward pass, which fails with it */
    void (*after)(const qg_feed *feeds, int n_feeds, int64_t spent_ns); /* a forward pass */
    /* At the end of a pass, before its first logits are handed out: tokens are timed then. */
    void (*within)(const qg_feed *feeds, int n_feeds, int64_t spent_ns);
    bool doubles;       /* what is counted for `purpose` */
    qg_purpose purpose; /* of what doubles */
    double parameter;   /* where none is given */
} faults[] = {
    {.name = "none"},
    {.name = "attention-last", .put = put_attention_last},
    {.name = "attention-scale", .put = put_attention_scale, .parameter = 1.01},
    {.name = "attention-window", .put = put_attention_window, .parameter = 16},
    {.name = "kv-swap", .put = put_kv_swap},
    {.name = "rope-late", .put = put_rope_late},
    {.name = "rope-decode", .put = put_rope_decode},
    {.name = "norm-eps", .put = put_norm_eps, .parameter = 1000},
    {.name = "layer-skip", .put = put_layer_skip, .parameter = 1},
    {.name = "swiglu-swap", .put = put_swiglu_swap},
    {.name = "gelu", .put = put_gelu},
    {.name = "head-half", .put = put_head_half},
    {.name = "no-bias", .put = put_no_bias},
    {.name = "tail", .put = put_tail},
    {.name = "no-zero", .put = put_no_zero, .parameter = 3},
    {.name = "int8-scale", .put = put_int8_scale, .parameter = 3},
    {.name = "slow-decode", .within = slow_decode, .parameter = 10},
    {.name = "slow-prefill", .within = slow_prefill, .parameter = 20},
    {.name = "slow-all", .within = slow_all, .parameter = 10},
    {.name = "slow-tail", .within = slow_tail},
    {.name = "pool-leak", .after = after_pool_leak, .parameter = 1024},
    {.name = "host-leak", .after = after_host_leak, .parameter = 1024},
    {.name = "weights-twice", .doubles = true, .purpose = QG_PURPOSE_WEIGHTS},
    {.name = "kv-twice", .doubles = true, .purpose = QG_PURPOSE_KV_CACHE},
    {.name = "workspace-twice", .doubles = true, .purpose = QG_PURPOSE_WORKSPACE},
    {.name = "no-room", .put_backend = put_no_room, .parameter = QG_PURPOSE_WEIGHTS},
    {.name = "no-room-later", .before = before_no_room, .parameter = 5},
    {.name = "kernel-dies", .before = before_kernel_dies, .parameter = 5},
    {.name = "crash", .after = after_crash},
};

static const struct fault *chosen(void)
{
    static const struct fault *fault;
    const char *text = getenv("QUANTGATE_FAULT"), *comma;

    if (fault)
        return fault;
    if (!text || !text[0])
        return fault = &faults[0];
    comma = strchr(text, ',');
    size_t n = comma ? (size_t)(comma - text) : strlen(text);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (strlen(faults[i].name) == n && memcmp(faults[i].name, text, n) == 0) {
            parameter = comma ? atof(comma + 1) : faults[i].parameter;
            return fault = &faults[i];
        }
    fprintf(stderr, "no fault is called '%s'\n", text);
    exit(99);
}

void __wrap_qgk_table_init(qgk_table *table, unsigned features)
{
    __real_qgk_table_init(table, features);
    real = *table;
    if (chosen()->put &&
        features) /* the reference stays whole: it tells that a kernel is at fault */
        chosen()->put(table);
}

void __wrap_qg_ledger_add(qg_ledger *l, qg_purpose p, int64_t bytes)
{
    bool twice = chosen()->doubles && chosen()->purpose == p;

    __real_qg_ledger_add(l, p, twice ? 2 * bytes : bytes);
}

qg_status __wrap_qg_backend_open(qg_backend **out, qg_arena *arena,
                                 const qg_backend_options *options, qg_err *err)
{
    qg_status s = __real_qg_backend_open(out, arena, options, err);

    if (s == QG_OK)
        backend = *out;
    if (s == QG_OK && chosen()->put_backend)
        chosen()->put_backend(backend);
    return s;
}

/* A pass whose logits are on their way. */
typedef struct pass {
    const qg_feed *feeds;
    int n_feeds;
    int64_t start_ns; /* 0: the first logits were handed out */
    qg_on_logits *on_logits;
    void *user;
} pass;

static qg_status hand_out(void *user, int feed, int position, const float *logits, qg_err *err)
{
    pass *p = user;

    if (p->start_ns && chosen()->within)
        chosen()->within(p->feeds, p->n_feeds, qg_clock_ns() - p->start_ns);
    p->start_ns = 0;
    return p->on_logits(p->user, feed, position, logits, err);
}

qg_status __wrap_qg_forward(qg_engine *e, const qg_feed *feeds, int n_feeds,
                            qg_on_logits *on_logits, void *user, qg_err *err)
{
    int64_t start_ns = qg_clock_ns();
    pass p = {feeds, n_feeds, start_ns, on_logits, user};
    if (chosen()->before)
        QG_PASS(chosen()->before(err));
    qg_status s = on_logits ? __real_qg_forward(e, feeds, n_feeds, hand_out, &p, err)
                            : __real_qg_forward(e, feeds, n_feeds, NULL, user, err);

    if (!on_logits && chosen()->within) /* tokens are stamped when the forward is back */
        chosen()->within(feeds, n_feeds, qg_clock_ns() - start_ns);
    if (chosen()->after)
        chosen()->after(feeds, n_feeds, qg_clock_ns() - start_ns);
    return s;
}
