/* The tokenizer of synthetic models: see synth_tokenizer.h. */
#include "quantize/synth_tokenizer.h"

#include "base/json.h"

#include <stdio.h>

/* What stands before and after the vocabulary in tokenizer.json. */
static const char tokenizer_head[] =
    "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":["
    "{\"id\":0,\"content\":\"<s>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
    "\"normalized\":false,\"special\":true},"
    "{\"id\":1,\"content\":\"</s>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
    "\"normalized\":false,\"special\":true}],"
    "\"normalizer\":null,\"pre_tokenizer\":"
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true},"
    "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["
    "{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}]"
    ",\"pair\":["
    "{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},"
    "{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":1}},{\"Sequence\":{\"id\":\"B\",\"type_id\":1}}]"
    ","
    "\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[0],\"tokens\":[\"<s>\"]}}},\"decoder\":"
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true},"
    "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,\"continuing_subword_prefix\":"
    "null,"
    "\"end_of_word_suffix\":null,\"fuse_unk\":false,\"byte_fallback\":false,\"ignore_merges\":"
    "false,"
    "\"vocab\":";
static const char tokenizer_tail[] = ",\"merges\":[]}}";

/* GPT-2's alphabet: printable bytes stand for themselves, the others for U+0100 and up, in order.
 */
static void write_vocab(qg_json_writer *w, int vocab_size)
{
    uint32_t spare = 0x100;

    qg_json_write_object(w);
    qg_json_put_int(w, "<s>", QG_SYNTH_BOS);
    qg_json_put_int(w, "</s>", QG_SYNTH_EOS);
    for (uint32_t byte = 0; byte < QG_SYNTH_BYTES; byte++) {
        bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte != 0xad);
        char symbol[5] = "";
        qg_utf8_encode(printable ? byte : spare++, symbol);
        qg_json_put_int(w, symbol, QG_SYNTH_SPECIALS + (int64_t)byte);
    }
    for (int id = QG_SYNTH_MIN_VOCAB; id < vocab_size; id++) {
        char name[32];
        snprintf(name, sizeof name, "\xc4\xa0t%d", id); /* U+0120 is the blank */
        qg_json_put_int(w, name, id);
    }
    qg_json_write_close(w);
}

qg_status qg_synth_tokenizer(qg_buf *b, int vocab_size, qg_err *err)
{
    qg_json_writer w;

    qg_buf_text(b, tokenizer_head);
    qg_json_write_begin(&w, b);
    write_vocab(&w, vocab_size);
    qg_buf_text(b, tokenizer_tail);
    return qg_json_write_end(&w, err);
}
