/* Checks across keys: see crosscheck.h.
 *
 * Each function looks at one question and is silent where what it would look at is missing or was
 * complained about already. A root that is broken (an include that could not be read) may lack
 * anything, so what is absent from it is no mistake.
 */
#include "suite/crosscheck.h"

#include "suite/defaults.h"

#include <stdio.h>

/* The place of a value under `map`, or of the map where the key is absent. */
static qg_place place_in(const qg_yaml *map, const char *key)
{
    const qg_yaml *node = qg_yaml_get(map, key);
    return node ? node->place : map->place;
}

/* ---- models ---- */

static const char *nearest_model(const qg_schema_reader *r, const qg_suite *s, const char *wrong)
{
    const char **names = QG_NEW_N(r->arena, const char *, s->n_models);

    r->findings->out_of_memory |= !names;
    for (size_t i = 0; names && i < s->n_models; i++)
        names[i] = s->models[i].name;
    return names ? qg_schema_nearest(r, qg_str_from(wrong), names, s->n_models) : NULL;
}

/* A random model is no other at the same time, and its codes are made with it. */
static void check_synth(const qg_schema_reader *r, const qg_suite_model *m, const qg_yaml *node)
{
    static const char *const others[] = {"model", "from", "calibration"};
    const qg_yaml *synth = qg_yaml_get(node, "synth");

    if (!synth || synth->type != QG_YAML_MAP)
        return;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (qg_yaml_get(node, others[i]))
            qg_finding_error(r->findings, place_in(node, others[i]), NULL,
                             "'%s' has both 'synth' and '%s': keep one", m->name, others[i]);
    if (m->synth.bits != 0 && m->synth.bits != 4 && m->synth.bits != 8)
        qg_finding_error(r->findings, place_in(synth, "bits"), NULL,
                         "'bits' must be 0, 4 or 8, not %lld", (long long)m->synth.bits);
    if (m->synth.bits == 0 && (m->synth.format || m->synth.group_size))
        qg_finding_error(r->findings, place_in(synth, m->synth.format ? "format" : "group_size"),
                         "add bits: 4", "'%s' has no 'bits' to be stored so", m->name);
    if (m->synth.bits != 0 && qg_yaml_get(node, "quantization"))
        qg_finding_error(r->findings, place_in(node, "quantization"), NULL,
                         "'%s' has both 'quantization' and 'bits' of 'synth': keep one", m->name);
}

static void check_source(const qg_schema_reader *r, const qg_suite *s, const qg_suite_model *m,
                         const qg_yaml *node)
{
    const qg_yaml *model = qg_yaml_get(node, "model"), *from = qg_yaml_get(node, "from");
    const qg_yaml *recipe = qg_yaml_get(node, "quantize"), *synth = qg_yaml_get(node, "synth");

    check_synth(r, m, node);
    if (model && from)
        qg_finding_error(r->findings, from->place, NULL,
                         "'%s' has both 'model' and 'from': keep one", m->name);
    else if (!model && !from && !synth)
        qg_finding_error(r->findings, m->place, NULL,
                         "'%s' has neither 'model' nor 'from' nor 'synth'", m->name);
    if (from && !recipe)
        qg_finding_error(r->findings, from->place, "add quantize: {method: gptq}",
                         "'%s' is made from '%s', but 'quantize' is missing", m->name, m->from);
    if (recipe && !from)
        qg_finding_error(r->findings, recipe->place, "add from: with the name of a model",
                         "'quantize' of '%s' has no 'from' to be made from", m->name);
    if (recipe && qg_yaml_get(node, "quantization"))
        qg_finding_error(r->findings, place_in(node, "quantization"), NULL,
                         "'%s' has both 'quantization' and 'quantize': keep one", m->name);
    if (m->calibration && strcmp(m->method, "int8") != 0)
        qg_finding_error(r->findings, place_in(node, "calibration"), NULL,
                         "'calibration' of '%s' has no use without 'quantization: int8'", m->name);
    if (!m->from)
        return;
    const qg_suite_model *source = qg_suite_model_of(s, qg_str_from(m->from));
    if (!source)
        qg_finding_error(r->findings, from->place, nearest_model(r, s, m->from),
                         "no model is named '%s'", m->from);
    else if (source->from || source->synth.preset)
        qg_finding_error(r->findings, from->place, "name a model that is a folder",
                         "'%s' is made from '%s', which is made itself", m->name, m->from);
    else if (strcmp(source->method, "fp16") != 0)
        qg_finding_error(r->findings, from->place, "name a model that runs as fp16",
                         "'%s' is made from '%s', which is quantized", m->name, m->from);
}

static void check_recipe(const qg_schema_reader *r, const qg_suite_model *m, const qg_yaml *node)
{
    const qg_suite_recipe *q = &m->quantize;
    const qg_yaml *recipe = qg_yaml_get(node, "quantize");
    static const struct {
        const char *method;
        int64_t bits[3];
        bool grouped;
    } rules[] = {
        {"int8", {8}, false}, {"gptq", {4, 8}, true}, {"awq", {4}, true}, {"rtn", {4, 8}, true}};

    if (!recipe || recipe->type != QG_YAML_MAP || !q->method)
        return;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (strcmp(rules[i].method, q->method) != 0)
            continue;
        bool known = !qg_yaml_get(recipe, "bits") || q->bits == rules[i].bits[0] ||
                     q->bits == rules[i].bits[1];
        if (!known && rules[i].bits[1])
            qg_finding_error(r->findings, place_in(recipe, "bits"), NULL,
                             "%s has %lld or %lld bits, not %lld", q->method,
                             (long long)rules[i].bits[0], (long long)rules[i].bits[1],
                             (long long)q->bits);
        else if (!known)
            qg_finding_error(r->findings, place_in(recipe, "bits"), NULL,
                             "%s has %lld bits, not %lld", q->method, (long long)rules[i].bits[0],
                             (long long)q->bits);
        bool group = q->group_size == 0 || q->group_size == -1 || q->group_size == 32 ||
                     q->group_size == 64 || q->group_size == 128;
        if (rules[i].grouped && !group)
            qg_finding_error(r->findings, place_in(recipe, "group_size"), NULL,
                             "'group_size' must be -1, 32, 64 or 128, not %lld",
                             (long long)q->group_size);
    }
}

/* Keys that a recipe's method does not look at, and a text that it needs. */
static void check_recipe_keys(const qg_schema_reader *r, const qg_suite_model *m,
                              const qg_yaml *node)
{
    static const struct {
        const char *key, *methods;
    } uses[] = {{"damp", "gptq"},
                {"natural_order", "gptq"},
                {"act_order", "rtn, gptq"},
                {"strength", "int8"},
                {"calibration", "int8, gptq, awq"},
                {"samples", "int8, gptq, awq"},
                {"window", "int8, gptq, awq"},
                {"tier", "int8, gptq, awq"}};
    const qg_yaml *recipe = qg_yaml_get(node, "quantize");
    const char *method = m->quantize.method;

    if (!recipe || recipe->type != QG_YAML_MAP || !method)
        return;
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
        if (qg_yaml_get(recipe, uses[i].key) && !strstr(uses[i].methods, method))
            qg_finding_error(r->findings, place_in(recipe, uses[i].key), NULL,
                             "'%s' has no use with method '%s', but with %s", uses[i].key, method,
                             uses[i].methods);
    if ((strcmp(method, "gptq") == 0 || strcmp(method, "awq") == 0) &&
        !qg_yaml_get(recipe, "calibration"))
        qg_finding_error(r->findings, recipe->place, "add calibration: with a text file",
                         "method '%s' of '%s' needs a text to calibrate on", method, m->name);
}

static void resolve_reference(const qg_schema_reader *r, qg_suite *s, qg_suite_model *models,
                              const qg_yaml *root)
{
    const char *name = s->reference_name;

    if (!name && s->n_models == 1)
        name = models[0].name;
    if (!name) {
        if (s->n_models > 1 && !root->broken && !qg_yaml_get(root, "reference"))
            qg_finding_error(r->findings, root->place, NULL,
                             "'reference' is missing: several models need one to be compared with");
        return;
    }
    for (size_t i = 0; i < s->n_models; i++) {
        if (strcmp(models[i].name, name) != 0)
            continue;
        models[i].is_reference = true;
        s->reference = &models[i];
        if (strcmp(models[i].method, "fp16") != 0 && s->n_models > 1)
            qg_finding_add(r->findings, QG_SEVERITY_WARNING, place_in(root, "reference"),
                           "name a model that runs as fp16, if that is meant",
                           "reference '%s' is quantized: 'vs_fp16' compares with it, and its own "
                           "damage is not seen",
                           name);
        return;
    }
    if (s->n_models > 0)
        qg_finding_error(r->findings, place_in(root, "reference"), nearest_model(r, s, name),
                         "no model is named '%s'", name);
}

/* Whether following references from a model leads back to it. */
static bool is_circular(const qg_suite *s, const qg_suite_model *m)
{
    const qg_suite_model *at = m->reference;

    for (size_t i = 0; at && at != m && i < s->n_models; i++)
        at = at->reference;
    return at == m;
}

static void find_reference(const qg_schema_reader *r, const qg_suite *s, qg_suite_model *m,
                           qg_place place)
{
    const qg_suite_model *found = qg_suite_model_of(s, qg_str_from(m->reference_name));

    if (!found)
        qg_finding_error(r->findings, place, nearest_model(r, s, m->reference_name),
                         "no model is named '%s'", m->reference_name);
    else if (found == m)
        qg_finding_error(r->findings, place, NULL, "'%s' is compared with itself", m->name);
    else if (m->is_reference)
        qg_finding_error(r->findings, place, NULL,
                         "'%s' is the suite's reference, and compared with none", m->name);
    else
        m->reference = found;
}

/* References of models' own: each leads to the suite's in the end. */
static void resolve_references(const qg_schema_reader *r, const qg_suite *s, qg_suite_model *models,
                               const qg_yaml *map)
{
    for (size_t i = 0; i < s->n_models; i++)
        if (models[i].reference_name)
            find_reference(r, s, &models[i], place_in(map->entries[i].value, "reference"));
    for (size_t i = 0; i < s->n_models; i++) {
        if (!is_circular(s, &models[i]))
            continue;
        qg_finding_error(r->findings, place_in(map->entries[i].value, "reference"), NULL,
                         "'%s' is compared with '%s', which is compared with '%s' in the end",
                         models[i].name, models[i].reference_name, models[i].name);
        models[i].reference = NULL; /* the others of the circle are said with it */
    }
}

/* ---- calibration ---- */

/* A model that was calibrated on the text that judges it looks better than it is. */
static void check_overlap(const qg_schema_reader *r, const qg_suite *s, const qg_suite_model *m,
                          const qg_yaml *node)
{
    const qg_yaml *recipe = qg_yaml_get(node, "quantize");
    const char *path = m->from ? m->quantize.calibration : m->calibration;
    qg_texts texts;
    size_t n_shared;

    if (!path || !s->quality.documents.n)
        return;
    qg_status status = qg_texts_documents(&texts, r->arena, path, NULL);
    if (!status)
        status = qg_texts_shared(&n_shared, r->arena, texts, s->quality.documents, NULL);
    r->findings->out_of_memory |= status == QG_ENOMEM;
    if (status) /* of the file, who makes the model will say */
        return;
    if (n_shared)
        qg_finding_add(r->findings, QG_SEVERITY_WARNING,
                       place_in(m->from ? recipe : node, "calibration"),
                       "calibrate on another text",
                       "%zu of %zu documents of '%s' are in the validation text: '%s' will look "
                       "better than it is",
                       n_shared, texts.n, path, m->name);
}

/* ---- budgets ---- */

static void need(const qg_schema_reader *r, const qg_expect *e, const qg_yaml *quality,
                 const char *key)
{
    if (!qg_yaml_get(quality, key))
        qg_finding_error(r->findings, e->place, NULL, "budget '%s' needs '%s' in 'quality'",
                         qg_metric_info_of(e->metric)->name, key);
}

/* What the best predictions are compared with: the live reference over the text, else a golden. */
static void check_same_top(const qg_schema_reader *r, const qg_suite_model *m, const qg_expect *e,
                           const qg_yaml *quality)
{
    if (!m->is_reference && qg_yaml_get(quality, "text"))
        return;
    need(r, e, quality, "prompts");
    need(r, e, quality, "golden");
}

/* A budget for another device than the model says that it runs on. */
static void check_device(const qg_schema_reader *r, const qg_suite_model *m, const qg_expect *e)
{
    qg_device own;

    if (!m->device || !qg_device_find(&own, qg_str_from(m->device)) || own == QG_DEVICE_AUTO ||
        e->on == QG_DEVICE_AUTO || e->on == own)
        return;
    qg_finding_add(r->findings, QG_SEVERITY_WARNING, e->place, NULL,
                   "'%s' for %s is never judged: '%s' runs on %s",
                   qg_metric_info_of(e->metric)->name, qg_device_name(e->on), m->name, m->device);
}

static void check_expect(const qg_schema_reader *r, const qg_suite *s, const qg_suite_model *m,
                         const qg_expect *e, const qg_yaml *quality)
{
    const qg_metric_info *info = qg_metric_info_of(e->metric);
    qg_expect_needs needs = qg_metric_needs(e->metric);
    int least = info->section == QG_PERFORMANCE ? qg_percentile_least_samples(info->percentile) : 0;

    check_device(r, m, e);
    if (needs.text)
        need(r, e, quality, "text");
    if (needs.prompts)
        need(r, e, quality, "prompts");
    if (needs.tasks)
        need(r, e, quality, "tasks");
    if (e->metric == QG_METRIC_SAME_TOP) {
        check_same_top(r, m, e, quality);
    } else if (needs.golden || needs.drift) {
        need(r, e, quality, "prompts");
        need(r, e, quality, "golden");
    }
    if (needs.reference && m->is_reference)
        qg_finding_error(r->findings, e->place, NULL,
                         "budget '%s' compares with the reference, and '%s' is the reference",
                         info->name, m->name);
    if (s->performance.samples_max < least) {
        char hint[96];
        snprintf(hint, sizeof hint, "raise 'max' of 'samples', or gate '%.*sp50'",
                 (int)strlen(info->name) - 3, info->name);
        qg_finding_add(r->findings, QG_SEVERITY_WARNING, e->place, hint,
                       "gate too weak: '%s' needs %d samples to be sure at 95 %%, and at most %lld "
                       "are measured",
                       info->name, least, (long long)s->performance.samples_max);
    }
}

/* What a model without budgets of quality is judged by. */
static void note_defaults(const qg_schema_reader *r, const qg_suite *s, const qg_suite_model *m)
{
    const qg_default_budget *d = qg_default_budgets_of(s, m);

    if (d && r->findings->n_errors == 0)
        qg_finding_add(r->findings, QG_SEVERITY_NOTE, m->place,
                       "write budgets of its own under 'quality' once they are known",
                       "'%s' names no budget of quality and is judged by the defaults of its "
                       "method: %s %s, %s %s, %s %s",
                       m->name, qg_metric_info_of(d[0].metric)->name, d[0].written,
                       qg_metric_info_of(d[1].metric)->name, d[1].written,
                       qg_metric_info_of(d[2].metric)->name, d[2].written);
}

static void check_budgets(const qg_schema_reader *r, const qg_suite *s, const qg_yaml *root)
{
    const qg_yaml *quality = qg_yaml_get(root, "quality");

    for (size_t i = 0; i < s->n_models; i++) {
        const qg_suite_model *m = &s->models[i];
        for (size_t j = 0; j < m->quality.n; j++)
            check_expect(r, s, m, &m->quality.at[j], quality);
        for (size_t j = 0; j < m->performance.n; j++)
            check_expect(r, s, m, &m->performance.at[j], quality);
        note_defaults(r, s, m);
        if (m->quality.n + m->performance.n == 0 && !qg_default_budgets_of(s, m) &&
            r->findings->n_errors == 0)
            qg_finding_add(r->findings, QG_SEVERITY_NOTE, m->place, NULL,
                           "'%s' has no budget: it is measured and shown, and cannot fail",
                           m->name);
    }
}

/* ---- sizes ---- */

static void check_sizes(const qg_schema_reader *r, const qg_suite *s, const qg_yaml *root)
{
    const qg_yaml *quality = qg_yaml_get(root, "quality");
    const qg_yaml *performance = qg_yaml_get(root, "performance");
    const qg_yaml *production = qg_yaml_get(performance, "production");
    const qg_suite_performance *p = &s->performance;
    long long longest = s->engine.max_model_len, len = p->input_len + p->output_len;

    if (longest && production && len > longest)
        qg_finding_error(r->findings, production->place, NULL,
                         "input_len + output_len is %lld, more than max_model_len %lld", len,
                         longest);
    if (longest && quality && qg_yaml_get(quality, "window") && s->quality.window > longest)
        qg_finding_error(r->findings, place_in(quality, "window"), NULL,
                         "'window' is %lld, more than max_model_len %lld",
                         (long long)s->quality.window, longest);
    if (p->samples_min > p->samples_max)
        qg_finding_error(r->findings, place_in(performance, "samples"), NULL,
                         "'min' of 'samples' is %lld, more than 'max' %lld",
                         (long long)p->samples_min, (long long)p->samples_max);
}

void qg_crosscheck(const qg_schema_reader *r, qg_suite *s, qg_suite_model *models,
                   const qg_yaml *root)
{
    const qg_yaml *map = qg_yaml_get(root, "models");

    for (size_t i = 0; i < s->n_models; i++) {
        const qg_yaml *node = map->entries[i].value;
        if (node->broken || node->type != QG_YAML_MAP)
            continue;
        check_source(r, s, &models[i], node);
        check_recipe(r, &models[i], node);
        check_recipe_keys(r, &models[i], node);
        check_overlap(r, s, &models[i], node);
    }
    resolve_reference(r, s, models, root);
    resolve_references(r, s, models, map);
    if (!qg_yaml_get(root, "quality") && !qg_yaml_get(root, "performance") && !root->broken)
        qg_finding_error(r->findings, root->place, "add 'quality' or 'performance'",
                         "nothing is measured");
    check_budgets(r, s, root);
    check_sizes(r, s, root);
}
