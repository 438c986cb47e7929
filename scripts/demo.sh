#!/usr/bin/env bash
# Installs what is missing, builds, judges the embedded models and leaves quantgate-report/SUITE/.
# The exit code is the gate's: 0 passed, 1 a budget was violated, 2 wrong input, 3 the machine failed.
set -eu
cd "$(dirname "$0")/.."
report=quantgate-report

scripts/bootstrap.sh
echo "demo: building build/quantgate"
make -s -j"$(nproc)" build/quantgate
suites=(suites/smoke.yaml suites/smoke-opt.yaml suites/quant/llama.yaml suites/quant/opt.yaml)
export QUANTGATE_CACHE=$PWD/build/cache # of the models that suites make
echo "demo: build/quantgate run ${suites[*]} --out $report"
rm -f "$report"/*/report.txt # of an earlier run
code=0
build/quantgate run "${suites[@]}" --out "$report" || code=$?
# The tables are long: what they came to, once more.
for suite in "${suites[@]}"; do
    name=$(basename "$suite" .yaml)
    echo "demo: $name: $(grep -h ' judgements: ' "$report/$name/report.txt" || echo 'no report')"
done
echo "demo: exit code $code after $SECONDS s; the reports are in $report/"
exit "$code"
