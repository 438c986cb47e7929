/* Attention over scattered pages and appending to them: ragged batches, grouped heads, windows,
 * head sizes with tails. What no token has written holds NaN, so that a kernel that looks there is
 * seen.
 *
 * Bound: a score is a chain of d operations, the scale and the largest taken off: d + 4 units of
 * scale * sum |q k| (call it e); exp adds 2^-22 and
 * turns e into a relative error of each weight, twice (in the sum below the line too); the weighted
 * sum is a chain over all positions.
 */
#include "kernels/kcheck.h"

#include "kcheck_cases.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_SEQS = 8, MAX_ROWS = 512 };

typedef struct shape {
    int n_seqs, n_rows[MAX_SEQS], length[MAX_SEQS]; /* new rows; tokens once they are appended */
    int n_heads, n_kv_heads, head_dim, block_tokens, window;
} shape;

typedef struct args {
    const shape *s;
    qgk_kv kv;
    qgk_batch batch;
    const float *q, *k, *v, *qkv, *cos_sin;
    float *out, *cache; /* out of attention; [2] caches, out of kv_append; qkv behind them */
    size_t cache_floats;
    int stride;
    float scale;
} args;

/* ---- shapes to batches ---- */

static void make_batch(args *a, const shape *s)
{
    int n_rows = 0, longest = 0, n_blocks = 0;

    for (int i = 0; i < s->n_seqs; i++) {
        n_rows += s->n_rows[i];
        longest = s->length[i] > longest ? s->length[i] : longest;
    }
    int per_seq = (longest + s->block_tokens - 1) / s->block_tokens;
    int32_t *row_seq = kc_input((size_t)n_rows * 4), *row_pos = kc_input((size_t)n_rows * 4);
    int32_t *seq_row = kc_input((size_t)(s->n_seqs + 1) * 4);
    int32_t *seq_len = kc_input((size_t)s->n_seqs * 4);
    int32_t *table = kc_input((size_t)(s->n_seqs * per_seq) * 4);

    n_blocks = s->n_seqs * per_seq;
    for (int i = 0; i < n_blocks; i++) { /* a random permutation: inside-out shuffle */
        int j = (int)kc_random((uint32_t)i + 1);
        table[i] = table[j];
        table[j] = i;
    }
    seq_row[0] = 0;
    for (int i = 0, row = 0; i < s->n_seqs; i++) {
        for (int j = 0; j < s->n_rows[i]; j++, row++) {
            row_seq[row] = i;
            row_pos[row] = s->length[i] - s->n_rows[i] + j;
        }
        seq_row[i + 1] = row;
        seq_len[i] = s->length[i];
    }
    a->batch = (qgk_batch){n_rows, s->n_seqs, row_seq, row_pos, seq_row, seq_len, table, per_seq};
    a->kv = (qgk_kv){NULL, NULL, s->n_kv_heads, s->head_dim, s->block_tokens};
    a->cache_floats =
        (size_t)n_blocks * (size_t)s->n_kv_heads * (size_t)s->block_tokens * (size_t)s->head_dim;
}

/* By the definition of the layout: block, head, slot, element. */
static size_t place(const args *a, int seq, int pos, int head)
{
    int bt = a->kv.block_tokens;
    size_t block = (size_t)a->batch.block_table[seq * a->batch.table_stride + pos / bt];
    return block * (size_t)(a->kv.n_kv_heads * bt * a->kv.head_dim) +
           (size_t)(head * bt * a->kv.head_dim + pos % bt * a->kv.head_dim);
}

/* ---- attention ---- */

/* Rows row0 .. of the batch as a batch of their own. */
static void call(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    qgk_batch b = a->batch;
    int32_t seq_row[MAX_SEQS + 1];

    for (int i = 0; i <= b.n_seqs; i++) {
        int row = b.seq_row[i] - row0;
        seq_row[i] = row < 0 ? 0 : row > n_rows ? n_rows : row;
    }
    b.seq_row = seq_row;
    b.n_rows = n_rows;
    b.row_seq += row0;
    b.row_pos += row0;
    ctx->table->attention(
        ctx, (qgk_act *)(a->out + (size_t)row0 * (size_t)(a->s->n_heads * a->s->head_dim)),
        (const qgk_act *)(a->q + (size_t)row0 * (size_t)a->stride), a->stride, &a->kv, &b,
        a->s->n_heads, a->scale, a->s->window);
}

/* truth and bound [head_dim] of one row and head */
static void expect(double *truth, double *bound, const args *a, int row, int head)
{
    const shape *s = a->s;
    int seq = a->batch.row_seq[row], last = a->batch.row_pos[row], d = s->head_dim;
    int kv_head = head / (s->n_heads / s->n_kv_heads), first = 0;
    const float *q = a->q + (size_t)row * (size_t)a->stride + (size_t)(head * d);
    double *score = malloc((size_t)(last + 1) * sizeof *score), most = -INFINITY, e = 0, sum = 0;

    if (s->window > 0 && last - s->window + 1 > 0)
        first = last - s->window + 1;
    for (int pos = first; pos <= last; pos++) {
        const float *k = (const float *)a->kv.k + place(a, seq, pos, kv_head);
        double dot = 0, size = 0;
        for (int i = 0; i < d; i++) {
            dot += (double)q[i] * (double)k[i];
            size += fabs((double)q[i] * (double)k[i]);
        }
        score[pos] = dot * (double)a->scale;
        most = fmax(most, score[pos]);
        e = fmax(e, size * (double)a->scale);
    }
    for (int i = 0; i < d; i++)
        truth[i] = bound[i] = 0;
    for (int pos = first; pos <= last; pos++) {
        const float *v = (const float *)a->kv.v + place(a, seq, pos, kv_head);
        double w = exp(score[pos] - most);
        sum += w;
        for (int i = 0; i < d; i++) {
            truth[i] += w * (double)v[i];
            bound[i] += w * fabs((double)v[i]);
        }
    }
    double n = last - first + 1;
    double relative = expm1(fmin(40, 2 * (e * kc_units(d + 4.0) + kc_units(8)))) +
                      kc_units(n + 16) + kc_half_units(1); /* weights are halves there */
    for (int i = 0; i < d; i++) {
        truth[i] /= sum;
        /* a weight under 2^-125 may be dropped; when scores drown, any mix of values may come */
        bound[i] = bound[i] / sum * relative + n * 0x1p-125 + (relative > 1 ? 2 * 65504.0 : 0);
    }
    free(score);
}

static void fill_cache(args *a, kc_content content)
{
    float *k = kc_input(a->cache_floats * 4), *v = kc_input(a->cache_floats * 4);

    for (size_t i = 0; i < a->cache_floats; i++)
        k[i] = v[i] = (float)NAN;
    for (int seq = 0; seq < a->s->n_seqs; seq++)
        for (int pos = 0; pos < a->s->length[seq]; pos++)
            for (int h = 0; h < a->s->n_kv_heads; h++) {
                kc_fill(k + place(a, seq, pos, h), (size_t)a->s->head_dim, content);
                kc_fill(v + place(a, seq, pos, h), (size_t)a->s->head_dim, content);
            }
    a->kv.k = (qgk_act *)k;
    a->kv.v = (qgk_act *)v;
}

static void prove(const shape *s, kc_content content, const char *what)
{
    args a = {.s = s, .scale = (float)(1 / sqrt(s->head_dim))};
    int cols = s->n_heads * s->head_dim;

    make_batch(&a, s);
    fill_cache(&a, content);
    a.stride = cols + 2 * s->n_kv_heads * s->head_dim;
    float *q = kc_input((size_t)a.batch.n_rows * (size_t)a.stride * 4);
    kc_fill(q, (size_t)a.batch.n_rows * (size_t)a.stride, content);
    a.q = q;
    size_t count = (size_t)a.batch.n_rows * (size_t)cols;
    a.out = kc_output(count * 4);
    double *truth = kc_doubles(count), *bound = kc_doubles(count), seen = 0;
    for (int row = 0; row < a.batch.n_rows; row++) {
        size_t at = (size_t)row * (size_t)cols;
        seen += a.batch.row_pos[row] + 1;
#pragma omp parallel for
        for (int h = 0; h < s->n_heads; h++)
            expect(truth + at + h * s->head_dim, bound + at + h * s->head_dim, &a, row, h);
    }
    kc_proof p = {call, &a, a.batch.n_rows, cols, a.out, truth, bound, 0};
    kc_prove(&p, what);
    if (content == KC_NORMAL)
        kc_bench(&p, seen / a.batch.n_rows * s->n_seqs * s->n_kv_heads * s->head_dim * 8,
                 4 * seen * s->n_heads * s->head_dim);
}

/* ---- appending ---- */

static void call_append(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    qgk_kv kv = a->kv;

    (void)row0;
    (void)n_rows;
    memset(a->cache, 0, 2 * a->cache_floats * 4);
    kv.k = (qgk_act *)a->cache;
    kv.v = (qgk_act *)(a->cache + a->cache_floats);
    ctx->table->kv_append(ctx, &kv, (const qgk_act *)a->k, (const qgk_act *)a->v, a->stride,
                          &a->batch);
}

static void prove_append(const shape *s)
{
    args a = {.s = s, .stride = s->n_kv_heads * s->head_dim + 3};

    make_batch(&a, s);
    size_t count = (size_t)a.batch.n_rows * (size_t)a.stride;
    float *k = kc_input(count * 4), *v = kc_input(count * 4);
    double *truth = kc_doubles(2 * a.cache_floats);
    kc_fill(k, count, KC_NORMAL);
    kc_fill(v, count, KC_NORMAL);
    a.k = k;
    a.v = v;
    a.cache = kc_output(2 * a.cache_floats * 4);
    memset(truth, 0, 2 * a.cache_floats * sizeof *truth);
    for (int row = 0; row < a.batch.n_rows; row++)
        for (int h = 0; h < s->n_kv_heads; h++)
            for (int i = 0; i < s->head_dim; i++) {
                size_t from = (size_t)(row * a.stride + h * s->head_dim + i);
                size_t to = place(&a, a.batch.row_seq[row], a.batch.row_pos[row], h) + (size_t)i;
                truth[to] = (double)k[from];
                truth[a.cache_floats + to] = (double)v[from];
            }
    kc_proof p = {call_append, &a, 1, (int)(2 * a.cache_floats), a.cache, truth, NULL, 0};
    kc_prove(&p, "normal");
}

/* ---- turning and appending ---- */

static void call_rope_append(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    size_t count = (size_t)a->batch.n_rows * (size_t)a->stride;
    float *qkv = a->cache + 2 * a->cache_floats;
    qgk_kv kv = a->kv;

    (void)row0;
    (void)n_rows;
    memset(a->cache, 0, 2 * a->cache_floats * 4);
    memcpy(qkv, a->qkv, count * 4);
    kv.k = (qgk_act *)a->cache;
    kv.v = (qgk_act *)(a->cache + a->cache_floats);
    ctx->table->rope_append(ctx, &kv, (qgk_act *)qkv, a->stride, a->cos_sin, &a->batch,
                            a->s->n_heads);
}

/* Element i of a head, turned by the angles of its position: two products and a sum, each rounded
 * once. */
static void turned(double *truth, double *bound, const float *head, const float *angles, int dim,
                   int i)
{
    int half = dim / 2;
    double other = i < half ? -(double)head[i + half] : (double)head[i - half];
    double own = (double)head[i] * (double)angles[i % half];
    double across = other * (double)angles[half + i % half];

    *truth = own + across;
    *bound = (fabs(own) + fabs(across)) * kc_units(2) + 0x1p-148;
}

static void expect_rope_append(double *truth, double *bound, const args *a, int row)
{
    const shape *s = a->s;
    int d = s->head_dim, n_turned = s->n_heads + s->n_kv_heads, pos = a->batch.row_pos[row];
    const float *from = a->qkv + (size_t)row * (size_t)a->stride;
    const float *angles = a->cos_sin + pos * d;
    size_t own = 2 * a->cache_floats + (size_t)row * (size_t)a->stride;

    for (int i = 0; i < a->stride; i++) {
        int head = i / d, kv_head = (head - s->n_heads) % s->n_kv_heads;
        size_t at = own + (size_t)i, cached = 0;
        truth[at] = (double)from[i];
        if (head < n_turned)
            turned(&truth[at], &bound[at], from + head * d, angles, d, i % d);
        if (head < s->n_heads || head >= n_turned + s->n_kv_heads)
            continue;
        cached = place(a, a->batch.row_seq[row], pos, kv_head) + (size_t)(i % d);
        cached += head < n_turned ? 0 : a->cache_floats;
        truth[cached] = truth[at];
        bound[cached] = bound[at];
        if (head < n_turned) /* keys may stay as they were */
            bound[at] = 2 * 65504.0;
    }
}

static void prove_rope_append(const shape *s, int extra)
{
    args a = {.s = s, .stride = (s->n_heads + 2 * s->n_kv_heads) * s->head_dim + extra};
    int len = 0;

    make_batch(&a, s);
    for (int i = 0; i < s->n_seqs; i++)
        len = s->length[i] > len ? s->length[i] : len;
    size_t count = (size_t)a.batch.n_rows * (size_t)a.stride, all = 2 * a.cache_floats + count;
    float *qkv = kc_input(count * 4), *angles = kc_input((size_t)(len * s->head_dim) * 4);
    double *truth = kc_doubles(all), *bound = kc_doubles(all);
    for (int i = 0; i < len * s->head_dim; i++) {
        double angle = i / s->head_dim * pow(10000, -2.0 * (i % (s->head_dim / 2)) / s->head_dim);
        angles[i] = (float)(i % s->head_dim < s->head_dim / 2 ? cos(angle) : sin(angle));
    }
    kc_fill(qkv, count, KC_NORMAL);
    a.qkv = qkv;
    a.cos_sin = angles;
    a.cache = kc_output(all * 4);
    memset(truth, 0, all * sizeof *truth);
    memset(bound, 0, all * sizeof *bound);
    for (int row = 0; row < a.batch.n_rows; row++)
        expect_rope_append(truth, bound, &a, row);
    kc_proof p = {call_rope_append, &a, 1, (int)all, a.cache, truth, bound, 0};
    kc_prove(&p, "normal");
}

void attention_kcheck(void)
{
    static const char *const names[] = {"normal", "zeros", "largest", "denormal", "one-hot"};
    static const shape shapes[] = {
        {1, {1}, {1}, 1, 1, 1, 1, 0},
        {1, {5}, {5}, 2, 1, 7, 4, 0},
        {1, {3}, {17}, 4, 2, 20, 5, 0},
        {1, {19}, {19}, 3, 1, 8, 16, 4},
        {3, {1, 7, 2}, {30, 7, 66}, 4, 2, 64, 16, 0},
        {3, {1, 9, 2}, {30, 40, 66}, 6, 2, 36, 16, 11},
        {4, {1, 1, 1, 1}, {1, 64, 65, 130}, 9, 3, 64, 16, 0},
        {2, {4, 0}, {4, 8}, 8, 8, 96, 32, 0},
        {1, {33}, {90}, 8, 1, 128, 16, 64},
    };
    static const shape models[] = {
        {1, {64}, {64}, 4, 2, 64, 16, 0},
        {1, {1}, {512}, 9, 3, 64, 16, 0},
        {1, {256}, {512}, 9, 3, 64, 16, 0},
        {1, {1}, {1024}, 32, 4, 64, 16, 0},
        {1, {64}, {128}, 32, 4, 64, 16, 0},
        {1, {1}, {512}, 32, 32, 128, 16, 0},
        {4, {1, 1, 1, 1}, {512, 300, 20, 511}, 9, 3, 64, 16, 0},
        {1, {70}, {70}, 4, 4, 80, 16, 0},
        {2, {100, 65}, {130, 65}, 4, 2, 96, 16, 40},
        {3, {33, 128, 1}, {33, 300, 200}, 8, 2, 128, 16, 0},
        {1, {64}, {200}, 2, 1, 256, 16, 0},
        {2, {1, 1}, {300, 7}, 4, 1, 256, 16, 100},
        {1, {1}, {2048}, 32, 8, 128, 16, 0},
    };

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const shape *s = &shapes[i];
        if (kc_enter(KC_SLOT(attention), "attention_%dx%d_%dof%dx%d_w%d", s->n_seqs, s->length[0],
                     s->n_heads, s->n_kv_heads, s->head_dim, s->window))
            for (kc_content c = 0; c < KC_N_CONTENTS; c++)
                prove(s, c, names[c]);
        if (kc_enter(KC_SLOT(kv_append), "kv-append_%dx%d_%dx%d", s->n_seqs, s->length[0],
                     s->n_kv_heads, s->head_dim))
            prove_append(s);
        for (int extra = 0; extra <= 3 && s->head_dim % 2 == 0; extra += 3)
            if (kc_enter(KC_SLOT(rope_append), "rope-append_%dx%d_%d+%dx%d+%d", s->n_seqs,
                         s->length[0], s->n_heads, s->n_kv_heads, s->head_dim, extra))
                prove_rope_append(s, extra);
    }
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        const shape *s = &models[i];
        double pairs = (double)s->n_seqs * s->n_rows[0] * s->length[0]; /* of rows and positions */
        if (kc_affords(2 * pairs * s->n_heads * s->head_dim) &&
            kc_enter(KC_SLOT(attention), "attention_%dx%d+%d_%dof%dx%d", s->n_seqs, s->length[0],
                     s->n_rows[0], s->n_heads, s->n_kv_heads, s->head_dim))
            prove(s, KC_NORMAL, "normal");
    }
}
