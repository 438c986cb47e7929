#!/usr/bin/env python3
"""CUDA beside the CPU: what the same folder says on both, position by position, as a Markdown table.

    parity.py [--program build/quantgate] [--text suites/data/validation.txt] [--documents 40] NAME=FOLDER[:quantization[:activations]]...

For each folder, log-probabilities over the whole vocabulary of both devices (`score --top-k`), in
double here: mean KL(CPU || CUDA), the 99th percentile and the greatest of |difference of the token's
log-probability|, same-top; and greedy continuations of 64 tokens, which count where the CPU's margin
is over 0.01. Exit 1 if a limit does not hold (fp16 1e-4, weight-only 3e-4, W8A8 1e-3; 5e-2; 99.5 %
for fp16; 95 % of continuations). Needs Python 3.9 and NumPy.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
KL_LIMIT = {"fp16": 1e-4, "int8": 1e-3}  # others: weight-only
WEIGHT_ONLY, P99, SAME_TOP, GREEDY, MARGIN = 3e-4, 5e-2, 0.995, 0.95, 0.01


def ask(a, command, variant, device, lines, *more):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as f:
        f.write("".join(json.dumps(line) + "\n" for line in lines))
        f.flush()
        argv = [a.program, command, variant["folder"], "--device", device, "--input", f.name, "--json", *more]
        if variant["quantization"]:
            argv += ["--quantization", variant["quantization"]]
        if variant["activations"]:
            argv += ["--activations", variant["activations"]]
        done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"parity: {' '.join(map(str, argv))} exited {done.returncode}: {done.stderr[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def dense(token, size):
    row = np.full(size, -np.inf)
    top = np.array([(t["id"], t["logprob"]) for t in token["top"]])
    row[top[:, 0].astype(int)] = top[:, 1]
    return row


def compare(cpu, cuda, size):
    kl, delta, same = [], [], 0
    for one, other in zip(cpu, cuda):
        for p, q in zip(one["tokens"], other["tokens"]):
            lp, lq = dense(p, size), dense(q, size)
            kl.append(max(0.0, float(np.sum(np.exp(lp) * (lp - lq)))))
            same += int(np.argmax(lp) == np.argmax(lq))
            if p["logprob"] is not None:
                delta.append(abs(p["logprob"] - q["logprob"]))
    return np.mean(kl), np.quantile(delta, 0.99), np.max(delta), same / len(kl), len(kl)


def greedy(a, variant, prompts):
    """Continuations that are the same, of those that count."""
    texts = {d: ask(a, "generate", variant, d, prompts, "--max-tokens", "64", "--ignore-eos") for d in ("cpu", "cuda")}
    ids = {d: [t["completions"][0] if "completions" in t else t for t in texts[d]] for d in texts}
    counted = same = 0
    whole = [{"ids": c["prompt_ids"] + c["ids"]} for c in ids["cpu"]]
    scores = ask(a, "score", variant, "cpu", whole, "--top-k", "2", "--no-special")
    for cpu, cuda, score in zip(ids["cpu"], ids["cuda"], scores):
        first = len(cpu["prompt_ids"]) - 1
        margins = [t["top"][0]["logprob"] - t["top"][1]["logprob"] for t in score["tokens"][first:-1]]
        n = next((i for i, m in enumerate(margins) if m <= MARGIN), len(margins))
        counted += 1
        same += cpu["ids"][:n] == cuda["ids"][:n]
    return same, counted


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("variants", nargs="+", metavar="NAME=FOLDER[:quantization[:activations]]")
    p.add_argument("--program", default=str(ROOT / "build/quantgate"))
    p.add_argument("--text", default=str(ROOT / "suites/data/validation.txt"))
    p.add_argument("--documents", type=int, default=40)
    p.add_argument("--continuations", type=int, default=100)
    a = p.parse_args()
    documents = pathlib.Path(a.text).read_text().split("\n\n")
    lines = [{"text": d} for d in documents[:a.documents]]
    words = " ".join(documents).split()
    prompts = [{"text": " ".join(words[9 * i:9 * i + 4 + i % 5])} for i in range(a.continuations)]
    bad = 0
    print("| model | positions | mean KL | 99 % of abs. differences | greatest | same top | greedy |  |")
    print("|---|---|---|---|---|---|---|---|")
    for text in a.variants:
        name, _, rest = text.partition("=")
        folder, quantization, activations = (rest.split(":") + ["", ""])[:3]
        v = {"folder": folder, "quantization": quantization, "activations": activations}
        size = json.loads((pathlib.Path(folder) / "config.json").read_text())["vocab_size"]
        some = lines if size < 10000 else lines[: max(4, a.documents // 8)]
        both = [ask(a, "score", v, d, some, "--top-k", str(size)) for d in ("cpu", "cuda")]
        kl, p99, most, top, n = compare(*both, size)
        same, counted = greedy(a, v, prompts)
        kind = name.rsplit("-", 1)[-1]
        holds = (kl <= KL_LIMIT.get(kind, WEIGHT_ONLY) and p99 <= P99 and same >= GREEDY * counted
                 and (kind != "fp16" or top >= SAME_TOP))
        bad += not holds
        print(f"| {name} | {n} | {kl:.3g} | {p99:.3g} | {most:.3g} | {100 * top:.2f} % | {same} of {counted} "
              f"| {'holds' if holds else '**does not hold**'} |", flush=True)
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
