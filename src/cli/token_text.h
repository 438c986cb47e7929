/* Bytes of a token for people and for JSON. */
#ifndef QG_CLI_TOKEN_TEXT_H
#define QG_CLI_TOKEN_TEXT_H

#include "base/str.h"
#include "tokenizer/tokenizer.h"

/* The bytes in hex, "3c733e". */
void qg_token_hex(qg_buf *out, qg_str bytes);
/* In double quotes, with \n, \t, \", \\ and \xHH for other control characters and for bytes that
 * are no valid UTF-8. */
void qg_token_quote(qg_buf *out, qg_str bytes);

#endif
