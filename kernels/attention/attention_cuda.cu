/* Attention over the paged cache, in two ways that share nothing but the softmax kept up to date
 * while keys go by (Milakov and Gimelshein 2018; Dao et al. 2022).
 *
 * Few rows a sequence (decoding): eight lanes read a key together, each group of eight lanes its
 * own keys, and what the groups found is merged at the end, within warps, then among them. The keys
 * of a row and head are shared by as many blocks as the longest sequence may want; the block that
 * ends last merges what they left in scratch, in the order of the keys, so that it does not matter
 * which one that is. Many rows (prefill): a block takes 64 rows of one sequence and a head; tiles
 * of 64 keys pass through shared memory and both products are matrix instructions, with float32
 * sums. Which way is taken depends on the number of rows alone, so the same pass gives the same
 * bits.
 */
#include "kernels/attention/paged.cuh"

typedef struct attention_args {
    __half *out;
    const __half *q, *k, *v;
    int stride, n_heads, window;
    kv_paging paging;
    float scale;  /* of the scores, times log2(e): powers of two are cheap */
    float *parts; /* scratch [rows][n_heads][splits][2 + head_dim] */
    qgk_batch batch;
} attention_args;

/* The first position that a row at `pos` sees. */
static __device__ inline int first_seen(const attention_args &a, int pos)
{
    return a.window > 0 && pos >= a.window ? pos - a.window + 1 : 0;
}

/* ---- append ---- */

enum { APPEND_THREADS = 128 };

/* Blocks over the elements of a row, a thread VEC of them. */
template <int VEC>
static __global__ void append_kernel(attention_args a, __half *k_cache, __half *v_cache)
{
    int row = (int)blockIdx.y, i = (int)(blockIdx.x * APPEND_THREADS + threadIdx.x) * VEC;
    int dim = a.paging.head_dim, head = i / dim;
    size_t from = (size_t)row * (size_t)a.stride + (size_t)i;
    alignas(16) __half k[VEC], v[VEC];

    let_next_start();
    wait_for_others();
    if (head >= a.paging.n_kv_heads)
        return;
    const int32_t *blocks = blocks_of(a.batch, a.batch.row_seq[row]);
    size_t to = token_at(a.paging, blocks, head, a.batch.row_pos[row]) + (size_t)(i - head * dim);
    load_halves<VEC>(k, a.k + from);
    load_halves<VEC>(v, a.v + from);
    store_halves<VEC>(k_cache + to, k);
    store_halves<VEC>(v_cache + to, v);
}

static void kv_append(qgk_ctx *ctx, const qgk_kv *kv, const qgk_act *k, const qgk_act *v,
                      int stride, const qgk_batch *batch)
{
    attention_args a = {};
    bool aligned = kv->head_dim % 8 == 0 && stride % 8 == 0 && ((size_t)k | (size_t)v) % 16 == 0;
    int count = kv->n_kv_heads * kv->head_dim / (aligned ? 8 : 1);

    if (batch->n_rows == 0)
        return;
    a.k = (const __half *)k;
    a.v = (const __half *)v;
    a.stride = stride;
    a.paging = paging_of(kv);
    a.batch = *batch;
    dim3 grid((unsigned)qgk_ceil_div(count, (int)APPEND_THREADS), (unsigned)batch->n_rows);
    qgk_launch(ctx, "kv_append", aligned ? append_kernel<8> : append_kernel<1>, grid,
               APPEND_THREADS, 0, a, (__half *)kv->k, (__half *)kv->v);
}

/* ---- few rows ---- */

enum {
    FEW_WARPS = 8,
    FEW_THREADS = FEW_WARPS * QGK_WARP,
    LANES_A_KEY = 8,
    GROUPS = FEW_THREADS / LANES_A_KEY,
    MOST_KEYS = 4,     /* of a group in a turn: loads that do not wait for each other */
    TURNS_A_SPLIT = 2, /* at least: what less keys would gain, the merge costs */
    MAX_DIM = 256,
    MAX_SPLITS = 32,
    FILLED = 1024,          /* blocks beyond which more of them hurt */
    MAX_COUNTERS = 1 << 16, /* rows times heads that may be split */
};

/* What a lane, a warp or a block knows of its keys: the largest score and the sum of weights. */
typedef struct part_of_keys {
    float top, total;
} part_of_keys;

/* What the groups of a warp found, in the lanes of its first group. */
template <int N> static __device__ inline void merge_groups(part_of_keys *p, float acc[N])
{
    for (int step = LANES_A_KEY; step < QGK_WARP; step *= 2) {
        float other = __shfl_xor_sync(0xffffffffu, p->top, step), top = fmaxf(p->top, other);
        float base = top == -INFINITY ? 0 : top;
        float keep = exp2f(p->top - base), take = exp2f(other - base);
        p->total = p->total * keep + __shfl_xor_sync(0xffffffffu, p->total, step) * take;
        for (int i = 0; i < N; i++)
            acc[i] = acc[i] * keep + __shfl_xor_sync(0xffffffffu, acc[i], step) * take;
        p->top = top;
    }
}

static __device__ inline part_of_keys merge_warps(const part_of_keys of[FEW_WARPS])
{
    part_of_keys p = of[0];

    for (int w = 1; w < FEW_WARPS; w++)
        p.top = fmaxf(p.top, of[w].top);
    p.total = 0;
    for (int w = 0; w < FEW_WARPS; w++)
        p.total += of[w].top == -INFINITY ? 0 : of[w].total * exp2f(of[w].top - p.top);
    return p;
}

static __device__ inline float sum_warps(const part_of_keys of[FEW_WARPS],
                                         const float sums[][MAX_DIM], float top, int i)
{
    float sum = 0;

    for (int w = 0; w < FEW_WARPS; w++)
        if (of[w].top != -INFINITY)
            sum += sums[w][i] * exp2f(of[w].top - top);
    return sum;
}

/* Asks for the keys and values of positions from .. to - 1. */
static __device__ inline void prefetch_keys(const attention_args &a, const int32_t *blocks,
                                            int kv_head, int from, int to)
{
    int tokens = a.paging.block_tokens, step = FEW_THREADS * tokens;
    size_t bytes = (size_t)tokens * (size_t)a.paging.head_dim * sizeof(__half);

    for (int pos = from / tokens * tokens + (int)threadIdx.x * tokens; pos < to; pos += step) {
        size_t at = token_at(a.paging, blocks, kv_head, pos);
        prefetch(a.k + at, bytes);
        prefetch(a.v + at, bytes);
    }
}

/* Blocks of a row and head that have ended; 0 again when all have. */
static __device__ unsigned ended[MAX_COUNTERS];

/* Whether all n blocks have left their parts: true in one of them, in all of its threads. */
static __device__ inline bool is_last_block(int counter, int n)
{
    __shared__ unsigned before;

    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
        before = atomicAdd(&ended[counter], 1u);
        if ((int)before == n - 1)
            ended[counter] = 0;
    }
    __syncthreads();
    if ((int)before != n - 1)
        return false;
    __threadfence();
    return true;
}

/* parts [n][2 + head_dim] */
static __device__ inline void merge_blocks(__half *out, const float *parts, int n, int head_dim)
{
    size_t step = (size_t)(head_dim + 2);
    float top = -INFINITY, total = 0;

    for (int s = 0; s < n; s++)
        top = fmaxf(top, __ldcg(parts + s * step));
    for (int s = 0; s < n; s++)
        total += __ldcg(parts + s * step + 1) * exp2f(__ldcg(parts + s * step) - top);
    for (int i = (int)threadIdx.x; i < head_dim; i += FEW_THREADS) {
        float sum = 0;
        for (int s = 0; s < n; s++)
            sum += __ldcg(parts + s * step + 2 + i) * exp2f(__ldcg(parts + s * step) - top);
        out[i] = to_half(sum / total);
    }
}

/* A head's elements in pieces of VEC, of which a lane has every eighth: PIECES at most. */
template <int PIECES, int VEC>
static __global__ void __launch_bounds__(FEW_THREADS, 2) few_rows(attention_args a)
{
    constexpr int KEYS = PIECES * VEC > 32 || VEC == 1 ? 1 : MOST_KEYS; /* registers run out */
    __shared__ part_of_keys of[FEW_WARPS];
    __shared__ float sums[FEW_WARPS][MAX_DIM];
    int row = (int)blockIdx.x, head = (int)blockIdx.y, group = (int)threadIdx.x / LANES_A_KEY;
    int lane = (int)threadIdx.x % LANES_A_KEY, kv_head = head / (a.n_heads / a.paging.n_kv_heads);
    int pos = a.batch.row_pos[row], dim = a.paging.head_dim, n_pieces = dim / VEC;
    const int32_t *blocks = blocks_of(a.batch, a.batch.row_seq[row]);
    const __half *q = a.q + (size_t)row * (size_t)a.stride + (size_t)(head * dim);
    float query[PIECES][VEC] = {}, acc[PIECES * VEC] = {};
    part_of_keys p = {-INFINITY, 0};

    let_next_start();
    /* all groups take as many turns, so that the lanes of a warp meet in the shuffles */
    int first = first_seen(a, pos), turns = qgk_ceil_div(pos + 1 - first, (int)(GROUPS * KEYS));
    int n_splits = min(qgk_ceil_div(turns, (int)TURNS_A_SPLIT), (int)gridDim.z);
    int split = (int)blockIdx.z, begin = turns * split / n_splits;
    int end = split < n_splits ? turns * (split + 1) / n_splits : begin;
    prefetch_keys(a, blocks, kv_head, first + begin * GROUPS * KEYS,
                  min(first + end * GROUPS * KEYS, pos + 1));
    wait_for_others();
    if (begin == end) /* nothing is left for this block */
        return;
    for (int i = 0; i < PIECES; i++)
        if (lane + i * LANES_A_KEY < n_pieces) {
            alignas(16) __half piece[VEC];
            load_halves<VEC>(piece, q + (lane + i * LANES_A_KEY) * VEC);
            for (int j = 0; j < VEC; j++)
                query[i][j] = __half2float(piece[j]);
        }
    for (int turn = begin; turn < end; turn++) {
        int p0 = first + (turn * GROUPS + group) * KEYS;
        alignas(16) __half key[KEYS][PIECES][VEC], value[KEYS][PIECES][VEC];
        float score[KEYS], top = p.top;
#pragma unroll
        for (int n = 0; n < KEYS; n++) { /* all loads, before any of them is waited for */
            size_t at = token_at(a.paging, blocks, kv_head, min(p0 + n, pos));
            for (int i = 0; i < PIECES; i++)
                if (lane + i * LANES_A_KEY < n_pieces) {
                    load_halves<VEC>(key[n][i], a.k + at + (lane + i * LANES_A_KEY) * VEC);
                    load_halves<VEC>(value[n][i], a.v + at + (lane + i * LANES_A_KEY) * VEC);
                }
        }
#pragma unroll
        for (int n = 0; n < KEYS; n++) {
            score[n] = 0;
            for (int i = 0; i < PIECES; i++)
                for (int j = 0; lane + i * LANES_A_KEY < n_pieces && j < VEC; j++)
                    score[n] += query[i][j] * __half2float(key[n][i][j]);
            for (int step = LANES_A_KEY / 2; step > 0; step /= 2)
                score[n] += __shfl_xor_sync(0xffffffffu, score[n], step);
            score[n] = p0 + n <= pos ? score[n] * a.scale : -INFINITY;
            top = fmaxf(top, score[n]);
        }
        float base = top == -INFINITY ? 0 : top, keep = exp2f(p.top - base);
        p.total *= keep;
        for (int i = 0; i < PIECES * VEC; i++)
            acc[i] *= keep;
#pragma unroll
        for (int n = 0; n < KEYS; n++) {
            float weight = exp2f(score[n] - base);
            p.total += weight;
            for (int i = 0; i < PIECES; i++)
                for (int j = 0; lane + i * LANES_A_KEY < n_pieces && j < VEC; j++)
                    acc[i * VEC + j] += weight * __half2float(value[n][i][j]);
        }
        p.top = top;
    }
    merge_groups<PIECES * VEC>(&p, acc);
    if (lane_id() == 0)
        of[warp_id()] = p;
    for (int i = 0; i < PIECES; i++)
        for (int j = 0; j < VEC; j++)
            if (lane_id() < LANES_A_KEY && lane + i * LANES_A_KEY < n_pieces)
                sums[warp_id()][(lane + i * LANES_A_KEY) * VEC + j] = acc[i * VEC + j];
    __syncthreads();
    part_of_keys own = merge_warps(of);
    size_t row_head = (size_t)row * (size_t)a.n_heads + (size_t)head;
    __half *out = a.out + row_head * (size_t)dim;
    if (n_splits == 1) {
        for (int i = (int)threadIdx.x; i < dim; i += FEW_THREADS)
            out[i] = to_half(sum_warps(of, sums, own.top, i) / own.total);
        return;
    }
    float *parts = a.parts + row_head * gridDim.z * (size_t)(dim + 2);
    float *mine = parts + blockIdx.z * (size_t)(dim + 2);
    for (int i = (int)threadIdx.x; i < dim; i += FEW_THREADS)
        mine[2 + i] = sum_warps(of, sums, own.top, i);
    if (threadIdx.x == 0) {
        mine[0] = own.top;
        mine[1] = own.total;
    }
    if (is_last_block((int)row_head, n_splits))
        merge_blocks(out, parts, n_splits, dim);
}

/* Blocks that share the keys of a row and head, of which there are `most`. What the device's
 * sequences are like is not asked: a graph must serve them all. */
static int splits_of(int blocks, int most)
{
    int splits = qgk_ceil_div(most, (int)(GROUPS * MOST_KEYS * TURNS_A_SPLIT));
    int room = blocks > MAX_COUNTERS ? 1 : FILLED / blocks;

    splits = splits < room ? splits : room;
    return splits < 1 ? 1 : splits < MAX_SPLITS ? splits : MAX_SPLITS;
}

extern "C" size_t qgk_attention_cuda_scratch(const qgk_limits *limits)
{
    /* blocks times splits is at most FILLED, or there is one split and no scratch */
    return (size_t)FILLED * (size_t)(limits->head_dim + 2) * sizeof(float);
}

static void launch_few(qgk_ctx *ctx, const attention_args &a)
{
    int blocks = a.batch.n_rows * a.n_heads, most = a.batch.table_stride * a.paging.block_tokens;
    int splits = splits_of(blocks, a.window > 0 && a.window < most ? a.window : most);
    dim3 grid((unsigned)a.batch.n_rows, (unsigned)a.n_heads, (unsigned)splits);
    bool aligned = a.paging.head_dim % 8 == 0 && a.stride % 8 == 0;
    void (*run)(attention_args);

    assert(a.paging.head_dim <= MAX_DIM);
    if (aligned && a.paging.head_dim <= 64)
        run = few_rows<1, 8>;
    else if (aligned && a.paging.head_dim <= 128)
        run = few_rows<2, 8>;
    else if (aligned)
        run = few_rows<4, 8>;
    else
        run = few_rows<32, 1>;
    qgk_launch(ctx, "attention", run, grid, FEW_THREADS, 0, a);
}

/* ---- many rows ---- */

enum {
    MANY_WARPS = 4,
    MANY_THREADS = MANY_WARPS * QGK_WARP,
    TILE_ROWS = 16 * MANY_WARPS,
    TILE_KEYS = 64,
    PAD = 8,         /* halves behind a row in shared memory: its neighbours fall on other banks */
    MANY_LEAST = 16, /* rows a sequence, on average, from which on tiles are worth it */
};

static __device__ inline unsigned pack_halves(float low, float high)
{
    __half2 h = __floats2half2_rn(low, high);
    return *(unsigned *)&h;
}

/* Two B fragments for 16 keys and 16 columns of V: transposed on the way. */
static __device__ inline void load_transposed(unsigned b[4], const __half *at)
{
    unsigned from = (unsigned)__cvta_generic_to_shared(at);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(b[0]), "=r"(b[1]), "=r"(b[2]), "=r"(b[3])
                 : "r"(from));
}

/* The sequence that tile `tile` belongs to, and its first row: tiles of a sequence hold TILE_ROWS
 * rows. False: there is no such tile. */
static __device__ inline bool find_tile(const qgk_batch &b, int tile, int *seq, int *row0)
{
    for (int s = 0; s < b.n_seqs; s++) {
        int n = qgk_ceil_div(b.seq_row[s + 1] - b.seq_row[s], (int)TILE_ROWS);
        if (tile < n) {
            *seq = s;
            *row0 = b.seq_row[s] + tile * TILE_ROWS;
            return true;
        }
        tile -= n;
    }
    return false;
}

template <int DIM>
static __device__ inline void load_tile(__half *k_tile, __half *v_tile, const attention_args &a,
                                        const int32_t *blocks, int kv_head, int key0, int last)
{
    for (int i = (int)threadIdx.x; i < TILE_KEYS * (DIM / 8); i += MANY_THREADS) {
        int key = i / (DIM / 8), piece = i % (DIM / 8), pos = key0 + key;
        bool there = pos <= last;
        size_t from = token_at(a.paging, blocks, kv_head, there ? pos : last) + (size_t)piece * 8;
        int to = key * (DIM + PAD) + piece * 8;
        copy_async(k_tile + to, a.k + from, there);
        copy_async(v_tile + to, a.v + from, there);
    }
    copy_async_close();
    copy_async_wait<0>();
}

template <int DIM>
static __global__ void __launch_bounds__(MANY_THREADS) many_rows(attention_args a)
{
    extern __shared__ uint4 tiles[];
    __half *k_tile = (__half *)tiles, *v_tile = k_tile + TILE_KEYS * (DIM + PAD);
    int head = (int)blockIdx.y, kv_head = head / (a.n_heads / a.paging.n_kv_heads), seq, row0;
    int g = lane_id() / 4, t = lane_id() % 4;

    let_next_start();
    wait_for_others();
    if (!find_tile(a.batch, (int)(gridDim.x - 1 - blockIdx.x), &seq, &row0)) /* longest first */
        return;
    const int32_t *blocks = blocks_of(a.batch, seq);
    int end = min(row0 + TILE_ROWS, a.batch.seq_row[seq + 1]);
    int row[2], pos[2];
    unsigned q[DIM / 16][4];
    for (int i = 0; i < 2; i++) {
        row[i] = row0 + warp_id() * 16 + g + 8 * i;
        pos[i] = row[i] < end ? a.batch.row_pos[row[i]] : -1; /* sees nothing */
        const __half *from =
            a.q + (size_t)min(row[i], end - 1) * (size_t)a.stride + (size_t)(head * DIM) + 2 * t;
        for (int s = 0; s < DIM / 16; s++) {
            q[s][i] = *(const unsigned *)(from + s * 16);
            q[s][i + 2] = *(const unsigned *)(from + s * 16 + 8);
        }
    }

    float acc[DIM / 8][4] = {}, m[2] = {-INFINITY, -INFINITY}, l[2] = {0, 0};
    int last = a.batch.row_pos[end - 1], first = first_seen(a, a.batch.row_pos[row0]);
    for (int key0 = first / TILE_KEYS * TILE_KEYS; key0 <= last; key0 += TILE_KEYS) {
        __syncthreads();
        load_tile<DIM>(k_tile, v_tile, a, blocks, kv_head, key0, last);
        __syncthreads();
        float s[TILE_KEYS / 8][4] = {};
        for (int j = 0; j < TILE_KEYS / 8; j++)
#pragma unroll
            for (int d = 0; d < DIM / 16; d++) {
                const __half *key = k_tile + (j * 8 + g) * (DIM + PAD) + d * 16 + 2 * t;
                mma_f16(s[j], q[d], *(const unsigned *)key, *(const unsigned *)(key + 8));
            }
        for (int i = 0; i < 2; i++) {
            float top = m[i];
            for (int j = 0; j < TILE_KEYS / 8; j++)
                for (int c = 0; c < 2; c++) {
                    int key = key0 + j * 8 + 2 * t + c;
                    bool seen = key <= pos[i] && key >= first_seen(a, pos[i]);
                    float *score = &s[j][2 * i + c];
                    *score = seen ? *score * a.scale : -INFINITY;
                    top = fmaxf(top, *score);
                }
            top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 1));
            top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 2));
            float base = top == -INFINITY ? 0 : top, keep = exp2f(m[i] - base), sum = 0;
            for (int j = 0; j < TILE_KEYS / 8; j++)
                for (int c = 0; c < 2; c++) {
                    s[j][2 * i + c] = exp2f(s[j][2 * i + c] - base);
                    sum += s[j][2 * i + c];
                }
            l[i] = l[i] * keep + sum;
            m[i] = top;
            for (int d = 0; d < DIM / 8; d++) {
                acc[d][2 * i] *= keep;
                acc[d][2 * i + 1] *= keep;
            }
        }
        for (int j = 0; j < TILE_KEYS / 16; j++) {
            unsigned p[4] = {pack_halves(s[2 * j][0], s[2 * j][1]),
                             pack_halves(s[2 * j][2], s[2 * j][3]),
                             pack_halves(s[2 * j + 1][0], s[2 * j + 1][1]),
                             pack_halves(s[2 * j + 1][2], s[2 * j + 1][3])};
#pragma unroll
            for (int d = 0; d < DIM / 16; d++) {
                unsigned b[4];
                load_transposed(b, v_tile + (j * 16 + lane_id() % 16) * (DIM + PAD) + d * 16 +
                                       lane_id() / 16 * 8);
                mma_f16(acc[2 * d], p, b[0], b[1]);
                mma_f16(acc[2 * d + 1], p, b[2], b[3]);
            }
        }
    }
    for (int i = 0; i < 2; i++) {
        float all = l[i] + __shfl_xor_sync(0xffffffffu, l[i], 1);
        all += __shfl_xor_sync(0xffffffffu, all, 2);
        if (row[i] >= end)
            continue;
        __half *out = a.out + ((size_t)row[i] * (size_t)a.n_heads + (size_t)head) * DIM + 2 * t;
        for (int d = 0; d < DIM / 8; d++)
            *(__half2 *)(out + d * 8) =
                __floats2half2_rn(acc[d][2 * i] / all, acc[d][2 * i + 1] / all);
    }
}

template <int DIM> static void launch_many(qgk_ctx *ctx, const attention_args &a)
{
    const int bytes = 2 * TILE_KEYS * (DIM + PAD) * (int)sizeof(__half);
    /* no more tiles than this, however the rows are dealt out among the sequences */
    dim3 grid((unsigned)(a.batch.n_rows / TILE_ROWS + a.batch.n_seqs), (unsigned)a.n_heads);

    if (bytes > 48 << 10)
        cudaFuncSetAttribute(many_rows<DIM>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
    qgk_launch(ctx, "attention", many_rows<DIM>, grid, MANY_THREADS, (size_t)bytes, a);
}

static void attention(qgk_ctx *ctx, qgk_act *out, const qgk_act *q, int stride, const qgk_kv *kv,
                      const qgk_batch *batch, int n_heads, float scale, int window)
{
    attention_args a = {};

    if (batch->n_rows == 0)
        return;
    a.out = (__half *)out;
    a.q = (const __half *)q;
    a.k = (const __half *)kv->k;
    a.v = (const __half *)kv->v;
    a.stride = stride;
    a.n_heads = n_heads;
    a.paging = paging_of(kv);
    a.window = window;
    a.scale = scale * 1.44269504088896341f;
    a.parts = (float *)ctx->scratch;
    a.batch = *batch;
    bool many = batch->n_rows >= MANY_LEAST * batch->n_seqs && stride % 8 == 0;
    switch (many ? kv->head_dim : 0) {
    case 64:
        launch_many<64>(ctx, a);
        break;
    case 80:
        launch_many<80>(ctx, a);
        break;
    case 96:
        launch_many<96>(ctx, a);
        break;
    case 128:
        launch_many<128>(ctx, a);
        break;
    case 256:
        launch_many<256>(ctx, a);
        break;
    default:
        launch_few(ctx, a);
    }
}

extern "C" void qgk_attention_cuda(qgk_table *t)
{
    t->kv_append = kv_append;
    t->attention = attention;
}
