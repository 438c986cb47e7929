#!/usr/bin/env bash
# Installs what is missing, builds, judges the embedded model and leaves quantgate-report/.
# The exit code is the gate's: 0 passed, 1 a budget was violated, 2 wrong input, 3 the machine failed.
set -eu
cd "$(dirname "$0")/.."
report=quantgate-report

scripts/bootstrap.sh
echo "demo: building build/quantgate"
make -s -j"$(nproc)" build/quantgate
echo "demo: build/quantgate run suites/smoke.yaml --out $report"
code=0
build/quantgate run suites/smoke.yaml --out "$report" || code=$?
echo "demo: exit code $code after $SECONDS s; the report is in $report/"
exit "$code"
