/* Tokenizers: see tokenizer.h. This file reads the parts of tokenizer.json in the order in which
 * they depend on each other, and runs them in the order of the pipeline.
 *
 * Model vocabulary and added tokens are joined into one table by id, which serves everything that
 * starts from an id. Invariant: after opening nothing is written, so a tokenizer may be shared.
 */
#include "tokenizer/tokenizer.h"

#include "base/file.h"
#include "base/hash.h"
#include "tokenizer/added.h"
#include "tokenizer/detoken.h"
#include "tokenizer/model.h"
#include "tokenizer/normalize.h"
#include "tokenizer/part.h"
#include "tokenizer/postprocess.h"
#include "tokenizer/pretoken.h"
#include "tokenizer/vocabfiles.h"

enum { MAX_FILE_BYTES = 256 * 1024 * 1024 };

static const qg_model_kind *const model_kinds[] = {&qg_model_bpe, &qg_model_unigram};

typedef struct token {
    int32_t id;
    qg_str text;  /* what the decoder is given */
    qg_str bytes; /* see qg_tokenizer_bytes */
    bool special;
    bool skipped; /* by QG_DECODE_SKIP_SPECIAL */
} token;

struct qg_tokenizer {
    char hash[QG_HASH_HEX];
    qg_model model;
    qg_added added;
    const qg_normalizer *normalizer;
    const qg_pretokenizer *pretokenizer;
    const qg_decoder *decoder;
    qg_template with_special, without_special;
    token *token; /* by rising id */
    size_t n;
};

struct qg_detok {
    const qg_tokenizer *tokenizer;
    unsigned flags;
    qg_decoding *decoding;
    qg_buf text; /* all so far: it only grows, so earlier views stay */
};

/* -- opening ----------------------------------------------------------------------------------- */

static qg_status open_model(qg_model *m, qg_arena *arena, const qg_json *node, qg_err *err)
{
    qg_str type = QG_STR("BPE");

    if (!node)
        return qg_fail(err, QG_EFORMAT, "the file lacks 'model'");
    /* files of before 2021 name no type; those with merges are BPE */
    if (qg_json_get(node, "type") || !qg_json_get(node, "merges"))
        QG_PASS(qg_part_type(&type, node, "'model'", err));
    for (size_t i = 0; i < sizeof model_kinds / sizeof *model_kinds; i++) {
        if (qg_str_is(type, model_kinds[i]->name)) {
            m->kind = model_kinds[i];
            return m->kind->open(m, arena, node, err);
        }
    }
    return qg_part_refuse(type, "tokenizer model", err);
}

static void fill_added(token *t, const qg_added *a, size_t which)
{
    const qg_added_token *from = &a->token[which];
    size_t shown = qg_vocab_index(&a->by_content, qg_vocab_find(&a->by_content, from->form));

    /* upstream asks by text, and the text is the normalized one */
    *t = (token){.id = from->id,
                 .text = from->form,
                 .bytes = from->content,
                 .special = from->special,
                 .skipped = shown < a->n && a->token[shown].special};
}

/* Joins the vocabulary of the model and the added tokens, both by rising id. */
static qg_status join_tokens(qg_tokenizer *t, qg_arena *arena, qg_err *err)
{
    const qg_vocab *v = &t->model.vocab;
    size_t i = 0, k = 0;

    t->token = QG_NEW_N(arena, token, v->n + t->added.n);
    QG_NEED(t->token, err);
    while (i < v->n || k < t->added.n) {
        token *to = &t->token[t->n++];
        if (k < t->added.n && (i == v->n || t->added.token[k].id <= v->entry[i].id)) {
            i += i < v->n && v->entry[i].id == t->added.token[k].id;
            fill_added(to, &t->added, k++);
            continue;
        }
        *to = (token){.id = v->entry[i].id, .text = v->entry[i].text};
        QG_PASS(qg_decoder_bytes(&to->bytes, arena, t->decoder, to->text, err));
        i++;
    }
    if (t->n == 0)
        return qg_fail(err, QG_EFORMAT, "the vocabulary is empty");
    return QG_OK;
}

static qg_status check_template(const qg_tokenizer *t, qg_err *err)
{
    for (size_t i = 0; i < t->with_special.n; i++) {
        int32_t id = t->with_special.id[i];
        if (id != QG_ID_NONE && !qg_tokenizer_has(t, id))
            return qg_fail(err, QG_EFORMAT, "post_processor adds id %d, which no token has", id);
    }
    return QG_OK;
}

static qg_status open_parts(qg_tokenizer *t, qg_arena *arena, const qg_json *root, qg_err *err)
{
    qg_str version = QG_STR("1.0");

    if (qg_json_type_of(root) != QG_JSON_OBJECT)
        return qg_fail(err, QG_EFORMAT, "expected an object, found %s", qg_json_type_name(root));
    QG_PASS(qg_part_str_or(&version, root, "the file", "version", err));
    if (!qg_str_is(version, "1.0"))
        return qg_fail(err, QG_ENOSUP, "version '" QG_STR_PRI "' is not supported, only '1.0'",
                       QG_STR_ARG(version));
    QG_PASS(open_model(&t->model, arena, qg_json_get(root, "model"), err));
    QG_PASS(qg_normalizer_open(&t->normalizer, arena, qg_json_get(root, "normalizer"), err));
    QG_PASS(qg_added_open(&t->added, arena, qg_json_get(root, "added_tokens"), &t->model.vocab,
                          t->normalizer, err));
    QG_PASS(qg_pretokenizer_open(&t->pretokenizer, arena, qg_json_get(root, "pre_tokenizer"), err));
    const qg_json *post = qg_json_get(root, "post_processor");
    QG_PASS(qg_template_open(&t->with_special, arena, post, true, err));
    QG_PASS(qg_template_open(&t->without_special, arena, post, false, err));
    QG_PASS(qg_decoder_open(&t->decoder, arena, qg_json_get(root, "decoder"), err));
    QG_PASS(join_tokens(t, arena, err));
    return check_template(t, err);
}

qg_status qg_tokenizer_parse(const qg_tokenizer **out, qg_arena *arena, qg_str json,
                             const char *name, qg_err *err)
{
    const qg_json *root;
    qg_tokenizer *t = QG_NEW(arena, qg_tokenizer);
    qg_arena *scratch = qg_arena_create();
    qg_status st = t && scratch ? QG_OK : qg_fail(err, QG_ENOMEM, "out of memory");

    if (st == QG_OK)
        st = qg_hash_text(t->hash, json, err);
    if (st == QG_OK)
        st = qg_json_parse(&root, scratch, json, name, err);
    if (st == QG_OK) {
        st = open_parts(t, arena, root, err);
        if (st != QG_OK)
            qg_note(err, "reading '%s'", name);
    }
    qg_arena_free(scratch);
    if (st == QG_OK)
        *out = t;
    return st;
}

static qg_status look_for(bool *found, qg_arena *scratch, const char *folder, const char *name,
                          qg_err *err)
{
    char *path = qg_path_join(scratch, folder, name);
    QG_NEED(path, err);
    *found = qg_file_exists(path);
    return QG_OK;
}

/* Why a folder has no tokenizer that can be read, and the way out. */
static qg_status refuse_folder(qg_arena *scratch, const char *folder, bool one, qg_err *err)
{
    static const char *const spm[] = {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model"};
    bool found = false;

    for (size_t i = 0; i < sizeof spm / sizeof *spm; i++) {
        QG_PASS(look_for(&found, scratch, folder, spm[i], err));
        if (found)
            return qg_fail(err, QG_ENOSUP,
                           "'%s' has '%s' but no tokenizer.json; write one with transformers: "
                           "AutoTokenizer.from_pretrained('%s').save_pretrained('%s')",
                           folder, spm[i], folder, folder);
    }
    if (one)
        return qg_fail(err, QG_ENOTFOUND,
                       "'%s' has no tokenizer.json, and of vocab.json and merges.txt only one",
                       folder);
    return qg_fail(err, QG_ENOTFOUND,
                   "'%s' has no tokenizer: neither tokenizer.json nor vocab.json and merges.txt",
                   folder);
}

static qg_status open_folder(const qg_tokenizer **out, qg_arena *arena, qg_arena *scratch,
                             const char *folder, qg_err *err)
{
    char *path = qg_path_join(scratch, folder, "tokenizer.json");
    bool whole = false, vocab = false, merges = false;
    qg_str text;
    qg_buf json;

    QG_NEED(path, err);
    QG_PASS(look_for(&whole, scratch, folder, "tokenizer.json", err));
    QG_PASS(look_for(&vocab, scratch, folder, "vocab.json", err));
    QG_PASS(look_for(&merges, scratch, folder, "merges.txt", err));
    if (whole) {
        QG_PASS(qg_file_read(&text, scratch, path, MAX_FILE_BYTES, err));
        return qg_tokenizer_parse(out, arena, text, path, err);
    }
    if (!vocab || !merges)
        return refuse_folder(scratch, folder, vocab || merges, err);
    qg_buf_init(&json, scratch);
    QG_PASS(qg_vocabfiles_convert(&json, scratch, folder, err));
    return qg_tokenizer_parse(out, arena, qg_buf_view(&json), folder, err);
}

qg_status qg_tokenizer_open(const qg_tokenizer **out, qg_arena *arena, const char *folder,
                            qg_err *err)
{
    qg_arena *scratch = qg_arena_create();
    QG_NEED(scratch, err);
    qg_status st = open_folder(out, arena, scratch, folder, err);
    qg_arena_free(scratch);
    return st;
}

/* -- encoding ---------------------------------------------------------------------------------- */

static qg_status normalize_pieces(qg_pieces *pieces, const qg_normalizer *n, qg_err *err)
{
    qg_pieces out;

    qg_pieces_begin(&out, pieces->arena);
    for (size_t i = 0; i < pieces->n; i++) {
        qg_piece p = pieces->at[i];
        if (p.id == QG_ID_NONE)
            QG_PASS(qg_normalize(&p, pieces->arena, n, err));
        qg_pieces_add(&out, p);
    }
    QG_NEED(!out.failed, err);
    *pieces = out;
    return QG_OK;
}

static qg_status encode(qg_idlist *ids, const qg_tokenizer *t, qg_str text, unsigned flags,
                        qg_err *err)
{
    qg_pieces pieces;
    qg_idlist inner;
    uint32_t first = 0;

    qg_pieces_begin(&pieces, ids->arena);
    qg_idlist_begin(&inner, ids->arena);
    size_t head = qg_utf8_decode(text, &first);
    qg_pieces_add(&pieces, (qg_piece){.text = text, .id = QG_ID_NONE, .head = head});
    QG_PASS(qg_added_cut(&pieces, &t->added, false, err));
    QG_PASS(normalize_pieces(&pieces, t->normalizer, err));
    QG_PASS(qg_added_cut(&pieces, &t->added, true, err));
    QG_PASS(qg_pretokenize(&pieces, t->pretokenizer, err));
    QG_PASS(t->model.kind->encode(&inner, &t->model, &pieces, err));
    qg_template_apply(ids, flags & QG_ENCODE_NO_SPECIAL ? &t->without_special : &t->with_special,
                      &inner);
    QG_NEED(!ids->failed, err);
    return QG_OK;
}

qg_status qg_tokenizer_encode(qg_ids *out, qg_arena *arena, const qg_tokenizer *t, qg_str text,
                              unsigned flags, qg_err *err)
{
    size_t valid = qg_utf8_valid(text);
    qg_idlist ids;

    if (valid < text.len)
        return qg_fail(err, QG_EARG, "text is no valid UTF-8 at byte %zu", valid);
    qg_arena *scratch = qg_arena_create();
    QG_NEED(scratch, err);
    qg_idlist_begin(&ids, scratch);
    qg_status st = encode(&ids, t, text, flags, err);
    if (st == QG_OK) {
        int32_t *id = qg_arena_copy(arena, ids.id, ids.n * sizeof *id);
        if (id)
            *out = (qg_ids){id, ids.n};
        else
            st = qg_fail(err, QG_ENOMEM, "out of memory");
    }
    qg_arena_free(scratch);
    return st;
}

/* -- decoding ---------------------------------------------------------------------------------- */

static const token *token_of(const qg_tokenizer *t, int32_t id)
{
    size_t lo = 0, hi = t->n;

    if (id < 0)
        return NULL;
    if ((size_t)id < t->n && t->token[id].id == id)
        return &t->token[id];
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (t->token[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < t->n && t->token[lo].id == id ? &t->token[lo] : NULL;
}

qg_status qg_detok_open(qg_detok **out, qg_arena *arena, const qg_tokenizer *t, unsigned flags,
                        qg_err *err)
{
    qg_detok *d = QG_NEW(arena, qg_detok);

    QG_NEED(d, err);
    d->tokenizer = t;
    d->flags = flags;
    qg_buf_init(&d->text, arena);
    *out = d;
    return qg_decoding_begin(&d->decoding, arena, t->decoder, err);
}

qg_status qg_detok_push(qg_detok *d, int32_t id, qg_str *text, qg_err *err)
{
    const token *t = token_of(d->tokenizer, id);
    size_t before = d->text.len;

    if (!t)
        return qg_fail(err, QG_EARG, "id %d is not in the vocabulary (0 to %zu)", id,
                       qg_tokenizer_size(d->tokenizer) - 1);
    if (!(t->skipped && (d->flags & QG_DECODE_SKIP_SPECIAL)))
        QG_PASS(qg_decoding_push(d->decoding, t->text, &d->text, err));
    *text = qg_str_sub(qg_buf_view(&d->text), before, d->text.len);
    return QG_OK;
}

qg_status qg_detok_finish(qg_detok *d, qg_str *rest, qg_err *err)
{
    size_t before = d->text.len;

    QG_PASS(qg_decoding_end(d->decoding, &d->text, err));
    *rest = qg_str_sub(qg_buf_view(&d->text), before, d->text.len);
    return QG_OK;
}

qg_status qg_tokenizer_decode(qg_str *out, qg_arena *arena, const qg_tokenizer *t,
                              const int32_t *ids, size_t n, unsigned flags, qg_err *err)
{
    qg_detok *d;
    qg_str piece;

    QG_PASS(qg_detok_open(&d, arena, t, flags, err));
    for (size_t i = 0; i < n; i++)
        QG_PASS(qg_detok_push(d, ids[i], &piece, err));
    QG_PASS(qg_detok_finish(d, &piece, err));
    *out = qg_buf_view(&d->text);
    return QG_OK;
}

/* -- questions --------------------------------------------------------------------------------- */

size_t qg_tokenizer_size(const qg_tokenizer *t)
{
    return (size_t)t->token[t->n - 1].id + 1;
}

qg_str qg_tokenizer_bytes(const qg_tokenizer *t, int32_t id)
{
    const token *found = token_of(t, id);
    return found ? found->bytes : QG_STR("");
}

bool qg_tokenizer_has(const qg_tokenizer *t, int32_t id)
{
    return token_of(t, id) != NULL;
}

bool qg_tokenizer_is_special(const qg_tokenizer *t, int32_t id)
{
    const token *found = token_of(t, id);
    return found && found->special;
}

bool qg_tokenizer_find(const qg_tokenizer *t, qg_str content, int32_t *id)
{
    int32_t found = qg_vocab_find(&t->added.by_content, content);

    if (found == QG_ID_NONE)
        found = qg_vocab_find(&t->model.vocab, content);
    if (found == QG_ID_NONE)
        return false;
    *id = found;
    return true;
}

const char *qg_tokenizer_hash(const qg_tokenizer *t)
{
    return t->hash;
}
