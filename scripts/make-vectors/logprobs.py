#!/usr/bin/env python3
"""Log-probability vectors of a Hugging Face folder: what transformers computes in float32.

How: the stored matrices are rounded to float16 (as the program under test holds them; this changes
F32 folders only), widened to float32 and run on the CPU with plain ("eager") attention;
the softmax is taken in double. Line 1 of the output is a head with versions and hashes, each
further line a prompt: its ids, the log-probability of each id given those before it, the best
ids after each position, and a greedy continuation with its margins (end tokens do not stop it).

    logprobs.py MODEL_DIR -o golden/vectors/fp16/NAME.jsonl [--also suites/data/prompts.txt]
"""
import argparse
import hashlib
import json
import pathlib
import sys
from typing import NamedTuple

import tokenizers
import torch
import transformers
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

ALSO = 4

ENGLISH = ("The keeper of the lighthouse counted the steps again. There were ninety of them, as there "
           "had been every evening for twelve years, and at the top the lamp was")
CODE = ("def mean(values):\n    total = 0.0\n    for v in values:\n        total += v\n"
        "    return total / len(values)\n\nprint(mean([1, 2, 3]))\n# prints ")
UNICODE = ("Le caf\u00e9 de Z\u00fcrich \u2014 \u041f\u0440\u0438\u0432\u0435\u0442, \u03ba\u03cc\u03c3\u03bc\u03b5! "
           "\u4f60\u597d\uff0c\u4e16\u754c \U0001f600\U0001f469\u200d\U0001f680\U0001f1eb\U0001f1f7 \u05e9\u05dc\u05d5\u05dd na\u00efve")
BLANKS = "a" + " " * 7 + "b\n\n\n\n" + " " * 33 + "c\t\t\t d\r\n\r\n    e" + " " * 16
STORY = (
    "In the spring the river rose and the lower field stood under water for a week. Anna walked along "
    "the dyke each morning with a notebook and wrote down how far the water had come. On Monday it "
    "touched the third post, on Tuesday the fourth, and on Wednesday it had reached the gate. Her "
    "brother said that the old wall would hold, because it had held in 1953 and again in 1984, but "
    "their neighbour moved his sheep to the hill all the same. \"A wall is only as good as its lowest "
    "stone,\" he said, and nobody could argue with that. On Thursday the rain stopped. The clouds broke "
    "open over the valley, and by the evening there were swallows above the water. Anna measured "
    "again: two centimetres less. She told everyone at supper, and they laughed, because two "
    "centimetres are nothing, but her father took the lamp and went to look for himself. When he came "
    "back his boots were wet and he was smiling. \"Three,\" he said. The next day it was ten, and "
    "after that the river went back into its bed as if it had only wanted to see the village once. "
    "They found the field covered with fine grey mud. In the summer the wheat stood higher there than "
    "anywhere else, and Anna wrote this down too, on the last page of the notebook, below the numbers. ")



class Shape(NamedTuple):
    """How much a file holds: ids of the long prompt, best ids a position, greedy tokens."""
    long: int
    top: int
    greedy: int
    names: tuple


FULL = Shape(300, 8, 64, ("english", "code", "unicode", "one", "long", "blanks"))
COMPACT = Shape(200, 2, 32, ("english", "unicode", "one", "long"))


def exactly(tok, text, n):
    """The shortest prefix of text that encodes to n ids."""
    for end in range(len(text) + 1):
        if len(tok.encode(text[:end]).ids) == n:
            return text[:end]
    sys.exit(f"logprobs: no prefix of the text has {n} tokens")


def prompts(tok, shape=FULL):
    """(name, text); a tokenizer that adds a first token makes the empty text the one-token prompt."""
    one = next(t for t in ("", "The", "a") if len(tok.encode(t).ids) == 1)
    every = {"english": ENGLISH, "code": CODE, "unicode": UNICODE, "one": one,
             "long": exactly(tok, STORY * 4, shape.long), "blanks": BLANKS}
    return [(name, every[name]) for name in shape.names]


def short(x):
    return float(f"{x:.7g}")


def rank(row, k):
    """The k best entries, best first, equal ones by lower id."""
    values, ids = torch.sort(row, descending=True, stable=True)
    return [[i, short(v)] for i, v in zip(ids[:k].tolist(), values[:k].tolist())]


def score(model, ids, top):
    with torch.no_grad():
        logp = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
    given = [None] + [short(logp[i - 1, ids[i]].item()) for i in range(1, len(ids))]
    return {"logprob": given, "top": [rank(row, top) for row in logp]}


def greedy(model, ids, n):
    out, margins, cache, step = [], [], None, torch.tensor([ids])
    with torch.no_grad():
        for _ in range(n):
            r = model(step, past_key_values=cache, use_cache=True)
            (best, first), (_, second) = rank(r.logits[0, -1].double(), 2)
            out.append(best)
            margins.append(short(first - second))
            cache, step = r.past_key_values, torch.tensor([[best]])
    return {"ids": out, "margin": margins}


def head(folder, command):
    sums = {f.name: hashlib.sha256(f.read_bytes()).hexdigest()
            for f in sorted(folder.iterdir())
            if f.suffix == ".safetensors" or f.name in ("config.json", "tokenizer.json")}
    return {"format": "logprobs 1", "model": folder.name, "sha256": sums, "compute": "float32",
            "attention": "eager", "torch": torch.__version__, "tokenizers": tokenizers.__version__,
            "transformers": transformers.__version__, "command": command}


def load(folder):
    transformers.utils.logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager")
    for p in model.parameters():
        if p.dim() == 2:
            p.data = p.data.half().float()
    return model.eval(), Tokenizer.from_file(str(folder / "tokenizer.json"))


def vectors(folder, command, also):
    """The lines of the file, as objects."""
    model, tok = load(folder)
    yield head(folder, command)
    for name, text in [*prompts(tok), *also]:
        ids = tok.encode(text).ids
        yield {"name": name, "text": text, "ids": ids, **score(model, ids, FULL.top),
               "greedy": greedy(model, ids, FULL.greedy)}


def write(folder, out, command, also=()):
    save(out, list(vectors(folder, command, also)))


def save(out, lines):
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("".join(json.dumps(v, separators=(",", ":")) + "\n" for v in lines),
                   encoding="ascii")
    clear = [v["name"] for v in lines[1:] if min(v["greedy"]["margin"], default=0) > 0.01]
    print(f"{out}: every margin over 0.01 in {', '.join(clear) or 'no prompt'}")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("model", type=pathlib.Path)
    p.add_argument("-o", "--out", type=pathlib.Path, required=True)
    p.add_argument("--also", type=pathlib.Path, help=f"{ALSO} more prompts: a file's first lines")
    a = p.parse_args()
    torch.set_num_threads(2)
    command = f"scripts/make-vectors/logprobs.py {a.model.name} -o {a.out.name}"
    also = []
    if a.also:
        command += f" --also {a.also.name}"
        lines = a.also.read_text(encoding="utf-8").splitlines()[:ALSO]
        also = [(f"line{i}", text) for i, text in enumerate(lines, 1)]
    write(a.model, a.out, command, also)


if __name__ == "__main__":
    main()
