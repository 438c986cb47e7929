/* The keys of a suite: one table that reads, checks, explains and documents.
 *
 * Each key has a type, the place of its value in a struct of suite.h, bounds, a default written as
 * a user would, and a line of help. From the table come the reader, `lint --keys` and
 * suites/README.md (Markdown), and `lint --schema` (JSON Schema, draft 7, for editors).
 */
#ifndef QG_SUITE_SCHEMA_H
#define QG_SUITE_SCHEMA_H

#include "base/units.h"
#include "suite/yamltree.h"

typedef enum qg_key_type {
    /* what qg_schema_read() stores, and as what */
    QG_KEY_TEXT,     /* const char *                                                      */
    QG_KEY_WORD,     /* const char *: one of `choices`                                    */
    QG_KEY_CHOICE,   /* int: which of `choices`                                           */
    QG_KEY_INT,      /* int64_t                                                           */
    QG_KEY_BOOL,     /* bool                                                              */
    QG_KEY_QUANTITY, /* double, canonical                                                 */
    QG_KEY_FILE,     /* const char *: path of a file that exists                          */
    QG_KEY_FOLDER,   /* const char *: path of a folder that exists                        */
    QG_KEY_PATH,     /* const char *: path of what may not exist yet                      */
    QG_KEY_DATE,     /* const char *: a day, 2026-12-31                                   */
    QG_KEY_DEVICE,   /* const char *: auto, cpu, cuda, or one of several: cuda:1          */
    QG_KEY_MAP,      /* the keys of `keys`, in the struct at `offset`                     */
    /* what its own reader in suite.c stores */
    QG_KEY_INTS,    /* a list of numbers                                                  */
    QG_KEY_FILES,   /* a list of files                                                    */
    QG_KEY_PROMPTS, /* a file, or a list of texts                                         */
    QG_KEY_MODELS,  /* any names, each a map of `keys`                                    */
    QG_KEY_BUDGETS, /* names of models, each a map of metrics                             */
    QG_KEY_ROWS,    /* names of models, each a list of rows: batch and metrics            */
    QG_KEY_ALLOW,   /* metrics, each a share or an amount                                 */
    QG_KEY_ENTRIES, /* a list, each a map of `keys`                                       */
    QG_KEY_INCLUDE, /* done by yamltree                                                   */
    QG_KEY_PATHS,   /* a path, or a list of them                                          */
    QG_KEY_NAMES,   /* a list of names; where there are `choices`, of those               */
    QG_KEY_WAIVERS, /* some of `choices`, each a map of `keys`                            */
} qg_key_type;

typedef struct qg_key {
    const char *name; /* NULL ends a table */
    qg_key_type type;
    size_t offset;
    bool required;
    qg_unit unit;              /* QUANTITY                              */
    double least, greatest;    /* INT, QUANTITY, elements of INTS       */
    const char *choices;       /* WORD, CHOICE, NAMES: "cpu|cuda"       */
    const struct qg_key *keys; /* MAP, MODELS, WAIVERS, ENTRIES         */
    const char *fallback;      /* default as written; NULL: none        */
    const char *example, *help;
} qg_key;

extern const qg_key qg_suite_keys[]; /* the top of a suite, into qg_suite */
const qg_key *qg_key_in(const qg_key *keys, const char *name); /* NULL: none */

/* Where readers put what they find wrong. Lack of memory sets findings->out_of_memory. */
typedef struct qg_schema_reader {
    qg_arena *arena;
    qg_findings *findings;
} qg_schema_reader;

/* Checks `map` (NULL: absent, nothing is required then) against `keys` and stores at `out` + offset
 * what the types above say, defaults where a key is absent or wrong. */
void qg_schema_read(const qg_schema_reader *r, const qg_key *keys, const qg_yaml *map, void *out);
/* The pieces, for the readers of suite.c. False: a finding says why (or it was known before). */
bool qg_schema_value(const qg_schema_reader *r, const qg_key *key, const qg_yaml *node, void *at);
bool qg_schema_is(const qg_schema_reader *r, const char *name, const qg_yaml *node,
                  qg_yaml_type type);
/* "did you mean 'x'?" for the nearest of `names`, else NULL. On the arena. */
const char *qg_schema_nearest(const qg_schema_reader *r, qg_str wrong, const char *const *names,
                              size_t n);

/* Documentation from the table. */
void qg_schema_markdown(qg_buf *out);
qg_status qg_schema_json(qg_buf *out, qg_err *err);

#endif
