/* YAML files to trees: see yamltree.h.
 *
 * libyaml gives events; composing them is a recursive descent over at most QG_YAML_MAX_DEPTH
 * levels. An alias shares the node of its anchor, so expansion costs no memory; instead every node
 * carries the number of nodes that it stands for, and a tree in which that exceeds the bound is
 * refused. Invariant: once `status` of the reader is not QG_OK nothing more is read, and a finding
 * (or, for lack of memory, the status alone) says why. Composing and including are one file because
 * one file alone may see libyaml.
 */
#include "suite/yamltree.h"

#include "base/file.h"
#include "base/hash.h"
#include "suite/expand.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

enum { MAX_KEYS = 500, MAX_FILES = 64, MAX_ANCHORS = 1000 };

typedef struct anchor {
    struct anchor *next;
    const char *name;
    const qg_yaml *node;
    bool open; /* its node is not finished: an alias now would be a circle */
} anchor;

typedef struct reader {
    qg_arena *arena;
    qg_findings *findings;
    qg_hash *hash;
    qg_status status;
    size_t n_nodes, n_files;
    bool is_plain; /* no suite: nothing expands, nothing is included */
} reader;

typedef struct file {
    reader *r;
    const struct file *includer;
    const char *path; /* as named  */
    const char *real; /* canonical */
    int before;       /* lines of the file before the text */
    yaml_parser_t parser;
    anchor *anchors;
    size_t n_anchors;
} file;

typedef struct event {
    yaml_event_type_t type;
    qg_place place;
    const char *anchor; /* or alias; NULL: none */
    bool tagged, quoted;
    qg_str text;
} event;

static bool give_up(reader *r, qg_status status)
{
    if (r->status == QG_OK)
        r->status = status;
    return false;
}

static const char *what(const reader *r)
{
    return r->is_plain ? "a front matter" : "a suite";
}

/* ---- events ---- */

static qg_place place_of(const file *f, yaml_mark_t mark)
{
    return (qg_place){f->path, f->before + (int)mark.line + 1, (int)mark.column + 1};
}

/* Line and column (in characters) of a byte. */
static qg_place place_at(const file *f, qg_str text, size_t offset)
{
    qg_place p = {f->path, f->before + 1, 1};

    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (text.ptr[i] == '\n') {
            p.line++;
            p.column = 1;
        } else if ((text.ptr[i] & 0xc0) != 0x80) {
            p.column++;
        }
    }
    return p;
}

static bool syntax_error(file *f)
{
    yaml_parser_t *p = &f->parser;
    reader *r = f->r;

    if (p->error == YAML_MEMORY_ERROR)
        return give_up(r, QG_ENOMEM);
    qg_place place = place_of(f, p->problem_mark);
    if (p->error == YAML_READER_ERROR) {
        qg_str whole = {(const char *)p->input.string.start,
                        (size_t)(p->input.string.end - p->input.string.start)};
        place = place_at(f, whole, p->problem_offset);
    }
    const char *problem = p->problem ? p->problem : "cannot be read";
    const char *hint = strstr(problem, "cannot start any token")
                           ? "quote texts that start with a special character, and indent with "
                             "blanks, not tabs"
                           : NULL;
    if (p->context)
        qg_finding_error(r->findings, place, hint, "no valid YAML: %s (%s that starts at line %d)",
                         problem, p->context, place_of(f, p->context_mark).line);
    else
        qg_finding_error(r->findings, place, hint, "no valid YAML: %s", problem);
    return give_up(r, QG_EFORMAT);
}

static bool copy_name(reader *r, const char **out, const yaml_char_t *name)
{
    if (!name)
        return true;
    *out = qg_str_dup(r->arena, qg_str_from((const char *)name));
    return *out || give_up(r, QG_ENOMEM);
}

static bool copy_event(file *f, event *e, const yaml_event_t *y)
{
    reader *r = f->r;

    *e = (event){.type = y->type, .place = place_of(f, y->start_mark)};
    switch (y->type) {
    case YAML_DOCUMENT_START_EVENT:
        e->tagged = y->data.document_start.tag_directives.start !=
                    y->data.document_start.tag_directives.end;
        return true;
    case YAML_ALIAS_EVENT:
        return copy_name(r, &e->anchor, y->data.alias.anchor);
    case YAML_SEQUENCE_START_EVENT:
        e->tagged = y->data.sequence_start.tag != NULL;
        return copy_name(r, &e->anchor, y->data.sequence_start.anchor);
    case YAML_MAPPING_START_EVENT:
        e->tagged = y->data.mapping_start.tag != NULL;
        return copy_name(r, &e->anchor, y->data.mapping_start.anchor);
    case YAML_SCALAR_EVENT: {
        qg_str s = {(const char *)y->data.scalar.value, y->data.scalar.length};
        e->tagged = y->data.scalar.tag != NULL;
        e->quoted = y->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        e->text = (qg_str){qg_str_dup(r->arena, s), s.len};
        return e->text.ptr ? copy_name(r, &e->anchor, y->data.scalar.anchor)
                           : give_up(r, QG_ENOMEM);
    }
    default:
        return true;
    }
}

static bool next_event(file *f, event *e)
{
    yaml_event_t y;

    if (f->r->status != QG_OK)
        return false;
    if (!yaml_parser_parse(&f->parser, &y))
        return syntax_error(f);
    bool fine = copy_event(f, e, &y);
    yaml_event_delete(&y);
    if (fine && e->tagged)
        qg_finding_error(f->r->findings, e->place, NULL, "tags ('!...') have no meaning in %s",
                         what(f->r));
    return fine;
}

/* ---- nodes ---- */

static qg_yaml *new_node(reader *r, qg_yaml_type type, qg_place place)
{
    if (++r->n_nodes > QG_YAML_MAX_NODES) {
        qg_finding_error(r->findings, place, NULL, "more than %d nodes", QG_YAML_MAX_NODES);
        give_up(r, QG_EFORMAT);
        return NULL;
    }
    qg_yaml *node = QG_NEW(r->arena, qg_yaml);
    if (!node) {
        give_up(r, QG_ENOMEM);
        return NULL;
    }
    *node = (qg_yaml){.type = type, .place = place, .text = QG_STR(""), .weight = 1};
    return node;
}

/* Room for one more element; `n` is how many there are. */
static void *room_for(reader *r, void *old, size_t n, size_t size)
{
    if (n > 0 && (n < 4 || (n & (n - 1)) != 0))
        return old;
    void *grown = qg_arena_array(r->arena, n ? 2 * n : 4, size);
    if (!grown)
        give_up(r, QG_ENOMEM);
    else if (n)
        memcpy(grown, old, n * size);
    return grown;
}

static bool add_weight(reader *r, qg_yaml *node, const qg_yaml *child)
{
    node->weight += child->weight;
    if (node->weight <= QG_YAML_MAX_NODES)
        return true;
    qg_finding_error(r->findings, node->place, NULL, "aliases expand to more than %d nodes",
                     QG_YAML_MAX_NODES);
    return give_up(r, QG_EFORMAT);
}

static bool add_item(reader *r, qg_yaml *list, const qg_yaml *item)
{
    const qg_yaml **items = room_for(r, list->items, list->n, sizeof *items);

    if (!items)
        return false;
    list->items = items;
    list->items[list->n++] = item;
    return add_weight(r, list, item);
}

static bool add_entry(reader *r, qg_yaml *map, qg_yaml_entry entry)
{
    if (map->n == MAX_KEYS) {
        qg_finding_error(r->findings, entry.key_place, NULL, "more than %d keys in one map",
                         MAX_KEYS);
        return give_up(r, QG_EFORMAT);
    }
    qg_yaml_entry *entries = room_for(r, map->entries, map->n, sizeof *entries);
    if (!entries)
        return false;
    map->entries = entries;
    map->entries[map->n++] = entry;
    return add_weight(r, map, entry.value);
}

static const qg_yaml_entry *entry_of(const qg_yaml *map, qg_str key)
{
    for (size_t i = 0; i < map->n; i++)
        if (qg_str_eq(map->entries[i].key, key))
            return &map->entries[i];
    return NULL;
}

/* Replaces the text of a scalar by its expansion; on a mistake the node becomes broken. */
static bool expand(reader *r, qg_yaml *node)
{
    qg_err err = {0};

    if (r->is_plain)
        return true;
    qg_status status = qg_expand(&node->text, r->arena, node->text, &err);

    if (status == QG_ENOMEM)
        return give_up(r, status);
    node->broken = status != QG_OK;
    if (node->broken)
        qg_finding_error(r->findings, node->place, NULL, "%s", err.message);
    return true;
}

/* ---- composing ---- */

static const qg_yaml *compose(file *f, const event *e, int depth);

static anchor *open_anchor(file *f, const event *e, const qg_yaml *node)
{
    anchor *a = QG_NEW(f->r->arena, anchor);

    if (++f->n_anchors > MAX_ANCHORS) {
        qg_finding_error(f->r->findings, e->place, NULL, "more than %d anchors", MAX_ANCHORS);
        give_up(f->r, QG_EFORMAT);
        return NULL;
    }
    if (!a) {
        give_up(f->r, QG_ENOMEM);
        return NULL;
    }
    *a = (anchor){f->anchors, e->anchor, node, true};
    f->anchors = a;
    return a;
}

static const qg_yaml *compose_alias(file *f, const event *e)
{
    const anchor *a = f->anchors;

    while (a && strcmp(a->name, e->anchor) != 0)
        a = a->next;
    if (a && !a->open)
        return a->node;
    if (a)
        qg_finding_error(f->r->findings, e->place, NULL,
                         "alias '*%s' lies inside the node that it names", e->anchor);
    else
        qg_finding_error(f->r->findings, e->place, NULL, "no anchor '&%s' stands before this alias",
                         e->anchor);
    qg_yaml *node = new_node(f->r, QG_YAML_TEXT, e->place);
    if (node)
        node->broken = true;
    return node;
}

static bool compose_list(file *f, qg_yaml *list, int depth)
{
    event e;

    while (next_event(f, &e)) {
        if (e.type == YAML_SEQUENCE_END_EVENT)
            return true;
        const qg_yaml *item = compose(f, &e, depth + 1);
        if (!item || !add_item(f->r, list, item))
            return false;
    }
    return false;
}

/* Adds the entries of `from` that `map` lacks. */
static bool merge_entries(reader *r, qg_yaml *map, const qg_yaml *from)
{
    if (from->broken)
        return true;
    if (from->type != QG_YAML_MAP) {
        qg_finding_error(r->findings, from->place, NULL,
                         "'<<' wants a map or a list of maps, not %s", qg_yaml_type_name(from));
        return true;
    }
    r->n_nodes += from->n;
    for (size_t i = 0; i < from->n; i++)
        if (!entry_of(map, from->entries[i].key) && !add_entry(r, map, from->entries[i]))
            return false;
    return true;
}

static bool merge(reader *r, qg_yaml *map, const qg_yaml *from)
{
    if (from->type != QG_YAML_LIST)
        return merge_entries(r, map, from);
    for (size_t i = 0; i < from->n; i++)
        if (!merge_entries(r, map, from->items[i]))
            return false;
    return true;
}

/* One key and its value. `*merged` gets the value of `<<`. */
static bool compose_entry(file *f, qg_yaml *map, const event *key, const qg_yaml **merged,
                          int depth)
{
    reader *r = f->r;
    event e;
    bool is_text = key->type == YAML_SCALAR_EVENT;

    if (!is_text) {
        qg_finding_error(r->findings, key->place, NULL, "a key must be a text");
        if (!compose(f, key, depth + 1))
            return false;
    }
    if (!next_event(f, &e))
        return false;
    const qg_yaml *value = compose(f, &e, depth + 1);
    if (!value || !is_text)
        return value != NULL;
    bool is_merge = !key->quoted && qg_str_is(key->text, "<<");
    const qg_yaml_entry *first = entry_of(map, key->text);
    if (is_merge && *merged) {
        qg_finding_error(r->findings, key->place, "merge a list of maps", "duplicate key '<<'");
        return true;
    }
    if (first) {
        qg_finding_error(r->findings, key->place, NULL,
                         "duplicate key '" QG_STR_PRI "'; it stands first at line %d",
                         QG_STR_ARG(key->text), first->key_place.line);
        return true;
    }
    if (is_merge) {
        *merged = value;
        return true;
    }
    return add_entry(r, map, (qg_yaml_entry){key->text, key->place, value});
}

static bool compose_map(file *f, qg_yaml *map, int depth)
{
    const qg_yaml *merged = NULL;
    event e;

    while (next_event(f, &e)) {
        if (e.type == YAML_MAPPING_END_EVENT)
            return !merged || merge(f->r, map, merged);
        if (!compose_entry(f, map, &e, &merged, depth))
            return false;
    }
    return false;
}

/* The node that starts with event `e`, or NULL once the reader has given up. */
static const qg_yaml *compose(file *f, const event *e, int depth)
{
    reader *r = f->r;
    qg_yaml_type type = e->type == YAML_SEQUENCE_START_EVENT  ? QG_YAML_LIST
                        : e->type == YAML_MAPPING_START_EVENT ? QG_YAML_MAP
                                                              : QG_YAML_TEXT;
    anchor *a = NULL;
    bool fine = true;

    if (e->type == YAML_ALIAS_EVENT)
        return compose_alias(f, e);
    if (depth > QG_YAML_MAX_DEPTH) {
        qg_finding_error(r->findings, e->place, NULL, "nested deeper than %d levels",
                         QG_YAML_MAX_DEPTH);
        give_up(r, QG_EFORMAT);
        return NULL;
    }
    qg_yaml *node = new_node(r, type, e->place);
    if (!node || (e->anchor && !(a = open_anchor(f, e, node))))
        return NULL;
    if (type == QG_YAML_LIST) {
        fine = compose_list(f, node, depth);
    } else if (type == QG_YAML_MAP) {
        fine = compose_map(f, node, depth);
    } else {
        node->text = e->text;
        node->quoted = e->quoted;
        fine = expand(r, node);
    }
    if (a)
        a->open = false;
    node->broken = node->broken || e->tagged;
    return fine ? node : NULL;
}

/* The single document of a file; a map, an empty one where the file says nothing. */
static const qg_yaml *compose_document(file *f)
{
    event e;
    qg_yaml *nothing;

    if (!next_event(f, &e) || !next_event(f, &e)) /* start of stream, then of document */
        return NULL;
    if (e.type == YAML_STREAM_END_EVENT) {
        qg_place start = {f->path, f->before + 1, 1};
        qg_finding_error(f->r->findings, start, NULL, "the %s is empty",
                         f->r->is_plain ? "front matter" : "file");
        nothing = new_node(f->r, QG_YAML_MAP, start);
        if (nothing)
            nothing->broken = true;
        return nothing;
    }
    if (!next_event(f, &e))
        return NULL;
    const qg_yaml *root = compose(f, &e, 1);
    if (!root || !next_event(f, &e) || !next_event(f, &e)) /* end of document, then the next one */
        return NULL;
    if (e.type != YAML_STREAM_END_EVENT) {
        qg_finding_error(f->r->findings, e.place, NULL,
                         "a second document starts here: %s is one document", what(f->r));
        give_up(f->r, QG_EFORMAT);
        return NULL;
    }
    if (root->type != QG_YAML_MAP) {
        if (!root->broken)
            qg_finding_error(f->r->findings, root->place, NULL, "%s is a map of keys, not %s",
                             what(f->r), qg_yaml_type_name(root));
        give_up(f->r, QG_EFORMAT);
        return NULL;
    }
    return root;
}

/* ---- files and includes ---- */

/* A new map: what `over` says, and of `under` what `over` leaves open. */
static const qg_yaml *layered(reader *r, const qg_yaml *over, const qg_yaml *under)
{
    qg_yaml *both;

    if (!under || over->type != QG_YAML_MAP || under->type != QG_YAML_MAP)
        return over;
    both = new_node(r, QG_YAML_MAP, over->place);
    if (!both)
        return NULL;
    both->broken = over->broken;
    for (size_t i = 0; i < over->n; i++) {
        qg_yaml_entry entry = over->entries[i];
        const qg_yaml_entry *below = entry_of(under, entry.key);
        entry.value = layered(r, entry.value, below ? below->value : NULL);
        if (!entry.value || !add_entry(r, both, entry))
            return NULL;
    }
    return merge_entries(r, both, under) ? both : NULL;
}

static const qg_yaml *read_file(reader *r, const file *includer, const char *path, qg_err *err);

static void explain_circle(reader *r, const file *f, const char *path, qg_place place)
{
    qg_buf chain;

    qg_buf_init(&chain, r->arena);
    qg_buf_text(&chain, path);
    for (; f; f = f->includer) {
        qg_buf before;
        qg_buf_init(&before, r->arena);
        qg_buf_format(&before, "%s -> %s", f->path, chain.ptr ? chain.ptr : "");
        before.failed |= chain.failed;
        chain = before;
    }
    r->findings->out_of_memory |= chain.failed;
    qg_finding_error(r->findings, place, NULL, "includes go in a circle: %s",
                     chain.ptr ? chain.ptr : "");
}

/* NULL: a finding says why, or the reader gave up. */
static const qg_yaml *include(const file *f, const qg_yaml *name)
{
    reader *r = f->r;
    char real[PATH_MAX];
    qg_err err = {0};

    if (name->broken)
        return NULL;
    if (name->type != QG_YAML_TEXT || qg_yaml_is_null(name)) {
        qg_finding_error(r->findings, name->place, NULL,
                         "'include' wants the path of a file, not %s", qg_yaml_type_name(name));
        return NULL;
    }
    char *dir = qg_path_dir(r->arena, f->path);
    char *path = dir ? qg_path_join(r->arena, dir, name->text.ptr) : NULL;
    if (!path) {
        give_up(r, QG_ENOMEM);
        return NULL;
    }
    if (!realpath(path, real))
        snprintf(real, sizeof real, "%s", path);
    for (const file *up = f; up; up = up->includer) {
        if (strcmp(up->real, real) == 0) {
            explain_circle(r, f, path, name->place);
            return NULL;
        }
    }
    if (r->n_files >= MAX_FILES) {
        qg_finding_error(r->findings, name->place, NULL, "more than %d files are included",
                         MAX_FILES);
        give_up(r, QG_EFORMAT);
        return NULL;
    }
    const qg_yaml *tree = read_file(r, f, path, &err);
    if (!tree && err.code == QG_ENOMEM)
        give_up(r, QG_ENOMEM);
    else if (!tree && err.code != QG_OK)
        qg_finding_error(r->findings, name->place, NULL, "cannot include: %s", err.message);
    return tree;
}

/* The root without its `include`, over what that names. */
static const qg_yaml *resolve_includes(const file *f, const qg_yaml *root)
{
    reader *r = f->r;
    const qg_yaml *wanted = qg_yaml_get(root, "include"), *under = NULL;
    qg_yaml *own;

    if (!wanted)
        return root;
    own = new_node(r, QG_YAML_MAP, root->place);
    if (!own)
        return NULL;
    own->broken = root->broken;
    for (size_t i = 0; i < root->n; i++)
        if (root->entries[i].value != wanted && !add_entry(r, own, root->entries[i]))
            return NULL;
    size_t n = wanted->type == QG_YAML_LIST ? wanted->n : 1;
    for (size_t i = 0; i < n && r->status == QG_OK; i++) {
        const qg_yaml *tree = include(f, wanted->type == QG_YAML_LIST ? wanted->items[i] : wanted);
        if (tree)
            under = layered(r, tree, under);
        else
            own->broken = true; /* what is missing may stand in the file that could not be read */
    }
    if (r->status != QG_OK)
        return NULL;
    return layered(r, own, under);
}

static const qg_yaml *parse_text(file *f, qg_str text)
{
    size_t valid = qg_utf8_valid(text);
    const qg_yaml *root;

    if (valid < text.len) {
        qg_finding_error(f->r->findings, place_at(f, text, valid), NULL,
                         "byte 0x%02x is not valid UTF-8", (unsigned char)text.ptr[valid]);
        give_up(f->r, QG_EFORMAT);
        return NULL;
    }
    if (!yaml_parser_initialize(&f->parser)) {
        give_up(f->r, QG_ENOMEM);
        return NULL;
    }
    yaml_parser_set_encoding(&f->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&f->parser, (const unsigned char *)text.ptr, text.len);
    root = compose_document(f);
    yaml_parser_delete(&f->parser);
    return root;
}

/* NULL: err is set (the file itself cannot be read) or the reader gave up. */
static const qg_yaml *read_file(reader *r, const file *includer, const char *path, qg_err *err)
{
    char real[PATH_MAX];
    qg_str text;

    if (qg_file_map(&text, r->arena, path, err) != QG_OK)
        return NULL;
    if (text.len > QG_YAML_MAX_BYTES) {
        qg_fail(err, QG_EFORMAT, "'%s' is larger than the limit of %d bytes", path,
                QG_YAML_MAX_BYTES);
        return NULL;
    }
    qg_hash_add(r->hash, text.ptr, text.len);
    r->n_files++;
    if (!realpath(path, real))
        snprintf(real, sizeof real, "%s", path);
    file f = {.r = r, .includer = includer};
    f.path = qg_str_dup(r->arena, qg_str_from(path));
    f.real = qg_str_dup(r->arena, qg_str_from(real));
    if (!f.path || !f.real) {
        give_up(r, QG_ENOMEM);
        return NULL;
    }
    const qg_yaml *root = parse_text(&f, text);
    return root ? resolve_includes(&f, root) : NULL;
}

qg_status qg_yaml_read(const qg_yaml **out, char hash[65], qg_findings *findings, qg_arena *arena,
                       const char *path, qg_err *err)
{
    reader r = {.arena = arena, .findings = findings};
    qg_err failed = {0};

    QG_PASS(qg_hash_begin(&r.hash, arena, err));
    *out = read_file(&r, NULL, path, &failed);
    qg_hash_end(r.hash, hash);
    if (failed.code != QG_OK)
        return qg_fail(err, failed.code, "%s", failed.message);
    if (r.status == QG_ENOMEM || findings->out_of_memory)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    return r.status;
}

qg_status qg_yaml_parse(const qg_yaml **out, qg_findings *findings, qg_arena *arena, qg_str text,
                        const char *path, int line, qg_err *err)
{
    reader r = {.arena = arena, .findings = findings, .is_plain = true};
    file f = {.r = &r, .path = path, .real = path, .before = line - 1};

    *out = parse_text(&f, text);
    if (r.status == QG_ENOMEM || findings->out_of_memory)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    return r.status;
}

const qg_yaml *qg_yaml_get(const qg_yaml *map, const char *key)
{
    if (!map || map->type != QG_YAML_MAP)
        return NULL;
    const qg_yaml_entry *entry = entry_of(map, qg_str_from(key));
    return entry ? entry->value : NULL;
}

bool qg_yaml_is_null(const qg_yaml *node)
{
    return !node ||
           (node->type == QG_YAML_TEXT && !node->quoted &&
            (node->text.len == 0 || qg_str_is(node->text, "~") || qg_str_is(node->text, "null")));
}

const char *qg_yaml_type_name(const qg_yaml *node)
{
    if (qg_yaml_is_null(node))
        return "nothing";
    return node->type == QG_YAML_MAP ? "a map" : node->type == QG_YAML_LIST ? "a list" : "a text";
}
