"""SentencePiece's two kinds of tokenizer, small, as tokenizer.json declares them.

How: BPE is trained by `tokenizers` with blanks as U+2581 and gets 256 byte tokens in front, as
Llama-2 has them; Unigram pieces and scores are trained by `sentencepiece`, whose normalizer is
compiled from rules made here (part of NFKC, and rules that show where the shortest entry of a
cluster wins), so that the character map stays small. Used by tokenizers_vectors.py. Invariant: the
same versions of both libraries give the same files.
"""
import base64
import io
import json
import re
import tempfile
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

BLANK = "\u2581"
SPECIALS = ["<unk>", "<s>", "</s>"]
BYTES = [f"<0x{b:02X}>" for b in range(256)]


# -- BPE ------------------------------------------------------------------------------------------

def train_bpe(text, n_merged):
    """(vocabulary, merges): specials, bytes, merged tokens, then single characters."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Metaspace(replacement=BLANK, prepend_scheme="always")
    t.train_from_iterator(text, trainers.BpeTrainer(vocab_size=n_merged, show_progress=False))
    model = json.loads(t.to_str())["model"]
    merges = [list(m) for m in model["merges"]]
    made = ["".join(m) for m in merges]
    letters = sorted(set(model["vocab"]) - set(made), key=model["vocab"].get)
    return {k: i for i, k in enumerate(dict.fromkeys(SPECIALS + BYTES + made + letters))}, merges


def metaspace(scheme="always", split=True, **more):
    return {"type": "Metaspace", "replacement": BLANK, "prepend_scheme": scheme, "split": split, **more}


def replace(pattern, content):
    return {"type": "Replace", "pattern": pattern, "content": content}


def decoder_of_bytes(*last):
    return {"type": "Sequence", "decoders": [
        replace({"String": BLANK}, " "), {"type": "ByteFallback"}, {"type": "Fuse"}, *last]}


STRIP_ONE = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
LEGACY = {"type": "Sequence", "normalizers": [
    {"type": "Prepend", "prepend": BLANK}, replace({"String": " "}, BLANK)]}


def bpe_pipelines(v, text, flavours):
    """(name, tokenizer.json, config) of SentencePiece-style BPE; the first is the main one. `v` is
    the module that builds files of this kind."""
    vocab, merges = train_bpe(text, 260)
    flags = {**{s: v.PLAIN_SPECIAL for s in SPECIALS}, **flavours}
    added = v.added_tokens(vocab, flags)
    options = {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}
    model = v.bpe(vocab, v.joined(merges), **options)
    config = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    first = v.template("<s>", ids=vocab)

    yield "llama2", v.folder(model, added, norm=LEGACY, post=first,
                             dec=decoder_of_bytes(STRIP_ONE)), config
    vocab, merges = train_bpe(text, 110)
    added = v.added_tokens(vocab, flags)
    model = v.bpe(vocab, v.joined(merges), **options)
    first = v.template("<s>", ids=vocab)
    yield "spm-first", v.folder(
        v.bpe(vocab, merges, **options, ignore_merges=True), added,
        pre=metaspace("first", False), post=v.template("<s>", "</s>", vocab),
        dec=decoder_of_bytes(STRIP_ONE)), None
    yield "spm-gemma", v.folder(
        model, added, norm=replace({"String": " "}, BLANK),
        pre=v.split({"String": " "}, "MergedWithPrevious"), post=first, dec=decoder_of_bytes()), None
    yield "spm-always", v.folder(model, added, pre=metaspace(), dec=metaspace()), None
    yield "spm-never", v.folder(
        model, added, pre=metaspace("never", True, add_prefix_space=False),
        dec=metaspace("never")), None
    yield "spm-words-first", v.folder(
        model, added, norm=v.sequence(
            "norm", {"type": "NFKC"}, {"type": "Strip", "strip_left": True, "strip_right": True},
            replace({"Regex": " {2,}"}, BLANK)),
        pre=v.sequence("pre", {"type": "Punctuation", "behavior": "Isolated"}, metaspace("first")),
        dec=metaspace("first")), None

    # some bytes missing: characters that need one are unknown, and bytes overtake unknown tokens
    lost = {"<0x%02X>" % b for b in (0xc3, 0xe4, 0xf0, 0x0a, 0x80, 0x98)}
    few = {k: i for i, k in enumerate(k for k in vocab if k not in lost)}
    lacking = v.added_tokens(few, flags)
    for name, more in (("fuse", options), ("none", {"byte_fallback": True})):
        yield f"spm-bytes-{name}", v.folder(v.bpe(few, merges, **more), lacking, norm=LEGACY,
                                            dec=decoder_of_bytes(STRIP_ONE)), None


# -- Unigram --------------------------------------------------------------------------------------

def small_rules():
    """Part of NFKC as SentencePiece spells it, and what shows how clusters are looked up."""
    rules = {}
    singles = [*range(0xa0, 0x180), 0x1e9b, 0x1e69, *range(0x2000, 0x200b), *range(0x2460, 0x2474),
               0x3000, *range(0xfb00, 0xfb07), *range(0xff01, 0xff5f), 0xfdfa, 0x32ff, 0x1d400]
    for c in map(chr, singles):
        form = unicodedata.normalize("NFKC", c)
        if form != c:
            rules[c] = form
    for c in map(chr, range(0xc0, 0x180)):  # composition: entries of two characters
        parts = unicodedata.normalize("NFD", c)
        if len(parts) == 2:
            rules[parts] = c
    for c in map(chr, [*range(1, 9), 0xb, *range(0xe, 0x20), 0x7f, 0xad]):
        rules[c] = ""
    for c in map(chr, (9, 0xa, 0xc, 0xd, 0x200b, 0x200e, 0x2028, 0xfeff, 0xfffd)):
        rules[c] = " "
    rules["\u1100\u1161"], rules["\u1112\u1161\u11ab"] = "\uac00", "\ud55c"
    rules["\U0001f600"] = ":)"  # four bytes: with a joiner behind it the cluster has seven
    rules["A"], rules["\r\n"] = "a", "\n"  # takes a mark behind it along: the shortest entry wins
    return rules


def train_unigram(text, n_pieces, rules):
    """(pieces with scores, character map)."""
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as tsv:
        for source, target in sorted(rules.items()):
            tsv.write("\t".join(" ".join(f"{ord(c):X}" for c in s) for s in (source, target)) + "\n")
        tsv.flush()
        out = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(text), model_writer=out, model_type="unigram", num_threads=1,
            vocab_size=n_pieces, hard_vocab_limit=False, normalization_rule_tsv=tsv.name,
            minloglevel=2, unk_id=2, bos_id=-1, eos_id=1, pad_id=0)
    m = sentencepiece_model_pb2.ModelProto()
    m.ParseFromString(out.getvalue())
    return [(p.piece, round(p.score, 3)) for p in m.pieces], m.normalizer_spec.precompiled_charsmap


def unigram(pieces, unk_id=2, byte_fallback=False):
    return {"type": "Unigram", "unk_id": unk_id, "vocab": [list(p) for p in pieces],
            "byte_fallback": byte_fallback}


def precompiled(charsmap):
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap).decode()}


def unigram_pipelines(v, text, flavours, rules=None):
    """(name, tokenizer.json, config); the first is the main one."""
    text = [re.sub(r"\s+", " ", t) for t in text]
    pieces, charsmap = train_unigram(text, 320, rules or small_rules())
    flags = {**{s: v.PLAIN_SPECIAL for s in ("<pad>", "</s>", "<unk>")}, **flavours}

    def ids(pieces):
        return {p: i for i, (p, _) in enumerate(pieces)}

    added = v.added_tokens(ids(pieces), flags)
    end = v.template(None, "</s>", ids(pieces))
    config = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    words = v.sequence("pre", {"type": "WhitespaceSplit"}, metaspace())
    spm = v.sequence("norm", precompiled(charsmap),
                     {"type": "Strip", "strip_left": False, "strip_right": True},
                     replace({"Regex": " {2,}"}, BLANK))

    yield "t5", v.folder(unigram(pieces), added, norm=spm, pre=metaspace(), post=end,
                         dec=metaspace()), config
    pieces, charsmap = train_unigram(text, 200, rules or small_rules())
    few = {"added": v.added_tokens(ids(pieces), flags), "dec": metaspace()}
    yield "unigram-words", v.folder(unigram(pieces), **few, norm=precompiled(charsmap), pre=words,
                                    post=v.template("<pad>", "</s>", ids(pieces))), None
    yield "unigram-first", v.folder(unigram(pieces), **few, norm=spm, pre=metaspace("first")), None
    yield "unigram-nmt", v.folder(unigram(pieces), **few, norm=v.sequence(
        "norm", {"type": "Nmt"}, {"type": "NFKC"}, {"type": "Lowercase"},
        replace({"Regex": " {2,}"}, " ")), pre=metaspace("first", False)), None
    ties = [(p, float(round(s / 4))) for p, s in pieces]
    yield "unigram-ties", v.folder(unigram(ties), **few, pre=metaspace(split=False)), None
    all_bytes = pieces + [(b, -20.0) for b in BYTES]
    yield "unigram-bytes", v.folder(
        unigram(all_bytes, byte_fallback=True),
        v.added_tokens(ids(all_bytes), flags),
        norm=LEGACY, dec=decoder_of_bytes(STRIP_ONE)), None
    most = [(p, s) for p, s in all_bytes if p not in ("<0xE2>", "<0x0A>", "<0xF0>")]
    yield "unigram-some-bytes", v.folder(
        unigram(most, byte_fallback=True),
        v.added_tokens(ids(most), flags),
        norm=LEGACY, dec=decoder_of_bytes(STRIP_ONE)), None
