/* Folders of before tokenizer.json: see vocabfiles.h.
 *
 * The result is text, so that one reader builds and checks every tokenizer. Which tokens are added,
 * in which order and with which flags follows `transformers`: those that are declared with ids
 * (added_tokens_decoder, else added_tokens.json), by rising id; then the named special tokens in a
 * fixed order, then the extra ones. Of a token that is named twice the later flags count, unless it
 * was declared with an id or comes once more as a text alone. Invariant: a token that the
 * vocabulary lacks gets the next free id.
 */
#include "tokenizer/vocabfiles.h"

#include "base/file.h"
#include "base/json.h"
#include "tokenizer/part.h"
#include "tokenizer/pieces.h"
#include "tokenizer/vocab.h"

#include <stdlib.h>

enum { MAX_CONFIG_BYTES = 16 * 1024 * 1024, MAX_FILE_BYTES = 256 * 1024 * 1024 };

typedef struct added {
    qg_str content;
    int64_t id;
    bool single_word, lstrip, rstrip, normalized, special;
    bool says_normalized; /* else what is special is not normalized, and the reverse */
    bool plain;           /* named by its text alone, once at least */
} added;

/* bos_token first: what goes around a text asks for these two by place. */
static const char *const named[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                    "pad_token", "cls_token", "mask_token"};
enum { BOS, EOS, UNK, N_NAMED = sizeof named / sizeof *named };

typedef struct reader {
    qg_arena *arena;
    const char *folder;
    const qg_json *config, *map; /* NULL: absent */
    const qg_json *vocab_json;
    qg_vocab vocab;
    qg_str merges;
    added *token;
    size_t n, cap, n_declared;
    int64_t next;     /* free id */
    qg_str around[2]; /* contents of BOS and EOS; ptr NULL: none */
} reader;

/* -- files ------------------------------------------------------------------------------------- */

/* An object, or NULL where there is no such file. */
static qg_status read_object(const qg_json **out, reader *r, const char *name, qg_err *err)
{
    char *path = qg_path_join(r->arena, r->folder, name);

    *out = NULL;
    QG_NEED(path, err);
    if (!qg_file_exists(path))
        return QG_OK;
    QG_PASS(qg_json_read(out, r->arena, path, MAX_CONFIG_BYTES, err));
    if (qg_json_type_of(*out) != QG_JSON_OBJECT)
        return qg_fail(err, QG_EFORMAT, "'%s' is %s, not an object", path, qg_json_type_name(*out));
    return QG_OK;
}

static qg_status find_class(reader *r, qg_err *err)
{
    static const char *const models[] = {"gpt2", "opt"};
    const qg_json *model;
    qg_str name = QG_STR(""), type = QG_STR("");

    QG_PASS(qg_part_str_or(&name, r->config, "tokenizer_config.json", "tokenizer_class", err));
    if (name.len == 0) {
        QG_PASS(read_object(&model, r, "config.json", err));
        QG_PASS(qg_part_str_or(&name, model, "config.json", "tokenizer_class", err));
        QG_PASS(qg_part_str_or(&type, model, "config.json", "model_type", err));
    }
    for (size_t i = 0; name.len == 0 && i < sizeof models / sizeof *models; i++)
        if (qg_str_is(type, models[i]))
            name = QG_STR("GPT2Tokenizer");
    if (qg_str_is(name, "GPT2Tokenizer") || qg_str_is(name, "GPT2TokenizerFast"))
        return QG_OK;
    if (name.len == 0)
        return qg_fail(err, QG_ENOSUP,
                       "nothing tells which tokenizer vocab.json and merges.txt of '%s' are for; "
                       "name it as 'tokenizer_class' in tokenizer_config.json",
                       r->folder);
    return qg_fail(err, QG_ENOSUP,
                   "vocab.json and merges.txt of a '" QG_STR_PRI "' are not supported; write "
                   "tokenizer.json with transformers: "
                   "AutoTokenizer.from_pretrained('%s').save_pretrained('%s')",
                   (int)(name.len < 64 ? name.len : 64), name.ptr, r->folder, r->folder);
}

static qg_status read_files(reader *r, qg_err *err)
{
    char *vocab = qg_path_join(r->arena, r->folder, "vocab.json");
    char *merges = qg_path_join(r->arena, r->folder, "merges.txt");

    QG_NEED(vocab && merges, err);
    QG_PASS(read_object(&r->config, r, "tokenizer_config.json", err));
    QG_PASS(find_class(r, err));
    QG_PASS(qg_json_read(&r->vocab_json, r->arena, vocab, MAX_FILE_BYTES, err));
    QG_TRY(qg_vocab_read(&r->vocab, r->arena, r->vocab_json, err), err, "reading '%s'", vocab);
    r->next = (int64_t)r->vocab.n;
    return qg_file_read(&r->merges, r->arena, merges, MAX_FILE_BYTES, err);
}

/* -- added tokens ------------------------------------------------------------------------------ */

static qg_status add_token(reader *r, added t, qg_err *err)
{
    int32_t known = qg_vocab_find(&r->vocab, t.content);

    if (t.content.len == 0)
        return QG_OK;
    if (!t.says_normalized)
        t.normalized = !t.special;
    for (size_t i = 0; i < r->n; i++) {
        if (!qg_str_eq(r->token[i].content, t.content))
            continue;
        if (i < r->n_declared || (t.plain && r->token[i].plain))
            return QG_OK;
        t.id = r->token[i].id;
        t.plain = t.plain || r->token[i].plain;
        r->token[i] = t;
        return QG_OK;
    }
    if (r->n == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 16;
        added *more = QG_NEW_N(r->arena, added, cap);
        QG_NEED(more, err);
        if (r->n > 0)
            memcpy(more, r->token, r->n * sizeof *more);
        r->token = more;
        r->cap = cap;
    }
    if (t.id == QG_ID_NONE)
        t.id = known != QG_ID_NONE ? known : r->next;
    r->next += known == QG_ID_NONE;
    r->token[r->n++] = t;
    return QG_OK;
}

/* "text", or an object of flags; transformers' AddedToken. */
static qg_status read_token(added *t, const qg_json *node, const char *what, qg_err *err)
{
    *t = (added){.id = QG_ID_NONE, .special = true, .plain = true};
    if (qg_json_str(node, &t->content))
        return QG_OK;
    t->plain = false;
    if (qg_json_type_of(node) != QG_JSON_OBJECT)
        return qg_fail(err, QG_EFORMAT, "'%s' is %s, not a token", what, qg_json_type_name(node));
    t->special = false;
    QG_PASS(qg_part_str(&t->content, node, what, "content", err));
    QG_PASS(qg_part_bool_or(&t->special, node, what, "special", err));
    t->says_normalized = !qg_json_is_null(qg_json_get(node, "normalized"));
    QG_PASS(qg_part_bool_or(&t->single_word, node, what, "single_word", err));
    QG_PASS(qg_part_bool_or(&t->lstrip, node, what, "lstrip", err));
    QG_PASS(qg_part_bool_or(&t->rstrip, node, what, "rstrip", err));
    return qg_part_bool_or(&t->normalized, node, what, "normalized", err);
}

static int by_id(const void *a, const void *b)
{
    int64_t x = ((const added *)a)->id, y = ((const added *)b)->id;
    return (x > y) - (x < y);
}

static qg_status add_sorted(reader *r, added *list, size_t n, qg_err *err)
{
    qsort(list, n, sizeof *list, by_id);
    for (size_t i = 0; i < n; i++)
        QG_PASS(add_token(r, list[i], err));
    r->n_declared = r->n;
    return QG_OK;
}

/* {"50265": {"content": ...}, ...} */
static qg_status add_decoder(reader *r, const qg_json *object, qg_err *err)
{
    const char *part = "an entry of 'added_tokens_decoder'";
    added *list = QG_NEW_N(r->arena, added, qg_json_len(object));
    size_t n = 0;

    QG_NEED(list, err);
    for (qg_json_iter it = {0}; qg_json_next(object, &it); n++) {
        if (qg_json_type_of(it.value) != QG_JSON_OBJECT)
            return qg_fail(err, QG_EFORMAT, "%s is %s, not an object", part,
                           qg_json_type_name(it.value));
        QG_PASS(read_token(&list[n], it.value, part, err));
        if (!qg_str_to_int(it.key, &list[n].id) || list[n].id < 0)
            return qg_fail(err, QG_EFORMAT, "'" QG_STR_PRI "' in 'added_tokens_decoder' is no id",
                           QG_STR_ARG(it.key));
    }
    return add_sorted(r, list, n, err);
}

/* The value that a special token has; special_tokens_map.json goes first. */
static const qg_json *value_of(const reader *r, const char *key)
{
    const qg_json *value = qg_json_get(r->map, key);
    return value ? value : qg_json_get(r->config, key);
}

static bool is_named(const reader *r, qg_str content)
{
    for (size_t i = 0; i < N_NAMED; i++) {
        const qg_json *value = value_of(r, named[i]);
        qg_str text;
        if ((qg_json_str(value, &text) || qg_json_str(qg_json_get(value, "content"), &text)) &&
            qg_str_eq(text, content))
            return true;
    }
    return false;
}

static bool is_in_list(const qg_json *list, qg_str content)
{
    qg_str text;

    for (size_t i = 0; qg_json_type_of(list) == QG_JSON_ARRAY && i < qg_json_len(list); i++)
        if (qg_json_str(qg_json_at(list, i), &text) && qg_str_eq(text, content))
            return true;
    return false;
}

/* Whether a token of added_tokens.json is special. Objects in tokenizer_config.json do not count:
 * upstream has not read them as tokens when it asks. */
static bool is_known_special(const reader *r, qg_str content)
{
    static const char *const lists[] = {"extra_special_tokens", "additional_special_tokens"};
    qg_str text;

    for (size_t i = 0; i < N_NAMED; i++) {
        const qg_json *own = qg_json_get(r->map, named[i]), *value = value_of(r, named[i]);
        if ((qg_json_str(value, &text) || qg_json_str(qg_json_get(own, "content"), &text)) &&
            qg_str_eq(text, content))
            return true;
    }
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (is_in_list(qg_json_get(r->config, lists[i]), content))
            return true;
    return is_in_list(qg_json_get(r->map, lists[0]), content);
}

/* {"<pad>": 50265, ...} */
static qg_status add_legacy(reader *r, qg_err *err)
{
    const qg_json *object;
    size_t n = 0;

    QG_PASS(read_object(&object, r, "added_tokens.json", err));
    added *list = QG_NEW_N(r->arena, added, qg_json_len(object));
    QG_NEED(list, err);
    for (qg_json_iter it = {0}; qg_json_next(object, &it); n++) {
        bool special = is_known_special(r, it.key);
        list[n] = (added){.content = it.key, .special = special};
        if (!qg_json_int(it.value, &list[n].id) || list[n].id < 0)
            return qg_fail(err, QG_EFORMAT, "'" QG_STR_PRI "' in added_tokens.json has no id",
                           QG_STR_ARG(it.key));
    }
    return add_sorted(r, list, n, err);
}

static qg_status add_named(reader *r, qg_err *err)
{
    for (size_t i = 0; i < N_NAMED; i++) {
        const qg_json *value = value_of(r, named[i]);
        added t = {
            .content = QG_STR("<|endoftext|>"), .id = QG_ID_NONE, .special = true, .plain = true};
        if (value && qg_json_is_null(value))
            continue;
        if (!value && i > UNK) /* the class has that text for the first three */
            continue;
        if (value)
            QG_PASS(read_token(&t, value, named[i], err));
        t.special = true;
        if (i <= EOS)
            r->around[i] = t.content;
        QG_PASS(add_token(r, t, err));
    }
    return QG_OK;
}

/* Tokens of names that the model gave itself: "image_token": "<image>". */
static qg_status add_model_tokens(reader *r, qg_err *err)
{
    const qg_json *extra = qg_json_get(r->config, "extra_special_tokens");
    const qg_json *from[] = {r->config, qg_json_type_of(extra) == QG_JSON_OBJECT ? extra : NULL};

    for (size_t k = 0; k < sizeof from / sizeof *from; k++) {
        for (qg_json_iter it = {0}; qg_json_next(from[k], &it);) {
            added t = {.id = QG_ID_NONE, .special = true, .plain = true};
            bool known = k == 0 && !qg_str_ends(it.key, QG_STR("_token"));
            for (size_t i = 0; i < N_NAMED; i++)
                known = known || (k == 0 && qg_str_is(it.key, named[i]));
            if (!known && qg_json_str(it.value, &t.content))
                QG_PASS(add_token(r, t, err));
        }
    }
    return QG_OK;
}

static qg_status add_list(reader *r, const qg_json *list, const char *what, qg_err *err)
{
    for (size_t i = 0; qg_json_type_of(list) == QG_JSON_ARRAY && i < qg_json_len(list); i++) {
        added t;
        QG_PASS(read_token(&t, qg_json_at(list, i), what, err));
        t.special = t.special || is_named(r, t.content);
        QG_PASS(add_token(r, t, err));
    }
    return QG_OK;
}

static qg_status add_extra(reader *r, qg_err *err)
{
    const char *key = "extra_special_tokens", *old = "additional_special_tokens";
    const qg_json *list = qg_json_get(r->config, key);

    if (qg_json_is_null(list))
        list = qg_json_get(r->config, old);
    if (qg_json_is_null(list))
        list = qg_json_get(r->map, old);
    QG_PASS(add_list(r, list, key, err));
    return add_list(r, qg_json_get(r->map, key), key, err);
}

static qg_status read_added(reader *r, qg_err *err)
{
    const qg_json *decoder = qg_json_get(r->config, "added_tokens_decoder");
    bool splits = false;

    QG_PASS(
        qg_part_bool_or(&splits, r->config, "tokenizer_config.json", "split_special_tokens", err));
    if (splits)
        return qg_fail(err, QG_ENOSUP,
                       "'split_special_tokens' is not supported: special tokens "
                       "in a text are always matched");
    if (qg_json_type_of(decoder) == QG_JSON_OBJECT) { /* then the older files are not read */
        QG_PASS(add_decoder(r, decoder, err));
    } else {
        QG_PASS(read_object(&r->map, r, "special_tokens_map.json", err));
        QG_PASS(add_legacy(r, err));
    }
    QG_PASS(add_named(r, err));
    QG_PASS(add_model_tokens(r, err));
    return add_extra(r, err);
}

/* -- merges.txt -------------------------------------------------------------------------------- */

static qg_status check_token(const reader *r, qg_str text, qg_err *err)
{
    if (qg_vocab_find(&r->vocab, text) != QG_ID_NONE)
        return QG_OK;
    return qg_fail(err, QG_EFORMAT, "'" QG_STR_PRI "' is not in vocab.json", QG_STR_ARG(text));
}

static qg_status check_merge(const reader *r, qg_buf *joined, qg_str line, qg_err *err)
{
    const char *blank = line.len > 0 ? memchr(line.ptr, ' ', line.len) : NULL;
    size_t n = blank ? (size_t)(blank - line.ptr) : 0;

    if (!blank || memchr(blank + 1, ' ', line.len - n - 1))
        return qg_fail(err, QG_EFORMAT, "a merge is two tokens and one blank between them");
    joined->len = 0;
    qg_buf_append(joined, line.ptr, n);
    qg_buf_append(joined, blank + 1, line.len - n - 1);
    QG_NEED(!joined->failed, err);
    QG_PASS(check_token(r, qg_str_sub(line, 0, n), err));
    QG_PASS(check_token(r, qg_str_sub(line, n + 1, line.len), err));
    return check_token(r, qg_buf_view(joined), err);
}

static qg_status write_merges(qg_json_writer *w, const reader *r, qg_err *err)
{
    qg_str rest = r->merges, line;
    qg_buf joined;

    qg_buf_init(&joined, r->arena);
    for (int number = 1; rest.len > 0 && qg_str_split(&rest, '\n', &line); number++) {
        if (qg_str_ends(line, QG_STR("\r")))
            line.len--;
        if (qg_str_starts(line, QG_STR("#version")))
            continue;
        qg_status st = check_merge(r, &joined, line, err);
        if (st != QG_OK) {
            char *path = qg_path_join(r->arena, r->folder, "merges.txt");
            qg_err_at(err, path ? path : "merges.txt", number, 0);
            return st;
        }
        qg_json_write_str(w, line);
    }
    return QG_OK;
}

/* -- writing ----------------------------------------------------------------------------------- */

static void write_added(qg_json_writer *w, const reader *r)
{
    qg_json_write_key(w, "added_tokens");
    qg_json_write_array(w);
    for (size_t i = 0; i < r->n; i++) {
        const added *t = &r->token[i];
        qg_json_write_object(w);
        qg_json_put_int(w, "id", t->id);
        qg_json_put_str(w, "content", t->content);
        qg_json_put_bool(w, "single_word", t->single_word);
        qg_json_put_bool(w, "lstrip", t->lstrip);
        qg_json_put_bool(w, "rstrip", t->rstrip);
        qg_json_put_bool(w, "normalized", t->normalized);
        qg_json_put_bool(w, "special", t->special);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
}

static void write_byte_level(qg_json_writer *w, const char *key, bool prefix)
{
    qg_json_write_key(w, key);
    qg_json_write_object(w);
    qg_json_put_text(w, "type", "ByteLevel");
    qg_json_put_bool(w, "add_prefix_space", prefix);
    qg_json_put_bool(w, "trim_offsets", true);
    qg_json_put_bool(w, "use_regex", true);
    qg_json_write_close(w);
}

/* {"Sequence": {"id": "A"}} and its like. */
static void write_entry(qg_json_writer *w, const char *kind, qg_str id)
{
    qg_json_write_object(w);
    qg_json_write_key(w, kind);
    qg_json_write_object(w);
    qg_json_put_str(w, "id", id);
    qg_json_put_int(w, "type_id", 0);
    qg_json_write_close(w);
    qg_json_write_close(w);
}

static qg_status write_special(qg_json_writer *w, const reader *r, qg_str content, qg_err *err)
{
    char *key = qg_str_dup(r->arena, content);

    QG_NEED(key, err);
    qg_json_write_key(w, key);
    qg_json_write_object(w);
    qg_json_write_key(w, "ids");
    qg_json_write_array(w);
    for (size_t i = 0; i < r->n; i++)
        if (qg_str_eq(r->token[i].content, content))
            qg_json_write_int(w, r->token[i].id);
    qg_json_write_end_array(w);
    qg_json_write_close(w);
    return QG_OK;
}

/* <s> A </s>, as far as wanted and there. */
static qg_status write_post(qg_json_writer *w, const reader *r, qg_err *err)
{
    bool add[2] = {false, false};

    QG_PASS(qg_part_bool_or(&add[BOS], r->config, "tokenizer_config.json", "add_bos_token", err));
    QG_PASS(qg_part_bool_or(&add[EOS], r->config, "tokenizer_config.json", "add_eos_token", err));
    for (int i = BOS; i <= EOS; i++)
        add[i] = add[i] && r->around[i].len > 0;
    qg_json_write_key(w, "post_processor");
    qg_json_write_object(w);
    qg_json_put_text(w, "type", "TemplateProcessing");
    qg_json_write_key(w, "single");
    qg_json_write_array(w);
    if (add[BOS])
        write_entry(w, "SpecialToken", r->around[BOS]);
    write_entry(w, "Sequence", QG_STR("A"));
    if (add[EOS])
        write_entry(w, "SpecialToken", r->around[EOS]);
    qg_json_write_end_array(w);
    qg_json_write_key(w, "special_tokens");
    qg_json_write_object(w);
    if (add[BOS])
        QG_PASS(write_special(w, r, r->around[BOS], err));
    if (add[EOS] && !(add[BOS] && qg_str_eq(r->around[BOS], r->around[EOS])))
        QG_PASS(write_special(w, r, r->around[EOS], err));
    qg_json_write_close(w);
    qg_json_write_close(w);
    return QG_OK;
}

static qg_status write_model(qg_json_writer *w, const reader *r, qg_err *err)
{
    qg_json_write_key(w, "model");
    qg_json_write_object(w);
    qg_json_put_text(w, "type", "BPE");
    qg_json_write_key(w, "vocab");
    qg_json_write_object(w);
    for (size_t i = 0; i < r->vocab.n; i++) {
        char *key = qg_str_dup(r->arena, r->vocab.entry[i].text);
        QG_NEED(key, err);
        qg_json_put_int(w, key, r->vocab.entry[i].id);
    }
    qg_json_write_close(w);
    qg_json_write_key(w, "merges");
    qg_json_write_array(w);
    QG_PASS(write_merges(w, r, err));
    qg_json_write_end_array(w);
    qg_json_write_close(w);
    return QG_OK;
}

static qg_status write_all(qg_json_writer *w, const reader *r, qg_err *err)
{
    bool prefix = false;

    QG_PASS(qg_part_bool_or(&prefix, r->config, "tokenizer_config.json", "add_prefix_space", err));
    qg_json_write_object(w);
    qg_json_put_text(w, "version", "1.0");
    write_added(w, r);
    write_byte_level(w, "pre_tokenizer", prefix);
    QG_PASS(write_post(w, r, err));
    write_byte_level(w, "decoder", false);
    QG_PASS(write_model(w, r, err));
    qg_json_write_close(w);
    return qg_json_write_end(w, err);
}

qg_status qg_vocabfiles_convert(qg_buf *json, qg_arena *scratch, const char *folder, qg_err *err)
{
    reader r = {.arena = scratch, .folder = folder};
    qg_json_writer w;

    QG_PASS(read_files(&r, err));
    QG_TRY(read_added(&r, err), err, "reading the added tokens of '%s'", folder);
    qg_json_write_begin(&w, json);
    return write_all(&w, &r, err);
}
