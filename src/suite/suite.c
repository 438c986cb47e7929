/* Nodes to a qg_suite: see suite.h.
 *
 * The table of keys reads what is regular; this file reads models, lists and texts, and then checks
 * what takes several keys to see. Every step adds its findings and goes on with what is sane;
 * whether there was an error is asked once, at the end.
 */
#include "suite/suite.h"

#include "base/file.h"

#include "suite/budgets.h"
#include "suite/crosscheck.h"
#include "suite/exceptions.h"
#include "suite/readiness.h"
#include "suite/schema.h"

#include <stdlib.h>

const qg_suite_model *qg_suite_model_of(const qg_suite *s, qg_str name)
{
    for (size_t i = 0; i < s->n_models; i++)
        if (qg_str_is(name, s->models[i].name))
            return &s->models[i];
    return NULL;
}

const qg_suite_model *qg_suite_reference_of(const qg_suite *s, const qg_suite_model *m)
{
    return m->reference ? m->reference : s->reference;
}

char *qg_suite_case_id(qg_arena *arena, const char *model, int batch)
{
    return batch ? qg_arena_format(arena, "%s/perf/b%d", model, batch)
                 : qg_arena_format(arena, "%s/quality", model);
}

/* ---- models ---- */

/* Names become ids of cases and parts of file names. */
static bool is_good_name(qg_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (i == 0 || !strchr("._-", c)))
            return false;
    }
    return name.len > 0 && name.len <= 64;
}

/* What a recipe's model is called where it runs: the name of its storage. */
static const char *runs_as(const qg_suite_recipe *q)
{
    const char *format = q->format ? q->format : "";

    if (!q->method)
        return "fp16";
    if (strcmp(format, "awq") == 0 || (!q->format && strcmp(q->method, "awq") == 0))
        return "awq";
    return strcmp(format, "bitsandbytes") == 0 || strcmp(q->activations, "int8") == 0 ? "int8"
                                                                                      : "gptq";
}

/* What depends on the method. */
static void complete_recipe(qg_suite_recipe *q, const qg_yaml *recipe)
{
    bool is_int8 = q->method && strcmp(q->method, "int8") == 0;

    if (!q->activations)
        q->activations = is_int8 ? "int8" : "float";
    if (is_int8 && !qg_yaml_get(recipe, "bits"))
        q->bits = 8;
}

static void read_model(const qg_schema_reader *r, qg_suite_model *model, const qg_yaml_entry *entry)
{
    const qg_key *keys = qg_key_in(qg_suite_keys, "models")->keys;
    const qg_yaml *node = entry->value, *recipe = qg_yaml_get(node, "quantize");
    const qg_yaml *quantization = qg_yaml_get(node, "quantization");

    model->name = entry->key.ptr;
    model->place = model->method_place = entry->key_place;
    if (!is_good_name(entry->key))
        qg_finding_error(r->findings, entry->key_place, "use letters, digits, '.', '_' and '-'",
                         "'" QG_STR_PRI "' is no name for a model", QG_STR_ARG(entry->key));
    if (!qg_schema_is(r, model->name, node, QG_YAML_MAP)) {
        qg_schema_read(r, keys, NULL, model);
        return;
    }
    qg_schema_read(r, keys, node, model);
    if (quantization)
        model->method_place = quantization->place;
    if (recipe && recipe->type == QG_YAML_MAP) {
        const qg_yaml *method = qg_yaml_get(recipe, "method");
        model->method_place = method ? method->place : recipe->place;
        complete_recipe(&model->quantize, recipe);
        model->method = runs_as(&model->quantize);
    }
    const qg_suite_synth *s = &model->synth;
    if (s->preset && s->bits > 0)
        model->method = runs_as(&(qg_suite_recipe){
            .method = "rtn", .format = s->format, .activations = s->activations});
}

/* The models, which are the suite's but still to be completed by who reads their budgets. */
static qg_suite_model *read_models(const qg_schema_reader *r, qg_suite *s, const qg_yaml *root)
{
    const qg_yaml *node = qg_yaml_get(root, "models");

    if (!node || !qg_schema_is(r, "models", node, QG_YAML_MAP))
        return NULL;
    if (node->n == 0)
        qg_finding_error(r->findings, node->place, NULL, "'models' names no model");
    qg_suite_model *models = QG_NEW_N(r->arena, qg_suite_model, node->n);
    if (!models) {
        r->findings->out_of_memory = true;
        return NULL;
    }
    for (size_t i = 0; i < node->n; i++)
        read_model(r, &models[i], &node->entries[i]);
    s->models = models;
    s->n_models = node->n;
    return models;
}

/* ---- lists and texts ---- */

static bool keep_texts(const qg_schema_reader *r, const qg_yaml *place_of, qg_status status,
                       const char *name, const qg_err *err)
{
    if (status == QG_ENOMEM)
        r->findings->out_of_memory = true;
    else if (status != QG_OK)
        qg_finding_error(r->findings, place_of->place, NULL, "'%s': %s", name, err->message);
    return status == QG_OK;
}

/* A list of texts as it stands; with `key`, each a file that must exist. */
static void read_texts(const qg_schema_reader *r, const char *name, const qg_key *key,
                       const qg_yaml *list, qg_texts *out)
{
    qg_str *at = QG_NEW_N(r->arena, qg_str, list->n);
    size_t n = 0;

    r->findings->out_of_memory |= !at;
    for (size_t i = 0; at && i < list->n; i++) {
        const char *path = NULL;
        if (!qg_schema_is(r, name, list->items[i], QG_YAML_TEXT))
            continue;
        if (!key)
            at[n++] = list->items[i]->text;
        else if (qg_schema_value(r, key, list->items[i], &path))
            at[n++] = qg_str_from(path);
    }
    *out = (qg_texts){at, n};
    if (list->n == 0)
        qg_finding_error(r->findings, list->place, NULL, "'%s' is an empty list", name);
}

static void read_quality(const qg_schema_reader *r, qg_suite_quality *q, const qg_yaml *map)
{
    const qg_key file = {.name = "prompts", .type = QG_KEY_FILE};
    const qg_key task = {.name = "tasks", .type = QG_KEY_FILE};
    const qg_yaml *prompts = qg_yaml_get(map, "prompts"), *tasks = qg_yaml_get(map, "tasks");
    const char *path;
    qg_err err = {0};

    q->present = map && map->type == QG_YAML_MAP;
    if (prompts && prompts->type == QG_YAML_LIST)
        read_texts(r, "prompts", NULL, prompts, &q->prompts);
    else if (prompts && qg_schema_value(r, &file, prompts, &path))
        keep_texts(r, prompts, qg_texts_prompts(&q->prompts, r->arena, path, &err), "prompts",
                   &err);
    qg_err_clear(&err);
    if (q->text)
        keep_texts(r, qg_yaml_get(map, "text"),
                   qg_texts_documents(&q->documents, r->arena, q->text, &err), "text", &err);
    if (tasks && qg_schema_is(r, "tasks", tasks, QG_YAML_LIST)) {
        read_texts(r, "tasks", &task, tasks, &q->tasks);
        q->tasks_place = tasks->place;
    }
}

static int compare_numbers(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void read_batches(const qg_schema_reader *r, qg_suite_performance *p, const qg_yaml *map)
{
    static const int64_t one[] = {1};
    const qg_yaml *production = qg_yaml_get(map, "production");
    const qg_yaml *list = qg_yaml_get(production, "batch");
    const qg_key *performance = qg_key_in(qg_suite_keys, "performance")->keys;
    const qg_key *key = qg_key_in(qg_key_in(performance, "production")->keys, "batch");
    size_t n = 0;

    p->present = map && map->type == QG_YAML_MAP;
    p->batch = one;
    p->n_batch = 1;
    if (!list || !qg_schema_is(r, "batch", list, QG_YAML_LIST))
        return;
    if (list->n == 0)
        qg_finding_error(r->findings, list->place, NULL, "'batch' is an empty list");
    int64_t *at = QG_NEW_N(r->arena, int64_t, list->n);
    r->findings->out_of_memory |= !at;
    for (size_t i = 0; at && i < list->n; i++) {
        bool fine = qg_schema_value(r, key, list->items[i], &at[n]);
        for (size_t j = 0; fine && j < n; j++) {
            if (at[j] != at[n])
                continue;
            qg_finding_error(r->findings, list->items[i]->place, NULL,
                             "batch %lld stands here twice", (long long)at[n]);
            fine = false;
        }
        n += fine;
    }
    if (n == 0)
        return;
    qsort(at, n, sizeof *at, compare_numbers);
    p->batch = at;
    p->n_batch = n;
}

/* ---- the whole ---- */

static void read_all(const qg_schema_reader *r, qg_suite *s, const qg_yaml *root)
{
    const qg_yaml *quality = qg_yaml_get(root, "quality");
    const qg_yaml *performance = qg_yaml_get(root, "performance");
    const qg_yaml *regression = qg_yaml_get(root, "regression");

    qg_schema_read(r, qg_suite_keys, root, s);
    qg_suite_model *models = read_models(r, s, root);
    read_quality(r, &s->quality, quality);
    read_batches(r, &s->performance, performance);
    qg_budgets_read_quality(r, models, s->n_models, qg_yaml_get(quality, "budgets"));
    qg_budgets_read_performance(r, models, s->n_models, &s->performance,
                                qg_yaml_get(performance, "budgets"));
    qg_budgets_read_allow(r, &s->regression, qg_yaml_get(regression, "allow"));
    qg_exceptions_read(r, s, root);
    s->regression.present = regression && regression->type == QG_YAML_MAP;
    if (r->findings->out_of_memory) /* texts that a check relies on may be missing */
        return;
    qg_crosscheck(r, s, models, root);
    qg_readiness_read(r, s, root);
    if (!r->findings->out_of_memory)
        qg_exceptions_check(r, s);
}

/* The first error as a qg_err. */
static qg_status first_error(const qg_findings *f, qg_err *err)
{
    for (size_t i = 0; i < f->n; i++) {
        const qg_finding *e = &f->at[i];
        if (e->severity != QG_SEVERITY_ERROR)
            continue;
        qg_fail(err, QG_EFORMAT, "%s%s%s", e->message, e->suggestion ? "; " : "",
                e->suggestion ? e->suggestion : "");
        qg_err_at(err, e->place.file, e->place.line, e->place.column);
        return QG_EFORMAT;
    }
    return qg_fail(err, QG_EFORMAT, "%zu mistakes in the suite", f->n_errors);
}

qg_status qg_suite_read(qg_suite **out, qg_findings *findings, qg_arena *run, const char *path,
                        qg_err *err)
{
    qg_suite *s = QG_NEW(run, qg_suite);
    qg_schema_reader r = {run, findings};
    const qg_yaml *root = NULL;

    qg_findings_begin(findings, run);
    QG_NEED(s, err);
    s->path = qg_dir_exists(path) ? qg_path_join(run, path, QG_SUITE_FILE)
                                  : qg_str_dup(run, qg_str_from(path));
    QG_NEED(s->path, err);
    qg_status status = qg_yaml_read(&root, s->hash, findings, run, s->path, err);
    if (status != QG_OK && (status != QG_EFORMAT || findings->n_errors == 0))
        return status; /* about the file itself, not what it says */
    if (status == QG_OK)
        read_all(&r, s, root);
    QG_NEED(!findings->out_of_memory, err);
    qg_findings_sort(findings);
    if (findings->n_errors > 0)
        return first_error(findings, err);
    *out = s;
    return QG_OK;
}
