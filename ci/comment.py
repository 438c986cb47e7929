#!/usr/bin/env python3
"""The comment of a pull request, in Markdown, from the artifact of a run that may be made by a stranger.

usage: ci/comment.py REPORT.zip URL

Nothing is unpacked. Of the records (run.json at the top, or in a folder each for several suites) only these are read:
numbers as numbers, verdicts out of a list, names by a set of letters that mean nothing in Markdown, HTML or to a
mailer, each of a bounded length. A record that is not so is said to be unreadable.
"""
import json
import math
import re
import sys
import zipfile

MOST_RECORDS, MOST_BYTES, MOST_ROWS = 20, 64 << 20, 20
VERDICTS = ("pass", "fail", "inconclusive", "skip", "known-fail", "error")
SHOWN = ("fail", "error", "inconclusive", "known-fail")  # worst first


def name(value):
    """A name without what could be markup, a mention or a link."""
    if not isinstance(value, str):
        return "?"
    return re.sub(r"[^A-Za-z0-9/_.+-]", "?", value[:80]) or "?"


def number(value):
    ok = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return f"{value:.4g}" if ok else "-"


def verdict(value):
    return value if isinstance(value, str) and value in VERDICTS else "error"


def judgements(run):
    found = run.get("judgements")
    return [j for j in found if isinstance(j, dict)] if isinstance(found, list) else []


def records(path):
    """(folder, record or None) for each run.json."""
    with zipfile.ZipFile(path) as archive:
        found = [i for i in archive.infolist() if re.fullmatch(r"([^/]{1,80}/)?run\.json", i.filename)]
        for info in sorted(found, key=lambda i: i.filename)[:MOST_RECORDS]:
            try:
                with archive.open(info) as member:
                    text = member.read(MOST_BYTES + 1)
                run = json.loads(text) if len(text) <= MOST_BYTES else None
            except (ValueError, RecursionError, zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError):
                run = None
            yield run if isinstance(run, dict) else None


def rows(runs):
    """The judgements to show, worst first: (rank, line)."""
    for run in runs:
        for j in judgements(run):
            v = verdict(j.get("verdict"))
            if v in SHOWN:
                value = number(j.get("value")) if j.get("has_value") is True else "-"
                limit = number(j.get("limit")) if j.get("has_limit") is True else "-"
                yield (SHOWN.index(v), f"| `{name(run.get('suite'))}` | `{name(j.get('case'))}` | `{name(j.get('metric'))}` "
                                       f"| {value} | {limit} | {v} |")


def main():
    path, url = sys.argv[1:]
    try:
        runs = list(records(path))
    except (zipfile.BadZipFile, OSError):
        runs = [None]
    read = [r for r in runs if r is not None]
    print("<!-- quantgate -->\n### quantgate\n")
    print("| suite | verdict | judgements |\n|---|---|---|")
    for run in read:
        counts = {}
        for j in judgements(run):
            counts[verdict(j.get("verdict"))] = counts.get(verdict(j.get("verdict")), 0) + 1
        told = ", ".join(f"{counts[v]} {v}" for v in VERDICTS if v in counts) or "none"
        print(f"| `{name(run.get('suite'))}` | **{verdict(run.get('verdict'))}** | {told} |")
    if len(read) < len(runs) or not runs:
        print("\nA record of this run is missing or cannot be read.")
    shown = [line for _, line in sorted(rows(read), key=lambda r: r[0])]
    if shown:
        print("\n| suite | case | metric | value | limit | verdict |\n|---|---|---|---|---|---|")
        print("\n".join(shown[:MOST_ROWS]))
        if len(shown) > MOST_ROWS:
            print(f"\nand {len(shown) - MOST_ROWS} more.")
    print(f"\nAs the run of this pull request told it; the reports are with [the run]({url}).")


if __name__ == "__main__":
    main()
