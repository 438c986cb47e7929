/* Cells of comma-separated values: see csv.h. */
#include "report/csv.h"

#include "report/text.h"

const char *qg_csv_unit(qg_unit unit)
{
    static const char *const units[QG_UNIT_N] = {
        [QG_UNIT_PLAIN] = "",         [QG_UNIT_DURATION] = "ns", [QG_UNIT_BYTES] = "B",
        [QG_UNIT_SHARE] = "fraction", [QG_UNIT_POINTS] = "pp",   [QG_UNIT_RATIO] = "x",
        [QG_UNIT_SPEED] = "tok/s",    [QG_UNIT_DAYS] = "d",
    };

    return units[unit];
}

static bool is_formula(qg_str text)
{
    static const char *const signs[] = {
        "=", "+", "-", "@", "\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0"};

    text = qg_str_trim(text);
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (qg_str_starts(text, qg_str_from(signs[i])))
            return true;
    return false;
}

void qg_csv_text(qg_buf *out, qg_arena *scratch, const char *s)
{
    qg_str text = qg_text_message(scratch, s, true, &out->failed);

    if (is_formula(text)) {
        qg_str quoted = qg_str_from(qg_arena_format(scratch, "'" QG_STR_PRI, QG_STR_ARG(text)));
        out->failed = out->failed || quoted.len == 0;
        text = quoted;
    }
    bool quote = false;
    for (size_t i = 0; i < text.len; i++)
        quote = quote || strchr(",;\"\n", text.ptr[i]);
    if (!quote) {
        qg_buf_str(out, text);
        return;
    }
    qg_buf_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            qg_buf_char(out, '"');
        qg_buf_char(out, text.ptr[i]);
    }
    qg_buf_char(out, '"');
}

void qg_csv_number(qg_buf *out, bool known, double v)
{
    if (known)
        qg_text_number(out, v);
}
