/* Goldens inside a run: see gold_json.h. */
#include "record/gold_json.h"

static const qg_field gold_list[] = {
    QG_FIELD_NEEDED(qg_gold, TEXT, model_hash),
    QG_FIELD_NEEDED(qg_gold, TEXT, tokenizer_hash),
    QG_FIELD_NEEDED(qg_gold, TEXT, prompts_hash),
    QG_FIELD_NEEDED(qg_gold, TEXT, method),
    QG_FIELD_NEEDED(qg_gold, TEXT, backend),
    QG_FIELD_NEEDED(qg_gold, TEXT, protocol),
    QG_FIELD(qg_gold, TEXT, command),
};
static const qg_fields gold_fields = QG_FIELDS(gold_list, qg_gold);

/* ---- writing ---- */

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

void qg_gold_write_json(qg_json_writer *w, const qg_gold *g)
{
    if (!g) {
        qg_json_write_null(w);
        return;
    }
    qg_json_write_object(w);
    qg_fields_write(w, &gold_fields, g);
    qg_json_write_key(w, "prompts");
    qg_json_write_array(w);
    for (size_t i = 0; i < g->n_prompts; i++)
        write_prompt(w, &g->prompts[i]);
    qg_json_write_end_array(w);
    qg_json_write_close(w);
}

/* ---- reading ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static qg_status read_hex(qg_fields_reader *r, const qg_json *object, const char *key, qg_str *out)
{
    qg_str hex;

    if (!qg_json_str(qg_json_get(object, key), &hex) || hex.len % 2 != 0)
        return QG_FIELDS_BAD(r, "'%s' is not a string of hex digits", key);
    char *bytes = qg_arena_alloc(r->arena, hex.len / 2);
    QG_NEED(bytes, r->err);
    for (size_t i = 0; i < hex.len; i += 2) {
        int high = hex_value(hex.ptr[i]), low = hex_value(hex.ptr[i + 1]);
        if (high < 0 || low < 0)
            return QG_FIELDS_BAD(r, "'%s' is not a string of hex digits", key);
        bytes[i / 2] = (char)(high * 16 + low);
    }
    *out = (qg_str){bytes, hex.len / 2};
    return QG_OK;
}

static qg_status read_id(qg_fields_reader *r, const qg_json *v, const char *key, int32_t *out)
{
    int64_t id;

    QG_PASS(qg_fields_read_int(r, v, key, 0, INT32_MAX, &id));
    *out = (int32_t)id;
    return QG_OK;
}

static qg_status read_position(qg_fields_reader *r, const qg_json *o, qg_gold_position *p,
                               bool first)
{
    const qg_json *ids, *logprobs = qg_json_get(o, "top_logprobs");

    QG_PASS(read_id(r, qg_json_get(o, "id"), "id", &p->id));
    QG_PASS(read_hex(r, o, "bytes", &p->bytes));
    if (!first)
        QG_PASS(qg_fields_read_real(r, qg_json_get(o, "logprob"), "logprob", &p->logprob));
    QG_PASS(qg_fields_read_array(r, o, "top_ids", sizeof *p->top, &ids, &p->top, &p->n_top));
    if (p->n_top > QG_GOLD_TOP_MAX || qg_json_len(logprobs) != p->n_top)
        return QG_FIELDS_BAD(r, "'top_ids' and 'top_logprobs' are not of one length up to %d",
                             QG_GOLD_TOP_MAX);
    for (size_t i = 0; i < p->n_top; i++) {
        QG_PASS(read_id(r, qg_json_at(ids, i), "top_ids", &p->top[i].id));
        QG_PASS(
            qg_fields_read_real(r, qg_json_at(logprobs, i), "top_logprobs", &p->top[i].logprob));
    }
    p->has_tail = !qg_json_is_null(qg_json_get(o, "tail"));
    if (p->has_tail)
        QG_PASS(qg_fields_read_real(r, qg_json_get(o, "tail"), "tail", &p->tail));
    return qg_fields_read_real(r, qg_json_get(o, "entropy"), "entropy", &p->entropy);
}

static qg_status read_prompt(qg_fields_reader *r, const qg_json *o, qg_gold_prompt *p)
{
    const qg_json *positions, *greedy;

    QG_PASS(qg_fields_read_text(r, qg_json_get(o, "name"), "name", &p->name));
    if (!p->name)
        return QG_FIELDS_BAD(r, "a prompt has no 'name'");
    QG_PASS(qg_fields_read_array(r, o, "positions", sizeof *p->positions, &positions, &p->positions,
                                 &p->n_positions));
    for (size_t i = 0; i < p->n_positions; i++)
        QG_PASS(read_position(r, qg_json_at(positions, i), &p->positions[i], i == 0));
    QG_PASS(
        qg_fields_read_array(r, o, "greedy", sizeof *p->greedy, &greedy, &p->greedy, &p->n_greedy));
    for (size_t i = 0; i < p->n_greedy; i++) {
        const qg_json *choice = qg_json_at(greedy, i);
        QG_PASS(read_id(r, qg_json_get(choice, "id"), "id", &p->greedy[i].id));
        QG_PASS(read_hex(r, choice, "bytes", &p->greedy[i].bytes));
        QG_PASS(
            qg_fields_read_real(r, qg_json_get(choice, "margin"), "margin", &p->greedy[i].margin));
    }
    return QG_OK;
}

qg_status qg_gold_read_json(qg_gold **out, qg_fields_reader *r, const qg_json *o)
{
    const qg_json *prompts;

    *out = NULL;
    if (qg_json_is_null(o))
        return QG_OK;
    qg_gold *g = QG_NEW(r->arena, qg_gold);
    QG_NEED(g, r->err);
    QG_PASS(qg_fields_read(r, o, &gold_fields, g));
    QG_PASS(qg_fields_read_array(r, o, "prompts", sizeof *g->prompts, &prompts, &g->prompts,
                                 &g->n_prompts));
    for (size_t i = 0; i < g->n_prompts; i++)
        QG_PASS(read_prompt(r, qg_json_at(prompts, i), &g->prompts[i]));
    *out = g;
    return QG_OK;
}
