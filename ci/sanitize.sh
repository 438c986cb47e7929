#!/usr/bin/env bash
# All tests again under AddressSanitizer and UndefinedBehaviorSanitizer: unit, kernels, transcripts, suites.
# The times that the suite measures mean nothing here, so a violated latency budget (exit code 1) is no failure.
# Kernels leave out large shapes of real models: every tail, edge and order of loops stands in small ones too, and where
# memory ends depends on nothing else.
set -eu
cd "$(dirname "$0")/.."
logs=build/ci/san
mkdir -p build/ci
# shellcheck source=ci/lanes.sh
. ci/lanes.sh
# One thread each, as several run at once. What is freed is guarded while 16 MiB more are freed: each test is a process,
# and the time of a fork grows with what is kept.
export SAN=1 CK_TIMEOUT_MULTIPLIER=20 OMP_NUM_THREADS=1 ASAN_OPTIONS=quarantine_size_mb=16
export QG_PROGRAM=build/san/quantgate QUANTGATE_CACHE=$PWD/build/san/cache
make -s all

suites() {
    local code=0 suite
    "$QG_PROGRAM" run suites/smoke.yaml suites/smoke-opt.yaml --only '*/b1' --out build/ci/san-report || code=$?
    [ $code -le 1 ] || return 1
    for suite in suites/bad/*.yaml; do
        code=0
        "$QG_PROGRAM" run "$suite" >/dev/null 2>&1 || code=$?
        [ $code = 2 ] || { echo "'$suite' exits $code, wanted 2" && return 1; }
    done
}

lane unit make -s check
lane kernels build/san/kcheck --most 1e7
lane transcripts ci/cli.sh
lane suites suites
finish
echo "sanitize: $(tail -n 1 $logs-unit.log); kernels $(tail -n 1 $logs-kernels.log); transcripts, suites"
