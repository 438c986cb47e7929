/* The door to the kernels: one table of operations that every tier (ref, avx2, ..., cuda) fills.
 *
 * Activations (qgk_act) are opaque buffers in the backend's own type: float32 on the CPU, FP16 on
 * CUDA; qgk_act_at() steps through them. Positions, lengths and block tables are int32 arrays in
 * backend memory: the host reads nothing between two kernels of a step. Vectors (norm weights,
 * biases, rotary tables) are float32 in backend memory everywhere. Shapes stand row-major in
 * brackets.
 *
 * Kernels return nothing. The caller has checked shapes; impossible arguments are asserts. On the
 * CPU every output element is computed by one thread in one fixed order, whatever the number of
 * rows, so results are the same bits for any batch and any thread count on a given tier. A launch
 * that fails sets ctx->failed.
 *
 * qgk_table_init() fills in the references and lets the tiers that `features` allow override them,
 * so a missing kernel is slow, never wrong. The portable tier stands over all of them where it is
 * asked for.
 */
#ifndef QGK_H
#define QGK_H

#include "kernels/linear/linear.h"
#include "kernels/qgk_types.h"

typedef struct qgk_act qgk_act; /* never defined: a pointer to the first element */

/* Large products on a device, by a library that the backend opened. 0: started. */
typedef struct qgk_blas {
    void *handle;
    /* out [m][ldo] = x [m][k] w [n][k]^T of halves, sums in float32; out halves, or float32 where
     * f32_out. Rows of x and w start at multiples of 16 bytes. */
    int (*f16)(void *handle, void *out, int ldo, int f32_out, const void *x, const void *w, int m,
               int n, int k);
    /* The same of 8-bit integers, exact; out is int32. n, k and ldo are multiples of 16. */
    int (*i8)(void *handle, int32_t *out, int ldo, const int8_t *x, const int8_t *w, int m, int n,
              int k);
} qgk_blas;

typedef struct qgk_ctx {
    const struct qgk_table *table;
    int n_threads; /* CPU threads of a kernel */
    void *scratch; /* at least table->scratch_bytes(limits) bytes, 64-byte aligned */
    size_t scratch_bytes;
    void *stream;         /* CUDA */
    const qgk_blas *blas; /* CUDA */
    int capability;       /* CUDA: of the GPU, 90 for 9.0 */
    const char *failed;   /* the first kernel that could not be launched, or NULL; sticky */
} qgk_ctx;

/* The largest shapes that a context will see: what scratch is sized for. */
typedef struct qgk_limits {
    int n_threads, max_rows, max_seqs, max_k, max_n, max_len, n_heads, head_dim;
    unsigned formats; /* bit f: weights of qgk_format f are multiplied */
} qgk_limits;

/* The rows of one forward pass: rows of a sequence stand together, in order of position. All arrays
 * in backend memory. */
typedef struct qgk_batch {
    int n_rows, n_seqs;
    const int32_t *row_seq;     /* [n_rows] which sequence                                     */
    const int32_t *row_pos;     /* [n_rows] position in its sequence, from 0                   */
    const int32_t *seq_row;     /* [n_seqs + 1] first row of each sequence                     */
    const int32_t *seq_len;     /* [n_seqs] tokens in the cache once these rows are appended   */
    const int32_t *block_table; /* [n_seqs][table_stride] blocks of each sequence, in order    */
    int table_stride;
} qgk_batch;

/* The cache of one layer in pages: k and v are [n_blocks][n_kv_heads][block_tokens][head_dim]
 * activations. Token t of a sequence lies in block block_table[seq][t / block_tokens] at slot t %
 * block_tokens. */
typedef struct qgk_kv {
    qgk_act *k, *v;
    int n_kv_heads, head_dim, block_tokens;
} qgk_kv;

/* What two rows of logits say of what comes next. Logarithms are natural. */
typedef struct qgk_comparison {
    int32_t best, reference_best;      /* index of the largest, the lower one of equals        */
    double logprob, reference_logprob; /* of the token that came                               */
    double kl;                         /* KL(reference || row) over all columns, at least 0    */
} qgk_comparison;

/* The products of one weight format. */
typedef struct qgk_linear {
    /* Whether the tier multiplies canonical rows as they are, so that mapped weights need no copy.
     */
    int in_place;
    /* Bytes of a packed segment of shape s; `pack` writes rows row0 .. of it from a canonical
     * strip. Strips start at multiples of 64 rows and only the last is of another length, so that
     * several threads may pack strips of one segment. */
    size_t (*packed_bytes)(qgk_shape s);
    void (*pack)(void *packed, qgk_shape s, const qgk_canon *rows, int row0);
    /* out [rows][N] = x [rows][K] W^T + bias in the columns of w's segments. out is float32 where
     * f32_out (logits), else activations. */
    void (*product)(qgk_ctx *ctx, void *out, const qgk_act *x, const qgk_weight *w, int rows,
                    int f32_out);
} qgk_linear;

typedef struct qgk_table {
    const char *tier; /* the highest tier that filled something in: "ref", "avx2", ... */
    int act_bytes;    /* bytes of one activation */
    int max_head_dim; /* of attention; 0: any */
    size_t (*scratch_bytes)(const qgk_limits *limits);

    qgk_linear linear[QGK_N_FORMATS];

    /* out [rows][cols] = table [vocabulary][cols] (qgk_half) at ids [rows] */
    void (*embed)(qgk_ctx *ctx, qgk_act *out, const qgk_half *table, const int32_t *ids, int rows,
                  int cols);
    /* x [rows][cols] += table [.][cols] (qgk_half) at ids [rows]: learned positions */
    void (*embed_add)(qgk_ctx *ctx, qgk_act *x, const qgk_half *table, const int32_t *ids, int rows,
                      int cols);
    /* out [rows][cols] = x / sqrt(mean(x^2) + eps) * w [cols]   (Zhang and Sennrich 2019) */
    void (*rmsnorm)(qgk_ctx *ctx, qgk_act *out, const qgk_act *x, const float *w, int rows,
                    int cols, float eps);
    /* x [count] += y [count] */
    void (*add)(qgk_ctx *ctx, qgk_act *x, const qgk_act *y, size_t count);
    /* x += y, then out = rmsnorm(x): fused, by default the composition */
    void (*add_rmsnorm)(qgk_ctx *ctx, qgk_act *out, qgk_act *x, const qgk_act *y, const float *w,
                        int rows, int cols, float eps);
    /* out [rows][cols] = (x - mean) / sqrt(mean((x - mean)^2) + eps) * w [cols] + b [cols]   (Ba et
     * al. 2016); out may be x */
    void (*layernorm)(qgk_ctx *ctx, qgk_act *out, const qgk_act *x, const float *w, const float *b,
                      int rows, int cols, float eps);
    /* x += y, then out = layernorm(x): fused, by default the composition; out may be x */
    void (*add_layernorm)(qgk_ctx *ctx, qgk_act *out, qgk_act *x, const qgk_act *y, const float *w,
                          const float *b, int rows, int cols, float eps);
    /* Rotates x [rows][stride] in place: `heads` heads of head_dim from the start of each row,
     * element i with i + head_dim/2 (the "rotate half" order of Hugging Face checkpoints; Su et al.
     * 2021). cos_sin [max_len][head_dim]: head_dim/2 cosines, then head_dim/2 sines, of each
     * position. */
    void (*rope)(qgk_ctx *ctx, qgk_act *x, int stride, const float *cos_sin, const int32_t *row_pos,
                 int rows, int heads, int head_dim);
    /* Appends k, v [rows][stride] (n_kv_heads * head_dim from the start of each row) to the cache.
     */
    void (*kv_append)(qgk_ctx *ctx, const qgk_kv *kv, const qgk_act *k, const qgk_act *v,
                      int stride, const qgk_batch *batch);
    /* Rotates q and k of qkv [rows][stride] (n_heads heads, then kv's, then the values) and appends
     * k and v: fused, by default the composition. The keys in qkv may stay as they were. */
    void (*rope_append)(qgk_ctx *ctx, const qgk_kv *kv, qgk_act *qkv, int stride,
                        const float *cos_sin, const qgk_batch *batch, int n_heads);
    /* out [rows][n_heads * head_dim] = softmax(scale q k^T) v, causal: row r sees positions 0 ..
     * row_pos[r] of its sequence, at most the last `window` of them where window > 0. q
     * [rows][stride]. Query head h reads KV head h / (n_heads / n_kv_heads). */
    void (*attention)(qgk_ctx *ctx, qgk_act *out, const qgk_act *q, int stride, const qgk_kv *kv,
                      const qgk_batch *batch, int n_heads, float scale, int window);
    /* out [rows][cols] = silu(gate) * up; gate_up [rows][2 * cols]: gate, then up (Shazeer 2020) */
    void (*swiglu)(qgk_ctx *ctx, qgk_act *out, const qgk_act *gate_up, int rows, int cols);
    /* x [count] = max(x, 0) */
    void (*relu)(qgk_ctx *ctx, qgk_act *x, size_t count);
    /* x [count] *= (1 + erf(x / sqrt(2))) / 2   (Hendrycks and Gimpel 2016) */
    void (*gelu)(qgk_ctx *ctx, qgk_act *x, size_t count);
    /* out [rows][cols] = x [.][cols] at index [rows] */
    void (*gather)(qgk_ctx *ctx, qgk_act *out, const qgk_act *x, const int32_t *index, int rows,
                   int cols);
    /* ids [rows] = index of the largest of logits [rows][cols], ties to the lower index, -1 where a
     * row holds a NaN or an infinity */
    void (*argmax)(qgk_ctx *ctx, int32_t *ids, const float *logits, int rows, int cols);
    /* out [rows] = what each of logits [rows][cols] says of the token next [rows], beside reference
     * [rows][cols] where that is not NULL. All of it on the host, and finite. */
    void (*compare)(qgk_ctx *ctx, qgk_comparison *out, const float *logits, const float *reference,
                    const int32_t *next, int rows, int cols);
    /* For quantizers, never in a forward pass. Sums are in double precision, or in float32 over at
     * most 256 terms that are then added to doubles.
     * gram [k][k], upper triangle (column >= row): += x^T x of x [rows][k] */
    void (*gram)(qgk_ctx *ctx, double *gram, const qgk_act *x, int rows, int k);
    /* out [n] = d g d^T of each row of d [n][k]; g [k][k] is symmetric, both triangles filled */
    void (*gram_energy)(qgk_ctx *ctx, double *out, const float *d, const float *g, int n, int k);
} qgk_table;

static inline qgk_act *qgk_act_at(const qgk_table *t, qgk_act *a, size_t element)
{
    return (qgk_act *)((char *)a + element * (size_t)t->act_bytes);
}

/* CPU features that tiers need, each bit a rung of the ladder. */
enum {
    QGK_CPU_AVX2 = 1 << 0,        /* AVX2, FMA and F16C               */
    QGK_CPU_AVX512 = 1 << 1,      /* AVX-512 F, BW, VL and DQ         */
    QGK_CPU_AVX512_VNNI = 1 << 2, /* its products of 8-bit integers   */
    QGK_CPU_ALL = QGK_CPU_AVX2 | QGK_CPU_AVX512 | QGK_CPU_AVX512_VNNI,
    QGK_PORTABLE = 1 << 3, /* no feature: the tier that gives the same bits everywhere */
};
/* Of this machine, asked once; the operating system must save the registers too. */
unsigned qgk_cpu_features(void);
/* What the tier called "ref", "avx2", "avx512", "portable" or "auto" (all of the ladder) may use;
 * UINT_MAX: unknown name. */
unsigned qgk_features_parse(const char *tier);
/* Fills every slot; features that this CPU lacks are ignored, so that no table can crash it. */
void qgk_table_init(qgk_table *table, unsigned features);
/* Overrides every slot of a forward pass with its CUDA kernel, that of the portable tier where
 * `features` say so; activations are halves then. What is said to be on the host, and what
 * quantizers use, stays. Only in programs built with CUDA. */
void qgk_table_init_cuda(qgk_table *table, unsigned features);

#endif
