#!/usr/bin/env python3
"""How good our quantizers are, beside the tools': every claim with its 95 % bound, as Markdown.

How: each folder is measured against the FP16 folder by `quantgate eval` on one text. What a folder
is, its neighbour FOLDER.json tells (job.py). A claim is an upper limit of a ratio of mean KL
divergences; documents are drawn again with replacement, the same ones for both sides (paired cluster
bootstrap, 10,000 draws), and the claim holds if the 95 % quantile of the ratio keeps the limit: a
one-sided statement of 95 %. Exit 1 if one does not hold, 2 if nothing could be compared.

    compare.py FP16 FOLDER... [--text suites/data/validation.txt] [--window 512] [-o FILE.md]
        [--evaluator COMMAND] [--answers DIR]
"""
import argparse
import json
import pathlib
import shlex
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
DRAWS, SEED, LEVEL = 10_000, 20, 0.95
OURS = "quantgate"
AWQ_LIMIT, TOOL_LIMIT = 1.05, 1.1


class Variant:
    """A quantized folder: what it is, and what it costs by document."""

    def __init__(self, folder, answer):
        self.name = folder.name
        self.facts = json.loads(folder.with_name(folder.name + ".json").read_text())
        self.answer = answer
        self.kl = np.array([d["sum_kl"] for d in answer["docs"]])
        self.scored = np.array([d["scored"] for d in answer["docs"]])

    def form(self, *keys):
        return tuple(self.facts[k] for k in keys or ("bits", "group", "sym", "act_order"))

    def ours(self, method=None):
        return self.facts["tool"] == OURS and method in (None, self.facts["method"])


def measure(a, folder):
    """The answer of the evaluator; an answer that is newer than the folder is used again."""
    kept = a.answers / f"{folder.resolve().parent.name}-{folder.name}.json"
    newest = max(f.stat().st_mtime for f in folder.iterdir())
    argv = [*shlex.split(a.evaluator), str(folder), "--reference", str(a.fp16), "--text-file",
            str(a.text), "--window", str(a.window), "--json", "--per-document"]
    if kept.exists() and kept.stat().st_mtime > newest:
        answer = json.loads(kept.read_text())
        if answer["argv"] == argv:
            return answer
    print(f"measuring {folder}", file=sys.stderr)
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"compare: {shlex.join(argv)} exited {done.returncode}:\n{done.stderr[-2000:]}")
    answer = {"argv": argv, **json.loads(done.stdout)}
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(answer))
    return answer


def claims(variants):
    """(what is claimed, the left folder, the right folder, limit, whether the limit itself is bad)"""
    ours = [v for v in variants if v.ours()]
    four = [v for v in ours if v.facts["bits"] == 4]
    rtn = {v.form("group", "sym"): v for v in four if v.ours("rtn")}
    for a in (v for v in ours if v.ours("int8")):
        yield from (("INT8 is better than 4 bit", a, b, 1, True) for b in four)
    for a in four:
        b = rtn.get(a.form("group", "sym"))
        if b and a.ours("gptq"):
            yield "GPTQ is better than rounding", a, b, 1, True
        if b and a.ours("awq"):
            yield "AWQ is as good as rounding", a, b, AWQ_LIMIT, False
    for a in ours:
        for b in variants:
            if not b.ours() and a.facts["method"] == b.facts["method"] and a.form() == b.form():
                yield "as good as the tool's", a, b, TOOL_LIMIT, False


class Bootstrap:
    """Draws of documents, one set for all: [draws, documents] how often each was drawn."""

    def __init__(self, n):
        self.weights = np.random.default_rng(SEED).multinomial(n, np.full(n, 1 / n), DRAWS)

    def mean(self, v):
        return (self.weights @ v.kl) / (self.weights @ v.scored)

    def ratio(self, a, b):
        return (self.weights @ a.kl) / (self.weights @ b.kl)


def interval(draws):
    low, high = np.quantile(draws, [1 - LEVEL, LEVEL])
    return f"{low:.3g} to {high:.3g}"


def variant_rows(variants, boot):
    yield "| folder | tool | mean KL | 90 % interval | same top | perplexity | seconds | MiB |"
    yield "|---|---|---|---|---|---|---|---|"
    for v in variants:
        version = v.facts["versions"].get(v.facts["tool"], "")
        yield (f"| `{v.name}` | {v.facts['tool']} {version} | {v.answer['kld_mean']:.4g} "
               f"| {interval(boot.mean(v))} | {100 * v.answer['same_top']:.2f} % "
               f"| {100 * v.answer['ppl_increase']:+.3f} % | {v.facts['seconds']} "
               f"| {v.facts['peak_rss_mib']:.0f} |")


def claim_rows(found, boot, verdicts):
    yield "| claim | left | right | ratio of mean KL | upper 95 % bound | limit | holds |"
    yield "|---|---|---|---|---|---|---|"
    for what, a, b, limit, strict in found:
        bound = np.quantile(boot.ratio(a, b), LEVEL)
        holds = bound < limit if strict else bound <= limit
        verdicts.append(holds)
        yield (f"| {what} | `{a.name}` | `{b.name}` | {a.kl.sum() / b.kl.sum():.3f} | {bound:.3f} "
               f"| {'<' if strict else '≤'} {limit} | {'yes' if holds else '**no**'} |")


def report(a, variants, verdicts):
    boot = Bootstrap(len(variants[0].kl))
    first = variants[0].answer
    yield f"# Quantizers on {a.fp16.name}"
    yield ""
    yield (f"KL divergence from the FP16 folder (perplexity {first['ppl_reference']:.5g}) on "
           f"`{a.text.name}`: {len(first['docs'])} documents, {first['scored']} tokens; protocol "
           f"`{first['protocol']}`. Intervals: bootstrap by document, {DRAWS:,} draws, seed {SEED}.")
    yield ""
    yield from variant_rows(variants, boot)
    yield ""
    yield from claim_rows(list(claims(variants)), boot, verdicts)
    yield ""
    yield "Made by"
    yield ""
    for v in variants:
        f = v.facts
        versions = ", ".join(f"{k} {x}" for k, x in f["versions"].items())
        yield (f"- `{v.name}`: `{f['command']}`; {f['windows']} windows of {f['window']}"
               + f"; {versions}" * bool(versions))


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("fp16", type=pathlib.Path)
    p.add_argument("folders", type=pathlib.Path, nargs="+", help="each with FOLDER.json beside it")
    p.add_argument("--text", type=pathlib.Path, default=ROOT / "suites/data/validation.txt")
    p.add_argument("--window", type=int, default=512)
    p.add_argument("--evaluator", default=f"{ROOT / 'build/quantgate'} eval",
                   help="the command that measures a folder")
    p.add_argument("--answers", type=pathlib.Path, default=ROOT / "build/quality",
                   help="where what was measured is kept")
    p.add_argument("-o", "--out", type=pathlib.Path, help="a Markdown file; else standard output")
    a = p.parse_args()
    variants = [Variant(f, measure(a, f)) for f in a.folders]
    if any((v.scored != variants[0].scored).any() for v in variants):
        sys.exit("compare: the folders were not measured on the same tokens")
    verdicts = []
    text = "\n".join(report(a, variants, verdicts)) + "\n"
    if a.out:
        a.out.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    print(f"compare: {sum(verdicts)} of {len(verdicts)} claims hold", file=sys.stderr)
    sys.exit(2 if not verdicts else 0 if all(verdicts) else 1)


if __name__ == "__main__":
    main()
