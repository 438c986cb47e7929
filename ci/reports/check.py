#!/usr/bin/env python3
"""Reads every form of three runs by the readers that people use, and holds it against the record.

    check.py GOLDEN.json DIR HOSTILE.json DIR BIG.json DIR
"""
import pathlib
import sys

import charts
import junit
import record
import sarif_
import texts

elements = None
for path, folder in zip(sys.argv[1::2], map(pathlib.Path, sys.argv[2::2])):
    run = record.Record(path)
    big = len(run.cases) > 1000
    before = record.n_passed
    junit.check(run, folder / "junit.xml")
    sarif_.check(run, folder / "results.sarif")
    charts.check(run, folder, both=not big)
    found = texts.check(run, folder, elements, all_names=not big)
    elements = elements or found
    if run.run.get("blames"):  # then the file has all that one can have
        junit.check_shape(folder / "junit.xml")
    print(f"{pathlib.Path(path).name}: {len(run.cases)} cases, {len(run.judgements)} judgements, "
          f"{record.n_passed - before} statements hold")
print(f"{record.n_passed} passed, {record.n_failed} failed")
sys.exit(record.n_failed > 0)
