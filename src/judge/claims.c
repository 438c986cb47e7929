/* Claims of a text: see claims.h. Every number of the text is looked at once, with what stands
 * before and behind it. */
#include "judge/claims.h"

#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return lower(c) >= 'a' && lower(c) <= 'z';
}

/* Whether the word stands at `at`, whatever follows. */
static bool stands(qg_str text, size_t at, qg_str word)
{
    if (at > text.len || text.len - at < word.len)
        return false;
    for (size_t i = 0; i < word.len; i++)
        if (lower(text.ptr[at + i]) != word.ptr[i])
            return false;
    return true;
}

/* Whether no letter or digit stands at `at` (behind a word) or before it. */
static bool ends(qg_str text, size_t at)
{
    return at >= text.len || (!is_letter(text.ptr[at]) && !is_digit(text.ptr[at]));
}

static bool begins(qg_str text, size_t at)
{
    return at == 0 || ends(text, at - 1);
}

/* The same where the word ends just before `at` and is one of its own. */
static bool precedes(qg_str text, size_t at, qg_str word)
{
    return at >= word.len && stands(text, at - word.len, word) && begins(text, at - word.len);
}

bool qg_claims_word(qg_str text, qg_str word)
{
    for (size_t i = 0; i < text.len; i++)
        if (stands(text, i, word) && begins(text, i) && ends(text, i + word.len))
            return true;
    return false;
}

/* The number at `at`, at most 9999; its end in *end. */
static int number_at(qg_str text, size_t at, size_t *end)
{
    int n = 0;

    for (*end = at; *end < text.len && is_digit(text.ptr[*end]); ++*end)
        n = n < 1000 ? n * 10 + (text.ptr[*end] - '0') : 9999;
    return n;
}

static bool is_bits(qg_str text, size_t at, size_t end)
{
    size_t unit = end;

    if (precedes(text, at, QG_STR("int")) || precedes(text, at, QG_STR("uint")))
        return ends(text, end);
    if (precedes(text, at, QG_STR("w")) && end + 1 < text.len && lower(text.ptr[end]) == 'a')
        return is_digit(text.ptr[end + 1]);
    if (unit < text.len && strchr(" -_", text.ptr[unit]))
        unit++;
    return begins(text, at) && stands(text, unit, QG_STR("bit")) &&
           (ends(text, unit + 3) || (lower(text.ptr[unit + 3]) == 's' && ends(text, unit + 4)));
}

/* "group" in the few words and marks before the number, with no other number between. */
static bool is_group(qg_str text, size_t at, size_t end)
{
    enum { FAR = 24 };

    if (begins(text, at) && stands(text, end, QG_STR("g")) && ends(text, end + 1))
        return true;
    if (precedes(text, at, QG_STR("g")))
        return ends(text, end);
    for (size_t i = at;
         i > 0 && at - i < FAR && !is_digit(text.ptr[i - 1]) && !strchr(".;\n", text.ptr[i - 1]);
         i--)
        if (stands(text, i - 1, QG_STR("group")))
            return true;
    return false;
}

static qg_claims look(qg_str text, int wanted, int most,
                      bool (*is_claim)(qg_str text, size_t at, size_t end))
{
    qg_claims c = {0};

    for (size_t i = 0, end = 0; i < text.len; i++) {
        int n = number_at(text, i, &end);
        if (end == i)
            continue;
        if (n >= 1 && n <= most && is_claim(text, i, end)) {
            c.says = c.says || n == wanted;
            if (n != wanted && c.other == 0)
                c.other = n;
        }
        i = end; /* what stands behind a number is none */
    }
    return c;
}

qg_claims qg_claims_bits(qg_str text, int bits)
{
    return look(text, bits, 8, is_bits);
}

qg_claims qg_claims_group(qg_str text, int group_size)
{
    return look(text, group_size, 9998, is_group);
}
