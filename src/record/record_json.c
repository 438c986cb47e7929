/* A run to and from JSON: see record_json.h.
 *
 * Each struct of record.h has one table of its plain fields (key, kind, offset) that the writer and
 * the reader both walk, so the two cannot disagree; arrays and goldens are written and read by
 * pairs of functions. The reader believes no count: an array of the file is as long as the parsed
 * JSON says, and that has been paid for in bytes of the file.
 */
#include "record/record_json.h"

#include "base/file.h"
#include "base/json.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>

typedef enum kind {
    TEXT,    /* const char *, null where NULL                */
    INT,     /* int64_t                                      */
    COUNT,   /* int64_t, not negative                        */
    SMALL,   /* int, not negative                            */
    REAL,    /* double, finite                               */
    FLAG,    /* bool                                         */
    METRIC,  /* qg_metric by name, null for QG_METRIC_NONE   */
    VERDICT, /* qg_verdict by text                           */
    STATE,   /* qg_case_state by text                        */
} kind;

typedef struct field {
    const char *key;
    kind kind;
    size_t offset;
    bool needed; /* refused where absent; else zero */
} field;

#define F(type, kind, key)               #key, kind, offsetof(type, key), false
#define NEEDED(type, kind, key)          #key, kind, offsetof(type, key), true
#define RENAMED(type, kind, key, member) key, kind, offsetof(type, member), true
#define N_OF(array)                      (sizeof(array) / sizeof *(array))

static const field run_fields[] = {
    {F(qg_run, TEXT, version)},
    {F(qg_run, TEXT, commit)},
    {F(qg_run, TEXT, suite)},
    {F(qg_run, TEXT, suite_file)},
    {F(qg_run, TEXT, suite_hash)},
    {F(qg_run, TEXT, command)},
    {F(qg_run, TEXT, started)},
    {F(qg_run, COUNT, wall_ns)},
    {F(qg_run, INT, seed)},
    {NEEDED(qg_run, VERDICT, verdict)},
    {NEEDED(qg_run, SMALL, exit_code)},
};

static const field machine_fields[] = {
    {F(qg_machine, TEXT, host)},          {F(qg_machine, TEXT, os)},
    {F(qg_machine, TEXT, cpu)},           {F(qg_machine, SMALL, n_cpus)},
    {F(qg_machine, COUNT, memory_bytes)}, {F(qg_machine, TEXT, device)},
    {F(qg_machine, TEXT, gpu)},           {F(qg_machine, TEXT, tier)},
    {F(qg_machine, SMALL, n_threads)},    {F(qg_machine, TEXT, compiler)},
    {F(qg_machine, TEXT, flags)},         {F(qg_machine, TEXT, fingerprint)},
};

static const field model_fields[] = {
    {NEEDED(qg_model_info, TEXT, name)},  {F(qg_model_info, TEXT, path)},
    {F(qg_model_info, TEXT, family)},     {F(qg_model_info, TEXT, method)},
    {F(qg_model_info, TEXT, model_hash)}, {F(qg_model_info, TEXT, tokenizer_hash)},
    {F(qg_model_info, COUNT, n_params)},  {F(qg_model_info, COUNT, bytes)},
};

static const field caseid_fields[] = {
    {NEEDED(qg_caseid, TEXT, id)},     {NEEDED(qg_caseid, TEXT, model)},
    {NEEDED(qg_caseid, TEXT, method)}, {NEEDED(qg_caseid, TEXT, device)},
    {NEEDED(qg_caseid, TEXT, kind)},   {F(qg_caseid, COUNT, batch)},
    {F(qg_caseid, COUNT, input_len)},  {F(qg_caseid, COUNT, output_len)},
};

static const field case_fields[] = {
    {NEEDED(qg_measurement, STATE, state)}, {F(qg_measurement, SMALL, exit_class)},
    {F(qg_measurement, TEXT, message)},     {F(qg_measurement, TEXT, log)},
    {F(qg_measurement, TEXT, file)},        {F(qg_measurement, SMALL, line)},
    {F(qg_measurement, SMALL, column)},     {F(qg_measurement, TEXT, protocol)},
    {F(qg_measurement, COUNT, wall_ns)},
};

static const field scalar_fields[] = {
    {NEEDED(qg_scalar, METRIC, metric)},
    {NEEDED(qg_scalar, REAL, value)},
    {F(qg_scalar, COUNT, n)},
};

static const field doc_fields[] = {
    {NEEDED(qg_doc, COUNT, n_scored)}, {NEEDED(qg_doc, REAL, sum_nll)},
    {F(qg_doc, FLAG, has_reference)},  {F(qg_doc, REAL, sum_dnll)},
    {F(qg_doc, REAL, sum_kl)},         {F(qg_doc, COUNT, flips)},
    {F(qg_doc, COUNT, hits)},
};

static const field judgement_fields[] = {
    {RENAMED(qg_judgement, TEXT, "case", case_id)},
    {NEEDED(qg_judgement, METRIC, metric)},
    {NEEDED(qg_judgement, VERDICT, verdict)},
    {F(qg_judgement, SMALL, exit_class)},
    {F(qg_judgement, FLAG, has_value)},
    {F(qg_judgement, FLAG, has_limit)},
    {F(qg_judgement, FLAG, at_least)},
    {F(qg_judgement, REAL, value)},
    {F(qg_judgement, REAL, limit)},
    {F(qg_judgement, COUNT, n)},
    {F(qg_judgement, TEXT, message)},
    {F(qg_judgement, TEXT, fix)},
    {F(qg_judgement, TEXT, file)},
    {F(qg_judgement, SMALL, line)},
    {F(qg_judgement, SMALL, column)},
    {F(qg_judgement, TEXT, issue)},
    {F(qg_judgement, TEXT, expires)},
};

static const field gold_fields[] = {
    {NEEDED(qg_gold, TEXT, model_hash)},   {NEEDED(qg_gold, TEXT, tokenizer_hash)},
    {NEEDED(qg_gold, TEXT, prompts_hash)}, {NEEDED(qg_gold, TEXT, method)},
    {NEEDED(qg_gold, TEXT, backend)},      {NEEDED(qg_gold, TEXT, protocol)},
    {F(qg_gold, TEXT, command)},
};

static const char *const states[] = {
    [QG_CASE_MEASURED] = "measured",
    [QG_CASE_SKIPPED] = "skipped",
    [QG_CASE_FAILED] = "failed",
};

/* ---- writing ---- */

static void write_field(qg_json_writer *w, const field *f, const void *base)
{
    const void *at = (const char *)base + f->offset;

    qg_json_write_key(w, f->key);
    switch (f->kind) {
    case TEXT:
        qg_json_write_text(w, *(const char *const *)at);
        break;
    case INT:
    case COUNT:
        qg_json_write_int(w, *(const int64_t *)at);
        break;
    case SMALL:
        qg_json_write_int(w, *(const int *)at);
        break;
    case REAL:
        qg_json_write_real(w, *(const double *)at);
        break;
    case FLAG:
        qg_json_write_bool(w, *(const bool *)at);
        break;
    case METRIC: {
        qg_metric m = *(const qg_metric *)at;
        qg_json_write_text(w, m == QG_METRIC_NONE ? NULL : qg_metric_info_of(m)->name);
        break;
    }
    case VERDICT:
        qg_json_write_text(w, qg_verdict_text(*(const qg_verdict *)at));
        break;
    case STATE:
        qg_json_write_text(w, states[*(const qg_case_state *)at]);
        break;
    }
}

static void write_fields(qg_json_writer *w, const field *f, size_t n, const void *base)
{
    for (size_t i = 0; i < n; i++)
        write_field(w, &f[i], base);
}

/* An array of structs that have plain fields only. */
static void write_rows(qg_json_writer *w, const char *key, const field *f, size_t n_fields,
                       const void *rows, size_t n_rows, size_t size)
{
    qg_json_write_key(w, key);
    qg_json_write_array(w);
    for (size_t i = 0; i < n_rows; i++) {
        qg_json_write_object(w);
        write_fields(w, f, n_fields, (const char *)rows + i * size);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
}

static void write_hex(qg_json_writer *w, const char *key, qg_str bytes)
{
    qg_buf hex;

    qg_buf_init(&hex, w->buf->arena);
    for (size_t i = 0; i < bytes.len; i++)
        qg_buf_format(&hex, "%02x", (unsigned char)bytes.ptr[i]);
    w->buf->failed = w->buf->failed || hex.failed;
    qg_json_put_str(w, key, qg_buf_view(&hex));
}

/* Ids and log-probabilities of top as two parallel arrays: a third of the size of objects. */
static void write_position(qg_json_writer *w, const qg_gold_position *p, bool first)
{
    qg_json_write_object(w);
    qg_json_put_int(w, "id", p->id);
    write_hex(w, "bytes", p->bytes);
    qg_json_write_key(w, "logprob");
    if (first)
        qg_json_write_null(w);
    else
        qg_json_write_real(w, p->logprob);
    qg_json_write_key(w, "top_ids");
    qg_json_write_array(w);
    for (size_t i = 0; i < p->n_top; i++)
        qg_json_write_int(w, p->top[i].id);
    qg_json_write_end_array(w);
    qg_json_write_key(w, "top_logprobs");
    qg_json_write_array(w);
    for (size_t i = 0; i < p->n_top; i++)
        qg_json_write_real(w, p->top[i].logprob);
    qg_json_write_end_array(w);
    qg_json_write_key(w, "tail");
    if (p->has_tail)
        qg_json_write_real(w, p->tail);
    else
        qg_json_write_null(w);
    qg_json_put_real(w, "entropy", p->entropy);
    qg_json_write_close(w);
}

static void write_prompt(qg_json_writer *w, const qg_gold_prompt *p)
{
    qg_json_write_object(w);
    qg_json_put_text(w, "name", p->name);
    qg_json_write_key(w, "positions");
    qg_json_write_array(w);
    for (size_t i = 0; i < p->n_positions; i++)
        write_position(w, &p->positions[i], i == 0);
    qg_json_write_end_array(w);
    qg_json_write_key(w, "greedy");
    qg_json_write_array(w);
    for (size_t i = 0; i < p->n_greedy; i++) {
        qg_json_write_object(w);
        qg_json_put_int(w, "id", p->greedy[i].id);
        write_hex(w, "bytes", p->greedy[i].bytes);
        qg_json_put_real(w, "margin", p->greedy[i].margin);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
    qg_json_write_close(w);
}

static void write_gold(qg_json_writer *w, const qg_gold *g)
{
    qg_json_write_key(w, "gold");
    if (!g) {
        qg_json_write_null(w);
        return;
    }
    qg_json_write_object(w);
    write_fields(w, gold_fields, N_OF(gold_fields), g);
    qg_json_write_key(w, "prompts");
    qg_json_write_array(w);
    for (size_t i = 0; i < g->n_prompts; i++)
        write_prompt(w, &g->prompts[i]);
    qg_json_write_end_array(w);
    qg_json_write_close(w);
}

static void write_case(qg_json_writer *w, const qg_measurement *m)
{
    qg_json_write_object(w);
    write_fields(w, caseid_fields, N_OF(caseid_fields), &m->id);
    write_fields(w, case_fields, N_OF(case_fields), m);
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
    write_rows(w, "scalars", scalar_fields, N_OF(scalar_fields), m->scalars, m->n_scalars,
               sizeof *m->scalars);
    write_rows(w, "docs", doc_fields, N_OF(doc_fields), m->docs, m->n_docs, sizeof *m->docs);
    write_gold(w, m->gold);
    qg_json_write_close(w);
}

qg_status qg_run_to_json(qg_buf *out, const qg_run *run, qg_err *err)
{
    qg_json_writer w;

    qg_json_write_begin(&w, out);
    qg_json_write_object(&w);
    qg_json_put_int(&w, "schema", QG_RUN_SCHEMA);
    write_fields(&w, run_fields, N_OF(run_fields), run);
    qg_json_write_key(&w, "machine");
    qg_json_write_object(&w);
    write_fields(&w, machine_fields, N_OF(machine_fields), &run->machine);
    qg_json_write_close(&w);
    write_rows(&w, "models", model_fields, N_OF(model_fields), run->models, run->n_models,
               sizeof *run->models);
    qg_json_write_key(&w, "cases");
    qg_json_write_array(&w);
    for (size_t i = 0; i < run->n_measurements; i++)
        write_case(&w, &run->measurements[i]);
    qg_json_write_end_array(&w);
    write_rows(&w, "judgements", judgement_fields, N_OF(judgement_fields), run->judgements,
               run->n_judgements, sizeof *run->judgements);
    qg_json_write_key(&w, "notices");
    qg_json_write_array(&w);
    for (size_t i = 0; i < run->n_notices; i++)
        qg_json_write_text(&w, run->notices[i]);
    qg_json_write_end_array(&w);
    qg_json_write_close(&w);
    qg_buf_char(out, '\n');
    QG_TRY(qg_json_write_end(&w, err), err, "writing the run as JSON");
    return QG_OK;
}

/* ---- reading ---- */

typedef struct reader {
    qg_arena *arena;
    const char *name;  /* of the file                                     */
    const char *where; /* "run", "machine", "case 'fp16/quality'"         */
    const char *rows;  /* key of the array of structs at hand, NULL: none */
    size_t row;
    qg_err *err;
} reader;

/* Where we are, for the error just recorded. */
static qg_status at_place(const reader *r)
{
    if (r->rows)
        qg_note(r->err, "entry %zu of '%s'", r->row, r->rows);
    qg_note(r->err, "%s", r->where);
    qg_note(r->err, "reading '%s'", r->name);
    return QG_EFORMAT;
}

#define BAD(r, ...) (qg_fail((r)->err, QG_EFORMAT, __VA_ARGS__), at_place(r))

static qg_status read_text(reader *r, const qg_json *v, const char *key, const char **out)
{
    qg_str s;

    *out = NULL;
    if (qg_json_is_null(v))
        return QG_OK;
    if (!qg_json_str(v, &s))
        return BAD(r, "'%s' is %s, a string was expected", key, qg_json_type_name(v));
    if (s.len > 0 && memchr(s.ptr, '\0', s.len))
        return BAD(r, "'%s' holds a NUL character", key);
    *out = qg_str_dup(r->arena, s);
    QG_NEED(*out, r->err);
    return QG_OK;
}

static qg_status read_int(reader *r, const qg_json *v, const char *key, int64_t least,
                          int64_t greatest, int64_t *out)
{
    if (!qg_json_int(v, out))
        return BAD(r, "'%s' is %s, an integer was expected", key, qg_json_type_name(v));
    if (*out < least || *out > greatest)
        return BAD(r, "'%s' is %lld, which is out of range", key, (long long)*out);
    return QG_OK;
}

static qg_status read_real(reader *r, const qg_json *v, const char *key, double *out)
{
    if (!qg_json_real(v, out) || !isfinite(*out))
        return BAD(r, "'%s' is %s, a finite number was expected", key, qg_json_type_name(v));
    return QG_OK;
}

static qg_status read_word(reader *r, const qg_json *v, const field *f, void *at)
{
    qg_str word = {0};
    bool known = false;

    if (f->kind == METRIC && qg_json_type_of(v) == QG_JSON_NULL) {
        *(qg_metric *)at = QG_METRIC_NONE;
        return QG_OK;
    }
    if (!qg_json_str(v, &word))
        return BAD(r, "'%s' is %s, a string was expected", f->key, qg_json_type_name(v));
    if (f->kind == METRIC)
        known = qg_metric_find(at, word);
    else if (f->kind == VERDICT)
        known = qg_verdict_find(word, at);
    for (size_t i = 0; f->kind == STATE && i < N_OF(states); i++) {
        if (qg_str_is(word, states[i])) {
            *(qg_case_state *)at = (qg_case_state)i;
            known = true;
        }
    }
    if (!known)
        return BAD(r, "'%s' has the unknown value '" QG_STR_PRI "'", f->key,
                   QG_STR_ARG(qg_str_sub(word, 0, 60)));
    return QG_OK;
}

static qg_status read_field(reader *r, const qg_json *object, const field *f, void *base)
{
    const qg_json *v = qg_json_get(object, f->key);
    void *at = (char *)base + f->offset;
    int64_t n = 0;

    if (!v)
        return f->needed ? BAD(r, "'%s' is absent", f->key) : QG_OK;
    switch (f->kind) {
    case TEXT:
        QG_PASS(read_text(r, v, f->key, at));
        return f->needed && !*(const char **)at ? BAD(r, "'%s' is null", f->key) : QG_OK;
    case INT:
        return read_int(r, v, f->key, INT64_MIN, INT64_MAX, at);
    case COUNT:
        return read_int(r, v, f->key, 0, INT64_MAX, at);
    case SMALL:
        QG_PASS(read_int(r, v, f->key, 0, INT_MAX, &n));
        *(int *)at = (int)n;
        return QG_OK;
    case REAL:
        return read_real(r, v, f->key, at);
    case FLAG:
        return qg_json_bool(v, at)
                   ? QG_OK
                   : BAD(r, "'%s' is %s, a boolean was expected", f->key, qg_json_type_name(v));
    case METRIC:
    case VERDICT:
    case STATE:
        break;
    }
    return read_word(r, v, f, at);
}

static qg_status read_fields(reader *r, const qg_json *object, const field *f, size_t n, void *base)
{
    if (qg_json_type_of(object) != QG_JSON_OBJECT)
        return BAD(r, "%s was found, an object was expected", qg_json_type_name(object));
    for (size_t i = 0; i < n; i++)
        QG_PASS(read_field(r, object, &f[i], base));
    return QG_OK;
}

/* The array of a key (absent or null: empty), and room for its entries. */
static qg_status read_array(reader *r, const qg_json *object, const char *key, size_t size,
                            const qg_json **array, void *rows, size_t *n_rows)
{
    *array = qg_json_get(object, key);
    *n_rows = 0;
    if (qg_json_is_null(*array))
        return QG_OK;
    if (qg_json_type_of(*array) != QG_JSON_ARRAY)
        return BAD(r, "'%s' is %s, an array was expected", key, qg_json_type_name(*array));
    void *at = qg_arena_array(r->arena, qg_json_len(*array), size);
    QG_NEED(at, r->err);
    memcpy(rows, &at, sizeof at);
    *n_rows = qg_json_len(*array);
    return QG_OK;
}

static qg_status read_rows(reader *r, const qg_json *object, const char *key, const field *f,
                           size_t n_fields, size_t size, void *rows, size_t *n_rows)
{
    const qg_json *array;
    char *at;

    QG_PASS(read_array(r, object, key, size, &array, rows, n_rows));
    memcpy(&at, rows, sizeof at);
    r->rows = key;
    for (r->row = 0; r->row < *n_rows; r->row++)
        QG_PASS(read_fields(r, qg_json_at(array, r->row), f, n_fields, at + r->row * size));
    r->rows = NULL;
    return QG_OK;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static qg_status read_hex(reader *r, const qg_json *object, const char *key, qg_str *out)
{
    qg_str hex;

    if (!qg_json_str(qg_json_get(object, key), &hex) || hex.len % 2 != 0)
        return BAD(r, "'%s' is not a string of hex digits", key);
    char *bytes = qg_arena_alloc(r->arena, hex.len / 2);
    QG_NEED(bytes, r->err);
    for (size_t i = 0; i < hex.len; i += 2) {
        int high = hex_value(hex.ptr[i]), low = hex_value(hex.ptr[i + 1]);
        if (high < 0 || low < 0)
            return BAD(r, "'%s' is not a string of hex digits", key);
        bytes[i / 2] = (char)(high * 16 + low);
    }
    *out = (qg_str){bytes, hex.len / 2};
    return QG_OK;
}

static qg_status read_id(reader *r, const qg_json *v, const char *key, int32_t *out)
{
    int64_t id;

    QG_PASS(read_int(r, v, key, 0, INT32_MAX, &id));
    *out = (int32_t)id;
    return QG_OK;
}

static qg_status read_position(reader *r, const qg_json *o, qg_gold_position *p, bool first)
{
    const qg_json *ids, *logprobs = qg_json_get(o, "top_logprobs");

    QG_PASS(read_id(r, qg_json_get(o, "id"), "id", &p->id));
    QG_PASS(read_hex(r, o, "bytes", &p->bytes));
    if (!first)
        QG_PASS(read_real(r, qg_json_get(o, "logprob"), "logprob", &p->logprob));
    QG_PASS(read_array(r, o, "top_ids", sizeof *p->top, &ids, &p->top, &p->n_top));
    if (p->n_top > QG_GOLD_TOP_MAX || qg_json_len(logprobs) != p->n_top)
        return BAD(r, "'top_ids' and 'top_logprobs' are not of one length up to %d",
                   QG_GOLD_TOP_MAX);
    for (size_t i = 0; i < p->n_top; i++) {
        QG_PASS(read_id(r, qg_json_at(ids, i), "top_ids", &p->top[i].id));
        QG_PASS(read_real(r, qg_json_at(logprobs, i), "top_logprobs", &p->top[i].logprob));
    }
    p->has_tail = !qg_json_is_null(qg_json_get(o, "tail"));
    if (p->has_tail)
        QG_PASS(read_real(r, qg_json_get(o, "tail"), "tail", &p->tail));
    return read_real(r, qg_json_get(o, "entropy"), "entropy", &p->entropy);
}

static qg_status read_prompt(reader *r, const qg_json *o, qg_gold_prompt *p)
{
    const qg_json *positions, *greedy;

    QG_PASS(read_text(r, qg_json_get(o, "name"), "name", &p->name));
    if (!p->name)
        return BAD(r, "a prompt has no 'name'");
    QG_PASS(read_array(r, o, "positions", sizeof *p->positions, &positions, &p->positions,
                       &p->n_positions));
    for (size_t i = 0; i < p->n_positions; i++)
        QG_PASS(read_position(r, qg_json_at(positions, i), &p->positions[i], i == 0));
    QG_PASS(read_array(r, o, "greedy", sizeof *p->greedy, &greedy, &p->greedy, &p->n_greedy));
    for (size_t i = 0; i < p->n_greedy; i++) {
        const qg_json *choice = qg_json_at(greedy, i);
        QG_PASS(read_id(r, qg_json_get(choice, "id"), "id", &p->greedy[i].id));
        QG_PASS(read_hex(r, choice, "bytes", &p->greedy[i].bytes));
        QG_PASS(read_real(r, qg_json_get(choice, "margin"), "margin", &p->greedy[i].margin));
    }
    return QG_OK;
}

static qg_status read_gold(reader *r, const qg_json *o, qg_gold **out)
{
    const qg_json *prompts;

    *out = NULL;
    if (qg_json_is_null(o))
        return QG_OK;
    qg_gold *g = QG_NEW(r->arena, qg_gold);
    QG_NEED(g, r->err);
    QG_PASS(read_fields(r, o, gold_fields, N_OF(gold_fields), g));
    QG_PASS(read_array(r, o, "prompts", sizeof *g->prompts, &prompts, &g->prompts, &g->n_prompts));
    for (size_t i = 0; i < g->n_prompts; i++)
        QG_PASS(read_prompt(r, qg_json_at(prompts, i), &g->prompts[i]));
    *out = g;
    return QG_OK;
}

static qg_status read_series(reader *r, const qg_json *o, qg_series *s)
{
    const qg_json *samples;

    QG_PASS(read_text(r, qg_json_get(o, "name"), "name", &s->name));
    if (!s->name)
        return BAD(r, "a series has no 'name'");
    QG_PASS(read_array(r, o, "samples", sizeof *s->samples, &samples, &s->samples, &s->n_samples));
    for (size_t i = 0; i < s->n_samples; i++) {
        QG_PASS(read_real(r, qg_json_at(samples, i), s->name, &s->samples[i]));
        if (s->samples[i] < 0)
            return BAD(r, "sample %zu of '%s' is negative", i, s->name);
    }
    return QG_OK;
}

static qg_status read_case(reader *r, const qg_json *o, qg_measurement *m)
{
    const qg_json *series;

    QG_PASS(read_fields(r, o, caseid_fields, N_OF(caseid_fields), &m->id));
    r->where = qg_arena_format(r->arena, "case '%.200s'", m->id.id);
    QG_NEED(r->where, r->err);
    QG_PASS(read_fields(r, o, case_fields, N_OF(case_fields), m));
    QG_PASS(read_array(r, o, "series", sizeof *m->series, &series, &m->series, &m->n_series));
    for (size_t i = 0; i < m->n_series; i++)
        QG_PASS(read_series(r, qg_json_at(series, i), &m->series[i]));
    QG_PASS(read_rows(r, o, "scalars", scalar_fields, N_OF(scalar_fields), sizeof *m->scalars,
                      &m->scalars, &m->n_scalars));
    for (size_t i = 0; i < m->n_scalars; i++)
        if (m->scalars[i].metric == QG_METRIC_NONE)
            return BAD(r, "scalar %zu has no metric", i);
    QG_PASS(read_rows(r, o, "docs", doc_fields, N_OF(doc_fields), sizeof *m->docs, &m->docs,
                      &m->n_docs));
    return read_gold(r, qg_json_get(o, "gold"), &m->gold);
}

static qg_status read_cases(reader *r, const qg_json *root, qg_run *run)
{
    const qg_json *cases;

    QG_PASS(read_array(r, root, "cases", sizeof *run->measurements, &cases, &run->measurements,
                       &run->n_measurements));
    if (run->n_measurements > QG_RUN_CASES_MAX)
        return BAD(r, "more than %d cases", QG_RUN_CASES_MAX);
    for (size_t i = 0; i < run->n_measurements; i++) {
        r->where = qg_arena_format(r->arena, "case %zu", i);
        QG_NEED(r->where, r->err);
        QG_PASS(read_case(r, qg_json_at(cases, i), &run->measurements[i]));
        if (qg_run_case(run, run->measurements[i].id.id) != &run->measurements[i])
            return BAD(r, "the case occurs twice");
    }
    r->where = "run";
    return QG_OK;
}

static qg_status read_run(reader *r, const qg_json *root, qg_run *run)
{
    const qg_json *notices;
    int64_t schema;

    if (qg_json_type_of(root) != QG_JSON_OBJECT || !qg_json_get(root, "schema"))
        return BAD(r, "not a stored run: no 'schema'");
    QG_PASS(read_int(r, qg_json_get(root, "schema"), "schema", INT64_MIN, INT64_MAX, &schema));
    if (schema != QG_RUN_SCHEMA)
        return BAD(r, "schema %lld, this program reads %d; use the quantgate that wrote it",
                   (long long)schema, QG_RUN_SCHEMA);
    QG_PASS(read_fields(r, root, run_fields, N_OF(run_fields), run));
    r->where = "machine";
    QG_PASS(read_fields(r, qg_json_get(root, "machine"), machine_fields, N_OF(machine_fields),
                        &run->machine));
    r->where = "run";
    QG_PASS(read_rows(r, root, "models", model_fields, N_OF(model_fields), sizeof *run->models,
                      &run->models, &run->n_models));
    QG_PASS(read_cases(r, root, run));
    QG_PASS(read_rows(r, root, "judgements", judgement_fields, N_OF(judgement_fields),
                      sizeof *run->judgements, &run->judgements, &run->n_judgements));
    QG_PASS(read_array(r, root, "notices", sizeof *run->notices, &notices, &run->notices,
                       &run->n_notices));
    for (size_t i = 0; i < run->n_notices; i++) {
        QG_PASS(read_text(r, qg_json_at(notices, i), "notices", &run->notices[i]));
        if (!run->notices[i])
            return BAD(r, "notice %zu is null", i);
    }
    return QG_OK;
}

qg_status qg_run_from_json(qg_run **out, qg_arena *arena, qg_str text, const char *name,
                           qg_err *err)
{
    reader r = {.arena = arena, .name = name, .where = "run", .err = err};
    qg_run *run = QG_NEW(arena, qg_run);
    qg_arena *nodes = qg_arena_create();
    const qg_json *root;
    qg_status s = QG_ENOMEM;

    if (run && nodes) {
        s = qg_json_parse(&root, nodes, text, name, err);
        if (s == QG_OK)
            s = read_run(&r, root, run);
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
