/* SHA-256 of texts and files (OpenSSL libcrypto inside), as lower-case hex. */
#ifndef QG_BASE_HASH_H
#define QG_BASE_HASH_H

#include "base/err.h"
#include "base/str.h"

enum { QG_HASH_HEX = 65 }; /* 64 digits and the NUL */
#define QG_HASH_PREFIX "sha256:"

/* Whether the text is the prefix and 64 hex digits: a hash as people's files name it. */
bool qg_hash_is_named(qg_str text);

typedef struct qg_hash qg_hash;

/* Incremental: the state lives on the arena. */
qg_status qg_hash_begin(qg_hash **out, qg_arena *arena, qg_err *err);
void qg_hash_add(qg_hash *h, const void *data, size_t n);
void qg_hash_end(qg_hash *h, char hex[QG_HASH_HEX]);

qg_status qg_hash_text(char hex[QG_HASH_HEX], qg_str text, qg_err *err);
qg_status qg_hash_file(char hex[QG_HASH_HEX], const char *path, qg_err *err);

#endif
