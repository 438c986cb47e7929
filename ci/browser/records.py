"""Run records made by hand for the tests of the dashboard: what they hold is stated here, and the tests expect it.

`gate`: RUNS runs of four models, one every twelve hours, on the branch main of one machine, with every tenth on
the branch next of another. From run STEP on the time per token of awq is 10 % up. The last run has a failure, an
open judgement, two known failures (one expired) and a checklist.
`other`: the first three of these.
A hostile suite: names that would be markup, scripts or keys of an object, were they not text.
"""
import copy
import json
import pathlib
import subprocess
import sys
from datetime import datetime, timezone

RUNS, STEP, LAST = 60, 40, "2026-02-01T12:00:00Z"
EPOCH = 1769947200  # of LAST
HOSTILE = '<script>window.pwned=1</script>"><img src=x onerror="window.pwned=1"> __proto__ \u2028'
# model: weights in bytes, KL in nats (the reference has none), time per token in ns
MODELS = {"fp16": (8388608, None, 8000000), "int8": (4194304, 0.001953125, 6000000),
          "gptq": (3145728, 0.015625, 5000000), "awq": (3145728, 0.0078125, 4000000)}

TEMPLATE = json.loads((pathlib.Path(__file__).parents[2] / "golden/reports/run.json").read_text(encoding="utf-8"))
CASE = {**TEMPLATE["cases"][1], "series": [], "scalars": [], "docs": [], "group": None, "log": None, "message": None}
JUDGEMENT = TEMPLATE["judgements"][0]


def noise(run, salt):
    """A small number that looks random and is the same everywhere: -1 to 1."""
    return ((run * 7919 + salt * 104729) % 1009) / 504.5 - 1


def tpot(model, run):
    step = 1.1 if model == "awq" and run >= STEP else 1
    return round(MODELS[model][2] * step * (1 + 0.004 * noise(run, MODELS[model][2] % 97)))


def case(model, batch):
    kind = f"perf/b{batch}" if batch else "quality"
    return {**copy.deepcopy(CASE), "id": f"{model}/{kind}", "model": model, "method": model, "batch": batch,
            "kind": "performance" if batch else "quality", "input_len": 64 if batch else 0}


def judgement(case_id, metric, value, limit, verdict="pass", **more):
    return {**JUDGEMENT, "case": case_id, "metric": metric, "verdict": verdict, "value": value, "limit": limit,
            "exit_class": 0, "has_p": False, "message": None, "fix": None, **more}


def gate(run):
    record = copy.deepcopy(TEMPLATE)
    cases, judgements = [], []
    for model, (weights, kl, _) in MODELS.items():
        for batch in (1, 4):
            one = case(model, batch)
            one["scalars"] = [{"metric": "weights", "value": weights, "n": 1},
                              {"metric": "memory_peak", "value": weights + batch * 1048576, "n": 1}]
            cases.append(one)
            value = tpot(model, run) * (1 if batch == 1 else 1.5)
            judgements.append(judgement(one["id"], "tpot_p50", value, MODELS[model][2] * 2, n=60, has_low=True,
                                        low=value * 0.98, has_high=True, high=value * 1.02, confidence=0.95,
                                        test="order statistics"))
        text = case(model, 0)  # the memory of this one is not that of a batch
        text["scalars"] = [{"metric": "memory_peak", "value": weights + 99 * 1048576, "n": 1}]
        cases.append(text)
        if kl:
            judgements.append(judgement(f"{model}/quality", "kld_mean", kl, 0.02))
    for basis, base in (("baseline", 8000000), ("anchor", 7500000)):
        judgements.append(judgement("fp16/perf/b1", "tpot_p50", tpot("fp16", run) / base - 1, 0.1, basis=basis, n=60,
                                    has_base=True, base=base, is_share=True))
    if run == RUNS - 1:
        judgements[0].update(verdict="fail", exit_class=1, message="tpot_p50 is over its budget")
        judgements[1].update(verdict="inconclusive", message="not decided")
        judgements[2].update(verdict="known-fail", message="it is known", issue="https://example.com/issues/1",
                             expires="2026-12-31")
        judgements[3].update(verdict="fail", exit_class=1, message="its day is over", issue="javascript:pwned=1",
                             expires="2026-01-15")
    else:
        record["checklist"] = None
    record.update(suite="gate", cases=cases, judgements=judgements, notices=[], partial=False,
                  verdict="fail" if run == RUNS - 1 else "pass", exit_code=int(run == RUNS - 1),
                  models=[{**TEMPLATE["models"][0], "name": m, "method": m, "quantized": None,
                           "bits": 4 if m in ("gptq", "awq") else 0, "group_size": 64 if m in ("gptq", "awq") else 0}
                          for m in MODELS])
    return stamped(record, run)


def is_next(run):
    return run % 10 == 9 and run != RUNS - 1


def stamped(record, run):
    """Its time, and its machine by the branch."""
    at = datetime.fromtimestamp(EPOCH - (RUNS - 1 - run) * 43200, timezone.utc)
    record["started"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    if is_next(run):
        record["machine"] = {**record["machine"], "cpu": "Another CPU", "fingerprint": "beefbeefbeef"}
    return record


def hostile(run):
    record = gate(0)
    text = json.dumps(record).replace('"awq"', json.dumps(HOSTILE)).replace("awq/", json.dumps(HOSTILE + "/")[1:-1])
    record = json.loads(text)
    record["judgements"][-1].update(verdict="known-fail", message=HOSTILE, issue="javascript:window.pwned=1",
                                    expires=HOSTILE)
    record.update(suite=HOSTILE, verdict="known-fail", machine={**record["machine"], "cpu": HOSTILE})
    return stamped(record, run)


def commit(run):
    return f"{0xc0ffee00 + run:040x}"


def coverage(lines):
    """What gcovr --json-summary would write of two files."""
    def counts(prefix_covered, total):
        return {f"{k}_{what}": n for k in ("line", "function", "branch")
                for what, n in (("covered", prefix_covered), ("total", total))}
    return {"root": ".", "gcovr/summary_format_version": "0.6", **counts(lines + 50, 200),
            "files": [{"filename": "src/a.c", **counts(lines, 100)}, {"filename": f"src/{HOSTILE}.c", **counts(50, 100)}]}


KCHECK = "case,tier,min_ns\nrmsnorm_1x576,ref,1\nrmsnorm_3x7,ref,1\nw4_2x8,ref,1\nrmsnorm_1x576,avx2,1\n"


NOISE = """# quantgate calibrate suites/release.yaml
case,metric,runs,samples,value,half_width,between,paired
fp16/perf/b1,tpot_p50,5,60,8000000,0.01,0.02,0.01
"""


def append(program, folder, database, record, branch, commit_hash):
    path = folder / "run.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    subprocess.run([program, "history", "append", database, path.name, "--branch", branch, "--commit", commit_hash],
                   cwd=folder, check=True, stdout=subprocess.DEVNULL)


def main():
    """records.py PROGRAM FOLDER: gate.db, hostile.db, empty.db, summaries of coverage and kcheck.csv in there."""
    program, folder = str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2])
    (folder / "golden/noise").mkdir(parents=True)
    fingerprint = TEMPLATE["machine"]["fingerprint"]
    for run in range(RUNS):
        if run == RUNS - 1:  # calibrated before the last run
            (folder / f"golden/noise/gate-{fingerprint}.csv").write_text(NOISE, encoding="utf-8")
        append(program, folder, "gate.db", gate(run), "next" if is_next(run) else "main", commit(run))
    for run in range(3):
        append(program, folder, "gate.db", {**gate(run), "suite": "other"}, "main", commit(run))
    for run in range(15):
        append(program, folder, "hostile.db", hostile(run), HOSTILE, HOSTILE)
    append(program, folder, "empty.db", gate(0), "main", commit(0))
    for name, lines in (("old", 70), ("new", 90)):
        (folder / f"{name}.json").write_text(json.dumps(coverage(lines)), encoding="utf-8")
    (folder / "kcheck.csv").write_text(KCHECK, encoding="utf-8")


if __name__ == "__main__":
    main()
