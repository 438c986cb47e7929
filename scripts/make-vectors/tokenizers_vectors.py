#!/usr/bin/env python3
"""Tokenizer vectors: small vocabularies, and what Hugging Face `tokenizers` answers over them.

How: byte-level BPE vocabularies are trained on text made here, put into the pipelines of GPT-2,
Llama-3, SmolLM2 and Qwen2 as those models' tokenizer.json declare them, and into variants that
each exercise one declared piece. The answers to golden/vectors/tokenizer/strings.jsonl are written
beside each tokenizer.json. Invariant: the same `tokenizers` version writes the same bytes.

    tokenizers_vectors.py [-o golden/vectors/tokenizer]
    tokenizers_vectors.py --verify     compare the folder with the installed `tokenizers` instead
"""
import argparse
import copy
import filecmp
import json
import pathlib
import random
import sys
import tempfile

import tokenizers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

import spm_pipelines
import unicode14
import vocab_files

ROOT = pathlib.Path(__file__).resolve().parents[2]
N_STRINGS, N_VARIANT = 1000, 200
N_DECODE, N_DECODE_VARIANT, N_DECODE_FEW = 120, 30, 15
MAIN = ("gpt2", "llama3", "smollm2", "qwen2")

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LLAMA3 = (CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")

# The byte symbols that SmolLM2's vocabulary lacks; such bytes vanish when encoding.
SMOLLM2_LACKS = [0x04, 0x06, 0x13, 0x14, 0x16, 0x1d, 0xc0, 0xc1, 0xf1, 0xf2, *range(0xf5, 0x100)]


def training_text():
    """Sentences from a few word lists: enough for merges over letters, digits, blanks and UTF-8."""
    r = random.Random(20)
    who = "the keeper|a small boat|the old lamp|her brother|Mr. Hale|they|we|every teacher".split("|")
    did = "watched|carried|couldn't find|won't sell|has painted|counted|I'd say, forgot".split("|")
    what = ("the harbour|ninety steps|three loaves of bread|42 apples|a caf\u00e9 in Z\u00fcrich|the na\u00efve plan|"
            "\u0434\u043e\u043c \u0438 \u0441\u0430\u0434|\u03bb\u03cc\u03b3\u03bf\u03c2|\u4f60\u597d\u4e16\u754c|\U0001f600\U0001f600|1984, 2001 and 365 days").split("|")
    end = [".", "!", "?", "...", " \u2014 and left.", ";\n", ".\r\n", ".\n\n    "]
    code = ["def f(x):\n    return x + 1\n", "for (i = 0; i < 100; i++) {\n\t\ts += a[i];\n\t}\n",
            "if x == 0:\n        print('zero')\n", "<b>bold</b> &amp; <i>more</i>\n"]
    out = []
    for i in range(3000):
        out.append(f"{r.choice(who)} {r.choice(did)} {r.choice(what)}{r.choice(end)}")
        if i % 7 == 0:
            out.append(r.choice(code))
    return out


def train(n_entries, lacks=(), n_special=0):
    """(vocabulary, merges as pairs) with n_special ids left free at the front."""
    symbols = sorted(pre_tokenizers.ByteLevel.alphabet())
    lost = {s for b in lacks for s in symbols if s == byte_symbol(b)}
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.train_from_iterator(training_text(), trainers.BpeTrainer(
        vocab_size=n_entries - n_special, show_progress=False,
        initial_alphabet=[s for s in symbols if s not in lost]))
    model = json.loads(t.to_str())["model"]
    assert not lost & set(model["vocab"])
    return {k: v + n_special for k, v in model["vocab"].items()}, [list(m) for m in model["merges"]]


def byte_symbol(byte):
    """The character that stands for a byte in GPT-2's alphabet."""
    keep = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
    return chr(byte) if byte in keep else chr(0x100 + [b for b in range(256) if b not in keep].index(byte))


def bpe(vocab, merges, **options):
    return {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
            "ignore_merges": False, **options, "vocab": vocab, "merges": merges}


def byte_level(prefix=False, regex=True, trim=True):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": trim, "use_regex": regex}


def split(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


def sequence(kind, *parts):
    key = {"pre": "pretokenizers", "norm": "normalizers", "post": "processors", "dec": "decoders"}[kind]
    return {"type": "Sequence", key: list(parts)}


def template(first, last=None, ids=None):
    def special(token, kind):
        return {"SpecialToken": {"id": token, "type_id": kind}}

    def of(name, kind):
        return {"Sequence": {"id": name, "type_id": kind}}

    def around(name, kind):
        return ([special(first, kind)] if first else []) + [of(name, kind)] + \
            ([special(last, kind)] if last else [])

    return {"type": "TemplateProcessing", "single": around("A", 0),
            "pair": around("A", 0) + around("B", 1),
            "special_tokens": {t: {"id": t, "ids": [ids[t]], "tokens": [t]}
                               for t in (first, last) if t}}


# content: (special, single_word, lstrip, rstrip, normalized); every flavour once
FLAVOURS = {
    "<lft>": (False, False, True, False, False), "<rgt>": (False, False, False, True, False),
    "<both>": (True, False, True, True, False), "wordy": (False, True, False, False, False),
    "<n>": (False, False, False, False, True), "<n><n>": (False, False, False, False, True),
    "<raw>": (False, False, False, False, False), "<sp>": (True, False, False, False, False),
    "<spn>": (True, False, False, False, True), "\u00c9clair": (False, False, False, False, True),
    "ABC": (False, True, False, True, True),
}
PLAIN_SPECIAL = (True, False, False, False, False)


def added_tokens(vocab, tokens):
    """Records in order of id; those not in the vocabulary follow it."""
    out, free = [], max(vocab.values()) + 1
    for content, (special, word, left, right, normalized) in tokens.items():
        i = vocab.get(content)
        if i is None:
            i, free = free, free + 1
        out.append({"id": i, "content": content, "single_word": word, "lstrip": left,
                    "rstrip": right, "normalized": normalized, "special": special})
    return sorted(out, key=lambda t: t["id"])


def folder(model, added, norm=None, pre=None, post=None, dec=None):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
            "normalizer": norm, "pre_tokenizer": pre, "post_processor": post, "decoder": dec,
            "model": model}


def joined(merges):
    return [" ".join(m) for m in merges]


def main_pipelines():
    flavours = dict(FLAVOURS)
    vocab, merges = train(800)

    added = added_tokens(vocab, {"<|endoftext|>": (True, False, False, False, True), **flavours})
    model = bpe(vocab, joined(merges), continuing_subword_prefix="", end_of_word_suffix="")
    for key in ("type", "byte_fallback", "ignore_merges"):  # files of that age lack them
        del model[key]
    old = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    yield "gpt2", folder(model, added, pre=old, post={**old, "trim_offsets": False},
                         dec=old), {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}

    names = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
             "<|eot_id|>"]
    vocab, merges = train(900)
    added = added_tokens(vocab, {**{n: PLAIN_SPECIAL for n in names}, **flavours})
    ids = {t["content"]: t["id"] for t in added}
    unreachable = merges[3::9]  # their entries stay: only ignore_merges finds them
    merges = [m for m in merges if m not in unreachable]
    yield "llama3", folder(
        bpe(vocab, joined(merges), ignore_merges=True), added,
        pre=sequence("pre", split({"Regex": LLAMA3}), byte_level(regex=False)),
        post=sequence("post", byte_level(prefix=True, trim=False), template(names[0], ids=ids)),
        dec=byte_level(prefix=True)), {"bos_token": names[0], "eos_token": names[4]}

    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "<file_sep>"]
    vocab, merges = train(800, SMOLLM2_LACKS, len(names))
    vocab = {**{n: i for i, n in enumerate(names)}, **vocab}
    added = added_tokens(vocab, {**{n: PLAIN_SPECIAL for n in names}, **flavours})
    yield "smollm2", folder(
        bpe(vocab, joined(merges)), added,
        pre=sequence("pre", {"type": "Digits", "individual_digits": True}, byte_level()),
        dec=byte_level(prefix=True)), {"bos_token": names[1], "eos_token": names[2]}

    vocab, merges = train(700)
    added = added_tokens(vocab, {**{n: PLAIN_SPECIAL for n in names[:3]}, **flavours})
    inner = byte_level(regex=False, trim=False)
    yield "qwen2", folder(
        bpe(vocab, merges, continuing_subword_prefix="", end_of_word_suffix=""), added,
        norm={"type": "NFC"}, pre=sequence("pre", split({"Regex": QWEN2}), inner), post=inner,
        dec=inner), {"bos_token": None, "eos_token": names[2]}


def normalizers():
    yield from ((f.lower(), {"type": f}) for f in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase"))
    yield "strip", {"type": "Strip", "strip_left": True, "strip_right": True}
    yield "strip-right", {"type": "Strip", "strip_left": False, "strip_right": True}
    yield "strip-accents", sequence("norm", {"type": "NFD"}, {"type": "StripAccents"})
    yield "replace-string", {"type": "Replace", "pattern": {"String": "a"}, "content": "<n>"}
    yield "replace-regex", {"type": "Replace", "pattern": {"Regex": r"\s+|\d"}, "content": "_"}
    yield "prepend", {"type": "Prepend", "prepend": "_"}
    yield "sequence", sequence(
        "norm", {"type": "NFKC"}, {"type": "Lowercase"},
        {"type": "Replace", "pattern": {"Regex": r" {2,}"}, "content": " "},
        {"type": "Strip", "strip_left": True, "strip_right": False})


def pre_tokenizer_variants():
    tail = byte_level(regex=False)
    yield "prefix-space", byte_level(prefix=True)
    yield "no-regex", tail
    yield "digits", sequence("pre", {"type": "Digits", "individual_digits": False}, byte_level())
    yield "digits-each-prefix", sequence(
        "pre", {"type": "Digits", "individual_digits": True}, byte_level(prefix=True))
    for behavior in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
        yield f"split-{behavior.lower()}", sequence(
            "pre", split({"Regex": r"\s|[aeiou.\p{Mn}]"}, behavior), tail)
    for behavior in ("Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
        yield f"split-{behavior.lower()}-invert", sequence(
            "pre", split({"Regex": r"\p{L}+"}, behavior, True), tail)
    yield "split-string", sequence("pre", split({"String": "  "}, "MergedWithNext"), tail)
    yield "whitespace", sequence("pre", {"type": "Whitespace"}, tail)
    yield "whitespace-split", sequence("pre", {"type": "WhitespaceSplit"}, tail)
    yield "punctuation", sequence("pre", {"type": "Punctuation", "behavior": "Isolated"}, tail)
    yield "sequence", sequence(
        "pre", {"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "Contiguous"},
        {"type": "Digits", "individual_digits": False}, byte_level(prefix=True, regex=False))


def variants():
    """(name, tokenizer.json, no config) of one changed piece each, over one small vocabulary."""
    for name, data in changed_pieces():
        yield name, data, None


def changed_pieces():
    vocab, merges = train(340)
    vocab = {**vocab, "<s>": len(vocab), "</s>": len(vocab) + 1, "<unk>": len(vocab) + 2}
    flavours = {**{t: PLAIN_SPECIAL for t in ("<s>", "</s>", "<unk>")}, **FLAVOURS}
    added = added_tokens(vocab, flavours)
    plain = {"added": added, "pre": byte_level(), "dec": byte_level()}
    model = bpe(vocab, merges)
    for name, piece in normalizers():
        yield f"norm-{name}", folder(model, **plain, norm=piece)
    for name, piece in pre_tokenizer_variants():
        yield f"pre-{name}", folder(model, **{**plain, "pre": piece})

    s, e = ["<s>", vocab["<s>"]], ["</s>", vocab["</s>"]]
    roberta = {"type": "RobertaProcessing", "sep": e, "cls": s, "trim_offsets": True,
               "add_prefix_space": False}
    around = template("<s>", "</s>", vocab)
    yield "post-roberta", folder(model, **plain, post=roberta)
    yield "post-template", folder(model, **plain, post=around)
    yield "post-sequence", folder(model, **plain, post=sequence(
        "post", template("</s>", ids=vocab), byte_level(trim=False), around))

    def strip(content, start, stop):  # start and stop together, or stop on "", crash tokenizers
        return {"type": "Strip", "content": content, "start": start, "stop": stop}

    replace = {"type": "Replace", "pattern": {"String": "e"}, "content": "E!"}
    space = {"type": "Replace", "pattern": {"String": "\u0120"}, "content": " "}
    for name, piece in (("none", None), ("fuse", {"type": "Fuse"}), ("strip-start", strip("\u0120", 2, 0)),
                        ("strip-stop", strip("e", 0, 1)),
                        ("sequence", sequence("dec", byte_level(), replace, strip(" ", 2, 0))),
                        ("sequence-fuse", sequence("dec", space, {"type": "Fuse"},
                                                   strip(" ", 1, 0)))):
        yield f"dec-{name}", folder(model, **{**plain, "dec": piece})

    few = {k: v for k, v in vocab.items() if k not in map(byte_symbol, (0x21, 0x39, 0x7a, 0xc3, 0xf0))}
    rest = [m for m in merges if m[0] in few and m[1] in few and "".join(m) in few]
    made = {"".join(m) for m in rest}
    few = {k: v for k, v in few.items() if len(k) == 1 or k in made or k in flavours}
    rest = [m for m in rest if m[0] in few and m[1] in few]
    few = {k: i for i, k in enumerate(few)}  # no holes, so that declared ids are those given
    lacking = {**plain, "added": added_tokens(few, flavours)}
    yield "model-unk", folder(bpe(few, rest, unk_token="<unk>"), **lacking)
    yield "model-unk-fuse", folder(bpe(few, rest, unk_token="<unk>", fuse_unk=True), **lacking)
    yield "model-no-unk", folder(bpe(few, rest), **lacking)
    yield "model-ignore-merges", folder(
        bpe(vocab, [m for i, m in enumerate(merges) if i % 3], ignore_merges=True), **plain)
    odd = {"\u00e9": FLAVOURS["<raw>"], "  ": FLAVOURS["<raw>"], "    ": FLAVOURS["<raw>"],
           "\u00fc\u4e2d": FLAVOURS["<n>"], "the": FLAVOURS["ABC"], "\n": PLAIN_SPECIAL}
    yield "added-odd", folder(model, **{**plain, "added": added_tokens(vocab, {**flavours, **odd})})


def compact(data, ascii_only=False):
    return json.dumps(data, ensure_ascii=ascii_only, separators=(",", ":"))


def answer(tok, text):
    """What tokenizers says of one string; an absent key means the same as the one before it."""
    ids = tok.encode(text).ids
    out = {"ids": ids}
    plain = tok.encode(text, add_special_tokens=False).ids
    around = next((i for i in range(len(ids) - len(plain) + 1) if ids[i:i + len(plain)] == plain), 0)
    assert ids[around:around + len(plain)] == plain
    if plain != ids:
        out["cut"] = [around, len(plain)]
    return out | decoded(tok, plain, text)


def decoded(tok, ids, same):
    full, skipped = tok.decode(ids, skip_special_tokens=False), tok.decode(ids)
    return ({} if full == same else {"text": full}) | ({} if skipped == full else {"skipped": skipped})


def write_folder(out, name, data, config, strings, n_decode):
    path = out / name
    path.mkdir(parents=True)
    lines = ",\n".join(f"{compact(k)}:{compact(v)}" for k, v in data.items())
    (path / "tokenizer.json").write_text("{" + lines + "}\n", encoding="utf-8")
    if config:
        (path / "tokenizer_config.json").write_text(compact(config) + "\n", encoding="utf-8")
    write_answers(path, Tokenizer.from_file(str(path / "tokenizer.json")), strings, n_decode)


def write_answers(path, tok, strings, n_decode):
    answers = [answer(tok, s) for s in strings]
    r = random.Random(path.name)
    used = sorted({i for a in answers for i in a["ids"]})
    extra = sorted(tok.get_added_tokens_decoder())
    for _ in range(n_decode):
        ids = [r.choice(extra if r.random() < 0.1 else used) for _ in range(r.randint(1, 12))]
        answers.append({"decode": ids} | decoded(tok, ids, None))
    (path / "answers.jsonl").write_text(
        "".join(compact(a, True) + "\n" for a in answers), encoding="ascii")


def write_all(out):
    strings = list(unicode14.FIXED)
    strings += unicode14.Maker(14).mix(N_STRINGS - len(strings))
    out.mkdir(parents=True, exist_ok=True)
    (out / "strings.jsonl").write_text(
        "".join(compact({"text": s}, True) + "\n" for s in strings), encoding="ascii")
    this = sys.modules[__name__]
    text, fixed = training_text(), strings[:len(unicode14.FIXED)]
    for name, data, config in [*main_pipelines(), *variants(),
                               *spm_pipelines.bpe_pipelines(this, text, FLAVOURS),
                               *spm_pipelines.unigram_pipelines(this, text, FLAVOURS)]:
        few, n_few = ((fixed, N_DECODE_FEW) if name.startswith(("spm-", "unigram-"))
                      else (strings[:N_VARIANT], N_DECODE_VARIANT))
        write_folder(out, name, copy.deepcopy(data), config, strings if config else few,
                     N_DECODE if config else n_few)
    for name, files, is_main in vocab_files.files_pipelines(this):
        (out / name).mkdir()
        vocab_files.write(out / name, files)
        write_answers(out / name, vocab_files.backend(out / name), strings if is_main else fixed,
                      N_DECODE if is_main else N_DECODE_FEW)
    (out / "VERSIONS").write_text(
        f"tokenizers {tokenizers.__version__}\ntransformers {vocab_files.version}\n"
        f"sentencepiece {spm_pipelines.sentencepiece.__version__}\nunicode {unicode14.unicodedata.unidata_version}\n"
        "command scripts/make-vectors/tokenizers_vectors.py\n", encoding="ascii")


def differences(a, b):
    """Paths under a or b whose bytes are not the same in both; README.md is written by hand."""
    names = {p.relative_to(top) for top in (a, b) for p in top.rglob("*") if p.is_file()}
    return sorted(str(n) for n in names - {pathlib.Path("README.md")}
                  if not (a / n).is_file() or not (b / n).is_file()
                  or not filecmp.cmp(a / n, b / n, shallow=False))


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("-o", "--out", type=pathlib.Path, default=ROOT / "golden/vectors/tokenizer")
    p.add_argument("--verify", action="store_true", help="write nothing, compare with what is there")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        made = pathlib.Path(tmp)
        write_all(made)
        changed = differences(made, a.out) if a.out.is_dir() else ["all"]
        if a.verify:
            print("\n".join(f"differs: {c}" for c in changed) or "no difference")
            sys.exit(1 if changed else 0)
        for old in a.out.glob("*/answers.jsonl"):
            for f in old.parent.iterdir():
                f.unlink()
            old.parent.rmdir()
        a.out.mkdir(parents=True, exist_ok=True)
        for f in made.rglob("*"):
            if f.is_file():
                target = a.out / f.relative_to(made)
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(f.read_bytes())
    print(f"wrote {a.out} ({len(changed)} files changed)")


if __name__ == "__main__":
    main()
