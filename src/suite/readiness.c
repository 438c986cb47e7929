/* `checklist` of a suite: see readiness.h. A suite without the section gets the defaults, which ask
 * for everything: so `checklist` tells what a release would need. */
#include "suite/readiness.h"

#include "base/clock.h"

/* The keys of checklist_keys, where this file reads what they hold. */
static const qg_key *key_of(const char *name)
{
    return qg_key_in(qg_key_in(qg_suite_keys, "checklist")->keys, name);
}

static void read_paths(const qg_schema_reader *r, const char *name, const qg_yaml *node,
                       const qg_suite_file **out, size_t *n)
{
    const qg_key path = {.name = name, .type = QG_KEY_PATH};
    bool is_list = node && node->type == QG_YAML_LIST;
    size_t most = is_list ? node->n : 1;
    qg_suite_file *files = QG_NEW_N(r->arena, qg_suite_file, most);

    r->findings->out_of_memory |= !files;
    for (size_t i = 0; node && files && i < most; i++) {
        const qg_yaml *one = is_list ? node->items[i] : node;
        if (qg_schema_value(r, &path, one, &files[*n].path))
            files[(*n)++].place = one->place;
    }
    *out = files;
}

/* Calls `take` with each text of a list that has no duplicates; false where there is no list. */
static bool for_names(const qg_schema_reader *r, qg_suite *s, const qg_yaml *map, const char *name,
                      void (*take)(const qg_schema_reader *r, qg_suite *s, const qg_yaml *item))
{
    const qg_yaml *list = qg_yaml_get(map, name);

    if (!list || !qg_schema_is(r, name, list, QG_YAML_LIST))
        return false;
    if (list->n == 0)
        qg_finding_error(r->findings, list->place, NULL, "'%s' is an empty list", name);
    for (size_t i = 0; i < list->n; i++) {
        bool fine = qg_schema_is(r, name, list->items[i], QG_YAML_TEXT);
        for (size_t k = 0; fine && k < i; k++)
            fine = !qg_str_eq(list->items[k]->text, list->items[i]->text);
        if (fine)
            take(r, s, list->items[i]);
    }
    return true;
}

/* The item that a text names, else a finding. */
static bool find_item(const qg_schema_reader *r, qg_str word, qg_place place, qg_checkitem *out)
{
    const char *names[QG_N_CHECKITEMS];

    if (qg_checkitem_find(out, word))
        return true;
    for (int i = 0; i < QG_N_CHECKITEMS; i++)
        names[i] = qg_checkitem_word((qg_checkitem)i);
    const char *hint = qg_schema_nearest(r, word, names, QG_N_CHECKITEMS);
    qg_finding_error(r->findings, place,
                     hint ? hint
                          : "there are baseline, variant, quality, memory, batches, percentiles, "
                            "ab and card",
                     "no item of the checklist is named '" QG_STR_PRI "'", QG_STR_ARG(word));
    return false;
}

static void take_item(const qg_schema_reader *r, qg_suite *s, const qg_yaml *node)
{
    qg_checkitem item;

    if (find_item(r, node->text, node->place, &item))
        s->checklist.required[item] = true;
}

static void take_percentile(const qg_schema_reader *r, qg_suite *s, const qg_yaml *node)
{
    s->checklist.p95 = s->checklist.p95 || qg_str_is(node->text, "p95");
    s->checklist.p99 = s->checklist.p99 || qg_str_is(node->text, "p99");
    if (!qg_str_is(node->text, "p95") && !qg_str_is(node->text, "p99"))
        qg_finding_error(r->findings, node->place, NULL,
                         "'percentiles' must be p95 or p99, not '" QG_STR_PRI "'",
                         QG_STR_ARG(node->text));
}

/* ---- models ---- */

static void take_model(const qg_schema_reader *r, qg_suite *s, const qg_yaml *node)
{
    const qg_suite_model *m = qg_suite_model_of(s, node->text);
    const char **names = QG_NEW_N(r->arena, const char *, s->n_models);

    r->findings->out_of_memory |= !names;
    for (size_t i = 0; names && i < s->n_models; i++)
        names[i] = s->models[i].name;
    if (!m && names)
        qg_finding_error(r->findings, node->place,
                         qg_schema_nearest(r, node->text, names, s->n_models),
                         "no model is named '" QG_STR_PRI "'", QG_STR_ARG(node->text));
    else if (m && (m->is_reference || strcmp(m->method, "fp16") == 0))
        qg_finding_error(r->findings, node->place, "name quantized models",
                         "'%s' is %s, not what is to be shipped", m->name,
                         m->is_reference ? "the reference" : "not quantized");
    else if (m)
        s->checklist.models[s->checklist.n_models++] = m;
}

static void read_models(const qg_schema_reader *r, qg_suite *s, const qg_yaml *map)
{
    qg_suite_checklist *c = &s->checklist;
    const qg_yaml *list = qg_yaml_get(map, "models");

    c->models = QG_NEW_N(r->arena, const qg_suite_model *, s->n_models + (list ? list->n : 0));
    r->findings->out_of_memory |= !c->models;
    if (!c->models || for_names(r, s, map, "models", take_model))
        return;
    for (size_t i = 0; i < s->n_models; i++)
        if (!s->models[i].is_reference && s->models[i].method &&
            strcmp(s->models[i].method, "fp16") != 0)
            c->models[c->n_models++] = &s->models[i];
}

/* ---- waivers ---- */

static void read_waiver(const qg_schema_reader *r, qg_suite *s, const qg_yaml_entry *entry,
                        qg_suite_waiver *out)
{
    int64_t day;

    qg_schema_read(r, key_of("waive")->keys, entry->value, out);
    out->place = entry->key_place;
    const qg_yaml *expires = qg_yaml_get(entry->value, "expires");
    if (out->expires &&
        (strlen(out->expires) != 10 || !qg_clock_read(&day, qg_str_from(out->expires))))
        qg_finding_error(r->findings, expires->place, "write it as 2026-03-31",
                         "'expires' is no day: '%s'", out->expires);
    if (!s->checklist.required[out->item])
        qg_finding_error(r->findings, entry->key_place, "add it to 'require', or drop the waiver",
                         "'%s' is waived, but not required", qg_checkitem_word(out->item));
}

static void read_waivers(const qg_schema_reader *r, qg_suite *s, const qg_yaml *map)
{
    const qg_yaml *node = qg_yaml_get(map, "waive");
    qg_suite_waiver *waivers;
    size_t n = 0;

    if (!node || !qg_schema_is(r, "waive", node, QG_YAML_MAP))
        return;
    waivers = QG_NEW_N(r->arena, qg_suite_waiver, node->n);
    r->findings->out_of_memory |= !waivers;
    for (size_t i = 0; waivers && i < node->n; i++) {
        const qg_yaml_entry *entry = &node->entries[i];
        if (find_item(r, entry->key, entry->key_place, &waivers[n].item) &&
            qg_schema_is(r, "waive", entry->value, QG_YAML_MAP))
            read_waiver(r, s, entry, &waivers[n++]);
    }
    s->checklist.waivers = waivers;
    s->checklist.n_waivers = n;
}

void qg_readiness_read(const qg_schema_reader *r, qg_suite *s, const qg_yaml *root)
{
    qg_suite_checklist *c = &s->checklist;
    const qg_yaml *map = qg_yaml_get(root, "checklist");

    c->present = map && map->type == QG_YAML_MAP;
    map = c->present ? map : NULL;
    c->place = (qg_place){s->path, 1, 1};
    for (size_t i = 0; map && i < root->n; i++)
        if (root->entries[i].value == map)
            c->place = root->entries[i].key_place;
    read_paths(r, "ab_evidence", qg_yaml_get(map, "ab_evidence"), &c->ab, &c->n_ab);
    read_paths(r, "card", qg_yaml_get(map, "card"), &c->card, &c->n_card);
    read_models(r, s, map);
    if (!for_names(r, s, map, "require", take_item))
        for (int i = 0; i < QG_N_CHECKITEMS; i++)
            c->required[i] = true;
    if (!for_names(r, s, map, "percentiles", take_percentile))
        c->p95 = c->p99 = true;
    read_waivers(r, s, map);
}
