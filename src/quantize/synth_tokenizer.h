/* The tokenizer.json of a synthetic model: byte-level BPE without merges: <s>, </s>, the 256 bytes,
 * then filler up to the vocabulary. */
#ifndef QG_QUANTIZE_SYNTH_TOKENIZER_H
#define QG_QUANTIZE_SYNTH_TOKENIZER_H

#include "base/err.h"
#include "base/str.h"

enum { QG_SYNTH_BOS = 0, QG_SYNTH_EOS = 1, QG_SYNTH_SPECIALS = 2, QG_SYNTH_BYTES = 256 };
enum { QG_SYNTH_MIN_VOCAB = QG_SYNTH_SPECIALS + QG_SYNTH_BYTES };

/* Appends the file's text. */
qg_status qg_synth_tokenizer(qg_buf *b, int vocab_size, qg_err *err);

#endif
