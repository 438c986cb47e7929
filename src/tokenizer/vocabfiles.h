/* Folders of before tokenizer.json: vocab.json and merges.txt.
 *
 * What the two files leave open (special tokens, what goes around a text, a blank in front) is in
 * tokenizer_config.json, special_tokens_map.json and added_tokens.json, each of which may be
 * absent. The class of the tokenizer decides what all of it means: `tokenizer_class` of
 * tokenizer_config.json, else what config.json's `model_type` stands for. GPT-2's class is known,
 * which is that of OPT as well; others are refused by name.
 */
#ifndef QG_TOKENIZER_VOCABFILES_H
#define QG_TOKENIZER_VOCABFILES_H

#include "base/err.h"
#include "base/str.h"

/* Writes the tokenizer.json that says what `transformers` (5.23) makes of the folder. `scratch` is
 * for what is read on the way. Errors name the file, those of merges.txt with the line. */
qg_status qg_vocabfiles_convert(qg_buf *json, qg_arena *scratch, const char *folder, qg_err *err);

#endif
