/* A run to and from JSON: see record_json.h.
 *
 * The plain members of each struct of record.h are a table (fields.h) that writer and reader share;
 * arrays are written and read by pairs of functions. The reader believes no count: an array is as
 * long as the parsed JSON says, and that has been paid for in bytes of the file.
 */
#include "record/record_json.h"

#include "base/file.h"
#include "record/fields.h"
#include "record/gold_json.h"

#include <stdlib.h>
#include <string.h>

static const qg_field run_list[] = {
    QG_FIELD(qg_run, TEXT, version),
    QG_FIELD(qg_run, TEXT, commit),
    QG_FIELD(qg_run, TEXT, suite),
    QG_FIELD(qg_run, TEXT, suite_file),
    QG_FIELD(qg_run, TEXT, suite_hash),
    QG_FIELD(qg_run, TEXT, reference),
    QG_FIELD(qg_run, TEXT, command),
    QG_FIELD(qg_run, TEXT, started),
    QG_FIELD(qg_run, COUNT, wall_ns),
    QG_FIELD(qg_run, INT, seed),
    QG_FIELD(qg_run, FLAG, partial),
    QG_FIELD(qg_run, COUNT, shard),
    QG_FIELD(qg_run, COUNT, n_shards),
    QG_FIELD(qg_run, TEXT, program),
    QG_FIELD_NEEDED(qg_run, VERDICT, verdict),
    QG_FIELD_NEEDED(qg_run, SMALL, exit_code),
};
static const qg_fields run_fields = QG_FIELDS(run_list, qg_run);

static const qg_field machine_list[] = {
    QG_FIELD(qg_machine, TEXT, host),          QG_FIELD(qg_machine, TEXT, os),
    QG_FIELD(qg_machine, TEXT, cpu),           QG_FIELD(qg_machine, SMALL, n_cpus),
    QG_FIELD(qg_machine, COUNT, memory_bytes), QG_FIELD(qg_machine, TEXT, device),
    QG_FIELD(qg_machine, TEXT, gpu),           QG_FIELD(qg_machine, TEXT, tier),
    QG_FIELD(qg_machine, SMALL, n_threads),    QG_FIELD(qg_machine, TEXT, compiler),
    QG_FIELD(qg_machine, TEXT, flags),         QG_FIELD(qg_machine, TEXT, fingerprint),
};
static const qg_fields machine_fields = QG_FIELDS(machine_list, qg_machine);

static const qg_field model_list[] = {
    QG_FIELD_NEEDED(qg_model_info, TEXT, name), QG_FIELD(qg_model_info, TEXT, path),
    QG_FIELD(qg_model_info, TEXT, family),      QG_FIELD(qg_model_info, TEXT, method),
    QG_FIELD(qg_model_info, TEXT, model_hash),  QG_FIELD(qg_model_info, TEXT, tokenizer_hash),
    QG_FIELD(qg_model_info, COUNT, n_params),   QG_FIELD(qg_model_info, COUNT, bytes),
    QG_FIELD(qg_model_info, SMALL, bits),       QG_FIELD(qg_model_info, SMALL, group_size),
    QG_FIELD(qg_model_info, TEXT, reference),
};
static const qg_fields model_fields = QG_FIELDS(model_list, qg_model_info);

static const qg_field caseid_list[] = {
    QG_FIELD_NEEDED(qg_caseid, TEXT, id),     QG_FIELD_NEEDED(qg_caseid, TEXT, model),
    QG_FIELD_NEEDED(qg_caseid, TEXT, method), QG_FIELD_NEEDED(qg_caseid, TEXT, device),
    QG_FIELD_NEEDED(qg_caseid, TEXT, kind),   QG_FIELD(qg_caseid, COUNT, batch),
    QG_FIELD(qg_caseid, COUNT, input_len),    QG_FIELD(qg_caseid, COUNT, output_len),
};
static const qg_fields caseid_fields = QG_FIELDS(caseid_list, qg_caseid);

static const qg_field case_list[] = {
    QG_FIELD_NEEDED(qg_measurement, STATE, state), QG_FIELD(qg_measurement, SMALL, exit_class),
    QG_FIELD(qg_measurement, TEXT, message),       QG_FIELD(qg_measurement, TEXT, log),
    QG_FIELD(qg_measurement, TEXT, file),          QG_FIELD(qg_measurement, SMALL, line),
    QG_FIELD(qg_measurement, SMALL, column),       QG_FIELD(qg_measurement, TEXT, protocol),
    QG_FIELD(qg_measurement, COUNT, wall_ns),      QG_FIELD(qg_measurement, COUNT, load_bytes),
    QG_FIELD(qg_measurement, COUNT, load_ns),      QG_FIELD(qg_measurement, TEXT, group),
    QG_FIELD(qg_measurement, SMALL, n_looks),      QG_FIELD(qg_measurement, COUNT, n_continued),
    QG_FIELD(qg_measurement, COUNT, n_same),
};
static const qg_fields case_fields = QG_FIELDS(case_list, qg_measurement);

static const qg_field pressure_list[] = {
    QG_FIELD(qg_pressure, COUNT, sampled_ns),    QG_FIELD(qg_pressure, COUNT, delay_ns),
    QG_FIELD(qg_pressure, COUNT, steal_ns),      QG_FIELD(qg_pressure, COUNT, others_ns),
    QG_FIELD(qg_pressure, COUNT, neighbours_ns), QG_FIELD(qg_pressure, COUNT, throttles),
    QG_FIELD(qg_pressure, COUNT, power_caps),    QG_FIELD(qg_pressure, COUNT, khz_least),
    QG_FIELD(qg_pressure, COUNT, khz_greatest),  QG_FIELD(qg_pressure, COUNT, timer_ns),
    QG_FIELD(qg_pressure, COUNT, n_warmup),      QG_FIELD(qg_pressure, FLAG, unstable),
};
static const qg_fields pressure_fields = QG_FIELDS(pressure_list, qg_pressure);

static const qg_field scalar_list[] = {
    QG_FIELD_NEEDED(qg_scalar, METRIC, metric),
    QG_FIELD_NEEDED(qg_scalar, REAL, value),
    QG_FIELD(qg_scalar, COUNT, n),
};
static const qg_fields scalar_fields = QG_FIELDS(scalar_list, qg_scalar);

static const qg_field doc_list[] = {
    QG_FIELD_NEEDED(qg_doc, COUNT, n_scored), QG_FIELD_NEEDED(qg_doc, REAL, sum_nll),
    QG_FIELD(qg_doc, FLAG, has_reference),    QG_FIELD(qg_doc, REAL, sum_dnll),
    QG_FIELD(qg_doc, REAL, sum_kl),           QG_FIELD(qg_doc, REAL, sum_dp2),
    QG_FIELD(qg_doc, COUNT, flips),           QG_FIELD(qg_doc, COUNT, hits),
};
static const qg_fields doc_fields = QG_FIELDS(doc_list, qg_doc);

static const qg_field sketch_list[] = {
    QG_FIELD_NEEDED(qg_sketch, COUNT, n),
    QG_FIELD_NEEDED(qg_sketch, COUNT, zeros),
    QG_FIELD_NEEDED(qg_sketch, REAL, greatest),
};
static const qg_fields sketch_fields = QG_FIELDS(sketch_list, qg_sketch);

static const qg_field judgement_list[] = {
    QG_FIELD_NAMED(qg_judgement, TEXT, "case", case_id),
    QG_FIELD_NEEDED(qg_judgement, METRIC, metric),
    QG_FIELD_NEEDED(qg_judgement, BASIS, basis),
    QG_FIELD_NEEDED(qg_judgement, VERDICT, verdict),
    QG_FIELD(qg_judgement, SMALL, exit_class),
    QG_FIELD(qg_judgement, FLAG, has_value),
    QG_FIELD(qg_judgement, FLAG, has_limit),
    QG_FIELD(qg_judgement, FLAG, at_least),
    QG_FIELD(qg_judgement, REAL, value),
    QG_FIELD(qg_judgement, REAL, limit),
    QG_FIELD(qg_judgement, COUNT, n),
    QG_FIELD(qg_judgement, FLAG, has_base),
    QG_FIELD(qg_judgement, FLAG, is_share),
    QG_FIELD(qg_judgement, REAL, base),
    QG_FIELD(qg_judgement, TEXT, test),
    QG_FIELD(qg_judgement, FLAG, has_low),
    QG_FIELD(qg_judgement, FLAG, has_high),
    QG_FIELD(qg_judgement, REAL, low),
    QG_FIELD(qg_judgement, REAL, high),
    QG_FIELD(qg_judgement, REAL, confidence),
    QG_FIELD(qg_judgement, FLAG, has_p),
    QG_FIELD(qg_judgement, FLAG, softened),
    QG_FIELD(qg_judgement, REAL, p),
    QG_FIELD(qg_judgement, REAL, p_holm),
    QG_FIELD(qg_judgement, FLAG, has_detectable),
    QG_FIELD(qg_judgement, REAL, detectable),
    QG_FIELD(qg_judgement, TEXT, message),
    QG_FIELD(qg_judgement, TEXT, fix),
    QG_FIELD(qg_judgement, TEXT, file),
    QG_FIELD(qg_judgement, SMALL, line),
    QG_FIELD(qg_judgement, SMALL, column),
    QG_FIELD(qg_judgement, TEXT, issue),
    QG_FIELD(qg_judgement, TEXT, expires),
};
static const qg_fields judgement_fields = QG_FIELDS(judgement_list, qg_judgement);

/* ---- writing ---- */

/* Buckets as two parallel arrays, like the top of a position. */
static void write_sketch(qg_json_writer *w, const char *key, const qg_sketch *s)
{
    qg_json_write_key(w, key);
    if (!s) {
        qg_json_write_null(w);
        return;
    }
    qg_json_write_object(w);
    qg_fields_write(w, &sketch_fields, s);
    qg_json_write_key(w, "buckets");
    qg_json_write_array(w);
    for (size_t i = 0; i < s->n_buckets; i++)
        qg_json_write_int(w, s->buckets[i].index);
    qg_json_write_end_array(w);
    qg_json_write_key(w, "counts");
    qg_json_write_array(w);
    for (size_t i = 0; i < s->n_buckets; i++)
        qg_json_write_int(w, s->buckets[i].count);
    qg_json_write_end_array(w);
    qg_json_write_close(w);
}

static void write_case(qg_json_writer *w, const qg_measurement *m)
{
    qg_json_write_object(w);
    qg_fields_write(w, &caseid_fields, &m->id);
    qg_fields_write(w, &case_fields, m);
    qg_json_write_key(w, "pressure");
    qg_json_write_object(w);
    qg_fields_write(w, &pressure_fields, &m->pressure);
    qg_json_write_close(w);
    qg_json_write_key(w, "series");
    qg_json_write_array(w);
    for (size_t i = 0; i < m->n_series; i++) {
        qg_json_write_object(w);
        qg_json_put_text(w, "name", m->series[i].name);
        qg_json_write_key(w, "samples");
        qg_json_write_array(w);
        for (size_t k = 0; k < m->series[i].n_samples; k++)
            qg_json_write_real(w, m->series[i].samples[k]);
        qg_json_write_end_array(w);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
    qg_fields_write_rows(w, "scalars", &scalar_fields, m->scalars, m->n_scalars);
    qg_fields_write_rows(w, "docs", &doc_fields, m->docs, m->n_docs);
    write_sketch(w, "kld", m->kld);
    write_sketch(w, "dlogprob", m->dlogprob);
    qg_json_write_key(w, "gold");
    qg_gold_write_json(w, m->gold);
    qg_json_write_close(w);
}

static void write_models(qg_json_writer *w, const qg_run *run)
{
    qg_json_write_key(w, "models");
    qg_json_write_array(w);
    for (size_t i = 0; i < run->n_models; i++) {
        qg_json_write_object(w);
        qg_fields_write(w, &model_fields, &run->models[i]);
        qg_json_write_key(w, "quantized");
        qg_quantized_write(w, run->models[i].quantized);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
}

/* `against` is a run like the one around it, but has none of its own. */
void qg_run_write(qg_json_writer *w, const qg_run *run)
{
    qg_json_write_object(w);
    qg_json_put_int(w, "schema", QG_RUN_SCHEMA);
    qg_fields_write(w, &run_fields, run);
    qg_json_write_key(w, "machine");
    qg_json_write_object(w);
    qg_fields_write(w, &machine_fields, &run->machine);
    qg_json_write_close(w);
    write_models(w, run);
    qg_json_write_key(w, "cases");
    qg_json_write_array(w);
    for (size_t i = 0; i < run->n_measurements; i++)
        write_case(w, &run->measurements[i]);
    qg_json_write_end_array(w);
    if (run->against) {
        qg_json_write_key(w, "against");
        qg_run_write(w, run->against);
    }
    qg_fields_write_rows(w, "judgements", &judgement_fields, run->judgements, run->n_judgements);
    if (run->n_blames) {
        qg_json_write_key(w, "blames");
        qg_json_write_array(w);
        for (size_t i = 0; i < run->n_blames; i++)
            qg_blame_write(w, &run->blames[i]);
        qg_json_write_end_array(w);
    }
    qg_json_write_key(w, "notices");
    qg_json_write_array(w);
    for (size_t i = 0; i < run->n_notices; i++)
        qg_json_write_text(w, run->notices[i]);
    qg_json_write_end_array(w);
    if (run->checklist) {
        qg_json_write_key(w, "checklist");
        qg_checklist_write(w, run->checklist);
    }
    qg_json_write_close(w);
}

qg_status qg_run_to_json(qg_buf *out, const qg_run *run, qg_err *err)
{
    qg_json_writer w;

    qg_json_write_begin(&w, out);
    qg_run_write(&w, run);
    qg_buf_char(out, '\n');
    QG_TRY(qg_json_write_end(&w, err), err, "writing the run as JSON");
    return QG_OK;
}

/* ---- reading ---- */

static qg_status read_sketch(qg_fields_reader *r, const qg_json *o, const char *key,
                             qg_sketch **out)
{
    const qg_json *indices, *counts = qg_json_get(o, "counts");
    int64_t index;

    *out = NULL;
    if (qg_json_is_null(o))
        return QG_OK;
    qg_sketch *s = QG_NEW(r->arena, qg_sketch);
    QG_NEED(s, r->err);
    QG_PASS(qg_fields_read(r, o, &sketch_fields, s));
    QG_PASS(qg_fields_read_array(r, o, "buckets", sizeof *s->buckets, &indices, &s->buckets,
                                 &s->n_buckets));
    s->room = s->n_buckets;
    if (qg_json_len(counts) != s->n_buckets)
        return QG_FIELDS_BAD(r, "'buckets' and 'counts' of '%s' are not of one length", key);
    for (size_t i = 0; i < s->n_buckets; i++) {
        qg_bucket *b = &s->buckets[i];
        QG_PASS(
            qg_fields_read_int(r, qg_json_at(indices, i), "buckets", INT32_MIN, INT32_MAX, &index));
        QG_PASS(qg_fields_read_int(r, qg_json_at(counts, i), "counts", 1, INT64_MAX, &b->count));
        b->index = (int32_t)index;
    }
    if (!qg_sketch_is_sound(s))
        return QG_FIELDS_BAD(r, "the numbers of '%s' do not fit together", key);
    *out = s;
    return QG_OK;
}

static qg_status read_series(qg_fields_reader *r, const qg_json *o, qg_series *s)
{
    const qg_json *samples;

    QG_PASS(qg_fields_read_text(r, qg_json_get(o, "name"), "name", &s->name));
    if (!s->name)
        return QG_FIELDS_BAD(r, "a series has no 'name'");
    QG_PASS(qg_fields_read_array(r, o, "samples", sizeof *s->samples, &samples, &s->samples,
                                 &s->n_samples));
    for (size_t i = 0; i < s->n_samples; i++) {
        QG_PASS(qg_fields_read_real(r, qg_json_at(samples, i), s->name, &s->samples[i]));
        if (s->samples[i] < 0)
            return QG_FIELDS_BAD(r, "sample %zu of '%s' is negative", i, s->name);
    }
    return QG_OK;
}

static qg_status read_case(qg_fields_reader *r, const qg_json *o, qg_measurement *m)
{
    const qg_json *series;

    QG_PASS(qg_fields_read(r, o, &caseid_fields, &m->id));
    r->where = qg_arena_format(r->arena, "case '%.200s'", m->id.id);
    QG_NEED(r->where, r->err);
    QG_PASS(qg_fields_read(r, o, &case_fields, m));
    if (!qg_json_is_null(qg_json_get(o, "pressure")))
        QG_PASS(qg_fields_read(r, qg_json_get(o, "pressure"), &pressure_fields, &m->pressure));
    QG_PASS(
        qg_fields_read_array(r, o, "series", sizeof *m->series, &series, &m->series, &m->n_series));
    for (size_t i = 0; i < m->n_series; i++)
        QG_PASS(read_series(r, qg_json_at(series, i), &m->series[i]));
    QG_PASS(qg_fields_read_rows(r, o, "scalars", &scalar_fields, &m->scalars, &m->n_scalars));
    for (size_t i = 0; i < m->n_scalars; i++)
        if (m->scalars[i].metric == QG_METRIC_NONE)
            return QG_FIELDS_BAD(r, "scalar %zu has no metric", i);
    QG_PASS(qg_fields_read_rows(r, o, "docs", &doc_fields, &m->docs, &m->n_docs));
    QG_PASS(read_sketch(r, qg_json_get(o, "kld"), "kld", &m->kld));
    QG_PASS(read_sketch(r, qg_json_get(o, "dlogprob"), "dlogprob", &m->dlogprob));
    if (m->n_same > m->n_continued)
        return QG_FIELDS_BAD(r, "%lld of %lld continuations are the same", (long long)m->n_same,
                             (long long)m->n_continued);
    return qg_gold_read_json(&m->gold, r, qg_json_get(o, "gold"));
}

static int by_id(const void *a, const void *b)
{
    const qg_measurement *const *x = a, *const *y = b;
    return strcmp((*x)->id.id, (*y)->id.id);
}

static qg_status refuse_twins(qg_fields_reader *r, const qg_run *run)
{
    const qg_measurement **sorted = QG_NEW_N(r->arena, const qg_measurement *, run->n_measurements);

    QG_NEED(sorted, r->err);
    for (size_t i = 0; i < run->n_measurements; i++)
        sorted[i] = &run->measurements[i];
    qsort(sorted, run->n_measurements, sizeof *sorted, by_id);
    for (size_t i = 1; i < run->n_measurements; i++) {
        if (by_id(&sorted[i - 1], &sorted[i]) != 0)
            continue;
        r->where = qg_arena_format(r->arena, "case '%.200s'", sorted[i]->id.id);
        QG_NEED(r->where, r->err);
        return QG_FIELDS_BAD(r, "the case occurs twice");
    }
    return QG_OK;
}

static qg_status read_cases(qg_fields_reader *r, const qg_json *root, qg_run *run)
{
    const qg_json *cases;

    QG_PASS(qg_fields_read_array(r, root, "cases", sizeof *run->measurements, &cases,
                                 &run->measurements, &run->n_measurements));
    if (run->n_measurements > QG_RUN_CASES_MAX)
        return QG_FIELDS_BAD(r, "more than %d cases", QG_RUN_CASES_MAX);
    for (size_t i = 0; i < run->n_measurements; i++) {
        r->where = qg_arena_format(r->arena, "case %zu", i);
        QG_NEED(r->where, r->err);
        QG_PASS(read_case(r, qg_json_at(cases, i), &run->measurements[i]));
    }
    QG_PASS(refuse_twins(r, run));
    r->where = "run";
    return QG_OK;
}

static qg_status read_models(qg_fields_reader *r, const qg_json *root, qg_run *run)
{
    const qg_json *models = qg_json_get(root, "models");

    QG_PASS(qg_fields_read_rows(r, root, "models", &model_fields, &run->models, &run->n_models));
    for (size_t i = 0; i < run->n_models; i++) {
        qg_quantized *q;
        r->where = qg_arena_format(r->arena, "model '%.200s'", run->models[i].name);
        QG_NEED(r->where, r->err);
        QG_PASS(qg_quantized_read(&q, r, qg_json_get(qg_json_at(models, i), "quantized")));
        run->models[i].quantized = q;
    }
    r->where = "run";
    return QG_OK;
}

static qg_status read_against(qg_fields_reader *r, const qg_json *o, qg_run *run)
{
    qg_fields_reader inner = *r;
    qg_run *against;

    if (qg_json_is_null(o))
        return QG_OK;
    if (!qg_json_is_null(qg_json_get(o, "against")))
        return QG_FIELDS_BAD(r, "'against' holds an 'against'");
    against = QG_NEW(r->arena, qg_run);
    QG_NEED(against, r->err);
    QG_PASS(qg_run_read_node(&inner, o, against));
    run->against = against;
    return QG_OK;
}

/* Schema 1 had budgets only, and did not say so. */
static qg_status read_judgements(qg_fields_reader *r, const qg_json *root, int64_t schema,
                                 qg_run *run)
{
    qg_field list[sizeof judgement_list / sizeof *judgement_list];
    const qg_fields fields = QG_FIELDS(list, qg_judgement);

    memcpy(list, judgement_list, sizeof list);
    for (size_t i = 0; i < fields.n; i++)
        if (list[i].kind == QG_FIELD_BASIS)
            list[i].needed = schema > 1;
    return qg_fields_read_rows(r, root, "judgements", &fields, &run->judgements,
                               &run->n_judgements);
}

static qg_status read_blames(qg_fields_reader *r, const qg_json *root, qg_run *run)
{
    const qg_json *array;

    QG_PASS(qg_fields_read_array(r, root, "blames", sizeof *run->blames, &array, &run->blames,
                                 &run->n_blames));
    for (size_t i = 0; i < run->n_blames; i++)
        QG_TRY(qg_blame_read(&run->blames[i], r, qg_json_at(array, i)), r->err, "blame %zu", i);
    return QG_OK;
}

qg_status qg_run_read_node(qg_fields_reader *r, const qg_json *root, qg_run *run)
{
    const qg_json *notices;
    qg_checklist *checklist;
    int64_t schema;

    if (qg_json_type_of(root) != QG_JSON_OBJECT || !qg_json_get(root, "schema"))
        return QG_FIELDS_BAD(r, "not a stored run: no 'schema'");
    QG_PASS(qg_fields_read_int(r, qg_json_get(root, "schema"), "schema", INT64_MIN, INT64_MAX,
                               &schema));
    if (schema < QG_RUN_SCHEMA_LEAST || schema > QG_RUN_SCHEMA)
        return QG_FIELDS_BAD(
            r, "schema %lld, this program reads %d to %d; use the quantgate that wrote it",
            (long long)schema, QG_RUN_SCHEMA_LEAST, QG_RUN_SCHEMA);
    QG_PASS(qg_fields_read(r, root, &run_fields, run));
    r->where = "machine";
    QG_PASS(qg_fields_read(r, qg_json_get(root, "machine"), &machine_fields, &run->machine));
    r->where = "run";
    QG_PASS(read_models(r, root, run));
    QG_PASS(read_cases(r, root, run));
    QG_PASS(read_against(r, qg_json_get(root, "against"), run));
    QG_PASS(read_judgements(r, root, schema, run));
    QG_PASS(read_blames(r, root, run));
    QG_PASS(qg_fields_read_array(r, root, "notices", sizeof *run->notices, &notices, &run->notices,
                                 &run->n_notices));
    for (size_t i = 0; i < run->n_notices; i++) {
        QG_PASS(qg_fields_read_text(r, qg_json_at(notices, i), "notices", &run->notices[i]));
        if (!run->notices[i])
            return QG_FIELDS_BAD(r, "notice %zu is null", i);
    }
    QG_PASS(qg_checklist_read(&checklist, r, qg_json_get(root, "checklist")));
    run->checklist = checklist;
    return QG_OK;
}

qg_status qg_run_from_json(qg_run **out, qg_arena *arena, qg_str text, const char *name,
                           qg_err *err)
{
    qg_fields_reader r = {.arena = arena, .name = name, .where = "run", .err = err};
    qg_run *run = QG_NEW(arena, qg_run);
    qg_arena *nodes = qg_arena_create();
    const qg_json *root;
    qg_status s = QG_ENOMEM;

    if (run && nodes) {
        s = qg_json_parse(&root, nodes, text, name, err);
        if (s == QG_OK)
            s = qg_run_read_node(&r, root, run);
    } else {
        qg_fail(err, QG_ENOMEM, "out of memory");
    }
    qg_arena_free(nodes);
    if (s == QG_OK)
        *out = run;
    return s;
}

qg_status qg_run_read(qg_run **out, qg_arena *arena, const char *path, qg_err *err)
{
    qg_arena *file = qg_arena_create();
    qg_str text;

    QG_NEED(file, err);
    qg_status s = qg_file_read(&text, file, path, QG_RUN_BYTES_MAX, err);
    if (s == QG_OK)
        s = qg_run_from_json(out, arena, text, path, err);
    qg_arena_free(file);
    return s;
}
