#!/usr/bin/env python3
"""What kcheck proves, kernel by shape by tier: JSON, a table in Markdown, and a list for `quantgate dashboard --kcheck`.

usage: ci/kernels.py KCHECK DIR [KCHECK]     (the second one, if it was built with CUDA, names what is proved where a GPU is;
                                             writes DIR/kernels.json, DIR/kernels.md and DIR/kernels.csv)

Lines say little of a kernel: one pass runs them all, and no counter runs on a GPU. What counts is which shapes of which
tier were compared with the double-precision truth; `kcheck --list` names them. A tier that has sources and no case here
is one that this machine cannot run, and is said so.
"""
import collections
import json
import pathlib
import re
import subprocess
import sys

TIERS = ("ref", "avx2", "avx512", "cuda", "cuda_sm80", "cuda_sm90")


def listed(program, with_cuda):
    """{kernel: {shape: [tier, ...]}}"""
    kernels = collections.defaultdict(lambda: collections.defaultdict(list))
    lines = []
    for one, tiers in ((program, ()), (with_cuda, ("--tier", "cuda"))):
        if one and pathlib.Path(one).exists():
            lines += subprocess.run([one, "--list", *tiers], check=True, capture_output=True, text=True).stdout.splitlines()
    for line in lines:
        tier, case = line.split(" ", 1)
        kernel, _, shape = case.partition("_")
        if tier not in kernels[kernel][shape]:
            kernels[kernel][shape].append(tier)
    return kernels


def sources():
    """{tier: [file, ...]} of the folders of operations."""
    found = collections.defaultdict(list)
    pattern = re.compile(r"_(" + "|".join(sorted(TIERS, key=len, reverse=True)) + r")\.(c|cu)$")
    for path in sorted(pathlib.Path("kernels").glob("*/**/*")):
        match = pattern.search(path.name)
        if match:
            found[match[1]].append(str(path))
    return found


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    kernels, tree = listed(program, sys.argv[3] if len(sys.argv) > 3 else None), sources()
    proved = [t for t in TIERS if any(t in tiers for shapes in kernels.values() for tiers in shapes.values())]
    absent = [t for t in TIERS if t in tree and t not in proved]
    if "ref" not in proved:
        sys.exit("kernels: kcheck lists no case of the references")
    record = {
        "schema": 1,
        "tiers": proved,
        "not_proved_here": {t: tree[t] for t in absent},
        "kernels": [{"kernel": k, "shapes": [{"shape": s, "tiers": tiers} for s, tiers in sorted(shapes.items())]}
                    for k, shapes in sorted(kernels.items())],
    }
    (folder / "kernels.json").write_text(json.dumps(record, separators=(",", ":")) + "\n")
    with open(folder / "kernels.csv", "w") as cases:
        print("case,tier", file=cases)
        for kernel, shapes in kernels.items():
            for shape, tiers in shapes.items():
                print("\n".join(f"{kernel}_{shape},{tier}" for tier in tiers), file=cases)
    with open(folder / "kernels.md", "w") as page:
        print("Kernels are covered by what `kcheck` proves of each: so many shapes of a tier against the formula in "
              "double precision, with random, extreme and denormal contents, split rows and threads. CUDA kernels are "
              "covered so and in no other way: no counter of lines runs on a GPU, and these proofs run where there is one "
              "(golden/cuda/kcheck.txt has the last).\n", file=page)
        print("| kernel | " + " | ".join(proved) + " |\n|---|" + "---:|" * len(proved), file=page)
        for kernel, shapes in sorted(kernels.items()):
            counts = [sum(t in tiers for tiers in shapes.values()) for t in proved]
            print(f"| {kernel} | " + " | ".join(str(n) if n else "as below it" for n in counts) + " |", file=page)
        for tier in absent:
            print(f"\nNot proved here: {len(tree[tier])} kernel files of tier {tier}, which this machine cannot run.", file=page)
    total = sum(len(tiers) for shapes in kernels.values() for tiers in shapes.values())
    print(f"kernels: {total} proofs of {len(kernels)} kernels over {', '.join(proved)}")


if __name__ == "__main__":
    main()
