#!/usr/bin/env python3
"""Writes a record of 10,000 cases, the most that a record may hold, made of a stored one.

    big.py RUN.json OUT.json
"""
import copy
import json
import sys

run = json.load(open(sys.argv[1], encoding="utf-8"))
case = next(c for c in run["cases"] if c["id"] == "fp16/perf/b1")
judged = [j for j in run["judgements"] if j["case"] == case["id"] and j["metric"] == "ttft_p95"]
cases, judgements = [], []
for i in range(10000):
    c = copy.deepcopy(case)
    c["model"], c["batch"] = f"m{i // 100}", 1 + i % 100
    c["id"] = f"{c['model']}/perf/b{c['batch']}"
    c["scalars"][1]["value"] += i
    cases.append(c)
    for j in copy.deepcopy(judged):
        j["case"] = c["id"]
        if i % 1000 != 999 and j["verdict"] != "pass":
            j.update(verdict="pass", exit_class=0)
        judgements.append(j)
run.update(cases=cases, judgements=judgements, blames=[], checklist=None)
json.dump(run, open(sys.argv[2], "w", encoding="utf-8"))
