/* Making models before a run: see prepare.h. */
#include "cli/prepare.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/progress.h"
#include "build_info.h"
#include "quantize/quantize.h"

#include <stdio.h>
#include <stdlib.h>

static qg_recipe recipe_of(const qg_suite_recipe *q)
{
    return (qg_recipe){.format = q->format,
                       .bits = (int)q->bits,
                       .group_size = (int)q->group_size,
                       .symmetric = q->sym == 0   ? 0
                                    : q->sym == 1 ? 1
                                                  : -1,
                       .act_order = q->act_order,
                       .activations = q->activations};
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

/* Everything that decides the bytes of the model. */
static qg_status key_of(char hex[QG_HASH_HEX], qg_arena *arena, const qg_suite_model *source,
                        const qg_suite_recipe *q, qg_err *err)
{
    char weights[QG_HASH_HEX], files[QG_HASH_HEX];

    QG_PASS(qg_engine_hash_folder(weights, source->model, err));
    QG_PASS(hash_small_files(files, arena, source->model, err));
    const char *text = qg_arena_format(
        arena, "%s|%s|%s|%s|%s|bits=%d|group=%d|sym=%d|order=%d|%s", weights, files, q->method,
        q->format ? q->format : "", q->activations ? q->activations : "", (int)q->bits,
        (int)q->group_size, q->sym, q->act_order, QG_BUILD_VERSION " " QG_BUILD_COMMIT);
    QG_NEED(text, err);
    return qg_hash_text(hex, qg_str_from(text), err);
}

static void show(void *user, const char *linear, double done)
{
    qg_progress *bar = user;

    snprintf(bar->label, sizeof bar->label, "%s", linear);
    qg_progress_update(bar, done);
}

static qg_status make(const char **out, qg_cli *cli, const qg_suite *suite,
                      const qg_suite_model *model, int n_threads, qg_err *err)
{
    const qg_suite_model *source = qg_suite_model_of(suite, qg_str_from(model->from));
    qg_quantize_options options = {
        .recipe = recipe_of(&model->quantize), .n_threads = n_threads, .on_progress = show};
    qg_quantize_result result;
    qg_progress bar;
    char key[QG_HASH_HEX];
    const char *cache;

    QG_PASS(cache_folder(&cache, cli->run, err));
    QG_PASS(key_of(key, cli->run, source, &model->quantize, err));
    *out = qg_arena_format(cli->run, "%s/%.24s", cache, key);
    QG_NEED(*out, err);
    if (qg_dir_exists(*out))
        return QG_OK;
    QG_PASS(qg_dir_make(cache, err));
    qg_cli_notice("making '%s' from '%s' by %s", model->name, source->name, model->quantize.method);
    options.user = &bar;
    qg_progress_begin(&bar, stderr, model->name);
    qg_err failed = {0};
    qg_status s = qg_quantize_folder(&result, source->model, *out, &options, &failed);
    qg_progress_end(&bar);
    if (s == QG_EEXISTS && qg_dir_exists(*out)) /* another run was faster */
        return QG_OK;
    if (err && s != QG_OK)
        *err = failed;
    return s;
}

qg_status qg_prepare_models(qg_plan *plan, qg_cli *cli, int n_threads, qg_err *err)
{
    for (size_t i = 0; i < plan->n_cases; i++) {
        qg_case *c = &plan->cases[i];
        if (c->skip || c->folder)
            continue;
        for (size_t k = 0; k < i && !c->folder; k++)
            if (plan->cases[k].model == c->model)
                c->folder = plan->cases[k].folder;
        if (c->folder)
            continue;
        qg_status s = make(&c->folder, cli, plan->suite, c->model, n_threads, err);
        if (s != QG_OK)
            qg_err_at(err, c->model->place.file, c->model->place.line, c->model->place.column);
        if (s != QG_OK)
            return s;
    }
    return QG_OK;
}
