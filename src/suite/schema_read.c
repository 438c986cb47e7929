/* Reading a map of the YAML by the table of keys: see schema.h.
 *
 * The map is walked once for unknown keys, the table once for values. Every mistake becomes a
 * finding and the default takes the value's place, so that reading goes on and later checks meet
 * sane values.
 */
#include "base/clock.h"
#include "base/file.h"
#include "suite/schema.h"
#include "suite/suite.h"

#include <stdio.h>

/* ---- unknown keys ---- */

const char *qg_schema_nearest(const qg_schema_reader *r, qg_str wrong, const char *const *names,
                              size_t n)
{
    const char *best = NULL;
    size_t least = wrong.len / 3 + 1;

    if (wrong.len > 64)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        qg_str name = qg_str_from(names[i]);
        size_t d = qg_str_distance(wrong, name);
        /* "ttft" for "ttft_p50": what is only cut short is near, however long the rest. */
        if (wrong.len >= 3 && qg_str_starts(name, wrong) && name.ptr[wrong.len] == '_')
            d = 1;
        if (d < least || (d == least && !best)) {
            least = d;
            best = names[i];
        }
    }
    if (!best)
        return NULL;
    const char *hint = qg_arena_format(r->arena, "did you mean '%s'?", best);
    r->findings->out_of_memory |= !hint;
    return hint;
}

static void unknown_key(const qg_schema_reader *r, const qg_key *keys, const qg_yaml_entry *entry)
{
    const char *names[64];
    size_t n = 0;
    qg_buf known;

    qg_buf_init(&known, r->arena);
    qg_buf_text(&known, "known here:");
    for (const qg_key *k = keys; k->name && n < 64; k++) {
        names[n] = k->name;
        qg_buf_format(&known, "%s %s", n++ ? "," : "", k->name);
    }
    r->findings->out_of_memory |= known.failed;
    const char *hint = qg_schema_nearest(r, entry->key, names, n);
    qg_finding_error(r->findings, entry->key_place, hint ? hint : known.ptr,
                     "unknown key '" QG_STR_PRI "'", QG_STR_ARG(entry->key));
}

/* Keys like x-common at the top hold anchors and are nobody's business. */
static bool is_known(const qg_key *keys, qg_str name)
{
    if (keys == qg_suite_keys && qg_str_starts(name, QG_STR("x-")))
        return true;
    for (const qg_key *k = keys; k->name; k++)
        if (qg_str_is(name, k->name))
            return true;
    return false;
}

/* ---- values ---- */

bool qg_schema_is(const qg_schema_reader *r, const char *name, const qg_yaml *node,
                  qg_yaml_type type)
{
    static const char *const wanted[] = {"a single value", "a list", "a map"};

    if (!node || node->broken)
        return false;
    if (node->type == type && !(type == QG_YAML_TEXT && qg_yaml_is_null(node)))
        return true;
    if (qg_yaml_is_null(node))
        qg_finding_error(r->findings, node->place, NULL, "'%s' has no value", name);
    else
        qg_finding_error(r->findings, node->place, NULL, "'%s' wants %s, not %s", name,
                         wanted[type], qg_yaml_type_name(node));
    return false;
}

static bool read_choice(const qg_schema_reader *r, const qg_key *key, const qg_yaml *node,
                        int *index, const char **word)
{
    qg_str rest = qg_str_from(key->choices), piece;
    const char *names[16];
    size_t n = 0;

    while (n < 16 && qg_str_split(&rest, '|', &piece)) {
        names[n] = qg_str_dup(r->arena, piece);
        if (!names[n]) {
            r->findings->out_of_memory = true;
            return false;
        }
        if (qg_str_eq(node->text, piece)) {
            *index = (int)n;
            *word = names[n];
            return true;
        }
        n++;
    }
    qg_buf known;
    qg_buf_init(&known, r->arena);
    for (size_t i = 0; i < n; i++)
        qg_buf_format(&known, "%s%s", i ? (i + 1 < n ? ", " : " or ") : "", names[i]);
    r->findings->out_of_memory |= known.failed;
    qg_finding_error(r->findings, node->place, NULL, "'%s' must be %s, not '" QG_STR_PRI "'",
                     key->name, known.ptr ? known.ptr : "", QG_STR_ARG(node->text));
    return false;
}

static bool read_int(const qg_schema_reader *r, const qg_key *key, const qg_yaml *node,
                     int64_t *out)
{
    int64_t v;

    if (!qg_str_to_int(node->text, &v)) {
        qg_finding_error(r->findings, node->place, NULL,
                         "'%s' wants a whole number like %s, not '" QG_STR_PRI "'", key->name,
                         key->example, QG_STR_ARG(node->text));
        return false;
    }
    if ((double)v < key->least || (double)v > key->greatest) {
        if (key->least == key->greatest)
            qg_finding_error(r->findings, node->place, NULL, "'%s' must be %.0f, not %lld",
                             key->name, key->least, (long long)v);
        else
            qg_finding_error(r->findings, node->place, NULL,
                             "'%s' must lie between %.0f and %.0f, not at %lld", key->name,
                             key->least, key->greatest, (long long)v);
        return false;
    }
    *out = v;
    return true;
}

static bool read_bool(const qg_schema_reader *r, const qg_key *key, const qg_yaml *node, bool *out)
{
    if (qg_str_is(node->text, "true") || qg_str_is(node->text, "false")) {
        *out = qg_str_is(node->text, "true");
        return true;
    }
    qg_finding_error(r->findings, node->place, NULL,
                     "'%s' must be true or false, not '" QG_STR_PRI "'", key->name,
                     QG_STR_ARG(node->text));
    return false;
}

static bool read_quantity(const qg_schema_reader *r, const qg_key *key, const qg_yaml *node,
                          double *out)
{
    char least[QG_UNIT_TEXT], greatest[QG_UNIT_TEXT];
    qg_err err = {0};
    double v;

    if (qg_unit_parse(&v, key->unit, node->text, &err) != QG_OK) {
        qg_finding_error(r->findings, node->place, NULL, "'%s': %s", key->name, err.message);
        return false;
    }
    if (v < key->least || v > key->greatest) {
        qg_finding_error(r->findings, node->place, NULL,
                         "'%s' must lie between %s and %s, not at '" QG_STR_PRI "'", key->name,
                         qg_unit_print(least, key->unit, key->least),
                         qg_unit_print(greatest, key->unit, key->greatest), QG_STR_ARG(node->text));
        return false;
    }
    *out = v;
    return true;
}

static bool read_date(const qg_schema_reader *r, const qg_key *key, const qg_yaml *node,
                      const char **out)
{
    int64_t seconds;

    if (node->text.len == 10 && qg_clock_read(&seconds, node->text)) {
        *out = node->text.ptr;
        return true;
    }
    qg_finding_error(r->findings, node->place, NULL,
                     "'%s' wants a day like %s, not '" QG_STR_PRI "'", key->name, key->example,
                     QG_STR_ARG(node->text));
    return false;
}

static bool read_device(const qg_schema_reader *r, const qg_key *key, const qg_yaml *node,
                        const char **out)
{
    qg_device device;

    if (qg_device_find(&device, node->text)) {
        *out = node->text.ptr;
        return true;
    }
    qg_finding_error(r->findings, node->place, NULL,
                     "'%s' must be auto, cpu, cuda or cuda:N, not '" QG_STR_PRI "'", key->name,
                     QG_STR_ARG(node->text));
    return false;
}

/* Where a path leads: beside the file that names it, else from the current directory. */
static bool read_path(const qg_schema_reader *r, const qg_key *key, const qg_yaml *node,
                      const char **out)
{
    bool folder = key->type == QG_KEY_FOLDER;
    const char *here = node->text.ptr;
    const char *dir = qg_path_dir(r->arena, node->place.file);
    const char *beside = dir ? qg_path_join(r->arena, dir, here) : NULL;

    if (!beside) {
        r->findings->out_of_memory = true;
        return false;
    }
    const char *hint = folder ? "give the folder of a checkpoint" : NULL;
    bool is_beside = qg_dir_exists(beside) || qg_file_exists(beside);
    const char *path = is_beside ? beside : here;
    if (key->type == QG_KEY_PATH || (folder ? qg_dir_exists(path) : qg_file_exists(path))) {
        *out = path;
        return true;
    }
    if (is_beside || qg_dir_exists(here) || qg_file_exists(here))
        qg_finding_error(r->findings, node->place, NULL, "'%s' wants a %s: '%s' is a %s", key->name,
                         folder ? "folder" : "file", path, folder ? "file" : "folder");
    else if (strcmp(beside, here) == 0)
        qg_finding_error(r->findings, node->place, hint, "'%s': there is no '%s'", key->name, here);
    else
        qg_finding_error(r->findings, node->place, hint, "'%s': there is neither '%s' nor '%s'",
                         key->name, beside, here);
    return false;
}

bool qg_schema_value(const qg_schema_reader *r, const qg_key *key, const qg_yaml *node, void *at)
{
    const char *word;
    int index;

    if (!qg_schema_is(r, key->name, node, QG_YAML_TEXT))
        return false;
    if (memchr(node->text.ptr, '\0', node->text.len)) {
        qg_finding_error(r->findings, node->place, NULL, "'%s' holds a NUL character", key->name);
        return false;
    }
    switch (key->type) {
    case QG_KEY_TEXT:
        *(const char **)at = node->text.ptr;
        return true;
    case QG_KEY_WORD:
        return read_choice(r, key, node, &index, at);
    case QG_KEY_CHOICE:
        return read_choice(r, key, node, at, &word);
    case QG_KEY_INT:
    case QG_KEY_INTS:
        return read_int(r, key, node, at);
    case QG_KEY_BOOL:
        return read_bool(r, key, node, at);
    case QG_KEY_QUANTITY:
        return read_quantity(r, key, node, at);
    case QG_KEY_DATE:
        return read_date(r, key, node, at);
    case QG_KEY_DEVICE:
        return read_device(r, key, node, at);
    default:
        return read_path(r, key, node, at);
    }
}

static void read_key(const qg_schema_reader *r, const qg_key *key, const qg_yaml *map, void *out)
{
    const qg_yaml *node = qg_yaml_get(map, key->name);
    char *at = (char *)out + key->offset;

    if (!node && map && key->required && !map->broken)
        qg_finding_error(r->findings, map->place, NULL, "'%s' is missing: %s", key->name,
                         key->help);
    if (key->type == QG_KEY_MAP) {
        bool is_map = qg_schema_is(r, key->name, node, QG_YAML_MAP);
        qg_schema_read(r, key->keys, is_map ? node : NULL, at);
        return;
    }
    if (key->type > QG_KEY_MAP)
        return;
    if (key->fallback) {
        qg_str text = qg_str_from(key->fallback);
        qg_yaml written = {.type = QG_YAML_TEXT, .text = text, .place = {"default", 0, 0}};
        qg_schema_value(r, key, &written, at);
    }
    if (node)
        qg_schema_value(r, key, node, at);
}

void qg_schema_read(const qg_schema_reader *r, const qg_key *keys, const qg_yaml *map, void *out)
{
    for (size_t i = 0; map && i < map->n; i++)
        if (!is_known(keys, map->entries[i].key))
            unknown_key(r, keys, &map->entries[i]);
    for (const qg_key *key = keys; key->name; key++)
        read_key(r, key, map, out);
}
