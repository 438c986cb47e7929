#!/usr/bin/env python3
"""Compare the program with transformers and tokenizers, live, on a model folder.

How: fresh strings of Unicode 14 go through `tokenize`, prompts and random ids through `score`, the
prompts through greedy `generate`; each answer is held against upstream's. Prints the largest
differences. Exit 1 over tolerance: 1e-3 for log-probabilities; ids, bytes and texts equal; greedy
tokens equal for as long as the margin between the two best logits exceeds 0.01.

    check_live.py MODEL_DIR [--only tokenize,score,generate] [--strings 1000] [--seed N]
"""
import argparse
import json
import math
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

from tokenizers import Tokenizer

import unicode14

ROOT = pathlib.Path(__file__).resolve().parents[2]
MARGIN = 0.01


def upstream(folder):
    """The tokenizer of tokenizer.json, or what transformers makes of older files."""
    if (folder / "tokenizer.json").exists():
        return Tokenizer.from_file(str(folder / "tokenizer.json"))
    import vocab_files
    return vocab_files.backend(folder)


class Checker:
    def __init__(self, args):
        self.a = args
        self.tok = upstream(args.model)
        self.failures = 0

    def program(self, command, inputs, *options):
        """The JSON lines that the program answers to a file of inputs."""
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="ascii") as f:
            f.writelines(json.dumps(i) + "\n" for i in inputs)
            f.flush()
            argv = [str(self.a.program), command, str(self.a.model), "--input", f.name, "--json",
                    *options]
            r = subprocess.run(argv, capture_output=True, timeout=self.a.timeout)
        if r.returncode:
            sys.exit(f"check_live: {' '.join(argv)} exited {r.returncode}:\n"
                     + r.stderr.decode("utf-8", "replace")[-2000:])
        return [json.loads(line, parse_constant=lambda c: sys.exit(f"check_live: {c} in JSON"))
                for line in r.stdout.decode("utf-8").split("\n")[:-1]]  # U+2028 is no line end

    def answers(self, command, inputs, *options):
        out = self.program(command, inputs, *options)
        if len(out) != len(inputs):
            sys.exit(f"check_live: {command} answered {len(out)} lines to {len(inputs)}")
        return out

    def same(self, what, got, want, about):
        """Count and show (a few of) the places where got is not want."""
        if got != want:
            self.failures += 1
            if self.failures <= self.a.show:
                print(f"  {what} differs for {about}\n    ours   {got!r:.300}\n    theirs {want!r:.300}")

    def report(self, what, before, text):
        wrong = self.failures - before
        print(f"{what}: {text}, {f'{wrong} WRONG' if wrong else 'all right'}")

    def check_tokenize(self):
        before, n = self.failures, self.a.strings
        strings = (unicode14.FIXED + unicode14.Maker(self.a.seed).mix(n))[:max(n, len(unicode14.FIXED))]
        inputs = [{"text": s} for s in strings]
        for special, options in ((True, ()), (False, ("--no-special",))):
            for s, got in zip(strings, self.answers("tokenize", inputs, *options)):
                want = self.tok.encode(s, add_special_tokens=special).ids
                self.same("ids", got["ids"], want, ascii(s))
        r = random.Random(self.a.seed)
        known = sorted(self.tok.get_vocab(with_added_tokens=True).values())
        ids = [self.tok.encode(s).ids for s in strings]
        ids += [[r.choice(known) for _ in range(r.randint(1, 12))] for _ in range(n // 4)]
        for i, got in zip(ids, self.answers("tokenize", [{"ids": i} for i in ids], "--decode")):
            self.same("text", got["text"], self.tok.decode(i, skip_special_tokens=False), i)
        self.report("tokenize", before, f"{len(strings)} strings encoded twice, {len(ids)} decoded")

    def token_bytes(self, i):
        added = self.tok.get_added_tokens_decoder().get(i)
        if added:
            return added.content.encode()
        token = self.tok.id_to_token(i)
        if '"ByteLevel"' not in (self.tok.decoder.__getstate__() or b"").decode():
            fallback = re.fullmatch("<0x([0-9A-F]{2})>", token)
            return bytes.fromhex(fallback[1]) if fallback else token.replace("\u2581", " ").encode()
        keep = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
        rest = [b for b in range(256) if b not in keep]
        return bytes(ord(c) if ord(c) in keep else rest[ord(c) - 0x100]
                     for c in token)

    def check_top(self, got, row, where):
        """The k best of a position: sorted, as many as asked, each with upstream's value."""
        k = min(self.a.top, len(row))
        self.same("top's ids", len({t["id"] for t in got}), k, where)
        values = [t["logprob"] for t in got]
        if values != sorted(values, reverse=True):
            self.same("order of top", values, sorted(values, reverse=True), where)
        best = row.sort(descending=True).values[:k].tolist()
        off = [abs(t["logprob"] - row[t["id"]].item()) for t in got]
        return max(off + [abs(a - b) for a, b in zip(values, best)])

    def check_one(self, case, got, torch, model):
        tokens, name = got["tokens"], case["name"]
        want = case["ids"]
        self.same("ids", [t["id"] for t in tokens], want, name)
        if [t["id"] for t in tokens] != want:
            return 0.0, 0.0
        self.same("bytes", [t["bytes"] for t in tokens],
                  [self.token_bytes(i).hex() for i in want], name)
        self.same("first logprob", tokens[0]["logprob"], None, name)
        self.same("scored", got["scored"], len(want) - 1, name)
        with torch.no_grad():
            logp = torch.log_softmax(model(torch.tensor([want])).logits[0].double(), -1)
        given = [t["logprob"] for t in tokens[1:]]
        off = max([abs(g - logp[i, want[i + 1]].item()) for i, g in enumerate(given)], default=0.0)
        top = max(self.check_top(t["top"], logp[i], f"{name}, position {i}")
                  for i, t in enumerate(tokens))
        if not math.isclose(got["nll"], -sum(given), rel_tol=1e-5, abs_tol=1e-4):
            self.same("nll", got["nll"], -sum(given), name)
        for what, x in (("log-probability", off), ("top log-probability", top)):
            if not x <= self.a.tolerance:
                self.same(what, x, 0, name)
        return off, top

    def check_score(self, torch, model, cases):
        before, r = self.failures, random.Random(self.a.seed)
        size = model.config.vocab_size
        known = sorted(i for i in self.tok.get_vocab(with_added_tokens=True).values() if i < size)
        drawn = [{"name": f"ids{n}", "ids": [r.choice(known) for _ in range(n)]} for n in (1, 2, 17, 130)]
        inputs = [{"text": c["text"]} for c in cases] + [{"ids": c["ids"]} for c in drawn]
        worst = [0.0, 0.0]
        for case, got in zip(cases + drawn, self.answers("score", inputs, "--top-k", str(self.a.top))):
            off = self.check_one(case, got, torch, model)
            print(f"  {case['name']:8} {len(case['ids']):4} tokens  {off[0]:.2e}  top {off[1]:.2e}")
            worst = [max(p) for p in zip(worst, off)]
        self.report("score", before, f"{len(inputs)} inputs, largest difference {worst[0]:.2e}, "
                                     f"in the top {self.a.top} {worst[1]:.2e}")

    def check_generate(self, model, cases, greedy):
        before, compared, clear = self.failures, 0, 0
        n = self.a.max_tokens
        lines = self.program("generate", [{"text": c["text"]} for c in cases], "--max-tokens",
                             str(n), "--ignore-eos")
        got = [c for line in lines for c in line["completions"]]
        self.same("number of completions", len(got), len(cases), "all prompts")
        for case, g in zip(cases, got):
            self.same("prompt ids", g["prompt_ids"], case["ids"], case["name"])
            self.same("finish reason", g["finish_reason"], "length", case["name"])
            want = greedy(model, case["ids"], n)
            stop = next((i for i, m in enumerate(want["margin"]) if m <= MARGIN), n)
            self.same("greedy ids", g["ids"][:stop], want["ids"][:stop], case["name"])
            self.same("number of ids", len(g["ids"]), n, case["name"])
            self.same("text", g["text"], self.tok.decode(g["ids"]), case["name"])
            compared, clear = compared + stop, clear + (stop == n)
        self.report("generate", before, f"{compared} greedy tokens compared, {clear} of {len(cases)} "
                                        f"prompts have every margin over {MARGIN}")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("model", type=pathlib.Path)
    p.add_argument("--program", type=pathlib.Path, default=ROOT / "build/quantgate")
    p.add_argument("--only", default="tokenize,score,generate", help="which of the three, by comma")
    p.add_argument("--strings", type=int, default=1000)
    p.add_argument("--seed", type=int, default=int(time.time()), help="by default from the clock")
    p.add_argument("--tolerance", type=float, default=1e-3)
    p.add_argument("--top", type=int, default=8)
    p.add_argument("--max-tokens", type=int, default=64)
    p.add_argument("--timeout", type=float, default=600, help="seconds for one command")
    p.add_argument("--show", type=int, default=10, help="how many differences to print")
    a = p.parse_args()
    only = set(a.only.split(","))
    if only - {"tokenize", "score", "generate"}:
        p.error(f"unknown check in '{a.only}'")
    print(f"{a.program} against upstream on {a.model}, seed {a.seed}")
    c = Checker(a)
    if "tokenize" in only:
        c.check_tokenize()
    if only & {"score", "generate"}:
        import torch

        import logprobs

        torch.set_num_threads(2)
        model, _ = logprobs.load(a.model)
        cases = [{"name": n, "text": t, "ids": c.tok.encode(t).ids}
                 for n, t in logprobs.prompts(c.tok, logprobs.FULL)]
        if "score" in only:
            c.check_score(torch, model, cases)
        if "generate" in only:
            c.check_generate(model, cases, logprobs.greedy)
    sys.exit(1 if c.failures else 0)


if __name__ == "__main__":
    main()
