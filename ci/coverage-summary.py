#!/usr/bin/env python3
"""Shows what ci/coverage.sh counted on the page of a workflow's run, and holds the lines that a pull request changes.

usage: ci/coverage-summary.py          (from the repository's root, with the Python of build/venv)

Appends Markdown to $GITHUB_STEP_SUMMARY (else prints it): lines by room, the lines changed since $BASE by diff-cover over
the Cobertura file, kernels by kcheck. Exit 1 where less than 80 % of the changed lines run in a test.
"""
import collections
import json
import os
import pathlib
import re
import subprocess
import sys

FOLDER = pathlib.Path("build/coverage")
LEAST_CHANGED = 80


def rooms(coverage):
    """Lines by room, as a table."""
    total = collections.defaultdict(lambda: [0, 0])
    for file in coverage["files"]:
        parts = file["filename"].split("/")
        for key in ("/".join(parts[:2]), "all"):
            total[key][0] += file["line_covered"]
            total[key][1] += file["line_total"]
    rows = ["| room | lines run | of | share |", "|---|---:|---:|---:|"]
    for key in sorted(total, key=lambda k: (k == "all", k)):
        run, of = total[key]
        rows.append(f"| {key} | {run} | {of} | {100 * run / of if of else 100:.1f} % |")
    return rows


def changed(base):
    """(Markdown, whether enough of them run) of the lines changed since base."""
    if not re.fullmatch(r"[0-9a-f]{40}", base):
        return ["No base is known, so nothing is said of changed lines."], True
    page = FOLDER / "changed.md"
    command = [str(pathlib.Path(sys.executable).parent / "diff-cover"), str(FOLDER / "cobertura.xml"),
               f"--compare-branch={base}", f"--fail-under={LEAST_CHANGED}", "--format", f"markdown:{page}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if not page.exists():
        sys.exit(f"coverage: diff-cover failed: {done.stderr.strip()}")
    lines = [line for line in page.read_text().splitlines() if line and not line.startswith("#")]
    return [f"Since {base[:12]}:", "", *lines], done.returncode == 0


def main():
    if not (FOLDER / "coverage.json").exists():
        print("coverage: none was counted")
        return 0
    (FOLDER / "changed.md").unlink(missing_ok=True)
    coverage = json.loads((FOLDER / "coverage.json").read_text())
    told, enough = changed(os.environ.get("BASE", ""))
    text = ["# Coverage", "", *rooms(coverage), "", "## Changed lines", "", *told, "", "## Kernels", ""]
    if (FOLDER / "kernels.md").exists():
        text.append((FOLDER / "kernels.md").read_text())
    page = "\n".join(text) + "\n"
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        with open(path, "a") as summary:
            summary.write(page)
    else:
        print(page)
    if not enough:
        print(f"coverage: under {LEAST_CHANGED} % of the changed lines run in a test")
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
