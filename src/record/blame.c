/* Blames to and from JSON: see blame.h. The plain members are tables that writer and reader share
 * (fields.h). */
#include "record/blame.h"

#include "record/record.h"

#include <string.h>

static const qg_field blame_list[] = {
    QG_FIELD_NAMED(qg_blame, TEXT, "case", case_id),
    QG_FIELD_NEEDED(qg_blame, METRIC, metric),
    QG_FIELD_NEEDED(qg_blame, TEXT, cause),
    QG_FIELD_NEEDED(qg_blame, TEXT, message),
    QG_FIELD(qg_blame, TEXT, fix),
    QG_FIELD(qg_blame, TEXT, prompt),
    QG_FIELD(qg_blame, COUNT, n_tokens),
    QG_FIELD(qg_blame, TEXT, tier),
    QG_FIELD(qg_blame, TEXT, beside),
    QG_FIELD_NEEDED(qg_blame, INT, layer),
    QG_FIELD(qg_blame, TEXT, part),
    QG_FIELD(qg_blame, TEXT, tensor),
    QG_FIELD(qg_blame, REAL, error),
    QG_FIELD(qg_blame, REAL, usual),
    QG_FIELD(qg_blame, COUNT, n_more),
    QG_FIELD_NEEDED(qg_blame, INT, row),
    QG_FIELD(qg_blame, COUNT, n_groups),
    QG_FIELD(qg_blame, REAL, group_median),
    QG_FIELD(qg_blame, REAL, row_median),
    QG_FIELD(qg_blame, TEXT, bundle),
};
static const qg_fields blame_fields = QG_FIELDS(blame_list, qg_blame);

static const qg_field group_list[] = {
    QG_FIELD_NEEDED(qg_blame_group, SMALL, group),
    QG_FIELD_NEEDED(qg_blame_group, INT, first),
    QG_FIELD_NEEDED(qg_blame_group, INT, last),
    QG_FIELD_NEEDED(qg_blame_group, REAL, error),
};
static const qg_fields group_fields = QG_FIELDS(group_list, qg_blame_group);

static const qg_field row_list[] = {
    QG_FIELD_NEEDED(qg_blame_row, SMALL, row),
    QG_FIELD_NEEDED(qg_blame_row, REAL, error),
};
static const qg_fields row_fields = QG_FIELDS(row_list, qg_blame_row);

static const qg_field part_list[] = {
    QG_FIELD_NEEDED(qg_blame_part, INT, layer),
    QG_FIELD_NEEDED(qg_blame_part, TEXT, part),
    QG_FIELD_NEEDED(qg_blame_part, REAL, error),
};
static const qg_fields part_fields = QG_FIELDS(part_list, qg_blame_part);

void qg_blame_write(qg_json_writer *w, const qg_blame *b)
{
    qg_json_write_object(w);
    qg_fields_write(w, &blame_fields, b);
    qg_fields_write_rows(w, "groups", &group_fields, b->groups, b->n_groups_shown);
    qg_fields_write_rows(w, "rows", &row_fields, b->rows, b->n_rows_shown);
    qg_fields_write_rows(w, "parts", &part_fields, b->parts, b->n_parts);
    qg_json_write_close(w);
}

qg_status qg_blame_read(qg_blame *out, qg_fields_reader *r, const qg_json *object)
{
    *out = (qg_blame){0};
    QG_PASS(qg_fields_read(r, object, &blame_fields, out));
    if (out->metric == QG_METRIC_NONE)
        return QG_FIELDS_BAD(r, "a blame has no 'metric'");
    QG_PASS(qg_fields_read_rows(r, object, "groups", &group_fields, &out->groups,
                                &out->n_groups_shown));
    QG_PASS(qg_fields_read_rows(r, object, "rows", &row_fields, &out->rows, &out->n_rows_shown));
    return qg_fields_read_rows(r, object, "parts", &part_fields, &out->parts, &out->n_parts);
}

const char *qg_blame_where(qg_arena *arena, int64_t layer, const char *part, const char *tensor)
{
    const char *own = tensor ? strrchr(tensor, '.') : NULL;
    bool is_norm = qg_str_ends(qg_str_from(part), QG_STR("_norm"));
    const char *name = is_norm && own ? own + 1 : part;

    if (layer < 0)
        return qg_arena_format(arena, "%s", name);
    return qg_arena_format(arena, "layer %lld %s", (long long)layer, name);
}
