/* Forms on disk, see form.h: one row a form says what it can hold; its bits are the business of the
 * method in kernels/linear. */
#include "quantize/form.h"

#include "quantize/order.h"

#include "build_info.h"

#include <string.h>

enum { BITS_4 = 1, BITS_8 = 2 };

static const struct row {
    const char *name, *weights, *int8; /* methods of float and of 8-bit activations; NULL: none */
    int bits;
    bool whole_rows, act_order;
    int symmetric; /* 1 only, -1 by default not, 0 by default yes */
} forms[] = {
    {"gptq", "gptq", NULL, BITS_4 | BITS_8, false, true, 0},
    {"gptq_v2", "gptq", NULL, BITS_4 | BITS_8, false, true, 0},
    {"awq", "awq", NULL, BITS_4, false, false, -1},
    {"compressed-tensors", "compressed-tensors pack-quantized", "compressed-tensors int-quantized",
     BITS_4 | BITS_8, false, false, 0},
    {"bitsandbytes", "bitsandbytes", NULL, BITS_8, true, false, 1},
};
enum { N_FORMS = sizeof forms / sizeof *forms };

static const struct row *find_row(const char *name)
{
    for (int i = 0; i < N_FORMS; i++)
        if (strcmp(forms[i].name, name) == 0)
            return &forms[i];
    return NULL;
}

static bool wants_int8(const qg_recipe *r)
{
    return r->activations && strcmp(r->activations, "int8") == 0;
}

static qg_status check(const struct row *row, const qg_recipe *r, int bits, qg_err *err)
{
    bool int8 = wants_int8(r);

    if (r->activations && !int8 && strcmp(r->activations, "float") != 0)
        return qg_fail(err, QG_EARG, "activations '%s' are unknown: int8, float are there",
                       r->activations);
    if ((bits != 4 && bits != 8) || !(row->bits & (bits == 4 ? BITS_4 : BITS_8)))
        return qg_fail(err, QG_EARG, "format '%s' holds no %d-bit codes, but %s", row->name, bits,
                       row->bits == BITS_4   ? "4 bit"
                       : row->bits == BITS_8 ? "8 bit"
                                             : "4 and 8 bit");
    if (int8 && (!row->int8 || bits != 8))
        return qg_fail(err, QG_EARG,
                       "8-bit activations need '--format compressed-tensors --bits 8'");
    if ((int8 || row->whole_rows) && r->group_size > 0)
        return qg_fail(err, QG_EARG, "%s has one scale an output: leave the group size out, or -1",
                       int8 ? "W8A8" : row->name);
    if (r->group_size < -1)
        return qg_fail(err, QG_EARG, "a group of %d inputs: expected a size, or -1 for all",
                       r->group_size);
    if ((int8 || row->symmetric == 1) && r->symmetric < 0)
        return qg_fail(err, QG_EARG, "%s has no zero points: leave '--asym' out",
                       int8 ? "W8A8" : row->name);
    if (r->act_order && !row->act_order)
        return qg_fail(err, QG_EARG, "format '%s' has no order of activations, gptq has",
                       row->name);
    return QG_OK;
}

qg_status qg_form_choose(qg_form *out, const qg_recipe *r, qg_err *err)
{
    bool int8 = wants_int8(r);
    /* GPTQModel takes zero points in the first form of its own making alone */
    const char *gptq = r->symmetric < 0 ? "gptq_v2" : "gptq";
    const char *name = r->format ? r->format : r->bits == 8 ? "compressed-tensors" : gptq;
    const struct row *row = find_row(name);

    if (!row)
        return qg_fail(err, QG_EARG,
                       "format '%s' is unknown: gptq, gptq_v2, awq, compressed-tensors, "
                       "bitsandbytes are there",
                       name);
    int bits = r->bits ? r->bits : row->bits == BITS_8 || int8 ? 8 : 4;
    QG_PASS(check(row, r, bits, err));
    int group = r->group_size ? r->group_size : int8 || row->whole_rows ? -1 : 128;
    int symmetric = r->symmetric ? r->symmetric > 0 : row->symmetric >= 0;
    *out = (qg_form){.name = row->name,
                     .storage = {.method = qgk_method_find(int8 ? row->int8 : row->weights),
                                 .config = {.bits = bits,
                                            .group_size = group,
                                            .symmetric = symmetric,
                                            .act_order = r->act_order,
                                            .zeros_less_one = strcmp(row->name, "gptq") == 0,
                                            .float_inputs = bits == 8 && !int8}},
                     .grid = {.bits = bits, .symmetric = symmetric}};
    if (strcmp(row->name, "bitsandbytes") == 0) {
        out->grid.steps = 254;
        out->grid.float_scales = 1;
    }
    if (!out->storage.method)
        return qg_fail(err, QG_ENOSUP, "format '%s' is not built in", name);
    return QG_OK;
}

/* ---- the words of each tool ---- */

static void write_gptq(const qg_form *f, qg_json_writer *w)
{
    const qgk_quant_config *c = &f->storage.config;

    qg_json_put_text(w, "quant_method", "gptq");
    qg_json_put_int(w, "bits", c->bits);
    qg_json_put_int(w, "group_size", c->group_size);
    qg_json_put_bool(w, "sym", c->symmetric);
    qg_json_put_bool(w, "desc_act", c->act_order);
    qg_json_put_text(w, "checkpoint_format", f->name);
    qg_json_put_bool(w, "lm_head", false);
}

static void write_awq(const qg_form *f, qg_json_writer *w)
{
    const qgk_quant_config *c = &f->storage.config;

    qg_json_put_text(w, "quant_method", "awq");
    qg_json_put_int(w, "bits", c->bits);
    qg_json_put_int(w, "group_size", c->group_size);
    qg_json_put_text(w, "version", "gemm");
    qg_json_put_bool(w, "zero_point", true);
    qg_json_write_key(w, "modules_to_not_convert");
    qg_json_write_null(w);
}

/* The scheme of weights or of activations. */
static void write_args(qg_json_writer *w, const char *key, int bits, bool symmetric, int group,
                       bool per_token)
{
    qg_json_write_key(w, key);
    qg_json_write_object(w);
    qg_json_put_int(w, "num_bits", bits);
    qg_json_put_text(w, "type", "int");
    qg_json_put_bool(w, "symmetric", symmetric);
    qg_json_put_text(w, "strategy", per_token ? "token" : group > 0 ? "group" : "channel");
    qg_json_write_key(w, "group_size");
    if (group > 0)
        qg_json_write_int(w, group);
    else
        qg_json_write_null(w);
    qg_json_put_bool(w, "dynamic", per_token);
    qg_json_write_key(w, "actorder");
    qg_json_write_null(w);
    qg_json_write_close(w);
}

static void write_compressed(const qg_form *f, qg_json_writer *w)
{
    const qgk_quant_config *c = &f->storage.config;
    bool int8 = c->bits == 8 && !c->float_inputs;
    const char *format = int8 ? "int-quantized" : "pack-quantized";

    qg_json_put_text(w, "quant_method", "compressed-tensors");
    qg_json_put_text(w, "format", format);
    qg_json_put_text(w, "quantization_status", "compressed");
    qg_json_write_key(w, "config_groups");
    qg_json_write_object(w);
    qg_json_write_key(w, "group_0");
    qg_json_write_object(w);
    qg_json_write_key(w, "targets");
    qg_json_write_array(w);
    qg_json_write_text(w, "Linear");
    qg_json_write_end_array(w);
    write_args(w, "weights", c->bits, c->symmetric, c->group_size, false);
    if (int8)
        write_args(w, "input_activations", 8, true, 0, true);
    qg_json_put_text(w, "format", format);
    qg_json_write_close(w);
    qg_json_write_close(w);
    qg_json_write_key(w, "ignore");
    qg_json_write_array(w);
    qg_json_write_text(w, "lm_head");
    qg_json_write_end_array(w);
}

static void write_bitsandbytes(qg_json_writer *w)
{
    qg_json_put_text(w, "quant_method", "bitsandbytes");
    qg_json_put_bool(w, "load_in_8bit", true);
    qg_json_put_bool(w, "load_in_4bit", false);
    qg_json_put_real(w, "llm_int8_threshold", 6);
    qg_json_write_key(w, "llm_int8_skip_modules");
    qg_json_write_array(w);
    qg_json_write_text(w, "lm_head");
    qg_json_write_end_array(w);
}

void qg_form_write_config(const qg_form *f, qg_json_writer *w)
{
    qg_json_write_object(w);
    if (strncmp(f->name, "gptq", 4) == 0)
        write_gptq(f, w);
    else if (strcmp(f->name, "awq") == 0)
        write_awq(f, w);
    else if (strcmp(f->name, "bitsandbytes") == 0)
        write_bitsandbytes(w);
    else
        write_compressed(f, w);
    qg_json_write_close(w);
}

/* ---- tensors ---- */

/* Whether this form has the part: what is optional is written where a reader needs it. */
static bool has_part(const qg_form *f, const qgk_part *part)
{
    if (!part->optional || strcmp(part->suffix, "g_idx") == 0 ||
        strcmp(part->suffix, "weight_shape") == 0 || strcmp(part->suffix, "weight_format") == 0)
        return true;
    return strcmp(part->suffix, "weight_zero_point") == 0 && !f->storage.config.symmetric;
}

/* Float16 where it may be, else the first that is accepted. */
static qgk_dtype dtype_of(const qgk_part *part)
{
    int d = 0;

    if (part->dtypes >> QGK_F16 & 1)
        return QGK_F16;
    while (!(part->dtypes >> d & 1))
        d++;
    return (qgk_dtype)d;
}

/* The part of a linear of this shape, without a name. */
static qg_tensor_spec spec_of(const qgk_part *part, qgk_shape s)
{
    qg_tensor_spec spec = {.dtype = dtype_of(part)};

    for (; spec.n_dims < 2 && part->shape[spec.n_dims] != QGK_DIM_NONE; spec.n_dims++)
        spec.shape[spec.n_dims] = qgk_dim_of(part->shape[spec.n_dims], s);
    return spec;
}

qg_status qg_form_specs(const qg_form *f, qg_tensor_spec *specs, size_t *n_specs, qg_arena *arena,
                        const char *name, int n, int k, qg_err *err)
{
    qgk_shape s;

    *n_specs = 0;
    QG_PASS(qg_storage_shape(&s, &f->storage, name, n, k, err));
    for (const qgk_part *part = f->storage.method->parts; part->suffix; part++) {
        if (!has_part(f, part))
            continue;
        qg_tensor_spec *spec = &specs[(*n_specs)++];
        *spec = spec_of(part, s);
        spec->name = qg_arena_format(arena, "%s.%s", name, part->suffix);
        QG_NEED(spec->name, err);
    }
    return QG_OK;
}

qg_status qg_form_canon(const qg_form *f, qgk_canon *out, qg_arena *arena, int n, int k,
                        qg_err *err)
{
    const qgk_quant_config *c = &f->storage.config;
    int group = c->group_size < 0 ? k : c->group_size;
    size_t groups = (size_t)n * (size_t)(k / group);

    *out = (qgk_canon){.format = f->storage.method->format(c), .n_rows = n, .k = k, .group = group};
    out->codes = qg_arena_array(arena, (size_t)n, (size_t)k);
    out->scales = QG_NEW_N(arena, float, groups);
    out->zeros = QG_NEW_N(arena, uint8_t, groups);
    QG_NEED(out->codes && out->scales && out->zeros, err);
    return QG_OK;
}

qg_status qg_form_encode(const qg_form *f, qg_form_data *out, const qgk_canon *rows,
                         const int32_t *order, qg_arena *arena, qg_err *err)
{
    const qgk_method *m = f->storage.method;
    qgk_shape s = {rows->n_rows, rows->k, rows->group, f->storage.config.bits};
    void *part[QGK_MAX_PARTS] = {0}; /* as the method counts them, absent ones too */
    qgk_dtype dtype[QGK_MAX_PARTS] = {0};

    out->n = 0;
    for (int i = 0; m->parts[i].suffix; i++) {
        qg_tensor_spec spec = spec_of(&m->parts[i], s);
        size_t n_bytes;
        dtype[i] = spec.dtype;
        if (!has_part(f, &m->parts[i]))
            continue;
        qg_tensor_spec_bytes(&spec, &n_bytes); /* within config.h's bounds: no overflow */
        part[i] = qg_arena_alloc(arena, n_bytes);
        QG_NEED(part[i], err);
        out->part[out->n] = part[i];
        out->n_bytes[out->n++] = n_bytes;
    }
    m->encode(part, dtype, rows, order, s, &f->storage.config);
    return QG_OK;
}

qg_status qg_form_write(const qg_form *f, qg_safetensors_writer *w, const qgk_canon *rows,
                        const int32_t *order, qg_arena *arena, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(arena);
    qg_form_data data;

    QG_PASS(qg_form_encode(f, &data, rows, order, arena, err));
    for (size_t i = 0; i < data.n; i++)
        QG_PASS(qg_safetensors_write_data(w, data.part[i], data.n_bytes[i], err));
    qg_arena_rewind(arena, mark);
    return QG_OK;
}

/* ---- rounding ---- */

qg_status qg_form_order(const int32_t **out, float *w, int n, int n_columns, qg_arena *arena,
                        qg_err *err)
{
    size_t k = (size_t)n_columns;
    double *norms = QG_NEW_N(arena, double, k);
    float *row = QG_NEW_N(arena, float, k);
    int32_t *order;

    QG_NEED(norms && row, err);
    for (size_t r = 0; r < (size_t)n; r++)
        for (size_t i = 0; i < k; i++)
            norms[i] += (double)w[r * k + i] * (double)w[r * k + i];
    QG_PASS(qg_order_falling(&order, norms, n_columns, arena, err));
    for (size_t r = 0; r < (size_t)n; r++) {
        memcpy(row, w + r * k, k * sizeof *row);
        for (size_t i = 0; i < k; i++)
            w[r * k + i] = row[order[i]];
    }
    *out = order;
    return QG_OK;
}

qg_status qg_form_encode_floats(const qg_form *f, qg_form_data *out, float *weights, int n, int k,
                                int n_threads, qg_arena *arena, qg_arena *scratch, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(scratch);
    const int32_t *order = NULL;
    qgk_canon rows;

    if (f->storage.config.act_order)
        QG_PASS(qg_form_order(&order, weights, n, k, scratch, err));
    QG_PASS(qg_form_canon(f, &rows, scratch, n, k, err));
    qg_rtn_quantize(&rows, weights, &f->grid, n_threads);
    QG_PASS(qg_form_encode(f, out, &rows, order, arena, err));
    qg_arena_rewind(scratch, mark);
    return QG_OK;
}
