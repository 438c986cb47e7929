/* Budgets of a suite: see budgets.h.
 *
 * The names that may stand in a map of metrics are those of the metric table, of one section; their
 * limits are read by the same quantity reader as every other key, by a key made up from the metric.
 */
#include "suite/budgets.h"

#include <stdio.h>

static const char *section_name(qg_section s)
{
    return s == QG_QUALITY ? "quality" : "performance";
}

/* A metric of the section by its name, else a finding. `any`: of both sections. */
static bool find_metric(const qg_schema_reader *r, const qg_yaml_entry *entry, qg_section section,
                        bool any, qg_metric *out)
{
    const char *names[QG_METRIC_N];
    size_t n = 0;

    if (qg_metric_find(out, entry->key)) {
        if (any || qg_metric_info_of(*out)->section == section)
            return true;
        qg_finding_error(r->findings, entry->key_place, NULL,
                         "metric '" QG_STR_PRI "' belongs in the budgets of '%s', not of '%s'",
                         QG_STR_ARG(entry->key), section_name(qg_metric_info_of(*out)->section),
                         section_name(section));
        return false;
    }
    for (int m = 0; m < QG_METRIC_N; m++)
        if (any || qg_metric_info_of((qg_metric)m)->section == section)
            names[n++] = qg_metric_info_of((qg_metric)m)->name;
    const char *hint = qg_schema_nearest(r, entry->key, names, n);
    qg_finding_error(r->findings, entry->key_place,
                     hint ? hint : "`quantgate lint --keys` lists the metrics",
                     "unknown metric '" QG_STR_PRI "'", QG_STR_ARG(entry->key));
    return false;
}

bool qg_budgets_read_metric(const qg_schema_reader *r, const qg_yaml *text, qg_metric *out)
{
    qg_yaml_entry entry = {.key = text->text, .key_place = text->place};

    return find_metric(r, &entry, QG_QUALITY, true, out);
}

static bool read_limit(const qg_schema_reader *r, qg_metric m, const qg_yaml *node, double *out)
{
    const qg_metric_info *info = qg_metric_info_of(m);
    qg_key key = {.name = info->name,
                  .type = QG_KEY_QUANTITY,
                  .unit = info->unit,
                  .least = info->least,
                  .greatest = info->greatest};

    return qg_schema_value(r, &key, node, out);
}

/* ---- which model, which batch ---- */

static qg_suite_model *find_model(const qg_schema_reader *r, qg_suite_model *models, size_t n,
                                  const qg_yaml_entry *entry)
{
    const char **names = QG_NEW_N(r->arena, const char *, n);

    if (!names) {
        r->findings->out_of_memory = true;
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if (qg_str_is(entry->key, models[i].name))
            return &models[i];
        names[i] = models[i].name;
    }
    qg_finding_error(r->findings, entry->key_place, qg_schema_nearest(r, entry->key, names, n),
                     "no model is named '" QG_STR_PRI "'", QG_STR_ARG(entry->key));
    return NULL;
}

static qg_expect *make_room(const qg_schema_reader *r, size_t n)
{
    qg_expect *at = QG_NEW_N(r->arena, qg_expect, n);

    r->findings->out_of_memory |= !at;
    return at;
}

/* The device whose budgets a key holds ("cuda: {memory_peak: 44 MiB}"); AUTO: it is no device. */
static qg_device device_of(qg_str key)
{
    for (int d = QG_DEVICE_CPU; d <= QG_DEVICE_CUDA; d++)
        if (qg_str_is(key, qg_device_name((qg_device)d)))
            return (qg_device)d;
    return QG_DEVICE_AUTO;
}

/* The most budgets that a map of metrics can hold. */
static size_t count_metrics(const qg_yaml *map)
{
    size_t n = map->n;

    for (size_t i = 0; i < map->n; i++)
        if (device_of(map->entries[i].key) != QG_DEVICE_AUTO)
            n += map->entries[i].value->n;
    return n;
}

/* Reads the metrics of one map behind the `*n` that `at` holds already. `like` is what they have in
 * common: batch and device. */
static void read_metrics(const qg_schema_reader *r, qg_section section, const qg_yaml *map,
                         const qg_expect *like, qg_expect *at, size_t *n)
{
    for (size_t i = 0; i < map->n; i++) {
        const qg_yaml_entry *entry = &map->entries[i];
        qg_expect e = *like;
        e.place = entry->key_place;
        if (like->on == QG_DEVICE_AUTO) {
            if (section == QG_PERFORMANCE && qg_str_is(entry->key, "batch"))
                continue;
            e.on = device_of(entry->key);
        }
        if (e.on != like->on) {
            if (qg_schema_is(r, qg_device_name(e.on), entry->value, QG_YAML_MAP))
                read_metrics(r, section, entry->value, &e, at, n);
            continue;
        }
        if (!find_metric(r, entry, section, false, &e.metric) ||
            !read_limit(r, e.metric, entry->value, &e.limit))
            continue;
        e.written = entry->value->text.ptr;
        at[(*n)++] = e;
    }
}

void qg_budgets_read_quality(const qg_schema_reader *r, qg_suite_model *models, size_t n_models,
                             const qg_yaml *node)
{
    if (!node || !qg_schema_is(r, "budgets", node, QG_YAML_MAP))
        return;
    for (size_t i = 0; i < node->n; i++) {
        const qg_yaml_entry *entry = &node->entries[i];
        qg_suite_model *model = find_model(r, models, n_models, entry);
        if (!model || !qg_schema_is(r, model->name, entry->value, QG_YAML_MAP))
            continue;
        size_t n = 0;
        qg_expect *at = make_room(r, count_metrics(entry->value));
        if (!at)
            return;
        read_metrics(r, QG_QUALITY, entry->value, &(qg_expect){0}, at, &n);
        model->quality = (qg_expects){at, n};
        model->has_quality = true;
    }
}

/* The batch of a row, or 0 with a finding. */
static int read_batch(const qg_schema_reader *r, const qg_yaml *row, const qg_suite_performance *p)
{
    const qg_key key = {
        .name = "batch", .type = QG_KEY_INT, .least = 1, .greatest = 4096, .example = "1"};
    const qg_yaml *node = qg_yaml_get(row, "batch");
    int64_t batch;

    if (!node) {
        qg_finding_error(r->findings, row->place, NULL,
                         "'batch' is missing: a row is for one batch size");
        return 0;
    }
    if (!qg_schema_value(r, &key, node, &batch))
        return 0;
    for (size_t i = 0; i < p->n_batch; i++)
        if (p->batch[i] == batch)
            return (int)batch;
    qg_finding_error(r->findings, node->place, "add it to 'batch' of 'production'",
                     "batch %lld is not measured", (long long)batch);
    return 0;
}

static bool has_batch(const qg_expect *at, size_t n, int batch)
{
    for (size_t i = 0; i < n; i++)
        if (at[i].batch == batch)
            return true;
    return false;
}

static void read_rows(const qg_schema_reader *r, qg_suite_model *model, const qg_yaml *rows,
                      const qg_suite_performance *p)
{
    size_t room = 0, n = 0;

    for (size_t i = 0; i < rows->n; i++)
        room += count_metrics(rows->items[i]);
    qg_expect *at = make_room(r, room);
    for (size_t i = 0; at && i < rows->n; i++) {
        const qg_yaml *row = rows->items[i];
        if (!qg_schema_is(r, "row", row, QG_YAML_MAP))
            continue;
        int batch = read_batch(r, row, p);
        if (batch && has_batch(at, n, batch)) {
            qg_finding_error(r->findings, row->place, "write one row",
                             "a second row for batch %d of '%s'", batch, model->name);
            continue;
        }
        size_t before = n;
        read_metrics(r, QG_PERFORMANCE, row, &(qg_expect){.batch = batch}, at, &n);
        if (!batch)
            n = before;
    }
    model->performance = (qg_expects){at, n};
}

void qg_budgets_read_performance(const qg_schema_reader *r, qg_suite_model *models, size_t n_models,
                                 const qg_suite_performance *p, const qg_yaml *node)
{
    if (!node || !qg_schema_is(r, "budgets", node, QG_YAML_MAP))
        return;
    for (size_t i = 0; i < node->n; i++) {
        qg_suite_model *model = find_model(r, models, n_models, &node->entries[i]);
        if (model && qg_schema_is(r, model->name, node->entries[i].value, QG_YAML_LIST))
            read_rows(r, model, node->entries[i].value, p);
    }
}

/* ---- regression ---- */

static bool read_allowance(const qg_schema_reader *r, const qg_yaml_entry *entry, qg_allow *allow)
{
    const char *name = qg_metric_info_of(allow->metric)->name;
    qg_unit unit = qg_metric_info_of(allow->metric)->unit;
    qg_err err = {0};

    if (!qg_schema_is(r, name, entry->value, QG_YAML_TEXT))
        return false;
    if (qg_unit_parse(&allow->amount, QG_UNIT_SHARE, entry->value->text, NULL) == QG_OK) {
        allow->is_share = unit != QG_UNIT_SHARE; /* of a share, "1 %" is its own unit */
    } else if (qg_unit_parse(&allow->amount, unit, entry->value->text, &err) != QG_OK) {
        qg_finding_error(r->findings, entry->value->place, "or write a share, like '5 %'",
                         "'%s': %s", name, err.message);
        return false;
    }
    if (allow->amount >= 0)
        return true;
    qg_finding_error(r->findings, entry->value->place, NULL,
                     "'%s' cannot be allowed less than nothing", name);
    return false;
}

void qg_budgets_read_allow(const qg_schema_reader *r, qg_suite_regression *out, const qg_yaml *node)
{
    if (!node || !qg_schema_is(r, "allow", node, QG_YAML_MAP))
        return;
    qg_allow *at = QG_NEW_N(r->arena, qg_allow, node->n);
    if (!at) {
        r->findings->out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < node->n; i++) {
        qg_allow *allow = &at[out->n_allow];
        allow->place = node->entries[i].key_place;
        if (find_metric(r, &node->entries[i], QG_QUALITY, true, &allow->metric) &&
            read_allowance(r, &node->entries[i], allow))
            out->n_allow++;
    }
    out->allow = at;
}
