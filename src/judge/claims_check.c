/* Unit tests of judge/claims: phrases of model cards as they are found, and near misses. */
#include "judge/claims.h"

#include "check_suites.h"

START_TEST(words_end_where_letters_do)
{
    ck_assert(qg_claims_word(QG_STR("Llama-2-7B-GPTQ"), QG_STR("gptq")));
    ck_assert(qg_claims_word(QG_STR("GPTQ"), QG_STR("gptq")));
    ck_assert(qg_claims_word(QG_STR("by `gptq`, 4 bit"), QG_STR("gptq")));
    ck_assert(!qg_claims_word(QG_STR("AutoGPTQ and GPTQModel"), QG_STR("gptq")));
    ck_assert(!qg_claims_word(QG_STR("gpt q"), QG_STR("gptq")));
    ck_assert(!qg_claims_word(QG_STR(""), QG_STR("gptq")));
    ck_assert(!qg_claims_word(QG_STR("GPT"), QG_STR("gptq")));
    ck_assert(qg_claims_word(QG_STR("INT8 (SmoothQuant)"), QG_STR("int8")));
    ck_assert(!qg_claims_word(QG_STR("UINT8 or INT84"), QG_STR("int8")));
}
END_TEST

static const struct {
    const char *text;
    int says, other; /* 0: none */
} bits[] = {
    {"4 bit", 4, 0},
    {"quantized to 4-bit weights", 4, 0},
    {"4bits, 4_bit", 4, 0},
    {"INT4 weights", 4, 0},
    {"uint4", 4, 0},
    {"tags: w4a16", 4, 0},
    {"W8A8", 8, 0},
    {"8-bit, once 4 bit", 4, 8},
    {"8-bit", 0, 8},
    {"16-bit floats", 0, 0},
    {"14 bit", 0, 0},
    {"4 bitten", 0, 0},
    {"v4 bit", 0, 0},
    {"point4 and print4", 0, 0},
    {"4 GB, 8 threads", 0, 0},
    {"4", 0, 0},
    {"4 b", 0, 0},
    {"W4 alone, w4ax", 0, 0},
    {"", 0, 0},
};

START_TEST(bits_are_found)
{
    qg_claims c4 = qg_claims_bits(qg_str_from(bits[_i].text), 4);
    qg_claims c8 = qg_claims_bits(qg_str_from(bits[_i].text), 8);

    ck_assert_int_eq(c4.says, bits[_i].says == 4);
    ck_assert_int_eq(c8.says, bits[_i].says == 8 || bits[_i].other == 8);
    if (bits[_i].says == 4)
        ck_assert_int_eq(c4.other, bits[_i].other);
    if (bits[_i].says == 0)
        ck_assert_int_eq(c4.other, bits[_i].other);
}
END_TEST

static const struct {
    const char *text;
    int says; /* 0: none */
} groups[] = {
    {"group size 128", 128},
    {"group_size: 128", 128},
    {"group size of **128**", 128},
    {"| Group size | 128 |", 128},
    {"in groups of 64", 64},
    {"Llama-GPTQ-128g", 128},
    {"4bit-g128-act", 128},
    {"128 groups", 0},
    {"group-wise. 128 samples", 0},
    {"groups; 128 of them", 0},
    {"128 GB, 128gb", 0},
    {"log128", 0},
    {"group of experts that were asked 128", 0}, /* too far */
    {"a group of 4 and 128", 4},
    {"group size 99999999999999", 0},
};

START_TEST(groups_are_found)
{
    qg_str text = qg_str_from(groups[_i].text);

    ck_assert_int_eq(qg_claims_group(text, 128).says, groups[_i].says == 128);
    ck_assert_int_eq(qg_claims_group(text, 32).says, false);
    ck_assert_int_eq(qg_claims_group(text, 32).other, groups[_i].says);
}
END_TEST

Suite *claims_check(void)
{
    Suite *s = suite_create("claims_check");
    TCase *t = tcase_create("claims");

    tcase_add_test(t, words_end_where_letters_do);
    tcase_add_loop_test(t, bits_are_found, 0, sizeof bits / sizeof *bits);
    tcase_add_loop_test(t, groups_are_found, 0, sizeof groups / sizeof *groups);
    suite_add_tcase(s, t);
    return s;
}
