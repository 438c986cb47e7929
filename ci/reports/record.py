"""A run record as the tests of its reports see it: expected values by plain Python, from run.json alone."""
import json
import math
import re
import unicodedata

BAD = ("fail", "error", "inconclusive", "known-fail")
n_passed, n_failed = 0, 0


def expect(what, truth, detail=""):
    """Counts a statement, and prints it where it is not true."""
    global n_passed, n_failed
    if truth:
        n_passed += 1
        return
    n_failed += 1
    if n_failed <= 40:
        print(f"FAILED {what} {str(detail)[:400]}")


def same(what, found, wanted):
    expect(what, found == wanted, f"is {found!r}, not {wanted!r}")


def clean(text, lines=True):
    """What a report shows of a text: no control characters, one kind of newline, 2000 bytes at most."""
    data = (text or "").encode()
    cut = len(data) > 2000
    if cut:
        data = data[:2000]
        while data and data[-1] & 0xC0 == 0x80:
            data = data[:-1]
        text = data.decode(errors="replace")
    text = re.sub("\r(?=\n)", "", text or "")
    hidden = set("\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    out = "".join(
        c if c == "\n" and lines else " " if unicodedata.category(c) == "Cc" or c in hidden
        else "\ufffd" if c in "\ufffe\uffff" else c for c in text)
    return out + ("..." if cut else "")


def nearest_rank(samples, percent):
    return sorted(samples)[math.ceil(percent / 100 * len(samples)) - 1]


class Record:
    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            self.run = json.load(f)
        self.path = path
        self.cases = {c["id"]: c for c in self.run["cases"]}
        unsaid = {f"has_{key}": False for key in ("value", "limit", "low", "high")}
        self.judgements = [{**unsaid, "line": 0, "column": 0, **j} for j in self.run["judgements"]]
        self.judged = {}
        for j in self.judgements:
            self.judged.setdefault(j["case"] if j["case"] in self.cases else None, []).append(j)

    def numbers(self, case):
        """Metric to value, in the record's units: as budgets judged it, else as measured."""
        measured = {s["metric"]: s["value"] for s in case["scalars"]}
        for s in case["series"]:
            samples = s["samples"]
            if s["name"] == "throughput":
                measured.setdefault("throughput", nearest_rank(samples, 50))
                continue
            for p, least in ((50, 1), (95, 20), (99, 100)):
                if len(samples) >= least or len(samples) == 1:
                    measured.setdefault(f"{s['name']}_p{p}", nearest_rank(samples, p))
        n = sum(d["n_scored"] for d in case["docs"])
        if n:
            measured.setdefault("nll", sum(d["sum_nll"] for d in case["docs"]) / n)
        budgets = {}
        for j in self.judged.get(case["id"], []):
            if j["basis"] == "budget" and j["metric"]:
                measured.pop(j["metric"], None)
                if j["has_value"]:
                    budgets.setdefault(j["metric"], j["value"])
        return {**measured, **budgets}


# What the program derives from documents and sketches, beyond Record.numbers().
DERIVED = {"ppl", "ppl_increase", "kld_mean", "kld_p99", "kld_max", "same_top", "dp_rms",
           "dlogprob_p99", "greedy_same"}


def agree(what, found, wanted):
    """The numbers of a case: all that are wanted, equal, and no others but derived ones."""
    for metric, value in wanted.items():
        expect(f"{what}: {metric}", metric in found and math.isclose(found[metric], value, rel_tol=1e-12),
               f"is {found.get(metric)}, not {value}")
    same(f"{what}: no others", set(found) - set(wanted) - DERIVED, set())
