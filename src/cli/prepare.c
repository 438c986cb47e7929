/* Making models before a run: see prepare.h. */
#include "cli/prepare.h"

#include "backend/backend.h"
#include "base/file.h"
#include "base/hash.h"
#include "build_info.h"
#include "cli/recipe.h"
#include "quantize/synth.h"
#include "suite/texts.h"

#include <stdio.h>
#include <stdlib.h>

/* What is to be made of which model: by `from` with `quantize`, or of its own folder where int8 is
 * to be calibrated. */
static const qg_suite_model *source_of(qg_suite_recipe *recipe, const qg_suite *suite,
                                       const qg_suite_model *m)
{
    *recipe = m->quantize;
    if (m->from)
        return qg_suite_model_of(suite, qg_str_from(m->from));
    *recipe = (qg_suite_recipe){.method = "int8",
                                .activations = m->activations,
                                .bits = 8,
                                .strength = -1,
                                .calibration = m->calibration,
                                .tier = "auto"};
    return m;
}

static qg_choice choice_of(const qg_suite_recipe *q)
{
    bool is_gptq = strcmp(q->method, "gptq") == 0;
    bool has_strength = strcmp(q->method, "int8") == 0 && q->strength >= 0;

    return (qg_choice){.method = q->method,
                       .recipe = {.format = q->format,
                                  .bits = (int)q->bits,
                                  .group_size = (int)q->group_size,
                                  .symmetric = q->sym == 0   ? 0
                                               : q->sym == 1 ? 1
                                                             : -1,
                                  .act_order = q->act_order,
                                  .activations = q->activations},
                       .damp = is_gptq ? q->damp : 0,
                       .natural_order = q->natural_order,
                       .has_strength = has_strength,
                       .strength = has_strength ? q->strength : 0};
}

static qg_status cache_folder(const char **out, qg_arena *arena, qg_err *err)
{
    static const struct {
        const char *variable, *below;
    } places[] = {
        {"QUANTGATE_CACHE", ""}, {"XDG_CACHE_HOME", "/quantgate"}, {"HOME", "/.cache/quantgate"}};

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *value = getenv(places[i].variable);
        if (!value || !value[0])
            continue;
        *out = qg_arena_format(arena, "%s%s/quantized", value, places[i].below);
        QG_NEED(*out, err);
        return QG_OK;
    }
    return qg_fail(err, QG_EARG,
                   "there is no place for a cache: set QUANTGATE_CACHE to a folder that can be "
                   "written");
}

/* Configuration and tokenizer: what goes into the made folder beside the weights. */
static qg_status hash_small_files(char hex[QG_HASH_HEX], qg_arena *arena, const char *folder,
                                  qg_err *err)
{
    static const char *const suffixes[] = {".json", ".txt", ".model", ".jinja"};
    char **names;
    qg_hash *h;
    size_t n;

    QG_PASS(qg_hash_begin(&h, arena, err));
    QG_PASS(qg_dir_list(&names, &n, arena, folder, err));
    for (size_t i = 0; i < n; i++) {
        qg_str name = qg_str_from(names[i]), content;
        const char *path = qg_path_join(arena, folder, names[i]);
        bool wanted = false;
        QG_NEED(path, err);
        for (size_t s = 0; s < sizeof suffixes / sizeof *suffixes; s++)
            wanted = wanted || qg_str_ends(name, qg_str_from(suffixes[s]));
        if (!wanted || !qg_file_exists(path))
            continue;
        QG_PASS(qg_file_map(&content, arena, path, err));
        qg_hash_add(h, names[i], name.len + 1);
        qg_hash_add(h, &content.len, sizeof content.len);
        qg_hash_add(h, content.ptr, content.len);
    }
    qg_hash_end(h, hex);
    return QG_OK;
}

/* The kernels that will run the calibration. */
static qg_status tier_of(const char **out, qg_arena *arena, const qg_suite_recipe *q, qg_err *err)
{
    qg_backend *backend;
    qg_backend_options options = {.device = "cpu", .tier = q->tier};

    *out = "";
    if (!q->calibration)
        return QG_OK;
    QG_PASS(qg_backend_open(&backend, arena, &options, err));
    *out = backend->table.tier;
    return QG_OK;
}

/* Everything that decides the bytes of the model. */
static qg_status key_of(char hex[QG_HASH_HEX], qg_arena *arena, const qg_suite_model *source,
                        const qg_suite_recipe *q, qg_err *err)
{
    char weights[QG_HASH_HEX], files[QG_HASH_HEX], calibration[QG_HASH_HEX] = "";
    const char *tier;

    QG_PASS(qg_engine_hash_folder(weights, source->model, err));
    QG_PASS(hash_small_files(files, arena, source->model, err));
    if (q->calibration)
        QG_PASS(qg_hash_file(calibration, q->calibration, err));
    QG_PASS(tier_of(&tier, arena, q, err));
    const char *text = qg_arena_format(
        arena,
        "%s|%s|%s|%s|%s|bits=%d|group=%d|sym=%d|order=%d|natural=%d|damp=%.17g|strength=%.17g|"
        "text=%s|samples=%d|window=%d|tier=%s|%s",
        weights, files, q->method, q->format ? q->format : "", q->activations ? q->activations : "",
        (int)q->bits, (int)q->group_size, q->sym, q->act_order, q->natural_order, q->damp,
        q->strength, calibration, (int)q->samples, (int)q->window, tier,
        QG_BUILD_VERSION " " QG_BUILD_COMMIT);
    QG_NEED(text, err);
    return qg_hash_text(hex, qg_str_from(text), err);
}

/* What `lint` warns of, for those who do not lint. */
static qg_status warn_of_overlap(qg_cli *cli, qg_texts calibration, const qg_suite *suite,
                                 const char *name, qg_err *err)
{
    size_t n_shared;

    QG_PASS(qg_texts_shared(&n_shared, cli->run, calibration, suite->quality.documents, err));
    if (n_shared)
        qg_cli_notice("'%s' is calibrated on %zu documents of the validation text: it will look "
                      "better than it is",
                      name, n_shared);
    return QG_OK;
}

static qg_status quantize(qg_cli *cli, const char *folder, const qg_suite *suite,
                          const qg_suite_model *source, const qg_suite_recipe *recipe,
                          const char *name, int n_threads, const volatile sig_atomic_t *stop,
                          qg_err *err)
{
    qg_quantize_options o = {.choice = choice_of(recipe),
                             .n_windows = (int)recipe->samples,
                             .window = (int)recipe->window,
                             .tier = recipe->tier,
                             .n_threads = n_threads,
                             .stop = stop};
    qg_quantized *made;
    qg_texts documents = {0};
    qg_progress bar;

    if (recipe->calibration)
        QG_PASS(qg_texts_documents(&documents, cli->run, recipe->calibration, err));
    QG_PASS(warn_of_overlap(cli, documents, suite, name, err));
    o.documents = documents.at;
    o.n_documents = documents.n;
    qg_cli_watch_quantizing(&o, &bar);
    qg_progress_begin(&bar, stderr, name);
    qg_status s = qg_quantize_folder(&made, cli->run, source->model, folder, &o, err);
    qg_progress_end(&bar);
    return s;
}

/* ---- random models ---- */

/* What decides their bytes; the commit does not, as it would cost a 7B for every change. */
static qg_status synth_folder(const char **out, qg_arena *arena, const qg_suite_synth *s,
                              qg_err *err)
{
    char hex[QG_HASH_HEX];
    const char *cache;
    char *text = qg_arena_format(arena, "synth|%s|bits=%d|group=%d|%s|%s|seed=%lld|%s", s->preset,
                                 (int)s->bits, (int)s->group_size, s->format ? s->format : "",
                                 s->activations, (long long)s->seed, QG_BUILD_VERSION);

    QG_NEED(text, err);
    QG_PASS(cache_folder(&cache, arena, err));
    QG_PASS(qg_hash_text(hex, qg_str_from(text), err));
    QG_PASS(qg_dir_make(cache, err));
    *out = qg_arena_format(arena, "%s/%.24s", cache, hex);
    QG_NEED(*out, err);
    return QG_OK;
}

static qg_status make_random(const char **out, qg_cli *cli, const qg_suite_model *model,
                             qg_err *err)
{
    const qg_suite_synth *s = &model->synth;
    qg_recipe recipe = {.format = s->format,
                        .bits = (int)s->bits,
                        .group_size = (int)s->group_size,
                        .activations = s->activations};
    qg_synth_options o = {
        .preset = s->preset, .recipe = s->bits ? &recipe : NULL, .seed = (uint64_t)s->seed};
    char bytes[QG_UNIT_TEXT];
    qg_synth_size size;
    qg_err why = {0};

    QG_PASS(synth_folder(out, cli->run, s, err));
    if (qg_dir_exists(*out))
        return QG_OK;
    QG_PASS(qg_synth_plan(&size, &o, err));
    qg_unit_print(bytes, QG_UNIT_BYTES, (double)size.total_bytes);
    qg_cli_notice("making '%s', a random %s of %s", model->name, s->preset, bytes);
    qg_status status = qg_synth_write(&o, *out, &why);
    if (status == QG_EEXISTS && qg_dir_exists(*out)) /* another run was faster */
        return QG_OK;
    if (err && status != QG_OK)
        *err = why;
    return status;
}

/* ---- any ---- */

static qg_status make(const char **out, qg_cli *cli, const qg_suite *suite,
                      const qg_suite_model *model, int n_threads, const volatile sig_atomic_t *stop,
                      qg_err *err)
{
    qg_suite_recipe recipe;
    char key[QG_HASH_HEX];
    const char *cache;
    qg_err failed = {0};

    if (model->synth.preset)
        return make_random(out, cli, model, err);
    const qg_suite_model *source = source_of(&recipe, suite, model);
    QG_PASS(cache_folder(&cache, cli->run, err));
    QG_PASS(key_of(key, cli->run, source, &recipe, err));
    *out = qg_arena_format(cli->run, "%s/%.24s", cache, key);
    QG_NEED(*out, err);
    if (qg_dir_exists(*out))
        return QG_OK;
    QG_PASS(qg_dir_make(cache, err));
    if (model->from)
        qg_cli_notice("making '%s' from '%s' by %s", model->name, source->name, recipe.method);
    else
        qg_cli_notice("calibrating '%s' by %s", model->name, recipe.method);
    qg_status s =
        quantize(cli, *out, suite, source, &recipe, model->name, n_threads, stop, &failed);
    if (s == QG_EEXISTS && qg_dir_exists(*out)) /* another run was faster */
        return QG_OK;
    if (err && s != QG_OK)
        *err = failed;
    return s;
}

/* Where the model lies already, for a case or beside one; NULL: nowhere yet. */
static const char *find_folder(const qg_plan *plan, const qg_suite_model *model)
{
    for (size_t i = 0; i < plan->n_cases; i++) {
        const qg_case *c = &plan->cases[i];
        if (c->model == model && c->folder)
            return c->folder;
        if (qg_suite_reference_of(plan->suite, c->model) == model && c->reference_folder)
            return c->reference_folder;
    }
    return NULL;
}

static qg_status prepare(const char **folder, const qg_plan *plan, const qg_suite_model *model,
                         qg_cli *cli, int n_threads, const volatile sig_atomic_t *stop, qg_err *err)
{
    if (!*folder)
        *folder = find_folder(plan, model);
    if (*folder)
        return QG_OK;
    qg_status s = make(folder, cli, plan->suite, model, n_threads, stop, err);
    if (s != QG_OK)
        qg_err_at(err, model->place.file, model->place.line, model->place.column);
    return s;
}

qg_status qg_prepare_reference(qg_case *c, const qg_plan *plan, qg_cli *cli, int n_threads,
                               const volatile sig_atomic_t *stop, qg_err *err)
{
    return prepare(&c->reference_folder, plan, qg_suite_reference_of(plan->suite, c->model), cli,
                   n_threads, stop, err);
}

qg_status qg_prepare_models(qg_plan *plan, qg_cli *cli, int n_threads,
                            const volatile sig_atomic_t *stop, qg_err *err)
{
    for (size_t i = 0; i < plan->n_cases; i++) {
        qg_case *c = &plan->cases[i];
        if (!c->skip)
            QG_PASS(prepare(&c->folder, plan, c->model, cli, n_threads, stop, err));
        if (qg_case_has_reference(c, plan->suite))
            QG_PASS(qg_prepare_reference(c, plan, cli, n_threads, stop, err));
    }
    return QG_OK;
}
