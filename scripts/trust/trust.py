#!/usr/bin/env python3
"""How far the verdicts of the gate can be trusted: false alarms where nothing changed, and slowdowns
that it finds, as a table with Clopper-Pearson bounds.

    trust.py live -n 60 OUT              runs suites/trust/aa.yaml against itself, keeps the records
    trust.py again OUT -n 20             judges each record again, n times, with the two arms of each
                                         round exchanged at random: what chance can do with this noise
    trust.py slow OUT --by 6 -n 100      judges records again, also with the arms exchanged, with the
                                         times of one arm multiplied: how often that is found
    trust.py busy -n 5 OUT               budgets of 1.2 times what a quiet run took, while other
                                         processes burn the cores: inconclusive, never fail

Each prints a Markdown table. A judgement is a false alarm where its verdict is fail. Needs nothing but
Python 3.9 and the program (--program build/quantgate).
"""
import argparse
import collections
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def binomial_at_most(k, n, p):
    return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))


def clopper_pearson(k, n, alpha=0.05):
    """One-sided ends, each missing with at most alpha (Clopper and Pearson 1934), by halving."""

    def solve(holds):
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if holds(middle) else (low, middle)
        return low

    lower = 0.0 if k == 0 else solve(lambda p: 1 - binomial_at_most(k - 1, n, p) < alpha)
    upper = 1.0 if k == n else solve(lambda p: binomial_at_most(k, n, p) > alpha)
    return lower, upper


def judge(program, record, suite):
    """The judgements of a record, and the exit code."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as f:
        json.dump(record, f)
    try:
        done = subprocess.run([program, "judge", f.name, suite, "--json"], capture_output=True, text=True)
        if done.returncode not in (0, 1, 3, 4):
            sys.exit(f"trust: {done.stderr}")
        return json.loads(done.stdout)["judgements"], done.returncode
    finally:
        os.unlink(f.name)


class Tally:
    """Verdicts by case and metric."""

    def __init__(self):
        self.counts = collections.OrderedDict()
        self.runs = self.red = 0
        self.detectable = collections.defaultdict(list)

    def add(self, judgements, code):
        self.runs += 1
        self.red += code == 1
        for j in judgements:
            key = (j["case"], j["metric"], j["basis"])
            self.counts.setdefault(key, collections.Counter())[j["verdict"]] += 1
            if j["has_detectable"] and j["is_share"]:
                self.detectable[key].append(j["detectable"])

    def table(self, what):
        print(f"| case | metric | judged | pass | inconclusive | {what} | share | 95 % | seen beyond the limit |")
        print("|---|---|---|---|---|---|---|---|---|")
        total, failed = 0, 0
        for (case, metric, basis), c in self.counts.items():
            n = sum(c.values())
            low, high = clopper_pearson(c["fail"], n)
            seen = sorted(self.detectable[(case, metric, basis)])
            middle = f"{100 * seen[len(seen) // 2]:.2f} %" if seen else ""
            print(f"| {case} | {metric} | {n} | {c['pass']} | {c['inconclusive']} | {c['fail']} | "
                  f"{100 * c['fail'] / n:.2f} % | {100 * low:.2f} to {100 * high:.2f} % | {middle} |")
            total, failed = total + n, failed + c["fail"]
        low, high = clopper_pearson(failed, total)
        print(f"| all | | {total} | | | {failed} | {100 * failed / total:.2f} % | "
              f"{100 * low:.2f} to {100 * high:.2f} % | |")
        low, high = clopper_pearson(self.red, self.runs)
        print(f"\n{self.red} of {self.runs} runs are red: {100 * self.red / self.runs:.2f} %, "
              f"95 % between {100 * low:.2f} and {100 * high:.2f} %\n")


def records(out):
    found = sorted(pathlib.Path(out).glob("*/run.json"))
    if not found:
        sys.exit(f"trust: no records in {out}: make them with `trust.py live`")
    return [json.loads(f.read_text()) for f in found]


def live(a):
    tally = Tally()
    for i in range(a.n):
        folder = pathlib.Path(a.out) / f"{i:03d}"
        done = subprocess.run([a.program, "run", a.suite, "--against", a.against or a.program, "--out", folder,
                               "--report", "json"], capture_output=True, text=True)
        if not (folder / "run.json").exists():
            sys.exit(f"trust: {done.stderr}")
        record = json.loads((folder / "run.json").read_text())
        tally.add(record["judgements"], done.returncode)
        print(f"trust: run {i + 1} of {a.n}: exit {done.returncode}", file=sys.stderr)
    tally.table("fail")


def series(record):
    """Pairs (own, other) of series of the same case and name."""
    theirs = {c["id"]: c for c in record["against"]["cases"]}
    for case in record["cases"]:
        other = {s["name"]: s for s in theirs[case["id"]]["series"]} if case["id"] in theirs else {}
        for s in case["series"]:
            if s["name"] in other:
                yield case, s, other[s["name"]]


def again(a):
    rng, tally = random.Random(1), Tally()
    for record in records(a.out):
        for _ in range(a.n):
            swap = {}
            for case, own, other in series(record):
                n = len(case["series"][0]["samples"]) // 2
                flips = swap.setdefault(case["id"], [rng.random() < 0.5 for _ in range(n)])
                a_run = len(own["samples"]) // (2 * n)
                for i, flip in enumerate(flips):
                    if flip:
                        at = slice(2 * i * a_run, 2 * (i + 1) * a_run)
                        own["samples"][at], other["samples"][at] = other["samples"][at], own["samples"][at]
            tally.add(*judge(a.program, record, a.suite))
    tally.table("fail")


def slow(a):
    tally, factor = Tally(), 1 + a.by / 100
    tried = [(record, exchange) for exchange in (False, True) for record in records(a.out)][:a.n]
    for original, exchange in tried:
        record = json.loads(json.dumps(original))
        for _, own, other in series(record):
            if exchange:
                own["samples"], other["samples"] = other["samples"], own["samples"]
            own["samples"] = [x / factor if own["name"] == "throughput" else x * factor for x in own["samples"]]
        tally.add(*judge(a.program, record, a.suite))
    tally.table("found")


def busy(a):
    folder = pathlib.Path(a.out) / "quiet"
    subprocess.run([a.program, "run", a.suite, "--out", folder, "--report", "json"], capture_output=True)
    rows = []
    for case in json.loads((folder / "run.json").read_text())["cases"]:
        p50 = {s["name"]: sorted(s["samples"])[(len(s["samples"]) - 1) // 2] for s in case["series"]}
        rows.append(f"    {case['model']}: [{{batch: 1, ttft_p50: {a.budget * p50['ttft']:.0f} ns, "
                    f"tpot_p50: {a.budget * p50['tpot']:.0f} ns, throughput: {p50['throughput'] / a.budget:.0f} tok/s}}]")
    tight = pathlib.Path(a.out) / "tight.yaml"
    text = (ROOT / a.suite).read_text().split("regression:")[0]
    tight.write_text(text + "  budgets:\n" + "\n".join(rows) + "\n")
    a.suite = tight
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
               for _ in range(os.cpu_count() if a.burners is None else a.burners)]
    tally = Tally()
    try:
        for i in range(a.n):
            folder = pathlib.Path(a.out) / f"busy-{i:03d}"
            done = subprocess.run([a.program, "run", a.suite, "--out", folder, "--report", "json"],
                                  capture_output=True, text=True)
            if not (folder / "run.json").exists():
                sys.exit(f"trust: {done.stderr}")
            tally.add(json.loads((folder / "run.json").read_text())["judgements"], done.returncode)
    finally:
        for b in burners:
            b.kill()
    tally.table("fail")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=["live", "again", "slow", "busy"])
    p.add_argument("out", help="folder of the records")
    p.add_argument("-n", type=int, default=20)
    p.add_argument("--by", type=float, default=6, help="slowdown in percent")
    p.add_argument("--burners", type=int, help="processes that burn a core each (as many as cores)")
    p.add_argument("--budget", type=float, default=1.2, help="times what a quiet run took (busy)")
    p.add_argument("--program", default=str(ROOT / "build/quantgate"))
    p.add_argument("--against", help="another program (the same)")
    p.add_argument("--suite", default="suites/trust/aa.yaml")
    a = p.parse_args()
    {"live": live, "again": again, "slow": slow, "busy": busy}[a.what](a)


if __name__ == "__main__":
    main()
