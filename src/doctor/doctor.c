/* Examining a folder, see doctor.h: the engine's own checks, item by item, each failure a finding.
 */
#include "doctor/doctor.h"

#include "backend/backend.h"
#include "base/file.h"
#include "engine/inventory.h"
#include "engine/place.h"
#include "tokenizer/tokenizer.h"

#include <stdio.h>
#include <string.h>

enum { N_WIDE = 8 };

typedef struct patient {
    qg_findings *out;
    qg_arena *arena;
    const char *folder;
    const qg_doctor_options *options;
    qg_model_config config;
    const qg_family *family;
    const qg_checkpoint *checkpoint;
    qg_storage storage;
    qg_inventory inventory;
    bool *failed; /* [n_items]: a finding tells what is wrong with it */
    struct {
        size_t n, first; /* linears with the mistake; the finding that tells it */
    } wide[N_WIDE];      /* mistakes of the whole folder */
    qg_backend *backend;
    qg_slab slab; /* planning */
    qg_placer placer;
} patient;

/* ---- findings from errors ---- */

/* What to do where the message does not say. */
static const char *usual_fix(const char *id)
{
    static const struct {
        const char *id, *fix;
    } fixes[] = {
        {"tensor-missing", "fetch or convert the folder again: it is not complete"},
        {"tensor-shape", "config.json and weights are of different models: fetch both again"},
        {"tensor-dtype", "convert the tensor to one of these"},
        {"tensor-unknown", "remove it, or mend config.json (num_hidden_layers)"},
        {"tensor-overlap", "write the file again: it is damaged"},
        {"tensor-bytes", "write the file again: its header is wrong"},
        {"tensor-duplicate", "write the file again with each tensor once"},
        {"dtype-fp8", "convert the folder to float16 or int8"},
        {"method-mixed", "quantize the whole folder with one tool"},
        {"quantization-undeclared", "add the quantization_config that its tool wrote"},
        {"float16-overflow", "scale the tensor down, or use another checkpoint"},
        {"weight-not-finite", "fetch or convert the folder again"},
        {"group-size", "quantize again with one of these group sizes"},
        {"quantization-unsupported", "quantize again with what is supported"},
        {"quantization-config", "mend it, or copy the file again"},
        {"config-unreadable", "mend it, or copy the file again"},
        {"tokenizer-unreadable", "fetch the files of the tokenizer again"},
        {"weights-missing", "fetch the folder again: it is not complete"},
        {"weights-unreadable", "fetch the file again"},
    };

    for (size_t i = 0; i < sizeof fixes / sizeof *fixes; i++)
        if (strcmp(fixes[i].id, id) == 0)
            return fixes[i].fix;
    return NULL;
}

/* The error as a finding: what stands behind the last semicolon of a message is its fix. */
static void add_error(patient *p, const char *id, const qg_err *e)
{
    char text[2 * QG_ERR_TEXT + QG_ERR_PATH];
    const char *place = e->file[0] ? e->file : p->folder;
    const char *last = NULL;
    qg_finding about = {.id = e->id ? e->id : id, .tensor = e->tensor[0] ? e->tensor : NULL};

    snprintf(text, sizeof text, "%s%s%s", e->context, e->context[0] ? ": " : "", e->message);
    for (char *at = text; (at = strstr(at, "; ")); at += 2)
        last = at;
    if (last) {
        text[last - text] = '\0';
        about.suggestion = last + 2;
    } else {
        about.suggestion = usual_fix(about.id);
    }
    qg_finding_add_about(p->out, QG_SEVERITY_ERROR, (qg_place){place, e->line, e->column}, about,
                         "%s", text);
}

/* Whether a step went well; else its error is a finding, or out of memory. */
static bool went_well(patient *p, qg_status s, const char *id, const qg_err *e)
{
    if (s == QG_ENOMEM)
        p->out->out_of_memory = true;
    else if (s != QG_OK)
        add_error(p, id, e);
    return s == QG_OK;
}

static void add(patient *p, qg_severity severity, const char *id, const char *tensor,
                const char *fix, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
static void add(patient *p, qg_severity severity, const char *id, const char *tensor,
                const char *fix, const char *fmt, ...)
{
    char text[QG_ERR_TEXT];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    qg_finding_add_about(p->out, severity, (qg_place){p->folder, 0, 0},
                         (qg_finding){.id = id, .tensor = tensor, .suggestion = fix}, "%s", text);
}

/* ---- the steps ---- */

static bool read_config(patient *p)
{
    qg_err e = {0};
    qg_status s;

    if (!qg_dir_exists(p->folder)) {
        add(p, QG_SEVERITY_ERROR, "folder-missing", NULL, "check the path",
            "there is no model folder '%s'", p->folder);
        return false;
    }
    s = qg_config_read(&p->config, p->arena, p->folder, qg_family_names(), &e);
    if (!went_well(p, s, s == QG_ENOSUP ? "family-unsupported" : "config-unreadable", &e))
        return false;
    p->family = qg_family_find(p->config.model_type);
    return went_well(p, qg_family_check(p->family, &p->config, &e), "family-unsupported", &e);
}

static bool open_weights(patient *p)
{
    qg_err e = {0};
    qg_status s = qg_checkpoint_open(&p->checkpoint, p->arena, p->folder, &e);

    return went_well(p, s, s == QG_ENOTFOUND ? "weights-missing" : "weights-unreadable", &e);
}

static bool choose_storage(patient *p)
{
    qg_err e = {0};
    qg_status s = qg_storage_choose(&p->storage, &p->config, p->checkpoint,
                                    p->options->quantization, p->options->activations, &e);

    if (!went_well(p, s, s == QG_ENOSUP ? "quantization-unsupported" : "quantization-config", &e))
        return false;
    if (p->storage.said.guess)
        add(p, QG_SEVERITY_NOTE, "gptq-zeros-guessed", NULL,
            "write \"checkpoint_format\" into the quantization's configuration", "%s",
            p->storage.said.guess);
    return true;
}

static bool prepare(patient *p)
{
    qg_err e = {0};

    if (!went_well(p, qg_inventory_make(&p->inventory, p->arena, p->family, &p->config, &e),
                   "inventory", &e) ||
        !went_well(
            p, qg_backend_open(&p->backend, p->arena, &(qg_backend_options){.device = "cpu"}, &e),
            "backend", &e))
        return false;
    qg_inventory_match(&p->inventory, p->checkpoint);
    p->placer = (qg_placer){.checkpoint = p->checkpoint,
                            .storage = &p->storage,
                            .backend = p->backend,
                            .slab = &p->slab,
                            .arena = p->arena};
    /* a mistake does not end the walk, so a tensor may be asked for again */
    p->placer.seen =
        QG_NEW_N(p->arena, const qg_tensor *, 2 * qg_checkpoint_count(p->checkpoint) + 8);
    p->failed = QG_NEW_N(p->arena, bool, p->inventory.n_items);
    p->out->out_of_memory = p->out->out_of_memory || !p->placer.seen || !p->failed;
    return p->placer.seen && p->failed;
}

static qg_status place_item(patient *p, const qg_item *item, qg_err *e)
{
    const qgk_half *halves;
    const float *vector;
    qg_linear linear;

    if (qg_item_is_linear(item))
        return qg_place_linear(&p->placer, &linear,
                               &(qg_linear_name){item->name, item->n, item->bias}, 1, item->k,
                               qg_item_is_quantizable(item), e);
    if (!qg_item_is_norm(item))
        return qg_place_halves(&p->placer, &halves, NULL, item->name, item->n, item->k, e);
    QG_PASS(qg_place_vector(&p->placer, &vector, item->name, "weight", item->n, e));
    return item->bias ? qg_place_vector(&p->placer, &vector, item->name, "bias", item->n, e)
                      : QG_OK;
}

/* What the quantization's configuration causes, it causes in every linear: told once, the others
 * are counted. */
static bool is_repeated(patient *p, const qg_err *e)
{
    static const char *const ids[N_WIDE] = {
        "method-mismatch",          "packed-width",      "group-size",
        "quantization-undeclared",  "module-ignored",    "gptq-zeros-v1-v2",
        "zero-point-not-symmetric", "zero-point-missing"};

    for (size_t i = 0; e->id && i < N_WIDE; i++)
        if (strcmp(e->id, ids[i]) == 0) {
            if (p->wide[i].n++ == 0)
                p->wide[i].first = p->out->n;
            return p->wide[i].n > 1;
        }
    return false;
}

static void tell_repeated(patient *p)
{
    for (size_t i = 0; i < N_WIDE; i++) {
        if (p->wide[i].n < 2 || p->wide[i].first >= p->out->n)
            continue;
        qg_finding *f = &p->out->at[p->wide[i].first];
        const char *text = qg_arena_format(p->out->arena, "%s (and %zu more linears likewise)",
                                           f->message, p->wide[i].n - 1);
        p->out->out_of_memory = p->out->out_of_memory || !text;
        f->message = text ? text : f->message;
    }
}

static void examine_items(patient *p)
{
    for (size_t i = 0; i < p->inventory.n_items; i++) {
        const qg_item *item = &p->inventory.items[i];
        qg_arena_mark mark = qg_arena_here(p->arena);
        qg_err e = {0};
        qg_status s = place_item(p, item, &e);
        if (s != QG_OK && item->kind == QG_ITEM_HEAD && e.id && strcmp(e.id, "tensor-missing") == 0)
            add(p, QG_SEVERITY_ERROR, "head-missing", e.tensor,
                "write \"tie_word_embeddings\": true into config.json if the head is the "
                "embedding, else fetch the folder again",
                "%s, and config.json does not tie the head to the embedding", e.message);
        else if (s == QG_OK || !is_repeated(p, &e))
            went_well(p, s, "tensor", &e);
        p->failed[i] = s != QG_OK;
        qg_arena_rewind(p->arena, mark);
    }
    tell_repeated(p);
}

/* Asked for, or of an item with a finding of its own. */
static bool is_known(const patient *p, const qg_tensor *t)
{
    for (size_t i = 0; i < p->placer.n_seen; i++)
        if (p->placer.seen[i] == t)
            return true;
    for (size_t i = 0; i < p->inventory.n_items; i++) {
        const char *item = p->inventory.items[i].name;
        size_t n = strlen(item);
        if (p->failed[i] && strncmp(t->name, item, n) == 0 && t->name[n] == '.')
            return true;
    }
    return false;
}

/* The head that config.json ties may be stored all the same, if it is the embedding. */
static bool is_tied_head(patient *p, const qg_tensor *t)
{
    const char *name = t->name, *head = p->family->head;
    size_t n = strlen(head);
    char embed_name[QG_ERR_PATH];

    if (!p->config.tie_word_embeddings || strncmp(name, head, n) != 0 ||
        strcmp(name + n, ".weight") != 0)
        return false;
    snprintf(embed_name, sizeof embed_name, "%s.weight", p->inventory.items[0].name);
    const qg_tensor *embed = qg_checkpoint_find(p->checkpoint, embed_name);
    if (embed && (t->dtype != embed->dtype || t->n_bytes != embed->n_bytes ||
                  (!p->options->quick && memcmp(t->data, embed->data, t->n_bytes) != 0)))
        add(p, QG_SEVERITY_ERROR, "head-untied", name,
            "write \"tie_word_embeddings\": false into config.json",
            "config.json ties the head to the embedding, but tensors '%s' and '%s' differ", name,
            embed_name);
    return true;
}

static void examine_rest(patient *p)
{
    qg_str ignored = qg_str_from(p->family->ignored_suffix ? p->family->ignored_suffix : "\n");

    for (size_t i = 0; i < qg_checkpoint_count(p->checkpoint); i++) {
        const qg_tensor *t = qg_checkpoint_at(p->checkpoint, i);
        if (qg_str_ends(qg_str_from(t->name), ignored) || is_known(p, t) || is_tied_head(p, t))
            continue;
        add(p, QG_SEVERITY_ERROR, "tensor-unknown", t->name, usual_fix("tensor-unknown"),
            "tensor '%s' does not belong to a model of config.json's shape", t->name);
    }
}

/* ---- numbers ---- */

static size_t count_denormal(const qg_tensor *t)
{
    size_t n = 0;

    for (int64_t i = 0; i < t->n_elements; i++) {
        float f = qgk_float_at(t->data, t->dtype, (size_t)i);
        n += f != 0 && f < 0x1p-14f && f > -0x1p-14f;
    }
    return n;
}

/* Scales that float16 holds with few bits make all weights of their group inexact. */
static void examine_scales(patient *p)
{
    static const char *const suffixes[] = {".scales", ".weight_scale"};

    for (size_t i = 0; i < qg_checkpoint_count(p->checkpoint); i++) {
        const qg_tensor *t = qg_checkpoint_at(p->checkpoint, i);
        bool is_scale = false;
        for (size_t s = 0; s < sizeof suffixes / sizeof *suffixes; s++)
            is_scale = is_scale || qg_str_ends(qg_str_from(t->name), qg_str_from(suffixes[s]));
        size_t n = is_scale && t->dtype == QGK_F16 ? count_denormal(t) : 0;
        if (n)
            add(p, QG_SEVERITY_WARNING, "scale-denormal", t->name,
                "store the scales in float32, or scale the layer",
                "tensor '%s' holds %zu denormal scales, which float16 keeps with few digits",
                t->name, n);
    }
}

/* Dense numbers that loading would refuse: all of them are read. */
static void examine_dense(patient *p)
{
    for (size_t i = 0; i < qg_checkpoint_count(p->checkpoint); i++) {
        const qg_tensor *t = qg_checkpoint_at(p->checkpoint, i);
        qg_str name = qg_str_from(t->name);
        int64_t n_large = 0, n_bad = 0;
        if (!qg_str_ends(name, QG_STR(".weight")) && !qg_str_ends(name, QG_STR(".bias")))
            continue; /* scales have been looked at */
        if (t->dtype != QGK_F16 && t->dtype != QGK_BF16 && t->dtype != QGK_F32)
            continue;
#pragma omp parallel for reduction(+ : n_large, n_bad)
        for (int64_t k = 0; k < t->n_elements; k++) {
            float f = qgk_float_at(t->data, t->dtype, (size_t)k);
            bool finite = (qgk_bits_from_float(f) & 0x7f800000u) != 0x7f800000u;
            n_bad += !finite;
            n_large += finite && t->n_dims == 2 && (f >= 65520 || f <= -65520);
        }
        if (n_bad)
            add(p, QG_SEVERITY_ERROR, "weight-not-finite", t->name, usual_fix("weight-not-finite"),
                "tensor '%s' holds %lld infinite or NaN values", t->name, (long long)n_bad);
        if (n_large)
            add(p, QG_SEVERITY_ERROR, "float16-overflow", t->name, usual_fix("float16-overflow"),
                "tensor '%s': %lld values exceed 65504, the largest of float16", t->name,
                (long long)n_large);
    }
}

/* ---- the whole ---- */

static void examine_tokenizer(patient *p)
{
    const qg_tokenizer *tokenizer;
    qg_err e = {0};

    qg_status s = qg_tokenizer_open(&tokenizer, p->arena, p->folder, &e);
    if (!went_well(p, s, s == QG_ENOSUP ? "tokenizer-unsupported" : "tokenizer-unreadable", &e))
        return;
    size_t n = qg_tokenizer_size(tokenizer);
    if (n > (size_t)p->config.vocab_size)
        add(p, QG_SEVERITY_ERROR, "vocabulary-embedding", NULL,
            "the tokenizer is of another model: fetch both again",
            "the tokenizer has ids up to %zu, but the embedding has only %d rows", n - 1,
            p->config.vocab_size);
    if (p->config.pad_id >= p->config.vocab_size)
        add(p, QG_SEVERITY_NOTE, "special-id-range", NULL, NULL,
            "pad_token_id %d lies outside the vocabulary of %d; nothing uses it", p->config.pad_id,
            p->config.vocab_size);
    for (int i = 0; i < p->config.n_eos; i++)
        if ((size_t)p->config.eos_ids[i] >= n)
            add(p, QG_SEVERITY_WARNING, "special-id-range", NULL,
                "mend eos_token_id in config.json or generation_config.json",
                "eos_token_id %d is no token of the tokenizer, which has %zu", p->config.eos_ids[i],
                n);
}

static void examine_size(patient *p)
{
    int64_t n = p->placer.sums.n_params;

    for (size_t i = 0; i < p->inventory.n_items; i++)
        if (p->failed[i]) /* the sum would be too small */
            return;
    if (strcmp(p->storage.method->name, "fp16") != 0 && n > 0 && n < 1000000000)
        add(p, QG_SEVERITY_NOTE, "small-model", NULL, NULL,
            "a model of %.3g million parameters: quantizing one under a billion gains little and "
            "costs more quality",
            (double)n * 1e-6);
}

static void examine(patient *p)
{
    if (!read_config(p) || !open_weights(p) || !choose_storage(p) || !prepare(p))
        return;
    examine_items(p);
    examine_rest(p);
    examine_scales(p);
    if (!p->options->quick)
        examine_dense(p);
    if (!p->options->quick)
        examine_tokenizer(p);
    examine_size(p);
}

qg_status qg_doctor_examine(qg_findings *out, const char *folder, const qg_doctor_options *options,
                            qg_err *err)
{
    patient p = {.out = out, .folder = folder, .options = options, .arena = qg_arena_create()};

    QG_NEED(p.arena, err);
    examine(&p);
    qg_arena_free(p.arena);
    return out->out_of_memory ? qg_fail(err, QG_ENOMEM, "out of memory") : QG_OK;
}
