/* The truth of the engine's tests, itself held against vectors that Hugging Face transformers made,
 * and the folders that tests run on. The forward pass is written from the paper (Touvron et al.
 * 2023), one position after the other over arrays of doubles; nothing here calls engine or kernels.
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

static double *get_in_layer(const model *m, int layer, const char *name)
{
    return get(m, qg_arena_format(m->arena, "model.layers.%d.%s", layer, name));
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

static void normalize(double *y, const double *x, const double *w, int n, double eps)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += x[i] * x[i];
    for (int i = 0; i < n; i++)
        y[i] = x[i] / sqrt(sum / n + eps) * w[i];
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

/* x [n][hidden] += o(attention) of a whole sequence */
static void attend(const model *m, int layer, double *x, int n)
{
    const qg_model_config *c = &m->c;
    int hidden = c->hidden_size, d = c->head_dim, nq = c->n_heads * d, nkv = c->n_kv_heads * d;
    const char *names[] = {"q", "k", "v", "o"};
    double *w[4], *b[4], *norm = get_in_layer(m, layer, "input_layernorm.weight");
    double *h = QG_NEW_N(m->arena, double, (size_t)hidden),
           *p = QG_NEW_N(m->arena, double, (size_t)n);
    double *q = QG_NEW_N(m->arena, double, (size_t)(n * nq)),
           *mixed = QG_NEW_N(m->arena, double, (size_t)nq);
    double *k = QG_NEW_N(m->arena, double, (size_t)(n * nkv)),
           *v = QG_NEW_N(m->arena, double, (size_t)(n * nkv));

    for (int i = 0; i < 4; i++) {
        w[i] =
            get_in_layer(m, layer, qg_arena_format(m->arena, "self_attn.%s_proj.weight", names[i]));
        b[i] =
            get_in_layer(m, layer, qg_arena_format(m->arena, "self_attn.%s_proj.bias", names[i]));
    }
    for (int t = 0; t < n; t++) {
        normalize(h, x + t * hidden, norm, hidden, c->norm_eps);
        affine(q + t * nq, w[0], b[0], h, nq, hidden);
        affine(k + t * nkv, w[1], b[1], h, nkv, hidden);
        affine(v + t * nkv, w[2], b[2], h, nkv, hidden);
        for (int i = 0; i < c->n_heads; i++)
            rotate(m, q + t * nq + i * d, t);
        for (int i = 0; i < c->n_kv_heads; i++)
            rotate(m, k + t * nkv + i * d, t);
    }
    for (int t = 0; t < n; t++) {
        memset(mixed, 0, (size_t)nq * sizeof *mixed);
        for (int head = 0; head < c->n_heads; head++) {
            int from = head / (c->n_heads / c->n_kv_heads) * d;
            for (int s = 0; s <= t; s++) {
                p[s] = 0;
                for (int i = 0; i < d; i++)
                    p[s] += q[t * nq + head * d + i] * k[s * nkv + from + i] / sqrt(d);
            }
            reference_log_softmax(p, t + 1);
            for (int s = 0; s <= t; s++)
                for (int i = 0; i < d; i++)
                    mixed[head * d + i] += exp(p[s]) * v[s * nkv + from + i];
        }
        affine(h, w[3], b[3], mixed, hidden, nq);
        for (int i = 0; i < hidden; i++)
            x[t * hidden + i] += h[i];
    }
}

static void feed_forward(const model *m, int layer, double *x, int n)
{
    int hidden = m->c.hidden_size, ffn = m->c.intermediate_size;
    double *norm = get_in_layer(m, layer, "post_attention_layernorm.weight");
    double *gate = get_in_layer(m, layer, "mlp.gate_proj.weight");
    double *up = get_in_layer(m, layer, "mlp.up_proj.weight");
    double *down = get_in_layer(m, layer, "mlp.down_proj.weight");
    double *h = QG_NEW_N(m->arena, double, (size_t)hidden);
    double *g = QG_NEW_N(m->arena, double, (size_t)ffn),
           *u = QG_NEW_N(m->arena, double, (size_t)ffn);

    for (int t = 0; t < n; t++) {
        normalize(h, x + t * hidden, norm, hidden, m->c.norm_eps);
        affine(g, gate, get_in_layer(m, layer, "mlp.gate_proj.bias"), h, ffn, hidden);
        affine(u, up, get_in_layer(m, layer, "mlp.up_proj.bias"), h, ffn, hidden);
        for (int i = 0; i < ffn; i++)
            g[i] = g[i] / (1 + exp(-g[i])) * u[i];
        affine(h, down, get_in_layer(m, layer, "mlp.down_proj.bias"), g, hidden, ffn);
        for (int i = 0; i < hidden; i++)
            x[t * hidden + i] += h[i];
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
    const char *families[] = {"llama", NULL};

    MUST(qg_config_read(&m.c, on, folder, families, &must_err));
    MUST(qg_checkpoint_open(&m.checkpoint, on, folder, &must_err));
    int hidden = m.c.hidden_size, vocabulary = m.c.vocab_size;
    double *embed = get(&m, "model.embed_tokens.weight");
    double *head = m.c.tie_word_embeddings ? embed : get(&m, "lm_head.weight");
    double *x = QG_NEW_N(on, double, (size_t)(n * hidden)),
           *h = QG_NEW_N(on, double, (size_t)hidden);
    double *logits = QG_NEW_N(on, double, (size_t)(n * vocabulary));

    for (int t = 0; t < n; t++)
        memcpy(x + t * hidden, embed + ids[t] * hidden, (size_t)hidden * sizeof *x);
    for (int i = 0; i < m.c.n_layers; i++) {
        attend(&m, i, x, n);
        feed_forward(&m, i, x, n);
    }
    for (int t = 0; t < n; t++) {
        normalize(h, x + t * hidden, get(&m, "model.norm.weight"), hidden, m.c.norm_eps);
        affine(logits + t * vocabulary, head, NULL, h, vocabulary, hidden);
    }
    return logits;
}

/* ---- the truth of the truth ---- */

/* The committed folders, without their tokenizers' texts: ids and log-probabilities are enough. */
static const char *const folders[] = {"two-f16-gqa",     "two-f16-bias",   "two-f16-shards",
                                      "two-bf16-linear", "two-f32-llama3", "two-mixed"};

static void compare_prompt(const char *folder, const qg_json *prompt, double *worst)
{
    const qg_json *ids_node = qg_json_get(prompt, "ids"), *given = qg_json_get(prompt, "logprob");
    int n = (int)qg_json_len(ids_node), n_logits = 0;
    int32_t *ids = QG_NEW_N(arena, int32_t, (size_t)n);
    qg_model_config c;
    const char *families[] = {"llama", NULL};

    MUST(qg_config_read(&c, arena, folder, families, &must_err));
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
