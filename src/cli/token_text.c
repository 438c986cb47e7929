/* Bytes of tokens as text: see token_text.h. A token may hold half a character, so what is quoted
 * is decided code point by code point. */
#include "cli/token_text.h"

void qg_token_hex(qg_buf *out, qg_str bytes)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < bytes.len; i++) {
        unsigned byte = (unsigned char)bytes.ptr[i];
        qg_buf_char(out, digits[byte >> 4]);
        qg_buf_char(out, digits[byte & 15]);
    }
}

static void quote_byte(qg_buf *out, unsigned char c)
{
    if (c == '\n')
        qg_buf_text(out, "\\n");
    else if (c == '\t')
        qg_buf_text(out, "\\t");
    else
        qg_buf_format(out, "\\x%02x", c);
}

void qg_token_quote(qg_buf *out, qg_str bytes)
{
    qg_buf_char(out, '"');
    while (bytes.len) {
        uint32_t code = 0;
        size_t n = qg_utf8_decode(bytes, &code);
        if (n == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0)) {
            n = n ? n : 1;
            for (size_t i = 0; i < n; i++)
                quote_byte(out, (unsigned char)bytes.ptr[i]);
        } else {
            if (code == '"' || code == '\\')
                qg_buf_char(out, '\\');
            qg_buf_append(out, bytes.ptr, n);
        }
        bytes = qg_str_sub(bytes, n, bytes.len);
    }
    qg_buf_char(out, '"');
}
