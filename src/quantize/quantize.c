/* Quantizing a folder, see quantize.h: layer after layer into the work folder, then the whole from
 * there. Invariant: nothing is written before everything that can be refused has been looked at,
 * but for the numbers themselves. */
#include "quantize/quantize.h"

#include "base/clock.h"
#include "base/file.h"
#include "build_info.h"
#include "quantize/assemble.h"
#include "quantize/gptq_rounding.h"
#include "quantize/layerfile.h"
#include "quantize/work.h"

#include <limits.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

typedef struct job {
    const qg_quantize_options *options;
    qg_arena *arena, *results; /* of the job; of the report */
    qg_quantized *report;
    const qg_method_info *method;
    qg_source source;
    qg_form form;
    qg_windows windows;
    qg_calibration *calibration; /* NULL: no text */
    qg_work work;
    int n_threads, layer;
    int n_passes; /* over the text, in the layer at hand */
    double done;  /* of that layer */
} job;

/* ---- telling ---- */

enum { PASSES = QG_N_INPUTS + 1 }; /* over the text, in a layer of a sequential method */

/* `of_layer`: how much of the layer at hand is done, 0 .. 1. */
static void tell(job *j, const char *what, double of_layer)
{
    int n = j->source.config.n_layers;
    char label[48];

    j->done = of_layer;
    if (!j->options->on_progress)
        return;
    snprintf(label, sizeof label, "layer %d/%d %s", j->layer + 1, n, what);
    j->options->on_progress(j->options->user, label, (j->layer + of_layer) / n);
}

static void tell_pass(void *user, double done)
{
    job *j = user;

    if (!j->method->is_sequential)
        tell(j, "text", 0.6 * done);
    else
        tell(j, "text", (j->n_passes + done) / PASSES);
    j->n_passes += done == 1;
}

__attribute__((format(printf, 2, 3))) static void notice(const job *j, const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (j->options->on_notice)
        j->options->on_notice(j->options->user, text);
}

/* The Hessian of its input was not positive definite. */
static void tell_damp(const job *j, const qg_quantized_linear *l)
{
    double wanted = j->options->choice.damp != 0 ? j->options->choice.damp : QG_GPTQ_DAMP;

    if (l->damp > wanted)
        notice(j, "'%s': the damping was raised from %g to %g", l->name, wanted, l->damp);
}

static void tell_linear(void *user, const qg_quantized_linear *l, double done)
{
    job *j = user;
    char what[32];

    tell_damp(j, l);
    snprintf(what, sizeof what, "%s, error %.3f", l->projection,
             l->is_calibrated ? l->output_error : l->weight_error);
    tell(j, what, j->method->is_sequential ? j->done : j->calibration ? 0.6 + 0.4 * done : done);
}

/* ---- what is asked for ---- */

static qg_status check_shapes(const job *j, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(j->arena);
    qg_tensor_spec specs[QGK_MAX_PARTS];
    size_t n;

    for (size_t i = 0; i < j->source.inventory.n_items; i++) {
        const qg_item *item = &j->source.inventory.items[i];
        if (qg_item_is_quantizable(item))
            QG_PASS(
                qg_form_specs(&j->form, specs, &n, j->arena, item->name, item->n, item->k, err));
    }
    qg_arena_rewind(j->arena, mark);
    return QG_OK;
}

static bool lies_inside(qg_arena *arena, const char *folder, const char *model)
{
    char above[PATH_MAX], inside[PATH_MAX];
    const char *parent = qg_path_dir(arena, folder);
    size_t n;

    if (!parent || !realpath(model, above) || !realpath(parent, inside))
        return false;
    n = strlen(above);
    return strncmp(inside, above, n) == 0 && (inside[n] == '\0' || inside[n] == '/');
}

/* What must not be written to. */
static qg_status check_folder(const job *j, const char *folder, qg_err *err)
{
    struct stat st;

    if (lies_inside(j->arena, folder, j->source.folder))
        return qg_fail(err, QG_EREFUSED, "'%s' lies inside the model '%s'", folder,
                       j->source.folder);
    if (lstat(folder, &st) == 0 && !(j->options->force && S_ISDIR(st.st_mode)))
        return qg_fail(err, QG_EEXISTS,
                       "'%s' exists already: remove it, name another, or use '--force'", folder);
    return QG_OK;
}

static qg_status check_text(const job *j, qg_err *err)
{
    const qg_quantize_options *o = j->options;

    if (o->n_documents == 0 && j->method->needs_text)
        return qg_fail(err, QG_EARG, "method '%s' needs a text: give '--calibration FILE'",
                       j->method->name);
    if (o->n_documents > 0 && !j->method->takes_text)
        return qg_fail(err, QG_EARG, "method '%s' looks at no text: leave '--calibration' out",
                       j->method->name);
    if (o->n_windows < 0 || o->window < 0)
        return qg_fail(err, QG_EARG, "%d windows of %d tokens: expected 1 or more", o->n_windows,
                       o->window);
    return QG_OK;
}

static qg_status open_source(job *j, const char *model, const char *folder, qg_err *err)
{
    const qg_choice *choice = &j->options->choice;
    const char *name = choice->method ? choice->method : "rtn";

    j->method = qg_method_info_of(name);
    if (!j->method)
        return qg_fail(err, QG_EARG, "method '%s' is unknown: rtn, int8, gptq, awq are there",
                       name);
    QG_PASS(qg_choice_form(&j->form, choice, err));
    QG_PASS(check_text(j, err));
    QG_PASS(qg_source_open(&j->source, j->arena, model, err));
    QG_PASS(check_shapes(j, err));
    return check_folder(j, folder, err);
}

/* ---- calibration ---- */

static qg_status open_calibration(job *j, qg_err *err)
{
    const qg_quantize_options *o = j->options;
    const qg_storage *storage = &j->form.storage;
    const qg_tokenizer *tokenizer;
    qg_calibration_options c = {.tier = o->tier,
                                .n_threads = j->n_threads,
                                .formats = 1u << storage->method->format(&storage->config),
                                .only_sample = !j->method->needs_gram,
                                .on_progress = tell_pass,
                                .user = j};
    int wanted = o->n_windows ? o->n_windows : QG_QUANTIZE_WINDOWS;
    int longest = j->source.config.longest;
    int window = longest < QG_QUANTIZE_WINDOW ? longest : QG_QUANTIZE_WINDOW;

    if (o->n_documents == 0)
        return QG_OK;
    window = o->window ? o->window : window;
    QG_PASS(qg_tokenizer_open(&tokenizer, j->arena, j->source.folder, err));
    QG_PASS(qg_windows_cut(&j->windows, j->arena, tokenizer, o->documents, o->n_documents, window,
                           wanted, err));
    if (j->windows.n < wanted)
        notice(j, "the calibration text has %d windows of %d tokens, %d were asked for",
               j->windows.n, window, wanted);
    return qg_calibration_open(&j->calibration, j->arena, &j->source, &j->windows, &c, err);
}

/* Everything that decides the bytes of a layer. */
static qg_status key_of(char hex[QG_HASH_HEX], const job *j, qg_err *err)
{
    const qg_choice *c = &j->options->choice;
    const qgk_quant_config *q = &j->form.storage.config;
    const char *text = qg_arena_format(
        j->arena, "%s|%s|%s|%s|%d|%d|%d|%d|%d|%d|%d|%.17g|%.17g|%s|%d|%s|%s",
        j->report->source_hash, j->method->name, j->form.name, j->form.storage.method->name,
        q->bits, q->group_size, q->symmetric, c->recipe.act_order, c->natural_order,
        q->float_inputs, c->has_strength, c->strength, c->damp, j->windows.hash, j->windows.window,
        j->calibration ? qg_calibration_tier(j->calibration) : "",
        QG_BUILD_VERSION " " QG_BUILD_COMMIT);

    QG_NEED(text, err);
    return qg_hash_text(hex, qg_str_from(text), err);
}

/* ---- layers ---- */

static qg_status begin_report(job *j, qg_err *err)
{
    const qgk_quant_config *q = &j->form.storage.config;
    const qg_choice *c = &j->options->choice;
    char hash[QG_HASH_HEX];
    qg_quantized *r = j->report;

    QG_PASS(qg_checkpoint_hash(j->source.checkpoint, hash, err));
    *r = (qg_quantized){
        .method = j->method->name,
        .format = j->form.name,
        .activations = q->bits == 8 && !q->float_inputs ? "int8" : "float",
        .bits = q->bits,
        .group_size = q->group_size < 0 ? 0 : q->group_size,
        .symmetric = q->symmetric,
        .act_order = c->recipe.act_order,
        .static_groups =
            strcmp(j->method->name, "gptq") == 0 && !c->natural_order && !c->recipe.act_order,
        .source_hash = qg_str_dup(j->results, qg_str_from(hash)),
        .n_windows = j->windows.n,
        .window = j->calibration ? j->windows.window : 0,
        .tier = j->calibration ? qg_calibration_tier(j->calibration) : NULL,
        .n_threads = j->n_threads,
    };
    if (j->calibration)
        r->calibration_hash = qg_str_dup(j->results, qg_str_from(j->windows.hash));
    r->linears = QG_NEW_N(j->results, qg_quantized_linear,
                          (size_t)j->source.config.n_layers * QG_LAYER_LINEARS);
    QG_NEED(r->source_hash && r->linears && (!j->calibration || r->calibration_hash), err);
    return QG_OK;
}

static qg_status make_layer(job *j, const char *path, qg_err *err)
{
    qg_layer_file file = {.form = &j->form,
                          .choice = &j->options->choice,
                          .calibration = j->calibration,
                          .n_threads = j->n_threads,
                          .on_linear = tell_linear,
                          .user = j};

    if (j->calibration)
        QG_PASS((j->method->is_sequential ? qg_calibration_begin
                                          : qg_calibration_collect)(j->calibration, j->layer, err));
    return qg_layer_file_write(&file, &j->source, j->layer, path, err);
}

/* The states behind a layer that is finished. */
static qg_status pass_layer(job *j, const char *path, qg_err *err)
{
    qg_arena *arena = qg_arena_create();
    const qg_checkpoint *layer;

    QG_NEED(arena, err);
    qg_status s = qg_checkpoint_open(&layer, arena, path, err);
    if (!s)
        s = qg_calibration_advance(j->calibration, j->layer, layer, &j->form.storage, err);
    qg_arena_free(arena);
    return s;
}

/* Layers that an earlier process made are only run through where later ones need what they give. */
static qg_status do_layer(job *j, qg_err *err)
{
    bool is_done = j->layer < j->work.n_done;
    bool is_last = j->layer + 1 == j->source.config.n_layers;
    const char *path = qg_work_layer(&j->work, j->arena, j->layer);
    bool rest_is_done = j->work.n_done == j->source.config.n_layers;

    QG_NEED(path, err);
    j->n_passes = 0;
    if (!is_done)
        QG_PASS(make_layer(j, path, err));
    if (j->calibration && !is_last && !rest_is_done) {
        if (j->method->is_sequential)
            QG_PASS(pass_layer(j, path, err));
        else if (is_done)
            QG_PASS(qg_calibration_collect(j->calibration, j->layer, err));
    }
    return qg_layer_file_report(j->report, j->results, path, err);
}

static qg_status do_layers(job *j, qg_err *err)
{
    int n_done = j->work.n_done;

    if (j->work.is_dropped)
        notice(j, "'%s' held layers of another recipe: they are dropped", j->work.path);
    if (n_done)
        notice(j, "going on after layer %d of %d, from '%s'", n_done, j->source.config.n_layers,
               j->work.path);
    for (; j->layer < j->source.config.n_layers; j->layer++) {
        if (j->options->stop && *j->options->stop)
            return qg_fail(err, QG_ESTOPPED, "stopped by a signal");
        QG_TRY(do_layer(j, err), err, "layer %d", j->layer);
    }
    return QG_OK;
}

/* ---- the whole ---- */

static int64_t peak_rss(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t)usage.ru_maxrss * 1024 : 0;
}

static const char *place_of_layer(const void *work, qg_arena *arena, int layer)
{
    return qg_work_layer(work, arena, layer);
}

static qg_status make(job *j, const char *folder, qg_err *err)
{
    int64_t start_ns = qg_clock_ns();
    qg_layer_places places = {place_of_layer, &j->work};

    QG_PASS(do_layers(j, err));
    j->report->weight_error = qg_layer_file_error(j->report);
    j->report->wall_ns = qg_clock_ns() - start_ns;
    j->report->peak_rss = peak_rss();
    return qg_assemble(folder, &j->source, &j->form, &places, j->report, j->options->force, err);
}

/* Finished layers are kept where the machine failed, for the next try; not where the input did. */
static bool is_worth_keeping(const job *j, qg_status s)
{
    return s != QG_OK && qg_status_exit(s) == 3 && j->layer > 0;
}

static qg_status run(job *j, const char *model, const char *folder, qg_err *err)
{
    char key[QG_HASH_HEX];

    QG_PASS(open_source(j, model, folder, err));
    QG_PASS(open_calibration(j, err));
    QG_PASS(begin_report(j, err));
    QG_PASS(key_of(key, j, err));
    QG_PASS(qg_work_open(&j->work, j->arena, folder, j->options->force, key, err));
    qg_status s = make(j, folder, err);
    if (is_worth_keeping(j, s))
        qg_note(err, "%d of %d layers are kept in '%s'", j->layer, j->source.config.n_layers,
                j->work.path);
    else
        qg_work_remove(&j->work);
    return s;
}

qg_status qg_quantize_folder(qg_quantized **out, qg_arena *arena, const char *model,
                             const char *folder, const qg_quantize_options *options, qg_err *err)
{
    job j = {.options = options,
             .arena = qg_arena_create(),
             .results = arena,
             .report = QG_NEW(arena, qg_quantized),
             .n_threads = options->n_threads ? options->n_threads : omp_get_max_threads()};

    qg_status s = j.arena && j.report ? run(&j, model, folder, err)
                                      : qg_fail(err, QG_ENOMEM, "out of memory");
    if (s)
        qg_note(err, "making '%s'", folder);
    *out = j.report;
    qg_arena_free(j.arena);
    return s;
}
