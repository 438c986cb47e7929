/* YAML files to a tree of nodes that know their place (libyaml inside, which only this file sees).
 *
 * The tree is what the file says after anchors, aliases, merge keys (`<<`), environment variables
 * and includes: readers see maps, lists and texts only. Nodes are const, live as long as the arena,
 * and may be shared where an alias was used; their places are those of the text that was written.
 *
 * - Environment variables expand in values, not in keys: see expand.h.
 * - `include: FILE` or `include: [FILE...]` at the top of a file: files relative to the including
 *   one. Maps are merged key by key at any depth, what includes wins over what is included, a later
 *   include over an earlier one; lists and texts are replaced.
 * - Refused: tags, duplicate keys, keys that are no text, several documents, invalid UTF-8, files
 *   over 1 MiB, nesting over 32, aliases of a node inside itself, includes in a circle, and what
 *   grows out of bounds: over 100,000 nodes after expansion, 64 files, 500 keys a map, 1,000
 * anchors a file.
 */
#ifndef QG_SUITE_YAMLTREE_H
#define QG_SUITE_YAMLTREE_H

#include "base/finding.h"

typedef enum qg_yaml_type { QG_YAML_TEXT, QG_YAML_LIST, QG_YAML_MAP } qg_yaml_type;

typedef struct qg_yaml qg_yaml;
typedef struct qg_yaml_entry {
    qg_str key;
    qg_place key_place;
    const qg_yaml *value;
} qg_yaml_entry;

struct qg_yaml {
    qg_yaml_type type;
    qg_place place;
    bool broken;            /* a finding says why; readers stay silent about it */
    qg_str text;            /* TEXT: expanded, terminated by a NUL that len does not count */
    bool quoted;            /* TEXT: written in quotes or as a block, so never null */
    size_t n;               /* LIST and MAP */
    const qg_yaml **items;  /* LIST */
    qg_yaml_entry *entries; /* MAP: in the order written, merged ones last */
    size_t weight;          /* nodes below and itself, shared ones counted each time */
};

enum { QG_YAML_MAX_BYTES = 1 << 20, QG_YAML_MAX_DEPTH = 32, QG_YAML_MAX_NODES = 100000 };

/* Reads `path` and what it includes. QG_OK with a tree even where findings are errors, as long as
 * one could be made (its root is a map, perhaps empty); QG_EFORMAT where none could, with the
 * finding that says why. Other codes (absent, forbidden, out of memory) are about `path` itself and
 * are in err only. `hash` gets the SHA-256 of all bytes read, in order of reading. */
qg_status qg_yaml_read(const qg_yaml **out, char hash[65], qg_findings *findings, qg_arena *arena,
                       const char *path, qg_err *err);

/* The same of a text that is no suite but lies in another file, from its line `line` on: the front
 * matter of a model card. Nothing expands, nothing is included. */
qg_status qg_yaml_parse(const qg_yaml **out, qg_findings *findings, qg_arena *arena, qg_str text,
                        const char *path, int line, qg_err *err);

/* The value of a key, or NULL (also where `map` is NULL or no map). */
const qg_yaml *qg_yaml_get(const qg_yaml *map, const char *key);
bool qg_yaml_is_null(const qg_yaml *node);          /* NULL, or plain "", "~", "null" */
const char *qg_yaml_type_name(const qg_yaml *node); /* "a map", "a list", "a text", "nothing" */

#endif
