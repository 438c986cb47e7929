#!/usr/bin/env bash
# All tests again under AddressSanitizer and UndefinedBehaviorSanitizer: unit, kernels, transcripts, suites.
# The times that the suite measures mean nothing here, so a violated latency budget (exit code 1) is no failure.
set -eu
cd "$(dirname "$0")/.."
export SAN=1 CK_TIMEOUT_MULTIPLIER=10
make -s all
# Each uses little more than one core: side by side.
mkdir -p build/ci
GOMP_SPINCOUNT=2000 build/san/kcheck >build/ci/san-kcheck.log 2>&1 &
kernels=$!
trap 'kill $kernels 2>/dev/null || true' EXIT
make -s check
wait $kernels || { tail -n 60 build/ci/san-kcheck.log && exit 1; }
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
