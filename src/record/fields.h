/* Structs of plain data to and from JSON by tables, so that what is written and what is read cannot
 * disagree.
 *
 * A qg_fields names the members of one struct type: key, kind, offset. The writer puts them in the
 * order of the table; the reader takes them in any order, ignores unknown keys, leaves absent ones
 * zero unless they are needed, and checks type, sign and range. Texts are copied to the reader's
 * arena.
 *
 *     static const qg_field doc_list[] = {QG_FIELD(qg_doc, COUNT, n_scored), ...};
 *     static const qg_fields doc_fields = QG_FIELDS(doc_list, qg_doc);
 */
#ifndef QG_RECORD_FIELDS_H
#define QG_RECORD_FIELDS_H

#include "base/json.h"

typedef enum qg_field_kind {
    QG_FIELD_TEXT,    /* const char *, null where NULL              */
    QG_FIELD_INT,     /* int64_t                                    */
    QG_FIELD_COUNT,   /* int64_t, not negative                      */
    QG_FIELD_SMALL,   /* int, not negative                          */
    QG_FIELD_REAL,    /* double, finite                             */
    QG_FIELD_FLAG,    /* bool                                       */
    QG_FIELD_METRIC,  /* qg_metric by name, null for QG_METRIC_NONE */
    QG_FIELD_VERDICT, /* qg_verdict by text                         */
    QG_FIELD_STATE,   /* qg_case_state by text                      */
    QG_FIELD_BASIS,   /* qg_basis by text                           */
} qg_field_kind;

typedef struct qg_field {
    const char *key;
    qg_field_kind kind;
    size_t offset;
    bool needed; /* refused where absent, texts where null too; else zero */
} qg_field;

typedef struct qg_fields {
    const qg_field *at;
    size_t n, size; /* size: of the struct */
} qg_fields;

/* clang-format off */
#define QG_FIELD(type, kind, member)             {#member, QG_FIELD_##kind, offsetof(type, member), false}
#define QG_FIELD_NEEDED(type, kind, member)      {#member, QG_FIELD_##kind, offsetof(type, member), true}
#define QG_FIELD_NAMED(type, kind, key, member)  {key, QG_FIELD_##kind, offsetof(type, member), true}
#define QG_FIELDS(list, type)                    {list, sizeof(list) / sizeof *(list), sizeof(type)}
/* clang-format on */

/* Members of the struct at `base` into the object that is open. */
void qg_fields_write(qg_json_writer *w, const qg_fields *fields, const void *base);
/* "key": [{...}, ...] of an array of n structs. */
void qg_fields_write_rows(qg_json_writer *w, const char *key, const qg_fields *fields,
                          const void *rows, size_t n);

typedef struct qg_fields_reader {
    qg_arena *arena;
    const char *name;  /* of the file, for messages                            */
    const char *where; /* the part at hand: "run", "case 'fp16/quality'"       */
    const char *rows;  /* key of the array of structs at hand, NULL: none      */
    size_t row;
    qg_err *err;
} qg_fields_reader;

/* Puts the place in front of the error just recorded; returns QG_EFORMAT. Use the macro. */
qg_status qg_fields_place(const qg_fields_reader *r);
#define QG_FIELDS_BAD(r, ...) (qg_fail((r)->err, QG_EFORMAT, __VA_ARGS__), qg_fields_place(r))

qg_status qg_fields_read(qg_fields_reader *r, const qg_json *object, const qg_fields *fields,
                         void *base);
/* The array of a key (absent or null: empty) with room for its entries of `size` bytes; `rows` is
 * the address of the pointer to them. */
qg_status qg_fields_read_array(qg_fields_reader *r, const qg_json *object, const char *key,
                               size_t size, const qg_json **array, void *rows, size_t *n_rows);
/* The same, and each entry read by the table. */
qg_status qg_fields_read_rows(qg_fields_reader *r, const qg_json *object, const char *key,
                              const qg_fields *fields, void *rows, size_t *n_rows);
/* Single values; `key` is for messages. */
qg_status qg_fields_read_text(qg_fields_reader *r, const qg_json *v, const char *key,
                              const char **out);
qg_status qg_fields_read_int(qg_fields_reader *r, const qg_json *v, const char *key, int64_t least,
                             int64_t greatest, int64_t *out);
qg_status qg_fields_read_real(qg_fields_reader *r, const qg_json *v, const char *key, double *out);

#endif
