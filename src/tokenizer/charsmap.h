/* Character maps of SentencePiece: the normalizer `Precompiled` of tokenizer.json.
 *
 * The declared base64 is the `precompiled_charsmap` of a SentencePiece model: the size of a double
 * array in bytes (little-endian u32), the double array (Darts-clone: units of u32), then the
 * replacements, each ended by U+0000. All of it is checked when it is opened, so running it reads
 * nothing outside, whatever the text.
 */
#ifndef QG_TOKENIZER_CHARSMAP_H
#define QG_TOKENIZER_CHARSMAP_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

typedef struct qg_charsmap qg_charsmap;

qg_status qg_charsmap_open(const qg_charsmap **out, qg_arena *arena, qg_str base64, qg_err *err);

/* Text (valid UTF-8) with what the map replaces, on the arena. `head` is that of a piece
 * (pieces.h): where it is not 0 it becomes the length of what stands for the first character. */
qg_status qg_charsmap_run(qg_str *out, size_t *head, qg_arena *arena, const qg_charsmap *m,
                          qg_str text, qg_err *err);

#endif
