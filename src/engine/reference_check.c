/* The truth of the engine's tests, itself held against vectors that Hugging Face transformers made,
 * and the folders that tests run on. The forward pass is written from the papers (Touvron et al.
 * 2023, Zhang et al. 2022), one position after the other over arrays of doubles; nothing here calls
 * engine or kernels.
 */
#include "engine/reference_check.h"

#include "base/file.h"
#include "base/json.h"
#include "checkpoint/config.h"
#include "checkpoint/shards.h"

#include "check_suites.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- folders ---- */

static qg_arena *arena;
static char root[256];

void fixture_begin(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(root, sizeof root, "%s/qg-engine-XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(root));
    arena = qg_arena_create();
    ck_assert_ptr_nonnull(arena);
}

void fixture_end(void)
{
    qg_arena_free(arena);
    qg_dir_remove(root);
}

qg_arena *fixture_arena(void)
{
    return arena;
}

#define MUST(call)                                                                                 \
    do {                                                                                           \
        qg_err must_err = {0};                                                                     \
        char must_text[1024];                                                                      \
        if ((call) != QG_OK)                                                                       \
            ck_abort_msg("%s", qg_err_format(&must_err, must_text, sizeof must_text));             \
    } while (0)

const char *fixture_model(const char *name, const qg_synth_options *options)
{
    const char *folder = qg_path_join(arena, root, name);

    MUST(qg_synth_write(options, folder, &must_err));
    return folder;
}

const char *fixture_path(const char *path)
{
    const char *qg_root = getenv("QG_ROOT");

    return qg_path_join(arena, qg_root ? qg_root : ".", path);
}

void fixture_set(const char *folder, const char *file, const char *key, const char *json)
{
    const char *path = qg_path_join(arena, folder, file);
    const char *quoted = qg_arena_format(arena, "\"%s\":", key);
    qg_buf b;
    qg_str text;

    MUST(qg_file_read(&text, arena, path, 1 << 24, &must_err));
    qg_buf_init(&b, arena);
    const char *at = strstr(text.ptr, quoted);
    if (at) { /* values are scalars, or objects without objects inside */
        const char *end = at + strlen(quoted);
        end += *end == '{' ? strcspn(end, "}") + 1 : strcspn(end, ",}");
        qg_buf_append(&b, text.ptr, (size_t)(at - text.ptr));
        qg_buf_format(&b, "%s%s%s", quoted, json, end);
    } else {
        at = strchr(text.ptr, '{') + 1;
        qg_buf_append(&b, text.ptr, (size_t)(at - text.ptr));
        qg_buf_format(&b, "%s%s,%s", quoted, json, at);
    }
    MUST(qg_file_write(path, qg_buf_view(&b), &must_err));
}

void fixture_tensors(const char *folder, fixture_edit *edit, void *user,
                     const qg_tensor_spec *extra)
{
    const char *path = qg_path_join(arena, folder, "model.safetensors");
    const qg_safetensors *st;
    qg_safetensors_writer *w;
    size_t n = 0, n_bytes;
    qg_tensor_spec specs[256];
    void *data[256];

    MUST(qg_safetensors_open(&st, arena, path, &must_err));
    if (extra) {
        specs[n] = *extra;
        ck_assert(qg_tensor_spec_bytes(extra, &n_bytes));
        data[n++] = qg_arena_alloc(arena, n_bytes);
    }
    for (size_t i = 0; i < qg_safetensors_count(st); i++) {
        const qg_tensor *t = qg_safetensors_at(st, i);
        specs[n] = (qg_tensor_spec){.name = t->name, .dtype = t->dtype, .n_dims = t->n_dims};
        memcpy(specs[n].shape, t->shape, sizeof t->shape);
        data[n] = qg_arena_copy(arena, t->data, t->n_bytes);
        if (edit)
            edit(&specs[n], data[n], user);
        n += specs[n].name != NULL;
    }
    MUST(qg_safetensors_write_begin(&w, arena, path, specs, n, &must_err));
    for (size_t i = 0; i < n; i++) {
        ck_assert(qg_tensor_spec_bytes(&specs[i], &n_bytes));
        MUST(qg_safetensors_write_data(w, data[i], n_bytes, &must_err));
    }
    MUST(qg_safetensors_write_end(w, &must_err));
}

/* Knuth's MMIX generator: enough for test data. */
static double next_number(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 33) * 0x1p-31;
}

static void vary(qg_tensor_spec *spec, void *data, void *user)
{
    double center = strstr(spec->name, "norm") ? 1 : 0;

    for (int64_t i = 0; spec->n_dims == 1 && i < spec->shape[0]; i++) {
        float f = (float)(center + 0.5 * (next_number(user) - 0.5));
        if (spec->dtype == QGK_F32)
            ((float *)data)[i] = f;
        else if (spec->dtype == QGK_F16)
            ((qgk_half *)data)[i] = qgk_half_from_float(f);
        else
            ((qgk_bf16 *)data)[i] = (qgk_bf16)(qgk_bits_from_float(f) >> 16);
    }
}

void fixture_vary_vectors(const char *folder)
{
    uint64_t state = 7;

    fixture_tensors(folder, vary, &state, NULL);
}

int32_t *fixture_ids(int n, int vocabulary, uint32_t seed)
{
    int32_t *ids = QG_NEW_N(arena, int32_t, (size_t)n);
    uint64_t state = seed;

    for (int i = 0; i < n; i++)
        ids[i] = (int32_t)(next_number(&state) * vocabulary);
    return ids;
}

qg_engine *fixture_open(const char *folder, const qg_engine_options *options)
{
    qg_engine *e = NULL;

    MUST(qg_engine_open(&e, arena, folder, options, &must_err));
    return e;
}

/* ---- the truth ---- */

typedef struct model {
    const qg_checkpoint *checkpoint;
    qg_model_config c;
    qg_arena *arena;
} model;

static double half_value(unsigned bits)
{
    int exponent = (int)(bits >> 10 & 31), mantissa = (int)(bits & 1023);
    double v = exponent == 0 ? ldexp(mantissa, -24) : ldexp(mantissa + 1024, exponent - 25);

    return bits & 0x8000 ? -v : v;
}

/* Tensor as doubles, NULL where absent; matrices are rounded to half as the engine's method does.
 */
static double *get(const model *m, const char *name)
{
    const qg_tensor *t = qg_checkpoint_find(m->checkpoint, name);
    double *out = t ? QG_NEW_N(m->arena, double, (size_t)t->n_elements) : NULL;

    for (int64_t i = 0; t && i < t->n_elements; i++) {
        float f;
        uint32_t bits = 0;
        size_t width = t->dtype == QGK_F32 ? 4 : 2;
        memcpy(&bits, (const char *)t->data + (size_t)i * width, width);
        if (t->dtype == QGK_F16) {
            out[i] = half_value(bits);
            continue;
        }
        bits = t->dtype == QGK_BF16 ? bits << 16 : bits;
        memcpy(&f, &bits, sizeof f);
        out[i] = t->n_dims == 1 ? (double)f : half_value(qgk_half_from_float(f));
    }
    return out;
}

/* Names of a family's tensors, as in its paper's code. */
typedef struct names {
    const char *model_type, *top, *embed, *norm; /* top: in front of all but the head */
    const char *o, *attention_norm, *mlp_norm;
} names;

static const names all_names[] = {
    {"opt", "model.decoder.", "embed_tokens", "final_layer_norm", "out_proj",
     "self_attn_layer_norm", "final_layer_norm"},
    {NULL, "model.", "embed_tokens", "norm", "o_proj", "input_layernorm",
     "post_attention_layernorm"}, /* all others */
};

static const names *names_of(const model *m)
{
    const names *n = all_names;

    while (n->model_type && strcmp(n->model_type, m->c.model_type) != 0)
        n++;
    return n;
}

static bool is_opt(const model *m)
{
    return names_of(m)->model_type != NULL;
}

/* In a layer, or with layer -1 outside. */
static double *get_in_layer(const model *m, int layer, const char *name, const char *suffix)
{
    const char *top = names_of(m)->top;

    if (layer < 0)
        return get(m, qg_arena_format(m->arena, "%s%s.%s", top, name, suffix));
    return get(m, qg_arena_format(m->arena, "%slayers.%d.%s.%s", top, layer, name, suffix));
}

/* y [n] = W [n][k] x + b */
static void affine(double *y, const double *w, const double *b, const double *x, int n, int k)
{
    for (int i = 0; i < n; i++) {
        y[i] = b ? b[i] : 0;
        for (int j = 0; j < k; j++)
            y[i] += w[(size_t)i * (size_t)k + (size_t)j] * x[j];
    }
}

/* One row: LayerNorm for OPT, else the root mean square. Without weights w and b are NULL. */
static void normalize(const model *m, double *y, const double *x, const double *w, const double *b)
{
    int n = m->c.hidden_size;
    double mean = 0, sum = 0;

    for (int i = 0; is_opt(m) && i < n; i++)
        mean += x[i] / n;
    for (int i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    for (int i = 0; i < n; i++)
        y[i] = (x[i] - mean) / sqrt(sum / n + m->c.norm_eps) * (w ? w[i] : 1) + (b ? b[i] : 0);
}

/* y [n][hidden] = norm of x [n][hidden]; y may be x */
static void normalize_all(const model *m, double *y, const double *x, int layer, const char *name,
                          int n)
{
    double *w = get_in_layer(m, layer, name, "weight"), *b = get_in_layer(m, layer, name, "bias");

    for (int t = 0; t < n; t++)
        normalize(m, y + t * m->c.hidden_size, x + t * m->c.hidden_size, w, b);
}

static double frequency(const qg_rope_config *r, int i, int head_dim)
{
    double f = pow(r->theta, -2.0 * i / head_dim);

    if (r->type == QG_ROPE_LINEAR)
        return f / r->factor;
    if (r->type != QG_ROPE_LLAMA3)
        return f;
    double turns = (double)r->original_max_positions * f / (2 * M_PI); /* in the old context */
    if (turns < r->low_freq_factor)
        return f / r->factor;
    if (turns > r->high_freq_factor)
        return f;
    double s = (turns - r->low_freq_factor) / (r->high_freq_factor - r->low_freq_factor);
    return s * f + (1 - s) * f / r->factor;
}

static void rotate(const model *m, double *head, int position)
{
    int d = m->c.head_dim;

    for (int i = 0; i < d / 2; i++) {
        double a = position * frequency(&m->c.rope, i, d), x = head[i], y = head[i + d / 2];
        head[i] = x * cos(a) - y * sin(a);
        head[i + d / 2] = y * cos(a) + x * sin(a);
    }
}

/* mixed [n][nq] = attention of a whole sequence over q [n][nq], k, v [n][nkv] */
static void mix(const model *m, double *mixed, const double *q, const double *k, const double *v,
                int n, int window)
{
    const qg_model_config *c = &m->c;
    int d = c->head_dim, nq = c->n_heads * d, nkv = c->n_kv_heads * d;
    double *p = QG_NEW_N(m->arena, double, (size_t)n);

    memset(mixed, 0, (size_t)(n * nq) * sizeof *mixed);
    for (int t = 0; t < n; t++)
        for (int head = 0; head < c->n_heads; head++) {
            int from = head / (c->n_heads / c->n_kv_heads) * d;
            int first = window > 0 && t >= window ? t - window + 1 : 0;
            for (int s = first; s <= t; s++) {
                p[s] = 0;
                for (int i = 0; i < d; i++)
                    p[s] += q[t * nq + head * d + i] * k[s * nkv + from + i] / sqrt(d);
            }
            reference_log_softmax(p + first, t + 1 - first);
            for (int s = first; s <= t; s++)
                for (int i = 0; i < d; i++)
                    mixed[t * nq + head * d + i] += exp(p[s]) * v[s * nkv + from + i];
        }
}

/* out [n][hidden] = o(attention(x [n][hidden])) */
static void attend(const model *m, int layer, double *out, const double *x, int n)
{
    const qg_model_config *c = &m->c;
    int hidden = c->hidden_size, d = c->head_dim;
    int width[] = {c->n_heads * d, c->n_kv_heads * d, c->n_kv_heads * d};
    const char *linears[] = {"q_proj", "k_proj", "v_proj", names_of(m)->o};
    double *w[4], *b[4], *y[4];

    for (int i = 0; i < 4; i++) {
        const char *name = qg_arena_format(m->arena, "self_attn.%s", linears[i]);
        w[i] = get_in_layer(m, layer, name, "weight");
        b[i] = get_in_layer(m, layer, name, "bias");
        y[i] = QG_NEW_N(m->arena, double, (size_t)(n * width[i % 3]));
    }
    for (int i = 0; i < 3; i++)
        for (int t = 0; t < n; t++) {
            affine(y[i] + t * width[i], w[i], b[i], x + t * hidden, width[i], hidden);
            for (int at = 0; i < 2 && !is_opt(m) && at < width[i]; at += d)
                rotate(m, y[i] + t * width[i] + at, t);
        }
    mix(m, y[3], y[0], y[1], y[2], n, c->is_windowed[layer] ? c->sliding_window : 0);
    for (int t = 0; t < n; t++)
        affine(out + t * hidden, w[3], b[3], y[3] + t * width[0], hidden, width[0]);
}

/* y [n] = the linear called `name` of x [k] */
static void apply(const model *m, int layer, const char *name, double *y, const double *x, int n,
                  int k)
{
    affine(y, get_in_layer(m, layer, name, "weight"), get_in_layer(m, layer, name, "bias"), x, n,
           k);
}

/* out [n][hidden] = the feed-forward block of x [n][hidden] */
static void feed_forward(const model *m, int layer, double *out, const double *x, int n)
{
    int hidden = m->c.hidden_size, ffn = m->c.intermediate_size;
    double *g = QG_NEW_N(m->arena, double, (size_t)ffn),
           *u = QG_NEW_N(m->arena, double, (size_t)ffn);

    for (int t = 0; t < n; t++) {
        const double *in = x + t * hidden;
        qg_arena_mark mark = qg_arena_here(m->arena);
        apply(m, layer, is_opt(m) ? "fc1" : "mlp.gate_proj", g, in, ffn, hidden);
        if (!is_opt(m))
            apply(m, layer, "mlp.up_proj", u, in, ffn, hidden);
        for (int i = 0; i < ffn; i++)
            g[i] = !is_opt(m)                             ? g[i] / (1 + exp(-g[i])) * u[i]
                   : strcmp(m->c.hidden_act, "gelu") == 0 ? g[i] * erfc(-g[i] / sqrt(2)) / 2
                                                          : fmax(g[i], 0);
        apply(m, layer, is_opt(m) ? "fc2" : "mlp.down_proj", out + t * hidden, g, hidden, ffn);
        qg_arena_rewind(m->arena, mark);
    }
}

/* x [n][hidden] through a layer; h and d are scratch of that size */
static void run_layer(const model *m, int layer, double *x, double *h, double *d, int n)
{
    const char *norms[] = {names_of(m)->attention_norm, names_of(m)->mlp_norm};
    void (*const blocks[])(const model *, int, double *, const double *, int) = {attend,
                                                                                 feed_forward};

    for (int i = 0; i < 2; i++) {
        if (!m->c.post_norm)
            normalize_all(m, h, x, layer, norms[i], n);
        blocks[i](m, layer, d, m->c.post_norm ? x : h, n);
        for (int j = 0; j < n * m->c.hidden_size; j++)
            x[j] += d[j];
        if (m->c.post_norm)
            normalize_all(m, x, x, layer, norms[i], n);
    }
}

/* x [n][hidden] of the ids */
static void embed_ids(const model *m, double *x, const double *embed, const int32_t *ids, int n)
{
    int hidden = m->c.hidden_size, width = m->c.embed_size;
    double *positions = get_in_layer(m, -1, "embed_positions", "weight");

    for (int t = 0; t < n; t++) {
        const double *row = embed + ids[t] * width;
        if (width == hidden)
            memcpy(x + t * hidden, row, (size_t)hidden * sizeof *x);
        else
            apply(m, -1, "project_in", x + t * hidden, row, hidden, width);
        for (int i = 0; positions && i < hidden; i++)
            x[t * hidden + i] += positions[(t + 2) * hidden + i];
    }
}

void reference_log_softmax(double *row, int n)
{
    double max = row[0], sum = 0;

    for (int i = 1; i < n; i++)
        max = fmax(max, row[i]);
    for (int i = 0; i < n; i++)
        sum += exp(row[i] - max);
    for (int i = 0; i < n; i++)
        row[i] -= max + log(sum);
}

double *reference_logits(qg_arena *on, const char *folder, const int32_t *ids, int n)
{
    model m = {.arena = on};

    MUST(qg_config_read(&m.c, on, folder, NULL, &must_err));
    MUST(qg_checkpoint_open(&m.checkpoint, on, folder, &must_err));
    int hidden = m.c.hidden_size, vocabulary = m.c.vocab_size, width = m.c.embed_size;
    double *embed = get_in_layer(&m, -1, names_of(&m)->embed, "weight");
    double *head = m.c.tie_word_embeddings ? embed : get(&m, "lm_head.weight");
    double *x = QG_NEW_N(on, double, (size_t)(n * hidden)),
           *h = QG_NEW_N(on, double, (size_t)(n * hidden)),
           *d = QG_NEW_N(on, double, (size_t)(n * (hidden + width)));
    double *logits = QG_NEW_N(on, double, (size_t)(n * vocabulary));

    embed_ids(&m, x, embed, ids, n);
    for (int i = 0; i < m.c.n_layers; i++)
        run_layer(&m, i, x, h, d, n);
    if (!m.c.no_final_norm)
        normalize_all(&m, x, x, -1, names_of(&m)->norm, n);
    for (int t = 0; t < n; t++) {
        const double *row = x + t * hidden;
        if (width != hidden) {
            apply(&m, -1, "project_out", d, row, width, hidden);
            row = d;
        }
        affine(logits + t * vocabulary, head, NULL, row, vocabulary, width);
    }
    return logits;
}

/* ---- the truth of the truth ---- */

/* The committed folders, without their tokenizers' texts: ids and log-probabilities are enough. */
static const char *const folders[] = {"two-f16-gqa",        "two-f16-bias",      "two-f16-shards",
                                      "two-bf16-linear",    "two-f32-llama3",    "two-mixed",
                                      "two-mistral-window", "two-qwen2-untied",  "two-qwen2-tied",
                                      "two-opt-pre",        "two-opt-post-proj", "two-opt-no-bias"};

static void compare_prompt(const char *folder, const qg_json *prompt, double *worst)
{
    const qg_json *ids_node = qg_json_get(prompt, "ids"), *given = qg_json_get(prompt, "logprob");
    int n = (int)qg_json_len(ids_node), n_logits = 0;
    int32_t *ids = QG_NEW_N(arena, int32_t, (size_t)n);
    qg_model_config c;

    MUST(qg_config_read(&c, arena, folder, NULL, &must_err));
    for (int i = 0; i < n; i++) {
        int64_t id = 0;
        ck_assert(qg_json_int(qg_json_at(ids_node, (size_t)i), &id));
        ids[i] = (int32_t)id;
    }
    n_logits = n < 60 ? n : 60; /* the rest is for the engine: doubles are slow */
    double *logits = reference_logits(arena, folder, ids, n_logits);
    for (int i = 1; i < n_logits; i++) {
        double want = 0, *row = logits + (i - 1) * c.vocab_size;
        ck_assert(qg_json_real(qg_json_at(given, (size_t)i), &want));
        reference_log_softmax(row, c.vocab_size);
        *worst = fmax(*worst, fabs(row[ids[i]] - want));
    }
}

START_TEST(the_reference_agrees_with_transformers)
{
    const char *base = fixture_path("golden/vectors/fp16");
    const char *folder = qg_path_join(arena, base, folders[_i]);
    qg_str text, line;
    double worst = 0;

    MUST(
        qg_file_read(&text, arena, qg_arena_format(arena, "%s.jsonl", folder), 1 << 24, &must_err));
    qg_str_split(&text, '\n', &line); /* the head */
    while (qg_str_split(&text, '\n', &line) && line.len) {
        const qg_json *prompt;
        MUST(qg_json_parse(&prompt, arena, line, folders[_i], &must_err));
        compare_prompt(folder, prompt, &worst);
    }
    ck_assert_msg(worst < 1e-4, "%s: off by %g", folders[_i], worst);
}
END_TEST

Suite *reference_check(void)
{
    Suite *s = suite_create("reference_check");
    TCase *c = tcase_create("reference");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, fixture_begin, fixture_end);
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, the_reference_agrees_with_transformers, 0,
                        sizeof folders / sizeof *folders);
    return s;
}
