#!/usr/bin/env python3
"""The calibration windows of `quantgate quantize`, made once more with the tokenizers library.

How: the documents of a text are what blank lines separate (src/suite/texts.h). Each is encoded as
the tokenizer declares, special tokens included; the ids are joined in order and cut into windows of
W ids, and a shorter rest is dropped. Of M windows, if that is more than N, those with the numbers
floor(i * M / N) are taken. So every tool sees the same ids, whatever its own loader would do.

    windows.py MODEL_DIR TEXT [--samples 128] [--window 512] [-o FILE.jsonl]
"""
import argparse
import json
import pathlib

from tokenizers import Tokenizer

BLANKS = b" \t\n\r\v\f"


def documents(data):
    """The documents of a text as bytes, without the line end of their last line."""
    inside = []
    for line in data.split(b"\n") + [b""]:
        if line.strip(BLANKS):
            inside.append(line)
        elif inside:
            yield b"\n".join(inside).removesuffix(b"\r")
            inside = []


def joined(model, text):
    """The ids of all documents, end to end."""
    tok = Tokenizer.from_file(str(pathlib.Path(model) / "tokenizer.json"))
    tok.no_truncation()
    tok.no_padding()
    data = pathlib.Path(text).read_bytes()
    return [i for d in documents(data) for i in tok.encode(d.decode("utf-8")).ids]


def windows(model, text, samples, width):
    """At most `samples` lists of `width` ids each, evenly spread over the text."""
    ids = joined(model, text)
    cut = [ids[at:at + width] for at in range(0, len(ids) - width + 1, width)]
    if len(cut) > samples:
        cut = [cut[i * len(cut) // samples] for i in range(samples)]
    return cut


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("model", type=pathlib.Path)
    p.add_argument("text", type=pathlib.Path)
    p.add_argument("--samples", type=int, default=128)
    p.add_argument("--window", type=int, default=512)
    p.add_argument("-o", "--out", type=pathlib.Path, help="a JSON array of ids a line")
    a = p.parse_args()
    cut = windows(a.model, a.text, a.samples, a.window)
    if a.out:
        a.out.write_text("".join(json.dumps(w) + "\n" for w in cut), encoding="ascii")
    print(f"{len(cut)} windows of {a.window} ids, of {len(joined(a.model, a.text))} ids in the text")


if __name__ == "__main__":
    main()
