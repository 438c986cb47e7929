/* Stored baselines: see baseline.h. Runs are written by the record's own writer, after what is not
 * kept was left out. */
#include "record/baseline.h"

#include "base/file.h"
#include "record/fields.h"
#include "record/record_json.h"

#include <ctype.h>
#include <string.h>

static const qg_field accepted_list[] = {
    QG_FIELD_NEEDED(qg_accepted, TEXT, why), QG_FIELD(qg_accepted, TEXT, started),
    QG_FIELD(qg_accepted, TEXT, version),    QG_FIELD(qg_accepted, TEXT, commit),
    QG_FIELD(qg_accepted, TEXT, command),    QG_FIELD(qg_accepted, TEXT, device),
    QG_FIELD(qg_accepted, TEXT, gpu),
};
static const qg_fields accepted_fields = QG_FIELDS(accepted_list, qg_accepted);

static const qg_field baseline_list[] = {
    QG_FIELD_NEEDED(qg_baseline, TEXT, suite),
    QG_FIELD_NEEDED(qg_baseline, TEXT, fingerprint),
};
static const qg_fields baseline_fields = QG_FIELDS(baseline_list, qg_baseline);

const char *qg_baseline_path(qg_arena *arena, const char *dir, const char *suite,
                             const char *fingerprint)
{
    char *name = qg_arena_format(arena, "%.100s-%.64s.json", suite, fingerprint);

    for (char *c = name; c && *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_' && *c != '.')
            *c = '-';
    return name ? qg_path_join(arena, dir, name) : NULL;
}

/* ---- writing ---- */

/* A measurement without texts, goldens and what is too much of its samples. */
static qg_status slim_case(qg_measurement *out, qg_arena *scratch, const qg_measurement *m,
                           qg_err *err)
{
    qg_series *series = QG_NEW_N(scratch, qg_series, m->n_series);

    QG_NEED(series, err);
    *out = *m;
    out->docs = NULL;
    out->n_docs = 0;
    out->kld = out->dlogprob = NULL;
    out->gold = NULL;
    out->log = NULL;
    out->series = series;
    out->n_series = 0;
    for (size_t i = 0; i < m->n_series; i++) {
        bool gaps = qg_str_is(qg_str_from(m->series[i].name), "itl");
        if (gaps && m->series[i].n_samples > QG_BASELINE_SAMPLES)
            continue;
        series[out->n_series] = m->series[i];
        if (series[out->n_series].n_samples > QG_BASELINE_SAMPLES)
            series[out->n_series].n_samples = QG_BASELINE_SAMPLES;
        out->n_series++;
    }
    return QG_OK;
}

static qg_status write_slim(qg_json_writer *w, qg_arena *scratch, const qg_run *run, qg_err *err)
{
    qg_run slim = *run;

    slim.judgements = NULL;
    slim.n_judgements = 0;
    slim.notices = NULL;
    slim.n_notices = 0;
    slim.n_blames = 0;
    slim.against = NULL;
    slim.models = QG_NEW_N(scratch, qg_model_info, run->n_models);
    slim.measurements = QG_NEW_N(scratch, qg_measurement, run->n_measurements);
    if (!slim.models || !slim.measurements)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    for (size_t i = 0; i < run->n_models; i++) {
        slim.models[i] = run->models[i];
        slim.models[i].quantized = NULL;
        slim.models[i].path = NULL; /* of the machine, not of the state */
    }
    for (size_t i = 0; i < run->n_measurements; i++)
        QG_PASS(slim_case(&slim.measurements[i], scratch, &run->measurements[i], err));
    qg_run_write(w, &slim);
    return QG_OK;
}

static qg_status write_accepted(qg_json_writer *w, qg_arena *scratch, const char *key,
                                const qg_accepted *a, qg_err *err)
{
    qg_json_write_key(w, key);
    if (a->n_runs == 0) {
        qg_json_write_null(w);
        return QG_OK;
    }
    qg_json_write_object(w);
    qg_fields_write(w, &accepted_fields, a);
    qg_json_write_key(w, "runs");
    qg_json_write_array(w);
    for (size_t i = 0; i < a->n_runs; i++)
        QG_PASS(write_slim(w, scratch, a->runs[i], err));
    qg_json_write_end_array(w);
    qg_json_write_close(w);
    return QG_OK;
}

qg_status qg_baseline_write(const qg_baseline *b, qg_arena *scratch, const char *path, qg_err *err)
{
    qg_json_writer w;
    qg_buf text;

    qg_buf_init(&text, scratch);
    qg_json_write_begin(&w, &text);
    qg_json_write_object(&w);
    qg_json_put_int(&w, "schema", QG_BASELINE_SCHEMA);
    qg_json_put_text(&w, "kind", "baseline");
    qg_fields_write(&w, &baseline_fields, b);
    QG_PASS(write_accepted(&w, scratch, "current", &b->current, err));
    QG_PASS(write_accepted(&w, scratch, "anchor", &b->anchor, err));
    qg_json_write_close(&w);
    qg_buf_char(&text, '\n');
    QG_TRY(qg_json_write_end(&w, err), err, "writing the baseline as JSON");
    return qg_file_write(path, qg_buf_view(&text), err);
}

/* ---- reading ---- */

static qg_status read_accepted(qg_fields_reader *r, const qg_json *root, const char *key,
                               const char *fingerprint, qg_accepted *out)
{
    const qg_json *o = qg_json_get(root, key), *runs;
    qg_run **at;

    if (qg_json_is_null(o))
        return QG_OK;
    r->where = key;
    QG_PASS(qg_fields_read(r, o, &accepted_fields, out));
    QG_PASS(qg_fields_read_array(r, o, "runs", sizeof *at, &runs, &at, &out->n_runs));
    for (size_t i = 0; i < out->n_runs; i++) {
        qg_fields_reader inner = *r;
        at[i] = QG_NEW(r->arena, qg_run);
        QG_NEED(at[i], r->err);
        QG_PASS(qg_run_read_node(&inner, qg_json_at(runs, i), at[i]));
        if (!at[i]->machine.fingerprint || strcmp(at[i]->machine.fingerprint, fingerprint) != 0)
            return QG_FIELDS_BAD(r, "run %zu is of another machine than '%s'", i, fingerprint);
    }
    out->runs = at;
    return QG_OK;
}

static qg_status read_baseline(qg_fields_reader *r, const qg_json *root, qg_baseline *b)
{
    int64_t schema;
    qg_str kind = {0};

    if (qg_json_type_of(root) != QG_JSON_OBJECT || !qg_json_str(qg_json_get(root, "kind"), &kind) ||
        !qg_str_is(kind, "baseline"))
        return QG_FIELDS_BAD(r, "not a stored baseline");
    QG_PASS(qg_fields_read_int(r, qg_json_get(root, "schema"), "schema", INT64_MIN, INT64_MAX,
                               &schema));
    if (schema != QG_BASELINE_SCHEMA)
        return QG_FIELDS_BAD(r, "schema %lld, this program reads %d", (long long)schema,
                             QG_BASELINE_SCHEMA);
    QG_PASS(qg_fields_read(r, root, &baseline_fields, b));
    QG_PASS(read_accepted(r, root, "current", b->fingerprint, &b->current));
    return read_accepted(r, root, "anchor", b->fingerprint, &b->anchor);
}

qg_status qg_baseline_read(qg_baseline **out, qg_arena *arena, const char *path, qg_err *err)
{
    qg_fields_reader r = {.arena = arena, .name = path, .where = "baseline", .err = err};
    qg_arena *nodes = qg_arena_create();
    qg_baseline *b = QG_NEW(arena, qg_baseline);
    const qg_json *root;
    qg_str text;

    QG_NEED(nodes, err);
    qg_status s = b ? qg_file_read(&text, nodes, path, QG_RUN_BYTES_MAX, err)
                    : qg_fail(err, QG_ENOMEM, "out of memory");
    if (s == QG_OK)
        s = qg_json_parse(&root, nodes, text, path, err);
    if (s == QG_OK)
        s = read_baseline(&r, root, b);
    qg_arena_free(nodes);
    if (s == QG_OK)
        *out = b;
    return s;
}
