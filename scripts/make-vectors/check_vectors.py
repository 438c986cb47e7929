#!/usr/bin/env python3
"""How far the program is from the committed vectors: one row a folder, for a person to read.

How: the ids of each line of golden/vectors/*/NAME.jsonl go through `score`, and the
log-probability of each id is held against the line's. `make check` holds the same, by position and
with the best ids too (vectors_check); this prints the table. Exit 1 over tolerance.

    check_vectors.py [--tier ref] [--only PART_OF_NAME]
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
VECTORS = ROOT / "golden/vectors"
ELSEWHERE = ("golden/models", "models")
WEIGHTS, ROUNDED = 1e-3, 2e-2


def scored(a, folder, lines):
    """Log-probabilities of each line's ids as the program gives them."""
    config = json.loads((folder / "config.json").read_text())
    scaling = config.get("rope_scaling") or config.get("rope_parameters") or {}
    # a dynamic RoPE depends on the length of the pass: each line with its own
    dynamic = "dynamic" in (scaling.get("rope_type"), scaling.get("type"))
    for part in [[v] for v in lines] if dynamic else [lines]:
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as f:
            f.write("".join(json.dumps({"ids": v["ids"]}) + "\n" for v in part))
            f.flush()
            more = ["--max-model-len", str(len(part[0]["ids"]))] if dynamic else []
            more += ["--tier", a.tier] if a.tier else []
            done = subprocess.run([a.program, "score", folder, "--json", "--input", f.name, *more],
                                  capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"check_vectors: {folder.name}: {done.stderr}")
        for line in done.stdout.splitlines():
            yield [t["logprob"] for t in json.loads(line)["tokens"]][1:]


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--program", type=pathlib.Path, default=ROOT / "build/quantgate")
    p.add_argument("--tier", help="highest kernel tier")
    p.add_argument("--only", default="", help="vectors whose name contains this")
    a = p.parse_args()
    failed = 0
    print("| vectors | largest | 99th percentile | mean | positions |\n|---|---|---|---|---|")
    for path in sorted(VECTORS.glob("*/*.jsonl")):
        name = f"{path.parent.name}/{path.stem}"
        lines = [json.loads(v) for v in path.read_text().splitlines()]
        folders = [path.with_suffix(""), *(ROOT / e / path.stem for e in ELSEWHERE)]
        folder = next((f for f in folders if f.is_dir()), None)
        if a.only not in name or lines[0].get("format") != "logprobs 1" or not folder:
            continue
        d = sorted(abs(x - y) for v, got in zip(lines[1:], scored(a, folder, lines[1:]))
                   for x, y in zip(v["logprob"][1:], got))
        most = d[(99 * len(d) + 99) // 100 - 1]
        rounded = lines[0].get("method") == "int-quantized"
        bad = most > ROUNDED if rounded else d[-1] > WEIGHTS
        failed += bad
        print(f"| `{name}` | {d[-1]:.1e} | {most:.1e} | {sum(d) / len(d):.1e} | {len(d)} |"
              + " over" * bad, flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
