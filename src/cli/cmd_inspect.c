/* `quantgate inspect MODEL`: what is in a checkpoint, from config.json and the headers of the
 * tensors alone (and GPTQ's zero points, where only they tell their version). Quantized folders
 * that no method here runs are shown as well. */
#include "base/file.h"
#include "base/json.h"
#include "base/units.h"
#include "checkpoint/config.h"
#include "checkpoint/shards.h"
#include "cli/cli.h"
#include "engine/storage.h"

#include <string.h>

typedef struct inspect_options {
    bool json;
} inspect_options;

static const qg_option options[] = {
    QG_FLAG("json", inspect_options, json, "one JSON object"),
    {0},
};

/* The parts of a model by what a tensor's name holds; the first that matches counts. */
#define PART_LIST(X)                                                                               \
    X(NORM, "norm", "*norm*|*ln_f*")                                                               \
    X(HEAD, "head", "lm_head.*|*.lm_head.*")                                                       \
    X(EMBEDDING, "embedding", "*embed_*|*.wte.*|*.wpe.*")                                          \
    X(ATTENTION, "attention", "*attn*|*attention*")                                                \
    X(MLP, "mlp", "*mlp*|*.fc1.*|*.fc2.*")                                                         \
    X(OTHER, "other", "*")

typedef enum part {
#define X(name, text, globs) PART_##name,
    PART_LIST(X)
#undef X
        N_PARTS,
} part;

static const char *const part_names[] = {
#define X(name, text, globs) text,
    PART_LIST(X)
#undef X
};

typedef struct contents {
    qg_model_config config;
    const qg_checkpoint *checkpoint;
    const char *method;
    qg_storage storage; /* its method is NULL where nothing here reads such bits */
    int64_t n_params;   /* -1: not told by shapes that nothing here reads */
    int64_t bytes[N_PARTS], total_bytes;
} contents;

static part part_of(qg_str name)
{
    static const char *const globs[] = {
#define X(name, text, globs) globs,
        PART_LIST(X)
#undef X
    };

    for (int p = 0; p < PART_OTHER; p++) {
        qg_str rest = qg_str_from(globs[p]), glob;
        while (qg_str_split(&rest, '|', &glob))
            if (qg_str_glob(glob, name))
                return (part)p;
    }
    return PART_OTHER;
}

/* Numbers of the model that a tensor holds: codes as many as there are, their scales none. */
static int64_t params_of(const contents *c, const qg_tensor *t)
{
    const qgk_method *m = c->storage.method;
    const char *suffix = strrchr(t->name, '.');

    for (int i = 0; suffix && m->marker >= 0 && m->parts[i].suffix; i++)
        if (strcmp(m->parts[i].suffix, suffix + 1) == 0)
            return i > 0                 ? 0
                   : t->dtype == QGK_I32 ? t->n_elements * 32 / c->storage.config.bits
                                         : t->n_elements;
    return t->n_elements;
}

static qg_status look(contents *c, qg_arena *arena, const char *folder, qg_err *err)
{
    if (!qg_dir_exists(folder))
        return qg_fail(err, QG_ENOTFOUND, "there is no model folder '%s'", folder);
    QG_PASS(qg_config_read(&c->config, arena, folder, NULL, err));
    QG_PASS(qg_checkpoint_open(&c->checkpoint, arena, folder, err));
    const qg_quantization_config *q = &c->config.quantization;
    c->method = q->method ? q->method : "unnamed";
    c->n_params = -1;
    if (qg_storage_choose(&c->storage, &c->config, c->checkpoint, NULL, NULL, NULL) == QG_OK) {
        c->method = c->storage.method->runs_as;
        c->n_params = 0;
    } else {
        c->storage.method = NULL;
    }
    for (size_t i = 0; i < qg_checkpoint_count(c->checkpoint); i++) {
        const qg_tensor *t = qg_checkpoint_at(c->checkpoint, i);
        c->bytes[part_of(qg_str_from(t->name))] += (int64_t)t->n_bytes;
        if (c->storage.method)
            c->n_params += params_of(c, t);
    }
    c->total_bytes = (int64_t)qg_checkpoint_bytes(c->checkpoint);
    return QG_OK;
}

/* ---- output ---- */

static void put_config(qg_json_writer *w, const qg_model_config *m)
{
    qg_json_write_key(w, "config");
    qg_json_write_object(w);
    qg_json_put_text(w, "architecture", m->architecture);
    qg_json_put_text(w, "dtype", m->has_dtype ? qgk_dtype_name(m->dtype) : NULL);
    qg_json_put_int(w, "vocab_size", m->vocab_size);
    qg_json_put_int(w, "hidden_size", m->hidden_size);
    qg_json_put_int(w, "layers", m->n_layers);
    qg_json_put_int(w, "heads", m->n_heads);
    qg_json_put_int(w, "kv_heads", m->n_kv_heads);
    qg_json_put_int(w, "head_dim", m->head_dim);
    qg_json_put_int(w, "intermediate_size", m->intermediate_size);
    qg_json_put_int(w, "max_positions", m->max_positions);
    qg_json_put_text(w, "rope", m->rope.name);
    qg_json_put_real(w, "rope_theta", m->rope.theta);
    qg_json_put_int(w, "sliding_window", m->sliding_window);
    qg_json_put_bool(w, "tied", m->tie_word_embeddings);
    qg_json_write_close(w);
}

/* How linears are stored; null for a plain folder, or one that nothing here reads. */
static void put_quantization(qg_json_writer *w, const contents *c)
{
    const qgk_quant_config *q = &c->storage.config;

    qg_json_write_key(w, "quantization");
    if (!c->storage.method || !c->storage.said.declared) {
        qg_json_write_null(w);
        return;
    }
    qg_json_write_object(w);
    qg_json_put_text(w, "declared", c->storage.said.declared);
    qg_json_put_text(w, "stored", c->storage.method->name);
    qg_json_put_int(w, "bits", q->bits);
    qg_json_put_int(w, "group_size", q->group_size);
    qg_json_put_bool(w, "symmetric", q->symmetric);
    qg_json_put_bool(w, "act_order", q->act_order);
    qg_json_put_text(w, "activations",
                     c->storage.method->format(q) == QGK_FORMAT_W8A8 ? "int8" : "float");
    qg_json_write_close(w);
}

static void put_tensor(qg_json_writer *w, const qg_tensor *t)
{
    qg_json_write_object(w);
    qg_json_put_text(w, "name", t->name);
    qg_json_put_text(w, "dtype", qgk_dtype_name(t->dtype));
    qg_json_write_key(w, "shape");
    qg_json_write_array(w);
    for (int d = 0; d < t->n_dims; d++)
        qg_json_write_int(w, t->shape[d]);
    qg_json_write_end_array(w);
    qg_json_put_int(w, "bytes", (int64_t)t->n_bytes);
    qg_json_write_close(w);
}

static qg_status write_json(const contents *c, qg_buf *out, qg_err *err)
{
    qg_json_writer w;

    qg_json_write_begin(&w, out);
    qg_json_write_object(&w);
    qg_json_put_text(&w, "family", c->config.model_type);
    qg_json_put_text(&w, "method", c->method);
    if (c->n_params >= 0) {
        qg_json_put_int(&w, "params", c->n_params);
    } else {
        qg_json_write_key(&w, "params");
        qg_json_write_null(&w);
    }
    qg_json_write_key(&w, "bytes");
    qg_json_write_object(&w);
    for (int p = 0; p < N_PARTS; p++)
        qg_json_put_int(&w, part_names[p], c->bytes[p]);
    qg_json_put_int(&w, "total", c->total_bytes);
    qg_json_write_close(&w);
    qg_json_put_int(&w, "shards", (int64_t)qg_checkpoint_n_shards(c->checkpoint));
    put_config(&w, &c->config);
    put_quantization(&w, c);
    qg_json_write_key(&w, "tensors");
    qg_json_write_array(&w);
    for (size_t i = 0; i < qg_checkpoint_count(c->checkpoint); i++)
        put_tensor(&w, qg_checkpoint_at(c->checkpoint, i));
    qg_json_write_end_array(&w);
    qg_json_write_close(&w);
    QG_PASS(qg_json_write_end(&w, err));
    qg_buf_char(out, '\n');
    return QG_OK;
}

static void write_table(const contents *c, const char *folder, qg_buf *out)
{
    const qg_model_config *m = &c->config;
    char text[QG_UNIT_TEXT], shape[128];

    qg_buf_format(out, "%s: %s, %s", folder, m->model_type, c->method);
    if (c->n_params >= 0)
        qg_buf_format(out, ", %.4g million parameters", (double)c->n_params * 1e-6);
    if (c->storage.method && c->storage.said.declared) {
        const qgk_quant_config *q = &c->storage.config;
        qg_buf_format(out, "\n%s: %d bit, %s", c->storage.method->name, q->bits,
                      q->symmetric ? "symmetric" : "with zero points");
        if (q->group_size > 0)
            qg_buf_format(out, ", groups of %d", q->group_size);
        else
            qg_buf_text(out, ", a scale an output");
        qg_buf_format(out, "%s, %s activations",
                      q->act_order ? ", in the order of activations" : "",
                      c->storage.method->format(q) == QGK_FORMAT_W8A8 ? "int8" : "float");
    }
    qg_buf_format(out,
                  "\n%d layers, hidden %d, %d heads, %d of keys and values, head %d, mlp %d, "
                  "vocabulary %d, %d positions, rope %s, ",
                  m->n_layers, m->hidden_size, m->n_heads, m->n_kv_heads, m->head_dim,
                  m->intermediate_size, m->vocab_size, m->max_positions, m->rope.name);
    if (m->sliding_window)
        qg_buf_format(out, "window %d, ", m->sliding_window);
    qg_buf_format(out, "head %s\n\n", m->tie_word_embeddings ? "tied" : "of its own");
    for (int p = 0; p < N_PARTS; p++)
        if (c->bytes[p])
            qg_buf_format(out, "%-10s %12s\n", part_names[p],
                          qg_unit_print(text, QG_UNIT_BYTES, (double)c->bytes[p]));
    qg_buf_format(out, "%-10s %12s in %zu tensors, %zu %s\n\n", "total",
                  qg_unit_print(text, QG_UNIT_BYTES, (double)c->total_bytes),
                  qg_checkpoint_count(c->checkpoint), qg_checkpoint_n_shards(c->checkpoint),
                  qg_checkpoint_n_shards(c->checkpoint) == 1 ? "file" : "files");
    for (size_t i = 0; i < qg_checkpoint_count(c->checkpoint); i++) {
        const qg_tensor *t = qg_checkpoint_at(c->checkpoint, i);
        qg_buf_format(out, "%-5s %-14s %s\n", qgk_dtype_name(t->dtype),
                      qg_tensor_shape_text(t, shape, sizeof shape), t->name);
    }
}

static qg_status inspect(qg_cli *cli, qg_err *err)
{
    const inspect_options *o = cli->options;
    contents c = {0};
    qg_buf out;

    QG_PASS(look(&c, cli->run, cli->args[0], err));
    qg_buf_init(&out, cli->run);
    if (o->json)
        QG_PASS(write_json(&c, &out, err));
    else
        write_table(&c, cli->args[0], &out);
    QG_NEED(!out.failed, err);
    return qg_cli_write(qg_buf_view(&out), err);
}

const qg_command qg_cmd_inspect = {
    .name = "inspect",
    .arguments = "MODEL",
    .summary = "what is in a checkpoint",
    .details = "Reads config.json and the headers of the tensors; weights and tokenizer are not "
               "looked at.",
    .example = "quantgate inspect golden/models/tiny-llama",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .options_size = sizeof(inspect_options),
    .run = inspect,
};
