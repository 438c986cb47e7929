#!/usr/bin/env python3
"""Where a decode step's time goes: each kernel alone under Nsight Compute (ncu), as Markdown.

    profile.py [--program build/quantgate] [--batch 1] [--preset llama2-7b] [BENCH OPTION...]

Runs `quantgate bench --synth` with the options that follow, such as --bits 4 --group-size 128, and takes the last step of
it: what lies between the last two choices of a token. Times are of kernels that run alone, with clocks as they are: a
graph runs them closer together than their sum, since the next one comes up while the last one still runs. Needs ncu and
the right to read the counters of the GPU; a step is some hundred kernels, of which each takes ncu some ten milliseconds.
"""
import argparse
import collections
import csv
import io
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIME, READ, WRITTEN = "gpu__time_duration.sum", "dram__bytes_read.sum", "dram__bytes_write.sum"


def launches(text):
    """Of each launch in order: its kernel's name and its metrics, in ns and bytes."""
    lines = text.splitlines()
    first = next((i for i, line in enumerate(lines) if line.startswith('"ID"')), None)
    if first is None:
        sys.exit(f"profile: ncu left no table:\n{text[-3000:]}")
    found = collections.OrderedDict()
    for row in csv.DictReader(io.StringIO("\n".join(lines[first:]))):
        if not row.get("Metric Value"):
            continue
        launch = found.setdefault(row["ID"], {"name": row["Kernel Name"]})
        launch[row["Metric Name"]] = float(row["Metric Value"].replace(",", ""))
    return list(found.values())


def last_step(all_launches):
    """What comes after the last but one run of argmax kernels, up to the last one."""
    chooses = ["argmax" in launch["name"] for launch in all_launches]
    ends = [i for i, is_one in enumerate(chooses) if is_one and (i + 1 == len(chooses) or not chooses[i + 1])]
    if len(ends) < 2:
        sys.exit(f"profile: {len(ends)} steps in {len(all_launches)} kernels: two are needed")
    return all_launches[ends[-2] + 1 : ends[-1] + 1]


def time_of(some):
    return sum(launch[TIME] for launch in some)


def table(step):
    kinds = {}
    for launch in step:
        name = re.sub(r"^void |\(.*$", "", launch["name"])
        kinds.setdefault(f"`{name}`", []).append(launch)
    rows = sorted(kinds.items(), key=lambda item: -time_of(item[1])) + [("all", step)]
    lines = ["| kernel | launches | us | share | MB read and written | GB/s |", "|---|---|---|---|---|---|"]
    for name, some in rows:
        time, moved = time_of(some), sum(launch.get(READ, 0) + launch.get(WRITTEN, 0) for launch in some)
        share = f"{100 * time / time_of(step):.0f} %"
        lines.append(f"| {name} | {len(some)} | {time / 1e3:.0f} | {share} | {moved / 1e6:.0f} | {moved / time:.0f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/quantgate"), help="the binary itself, not a script that starts it")
    parser.add_argument("--batch", default="1")
    parser.add_argument("--preset", default="llama2-7b")
    args, rest = parser.parse_known_args()
    bench = [args.program, "bench", "--synth", args.preset, *rest, "--device", "cuda", "--batch", args.batch]
    bench += ["--input-len", "16", "--output-len", "3", "--repeat", "1", "--warmup", "0"]
    ncu = ["ncu", "--clock-control", "none", "--csv", "--print-units", "base", "--metrics", f"{TIME},{READ},{WRITTEN}"]
    try:
        done = subprocess.run(ncu + bench, capture_output=True, text=True)
    except FileNotFoundError:
        sys.exit("profile: ncu is not installed (Nsight Compute, a part of the CUDA toolkit)")
    if done.returncode:
        sys.exit(f"profile: ncu exited {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    print(table(last_step(launches(done.stdout))))


if __name__ == "__main__":
    main()
