"""Forms for charts: metrics.prom by both parsers of prometheus-client, github-action-benchmark, Bencher."""
import json
import re

from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as openmetrics_parser
from record import agree, clean, expect, same

UNITS = {"_seconds": 1e9, "_bytes": 1, "_ratio": 1, "_tokens_per_second": 1, "_nats": 1, "_tokens": 1, "": 1}
POINTS = {"accuracy_drop"}
# As in record/metric.h: what is better when it is greater.
BENEFITS = {"throughput", "throughput_vs_fp16", "drift_same_top", "same_top", "greedy_match", "accuracy"}


def metric_of(sample):
    """The record's name of a sample, and by what its value is to be multiplied; None: another family."""
    name = sample.name.removeprefix("quantgate_")
    if re.search(r"_(budget|interval)(_|$)|_(count|sum)$", name) or "case" not in sample.labels:
        return None, 0
    if name == "judgements":
        return None, 0
    for unit, times in UNITS.items():
        if unit and name.endswith(unit):
            name = name.removesuffix(unit)
            break
    else:
        times = 1
    if "quantile" in sample.labels:
        name += f"_p{round(float(sample.labels['quantile']) * 100)}"
    return name, 100 if name in POINTS else times


def check_metrics(record, path, both):
    with open(path, encoding="utf-8", newline="") as f:
        text = f.read()
    families = list(openmetrics_parser.text_string_to_metric_families(text))
    samples = [s for f in families for s in f.samples]
    same("metrics: each once", len({(s.name, tuple(sorted(s.labels.items()))) for s in samples}), len(samples))
    same("metrics: judgements", sum(s.value for s in samples if s.name == "quantgate_judgements"),
         len(record.judgements))
    verdicts = {s.labels["verdict"]: s.value for s in samples if s.name == "quantgate_verdict"}
    same("metrics: verdict", [v for v, n in verdicts.items() if n], [record.run["verdict"]])
    same("metrics: suite", {s.labels.get("suite", "") for s in samples}, {clean(record.run["suite"])})
    found = {}
    for s in samples:
        metric, times = metric_of(s)
        if metric:
            found.setdefault(s.labels["case"], {})[metric] = s.value * times
    for case in record.run["cases"]:
        agree(f"metrics: {case['id']}", found.get(clean(case["id"]), {}), record.numbers(case))
    models = {s.labels["case"]: s.labels.get("model", "") for s in samples if metric_of(s)[0]}
    for case in record.run["cases"]:
        same(f"metrics: model of {case['id']}", models.get(clean(case["id"]), clean(case["model"])),
             clean(case["model"]))
    if both:
        older = [(s.name, s.labels, s.value) for f in text_parser.text_string_to_metric_families(text)
                 for s in f.samples]
        same("metrics: the older text format reads the same", older,
             [(s.name, s.labels, s.value) for s in samples])


def check_bencher(record, path):
    with open(path, encoding="utf-8") as f:
        benchmarks = json.load(f)
    for case in record.run["cases"]:
        name = clean(f"{record.run['suite']}: {case['id']}", lines=False).encode()[:1024].decode(errors="ignore")
        measures = benchmarks.pop(name, {})
        agree(f"bmf: {case['id']}", {k.replace("-", "_"): v["value"] for k, v in measures.items()},
              record.numbers(case))
        for measure, numbers in measures.items():
            expect(f"bmf: {measure} is a slug", re.fullmatch("[a-z0-9-]{1,64}", measure))
            expect("bmf: keys", set(numbers) <= {"value", "lower_value", "upper_value"})
    same("bmf: no others", list(benchmarks), [])


def check_ghbench(record, smaller, bigger):
    scale = {"ms": 1e6, "%": .01}
    found = {}
    for path, is_benefit in ((smaller, False), (bigger, True)):
        with open(path, encoding="utf-8") as f:
            entries = json.load(f)
        for e in entries:
            expect("ghbench: keys", set(e) - {"range"} == {"name", "unit", "value", "extra"})
            expect("ghbench: range", re.fullmatch("± [0-9.e+-]+", e.get("range", "± 0")), e.get("range"))
            expect("ghbench: a name is one cell", not re.search("[`|\n]", e["name"]), e["name"])
            case, metric = e["name"].rsplit(" ", 1)
            same(f"ghbench: file of {metric}", metric in BENEFITS, is_benefit)
            found.setdefault(case, {})[metric] = e["value"] * scale.get(e["unit"], 1)
    for case in record.run["cases"]:
        name = clean(case["id"], lines=False).replace("`", "'").replace("|", "/")
        agree(f"ghbench: {case['id']}", found.get(name, {}), record.numbers(case))


def check(record, folder, both=True):
    check_metrics(record, folder / "metrics.prom", both)
    check_bencher(record, folder / "bmf.json")
    check_ghbench(record, folder / "ghbench-smaller.json", folder / "ghbench-bigger.json")
