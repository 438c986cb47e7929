/* Windows of tokens, see windows.h. */
#include "quantize/windows.h"

#include <string.h>

static qg_status encode_all(qg_ids *out, size_t *n_tokens, qg_arena *arena,
                            const qg_tokenizer *tokenizer, const qg_str *documents,
                            size_t n_documents, qg_err *err)
{
    *n_tokens = 0;
    for (size_t i = 0; i < n_documents; i++) {
        QG_TRY(qg_tokenizer_encode(&out[i], arena, tokenizer, documents[i], 0, err), err,
               "calibration document %zu", i + 1);
        *n_tokens += out[i].n;
    }
    return QG_OK;
}

/* Tokens from .. from + n - 1 of all documents in a row. */
static void copy_tokens(int32_t *to, const qg_ids *documents, size_t from, size_t n)
{
    for (; from >= documents->n; documents++)
        from -= documents->n;
    while (n) {
        size_t part = documents->n - from < n ? documents->n - from : n;
        if (part)
            memcpy(to, documents->id + from, part * sizeof *to);
        to += part;
        n -= part;
        from = 0;
        documents++;
    }
}

qg_status qg_windows_cut(qg_windows *out, qg_arena *arena, const qg_tokenizer *tokenizer,
                         const qg_str *documents, size_t n_documents, int window, int n_wanted,
                         qg_err *err)
{
    qg_arena *scratch = qg_arena_create();
    qg_ids *ids = scratch ? QG_NEW_N(scratch, qg_ids, n_documents + 1) : NULL;
    size_t n_tokens = 0, size = (size_t)window;
    qg_status s = ids ? encode_all(ids, &n_tokens, scratch, tokenizer, documents, n_documents, err)
                      : qg_fail(err, QG_ENOMEM, "out of memory");

    *out = (qg_windows){.window = window, .n_all = (int64_t)(n_tokens / size)};
    if (!s && out->n_all == 0)
        s = qg_fail(err, QG_EARG,
                    "the calibration text has %zu tokens, a window takes %d: give a longer text or "
                    "a shorter window",
                    n_tokens, window);
    out->n = out->n_all < n_wanted ? (int)out->n_all : n_wanted;
    out->ids = s ? NULL : QG_NEW_N(arena, int32_t, (size_t)out->n * size);
    if (!s && !out->ids)
        s = qg_fail(err, QG_ENOMEM, "out of memory");
    for (int i = 0; !s && i < out->n; i++)
        copy_tokens(out->ids + (size_t)i * size, ids, (size_t)(i * out->n_all / out->n) * size,
                    size);
    if (!s)
        s = qg_hash_text(out->hash,
                         (qg_str){(const char *)out->ids, (size_t)out->n * size * sizeof *out->ids},
                         err);
    qg_arena_free(scratch);
    return s;
}
