#!/usr/bin/env bash
# All tests again under AddressSanitizer and UndefinedBehaviorSanitizer: unit, kernels, transcripts, suites.
# The times that the suite measures mean nothing here, so a violated latency budget (exit code 1) is no failure.
set -eu
cd "$(dirname "$0")/.."
export SAN=1 CK_TIMEOUT_MULTIPLIER=10
make -s all
make -s check
make -s kcheck
QG_PROGRAM=build/san/quantgate ci/cli.sh
code=0
build/san/quantgate run suites/smoke.yaml suites/smoke-opt.yaml --only '*/b1' --out build/ci/san-report || code=$?
[ $code -le 1 ]
for suite in suites/bad/*.yaml; do
    code=0
    build/san/quantgate run "$suite" >/dev/null 2>&1 || code=$?
    [ $code = 2 ] || { echo "sanitize: '$suite' exits $code, wanted 2" && exit 1; }
done
echo "sanitize: unit, kernels, transcripts and suites ran clean"
