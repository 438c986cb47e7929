#!/usr/bin/env python3
"""Makes a synthetic history out of one run record, to look at the dashboard with and to take its pictures of.

    build/quantgate run SUITE --out out
    scripts/demo-history.py out/run.json demo.db                  # more records: more suites in one history
    build/quantgate dashboard --history demo.db -o site

Each record is the given one with other times: noise of some percent, one busy machine in thirty runs, one step
(the time per token of the last model grows by 7 % in the last tenth) and one drift (the time to the first token
of the first model, 8 % over the second half). One quantizer gets better on the way. Values, intervals and
verdicts are changed alike; commits are made up. Nothing of it was measured, and each record says so.
"""
import argparse
import copy
import datetime
import hashlib
import json
import random
import subprocess
import tempfile

TIMES = ("ttft", "tpot", "itl", "e2e", "throughput")
DAY = "%Y-%m-%dT%H:%M:%SZ"


def factors(rng, i, n, models):
    """What each model's times and qualities are multiplied with in run i of n: (model, series) to a factor."""
    busy = 1.25 if rng.random() < 1 / 30 else 1
    out = {}
    for model in models:
        for name in TIMES:
            out[model, name] = busy * rng.lognormvariate(0, 0.012)
    if i >= 0.9 * n:
        out[models[-1], "tpot"] *= 1.07
    if i > n / 2:
        out[models[0], "ttft"] *= 1 + 0.08 * (i / n - 0.5) * 2
    for model in models:
        out[model, "throughput"] = 1 / out[model, "tpot"]
        out[model, "kld"] = 0.8 if model == models[-2] and i >= 0.35 * n else 1
    return out


def factor_of(made, model, metric):
    """The factor of a metric: those of a series for its percentiles, of KL for its mean; else 1."""
    if metric.endswith("_vs_fp16"):
        return 1
    name = metric.split("_")[0]
    return made.get((model, name), 1)


def within(judgement, value):
    return value >= judgement["limit"] if judgement["at_least"] else value <= judgement["limit"]


def judge(judgement):
    """Pass, fail or inconclusive by the interval, or by the value alone."""
    ends = [judgement[end] for end in ("low", "high") if judgement["has_" + end]] or [judgement["value"]]
    inside = [within(judgement, end) for end in ends]
    return "pass" if all(inside) else "inconclusive" if any(inside) else "fail"


def shift(record, made):
    model_of = {case["id"]: case["model"] for case in record["cases"]}
    for case in record["cases"]:
        case["gold"] = case["kld"] = None  # by far the most of a record, and no history keeps them
        for series in case["series"]:
            factor = made[case["model"], series["name"]]
            series["samples"] = [round(sample * factor, 3) for sample in series["samples"]]
    for judgement in record["judgements"]:
        if judgement["basis"] != "budget" or not (judgement["has_value"] and judgement["has_limit"]):
            continue
        factor = factor_of(made, model_of.get(judgement["case"]), judgement["metric"] or "")
        for key in ("value", "low", "high"):
            judgement[key] *= factor
        if factor != 1:
            judgement["verdict"] = judge(judgement)
            judgement["message"] = None if judgement["verdict"] == "pass" else \
                f"{judgement['metric']} is not within its budget (synthetic)"


def fold(record):
    verdicts = [judgement["verdict"] for judgement in record["judgements"]]
    record["verdict"] = next((v for v in ("error", "fail") if v in verdicts), "pass")
    record["exit_code"] = {"pass": 0, "fail": 1, "error": 2}[record["verdict"]]


def append(options, record, commit):
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(record, file)
        file.flush()
        subprocess.run([options.program, "history", "append", options.history, file.name, "--branch", "main", "--commit",
                        commit, "--repository", "https://github.com/owner/repository"], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)


def main():
    parser = argparse.ArgumentParser(description="makes a synthetic history out of one run record")
    parser.add_argument("record", help="run.json of a run of some models")
    parser.add_argument("history", help="the history that they are appended to")
    parser.add_argument("--program", default="build/quantgate")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with open(options.record, encoding="utf-8") as file:
        first = json.load(file)
    rng = random.Random(options.seed)
    models = list(dict.fromkeys(case["model"] for case in first["cases"]))
    models = models * 2 if len(models) == 1 else models
    last = datetime.datetime.strptime(first["started"], DAY)
    for i in range(options.runs):
        record = copy.deepcopy(first)
        at = last - datetime.timedelta(hours=11 * (options.runs - 1 - i), minutes=rng.randrange(60))
        record["started"] = at.strftime(DAY)
        record["notices"] = ["synthetic: made by scripts/demo-history.py out of one run"]
        shift(record, factors(rng, i, options.runs, models))
        fold(record)
        append(options, record, hashlib.sha1(at.strftime("%Y-%m-%d").encode()).hexdigest())
    print(f"{options.runs} synthetic records of '{first['suite']}' in {options.history}")


main()
