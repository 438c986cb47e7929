/* Quantities with their unit: see units.h.
 *
 * One table holds every spelling with its factor to the canonical unit, smallest first within a
 * kind. Parsing splits the text where the number ends and looks the rest up; printing takes the
 * largest spelling that leaves a number of at least one. Invariant: what print_exact() writes,
 * parse() reads back, exactly or for shares to the last bit.
 */
#include "base/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *accepted, *example;
} kinds[QG_UNIT_N] = {
    [QG_UNIT_PLAIN] = {"", "0.02"},
    [QG_UNIT_DURATION] = {"ns, us, ms or s", "60 ms"},
    [QG_UNIT_BYTES] = {"B, KiB, MiB or GiB", "5.5 GiB"},
    [QG_UNIT_SHARE] = {"%", "99.5 %"},
    [QG_UNIT_POINTS] = {"pp", "1 pp"},
    [QG_UNIT_RATIO] = {"x", "0.32x"},
    [QG_UNIT_SPEED] = {"tok/s", "2500 tok/s"},
    [QG_UNIT_DAYS] = {"d", "30 d"},
};

static const struct {
    qg_unit unit;
    const char *name;
    double factor; /* canonical units in one of this */
} spellings[] = {
    {QG_UNIT_DURATION, "ns", 1},     {QG_UNIT_DURATION, "us", 1e3},
    {QG_UNIT_DURATION, "ms", 1e6},   {QG_UNIT_DURATION, "s", 1e9},
    {QG_UNIT_BYTES, "B", 1},         {QG_UNIT_BYTES, "KiB", 1024.0},
    {QG_UNIT_BYTES, "MiB", 1 << 20}, {QG_UNIT_BYTES, "GiB", 1 << 30},
    {QG_UNIT_SHARE, "%", 0.01},      {QG_UNIT_POINTS, "pp", 1},
    {QG_UNIT_RATIO, "x", 1},         {QG_UNIT_SPEED, "tok/s", 1},
    {QG_UNIT_DAYS, "d", 1},
};
enum { N_SPELLINGS = sizeof spellings / sizeof spellings[0] };

const char *qg_unit_accepted(qg_unit unit)
{
    return kinds[unit].accepted;
}

const char *qg_unit_example(qg_unit unit)
{
    return kinds[unit].example;
}

/* Length of the longest start of `s` that is spelled with the characters of decimal numbers. The
 * 'e' of an exponent counts only before a digit or sign. */
static size_t number_length(qg_str s)
{
    size_t n = 0;

    while (n < s.len) {
        char c = s.ptr[n];
        bool digit = (c >= '0' && c <= '9') || c == '.';
        bool sign =
            (c == '-' || c == '+') && (n == 0 || s.ptr[n - 1] == 'e' || s.ptr[n - 1] == 'E');
        bool exponent = (c == 'e' || c == 'E') && n > 0 && n + 1 < s.len &&
                        strchr("0123456789+-", s.ptr[n + 1]);
        if (!digit && !sign && !exponent)
            break;
        n++;
    }
    return n;
}

/* v * factor; % divides by 100, so that 99.5 % is the double nearest to 0.995. */
static double to_canonical(double v, double factor)
{
    return factor == 0.01 ? v / 100 : v * factor;
}

static double from_canonical(double v, double factor)
{
    return factor == 0.01 ? v * 100 : v / factor;
}

qg_status qg_unit_parse(double *out, qg_unit unit, qg_str text, qg_err *err)
{
    qg_str s = qg_str_trim(text);
    size_t n = number_length(s);
    qg_str name = qg_str_trim(qg_str_sub(s, n, s.len));
    double v;

    if (!qg_str_to_double(qg_str_sub(s, 0, n), &v))
        return qg_fail(err, QG_EFORMAT, "'" QG_STR_PRI "' is no quantity: write it like '%s'",
                       QG_STR_ARG(text), kinds[unit].example);
    if (unit == QG_UNIT_PLAIN && name.len == 0) {
        *out = v;
        return QG_OK;
    }
    for (size_t i = 0; i < N_SPELLINGS; i++) {
        if (spellings[i].unit != unit || !qg_str_is(name, spellings[i].name))
            continue;
        double canonical = to_canonical(v, spellings[i].factor);
        if (!isfinite(canonical))
            break;
        *out = canonical;
        return QG_OK;
    }
    if (unit == QG_UNIT_PLAIN)
        return qg_fail(err, QG_EFORMAT,
                       "'" QG_STR_PRI "' has a unit where a plain number is expected, like '%s'",
                       QG_STR_ARG(text), kinds[unit].example);
    if (name.len == 0)
        return qg_fail(err, QG_EFORMAT,
                       "'" QG_STR_PRI "' lacks its unit: write it in %s, like '%s'",
                       QG_STR_ARG(text), kinds[unit].accepted, kinds[unit].example);
    return qg_fail(err, QG_EFORMAT,
                   "'" QG_STR_PRI "' has the wrong unit: write it in %s, like '%s'",
                   QG_STR_ARG(text), kinds[unit].accepted, kinds[unit].example);
}

const char *qg_unit_print(char out[QG_UNIT_TEXT], qg_unit unit, double value)
{
    const char *name = "";
    double v = value;

    if (!isfinite(value)) {
        snprintf(out, QG_UNIT_TEXT, "-");
        return out;
    }
    for (size_t i = 0; i < N_SPELLINGS; i++) {
        if (spellings[i].unit != unit)
            continue;
        double scaled = from_canonical(value, spellings[i].factor);
        if (!name[0] || fabs(scaled) >= 1) {
            name = spellings[i].name;
            v = scaled;
        }
    }
    /* 1234.5 keeps its integer digits: %g would turn to an exponent at five. */
    int decimals = fabs(v) >= 1000 ? 0 : 4;
    char number[32];
    if (decimals == 0)
        snprintf(number, sizeof number, fabs(v) < 1e15 ? "%.0f" : "%.4g", v);
    else
        snprintf(number, sizeof number, "%.4g", v);
    snprintf(out, QG_UNIT_TEXT, "%s%s%s", number, name[0] && unit != QG_UNIT_RATIO ? " " : "",
             name);
    return out;
}

const char *qg_unit_print_exact(char out[QG_UNIT_TEXT], qg_unit unit, double value)
{
    const char *name = "";
    double v = value;
    char number[32];

    if (!isfinite(value))
        return qg_unit_print(out, unit, value);
    for (size_t i = 0; i < N_SPELLINGS && !name[0]; i++) {
        if (spellings[i].unit == unit) {
            name = spellings[i].name;
            v = from_canonical(value, spellings[i].factor);
        }
    }
    snprintf(number, sizeof number, "%.15g", v);
    if (strtod(number, NULL) != v)
        snprintf(number, sizeof number, "%.17g", v);
    snprintf(out, QG_UNIT_TEXT, "%s%s%s", number, name[0] && unit != QG_UNIT_RATIO ? " " : "",
             name);
    return out;
}
