/* What a text for people claims about a quantization: the words and numbers that model cards use.
 * Case does not matter, and a word begins and ends where letters and digits do. */
#ifndef QG_JUDGE_CLAIMS_H
#define QG_JUDGE_CLAIMS_H

#include "base/str.h"

/* Whether the text holds the word, given in lower case: "gptq" in "Llama-2-7B-GPTQ". */
bool qg_claims_word(qg_str text, qg_str word);

/* Numbers that a text names. */
typedef struct qg_claims {
    bool says; /* the one that was looked for                   */
    int other; /* the first that is another one; 0: there is none */
} qg_claims;

/* Bits of a code, 1 to 8: "4 bit", "4-bit", "4bits", "INT4", "W4A16". */
qg_claims qg_claims_bits(qg_str text, int bits);
/* Inputs that share a scale: "group size 128", "group_size: 128", "groups of 128", "128g", "g128".
 */
qg_claims qg_claims_group(qg_str text, int group_size);

#endif
