/* How a model was quantized, to and from JSON: see quantized.h. The plain members are tables that
 * writer and reader share (fields.h). */
#include "record/quantized.h"

static const qg_field report_list[] = {
    QG_FIELD_NEEDED(qg_quantized, TEXT, method),
    QG_FIELD_NEEDED(qg_quantized, TEXT, format),
    QG_FIELD_NEEDED(qg_quantized, TEXT, activations),
    QG_FIELD_NEEDED(qg_quantized, SMALL, bits),
    QG_FIELD_NEEDED(qg_quantized, SMALL, group_size),
    QG_FIELD(qg_quantized, FLAG, symmetric),
    QG_FIELD(qg_quantized, FLAG, act_order),
    QG_FIELD(qg_quantized, FLAG, static_groups),
    QG_FIELD(qg_quantized, TEXT, source_hash),
    QG_FIELD(qg_quantized, TEXT, calibration_hash),
    QG_FIELD(qg_quantized, SMALL, n_windows),
    QG_FIELD(qg_quantized, SMALL, window),
    QG_FIELD(qg_quantized, TEXT, tier),
    QG_FIELD(qg_quantized, SMALL, n_threads),
    QG_FIELD(qg_quantized, COUNT, bytes_before),
    QG_FIELD(qg_quantized, COUNT, bytes_after),
    QG_FIELD(qg_quantized, COUNT, wall_ns),
    QG_FIELD(qg_quantized, COUNT, peak_rss),
    QG_FIELD_NEEDED(qg_quantized, REAL, weight_error),
};
static const qg_fields report_fields = QG_FIELDS(report_list, qg_quantized);

static const qg_field linear_list[] = {
    QG_FIELD_NEEDED(qg_quantized_linear, TEXT, name),
    QG_FIELD_NEEDED(qg_quantized_linear, TEXT, projection),
    QG_FIELD_NEEDED(qg_quantized_linear, SMALL, layer),
    QG_FIELD_NEEDED(qg_quantized_linear, SMALL, n),
    QG_FIELD_NEEDED(qg_quantized_linear, SMALL, k),
    QG_FIELD_NEEDED(qg_quantized_linear, REAL, weight_error),
    QG_FIELD_NEEDED(qg_quantized_linear, REAL, weight_norm),
    QG_FIELD(qg_quantized_linear, FLAG, is_calibrated),
    QG_FIELD(qg_quantized_linear, REAL, output_error),
    QG_FIELD(qg_quantized_linear, REAL, clipped),
    QG_FIELD(qg_quantized_linear, FLAG, is_scaled),
    QG_FIELD(qg_quantized_linear, REAL, strength),
    QG_FIELD(qg_quantized_linear, REAL, damp),
    QG_FIELD(qg_quantized_linear, SMALL, n_dead),
    QG_FIELD(qg_quantized_linear, COUNT, wall_ns),
};
static const qg_fields linear_fields = QG_FIELDS(linear_list, qg_quantized_linear);

static const qg_field outlier_list[] = {
    QG_FIELD_NEEDED(qg_outlier, SMALL, input),
    QG_FIELD_NEEDED(qg_outlier, REAL, ratio),
};
static const qg_fields outlier_fields = QG_FIELDS(outlier_list, qg_outlier);

void qg_quantized_write(qg_json_writer *w, const qg_quantized *q)
{
    if (!q) {
        qg_json_write_null(w);
        return;
    }
    qg_json_write_object(w);
    qg_fields_write(w, &report_fields, q);
    qg_json_write_key(w, "linears");
    qg_json_write_array(w);
    for (size_t i = 0; i < q->n_linears; i++) {
        const qg_quantized_linear *l = &q->linears[i];
        qg_json_write_object(w);
        qg_fields_write(w, &linear_fields, l);
        qg_fields_write_rows(w, "outliers", &outlier_fields, l->outliers, l->n_outliers);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
    qg_json_write_close(w);
}

qg_status qg_quantized_to_json(qg_buf *out, const qg_quantized *q, qg_err *err)
{
    qg_json_writer w;

    qg_json_write_begin(&w, out);
    qg_quantized_write(&w, q);
    qg_buf_char(out, '\n');
    QG_TRY(qg_json_write_end(&w, err), err, "writing the report of a quantization");
    return QG_OK;
}

static qg_status read_linears(qg_fields_reader *r, const qg_json *root, qg_quantized *q)
{
    const char *where = r->where;
    const qg_json *array;

    QG_PASS(qg_fields_read_array(r, root, "linears", sizeof *q->linears, &array, &q->linears,
                                 &q->n_linears));
    for (size_t i = 0; i < q->n_linears; i++) {
        qg_quantized_linear *l = &q->linears[i];
        r->where = qg_arena_format(r->arena, "%s: linear %zu", where, i);
        QG_NEED(r->where, r->err);
        QG_PASS(qg_fields_read(r, qg_json_at(array, i), &linear_fields, l));
        QG_PASS(qg_fields_read_rows(r, qg_json_at(array, i), "outliers", &outlier_fields,
                                    &l->outliers, &l->n_outliers));
    }
    r->where = where;
    return QG_OK;
}

qg_status qg_quantized_read(qg_quantized **out, qg_fields_reader *r, const qg_json *object)
{
    *out = NULL;
    if (qg_json_is_null(object))
        return QG_OK;
    qg_quantized *q = QG_NEW(r->arena, qg_quantized);
    QG_NEED(q, r->err);
    if (qg_json_type_of(object) != QG_JSON_OBJECT)
        return QG_FIELDS_BAD(r, "an object was expected");
    QG_PASS(qg_fields_read(r, object, &report_fields, q));
    QG_PASS(read_linears(r, object, q));
    *out = q;
    return QG_OK;
}

qg_status qg_quantized_from_json(qg_quantized **out, qg_arena *arena, qg_str text, const char *name,
                                 qg_err *err)
{
    qg_fields_reader r = {.arena = arena, .name = name, .where = "report", .err = err};
    qg_quantized *q;
    const qg_json *root;

    QG_PASS(qg_json_parse(&root, arena, text, name, err));
    QG_PASS(qg_quantized_read(&q, &r, root));
    if (!q)
        return QG_FIELDS_BAD(&r, "an object was expected");
    *out = q;
    return QG_OK;
}
