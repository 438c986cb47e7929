/* SHA-256: see hash.h. The one file that sees OpenSSL. */
#include "base/hash.h"

#include "base/file.h"

#include <openssl/evp.h>

struct qg_hash {
    EVP_MD_CTX *ctx;
};

static void release(void *data)
{
    qg_hash *h = data;
    EVP_MD_CTX_free(h->ctx);
}

qg_status qg_hash_begin(qg_hash **out, qg_arena *arena, qg_err *err)
{
    qg_hash *h = QG_NEW(arena, qg_hash);
    QG_NEED(h, err);
    h->ctx = EVP_MD_CTX_new();
    if (!h->ctx || EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1 ||
        !qg_arena_defer(arena, release, h)) {
        EVP_MD_CTX_free(h->ctx);
        return qg_fail(err, QG_ENOMEM, "out of memory");
    }
    *out = h;
    return QG_OK;
}

void qg_hash_add(qg_hash *h, const void *data, size_t n)
{
    EVP_DigestUpdate(h->ctx, data, n);
}

void qg_hash_end(qg_hash *h, char hex[QG_HASH_HEX])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int n = 0;

    EVP_DigestFinal_ex(h->ctx, digest, &n);
    for (unsigned i = 0; i < n && i < (QG_HASH_HEX - 1) / 2; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    hex[QG_HASH_HEX - 1] = '\0';
}

qg_status qg_hash_text(char hex[QG_HASH_HEX], qg_str text, qg_err *err)
{
    qg_arena *arena = qg_arena_create();
    qg_hash *h = NULL;
    QG_NEED(arena, err);
    qg_status s = qg_hash_begin(&h, arena, err);
    if (s == QG_OK) {
        qg_hash_add(h, text.ptr, text.len);
        qg_hash_end(h, hex);
    }
    qg_arena_free(arena);
    return s;
}

qg_status qg_hash_file(char hex[QG_HASH_HEX], const char *path, qg_err *err)
{
    qg_arena *arena = qg_arena_create();
    qg_str content;
    QG_NEED(arena, err);
    qg_status s = qg_file_map(&content, arena, path, err);
    if (s == QG_OK)
        s = qg_hash_text(hex, content, err);
    qg_arena_free(arena);
    return s;
}

bool qg_hash_is_named(qg_str text)
{
    qg_str prefix = QG_STR(QG_HASH_PREFIX);

    if (text.len != prefix.len + 64 || !qg_str_starts(text, prefix))
        return false;
    for (size_t i = prefix.len; i < text.len; i++)
        if (!memchr("0123456789abcdef", text.ptr[i], 16))
            return false;
    return true;
}
