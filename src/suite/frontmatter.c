/* Model cards: see frontmatter.h. The text is cut at its two fences; what lies between goes to the
 * parser of suites, and the keys of ours are taken out of its tree one by one. */
#include "suite/frontmatter.h"

#include "base/hash.h"
#include "suite/yamltree.h"

#include <string.h>

typedef struct reader {
    qg_arena *arena;
    qg_findings *findings;
} reader;

/* ---- fences ---- */

/* The next line without its end. False at the end of the text. */
static bool next_line(qg_str *rest, qg_str *line)
{
    if (!qg_str_split(rest, '\n', line))
        return false;
    if (line->len > 0 && line->ptr[line->len - 1] == '\r')
        line->len--;
    return true;
}

static bool is_fence(qg_str line)
{
    return qg_str_starts(line, QG_STR("---")) && qg_str_trim(line).len == 3;
}

/* Cuts the text at its fences; first_line is that of what follows. */
static bool cut(const reader *r, qg_str text, const char *path, qg_str *front, qg_card *card)
{
    static const char fix[] =
        "begin the card with lines '---', 'base_model: ...' and so on, '---'; "
        "'quantgate checklist SUITE --template card' prints one";
    qg_str rest = text, line = {0};

    if (qg_str_starts(rest, QG_STR("\xef\xbb\xbf")))
        rest = qg_str_sub(rest, 3, rest.len);
    if (!next_line(&rest, &line) || !is_fence(line)) {
        qg_finding_error(r->findings, ((qg_place){path, 1, 1}), fix,
                         qg_str_trim(text).len ? "the card has no front matter"
                                               : "the card is empty");
        return false;
    }
    const char *begin = rest.ptr;
    for (int n = 2; next_line(&rest, &line); n++) {
        if (!is_fence(line))
            continue;
        *front = (qg_str){begin, (size_t)(line.ptr - begin)};
        card->text = rest.ptr ? rest : QG_STR("");
        card->first_line = n + 1;
        return true;
    }
    qg_finding_error(r->findings, ((qg_place){path, 1, 1}), "end it with a line '---'",
                     "the front matter does not end");
    return false;
}

/* ---- keys ---- */

static bool is_text(const reader *r, const char *name, const qg_yaml *node)
{
    bool is_said = node->type == QG_YAML_TEXT && !qg_yaml_is_null(node);

    if (node->broken)
        return false;
    if (!is_said)
        qg_finding_error(r->findings, node->place, NULL, "'%s' is %s, a text was expected", name,
                         qg_yaml_type_name(node));
    else if (memchr(node->text.ptr, '\0', node->text.len))
        qg_finding_error(r->findings, node->place, NULL, "'%s' holds a NUL character", name);
    else
        return true;
    return false;
}

static void read_said(const reader *r, const qg_yaml *root, const char *name, qg_said *out)
{
    const qg_yaml *node = qg_yaml_get(root, name);

    if (!qg_yaml_is_null(node) && is_text(r, name, node))
        *out = (qg_said){node->text.ptr, node->place};
}

/* A text, or a list of them. */
static void read_all_said(const reader *r, const qg_yaml *root, const char *name, qg_said **out,
                          size_t *n)
{
    const qg_yaml *node = qg_yaml_get(root, name);
    bool is_list = node && node->type == QG_YAML_LIST;
    size_t most = is_list ? node->n : 1;

    *out = QG_NEW_N(r->arena, qg_said, most);
    r->findings->out_of_memory |= !*out;
    for (size_t i = 0; node && *out && i < most; i++) {
        const qg_yaml *one = is_list ? node->items[i] : node;
        if (is_text(r, name, one))
            (*out)[(*n)++] = (qg_said){one->text.ptr, one->place};
    }
}

static void read_hash(const reader *r, const char *model, const qg_yaml *node, qg_card *card)
{
    if (!is_text(r, "quantgate_checkpoint", node))
        return;
    if (qg_hash_is_named(node->text))
        card->hashes[card->n_hashes++] = (qg_card_hash){model, node->text.ptr, node->place};
    else
        qg_finding_error(r->findings, node->place, "run.json has it as 'model_hash'",
                         "'" QG_STR_PRI "' is no hash: expected '" QG_HASH_PREFIX
                         "' and 64 hex digits",
                         QG_STR_ARG(qg_str_sub(node->text, 0, 80)));
}

static void read_hashes(const reader *r, const qg_yaml *root, qg_card *card)
{
    const qg_yaml *node = qg_yaml_get(root, "quantgate_checkpoint");
    bool is_map = node && node->type == QG_YAML_MAP;

    card->hashes = QG_NEW_N(r->arena, qg_card_hash, is_map ? node->n : 1);
    r->findings->out_of_memory |= !card->hashes;
    if (!node || !card->hashes)
        return;
    if (!is_map)
        read_hash(r, NULL, node, card);
    for (size_t i = 0; is_map && i < node->n; i++)
        read_hash(r, node->entries[i].key.ptr, node->entries[i].value, card);
}

qg_status qg_card_parse(qg_card **out, qg_findings *findings, qg_arena *arena, qg_str text,
                        const char *path, qg_err *err)
{
    reader r = {arena, findings};
    qg_card *card = QG_NEW(arena, qg_card);
    const qg_yaml *root;
    qg_str front;

    *out = NULL;
    QG_NEED(card, err);
    card->path = path;
    card->place = (qg_place){path, 1, 1};
    if (!cut(&r, text, path, &front, card)) {
        QG_NEED(!findings->out_of_memory, err);
        return QG_OK;
    }
    qg_status s = qg_yaml_parse(&root, findings, arena, front, path, 2, err);
    if (s == QG_EFORMAT) /* a finding says why */
        return QG_OK;
    QG_PASS(s);
    read_all_said(&r, root, "base_model", &card->base_models, &card->n_base_models);
    read_said(&r, root, "base_model_relation", &card->relation);
    read_said(&r, root, "quantized_by", &card->quantized_by);
    read_all_said(&r, root, "tags", &card->tags, &card->n_tags);
    read_hashes(&r, root, card);
    QG_NEED(!findings->out_of_memory, err);
    *out = card;
    return QG_OK;
}

/* ---- template ---- */

/* In double quotes of YAML. */
static void put_quoted(qg_buf *out, const char *s)
{
    qg_buf_char(out, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            qg_buf_char(out, '\\');
        if ((unsigned char)*s >= ' ')
            qg_buf_char(out, *s);
    }
    qg_buf_char(out, '"');
}

static void put_method(qg_buf *out, const qg_card_model *m)
{
    for (const char *c = m->method; *c; c++)
        qg_buf_char(out, *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c);
    if (m->bits > 0)
        qg_buf_format(out, ", %d bit", m->bits);
    if (m->group_size > 0)
        qg_buf_format(out, ", groups of %d", m->group_size);
}

void qg_card_template(qg_buf *out, const char *base_model, const qg_card_model *models, size_t n)
{
    qg_buf_text(out, "---\nbase_model: ");
    put_quoted(out, base_model ? base_model : "org/name");
    qg_buf_text(out, "\nbase_model_relation: quantized\nquantized_by: # who, or by what\n"
                     "tags:\n- quantgate\n");
    for (size_t i = 0; i < n; i++)
        qg_buf_format(out, "- %s\n", models[i].method);
    qg_buf_text(out, "quantgate_checkpoint:\n");
    for (size_t i = 0; i < n; i++)
        qg_buf_format(out, "  %s: %s%s\n", models[i].name, models[i].hash ? QG_HASH_PREFIX : "",
                      models[i].hash ? models[i].hash : "# model_hash in run.json");
    qg_buf_text(out,
                "---\n\n# What this model is for\n\n"
                "Say what it may be used for and what not, its licence, and what it was tested "
                "on.\n\n| model | method |\n|---|---|\n");
    for (size_t i = 0; i < n; i++) {
        qg_buf_format(out, "| %s | ", models[i].name);
        put_method(out, &models[i]);
        qg_buf_text(out, " |\n");
    }
}
