#!/usr/bin/env bash
# All that CI runs, in order: a line a step while it goes, a table at the end, exit code 1 if a step failed.
# A step is a command: exit code 0 passed, 77 cannot run here, else failed; its last line says how much or why.
# usage: ci/gate.sh [STEP...]          (nothing: those of $GATE_STEPS, else all; scripts/bootstrap.sh --dev installs what they need)
set -u
cd "$(dirname "$0")/.." || exit
MAKEFLAGS="-s -j$(nproc)"
export MAKEFLAGS WERROR=1
only=" ${*:-${GATE_STEPS:-}} "
logs=build/ci
mkdir -p "$logs"
n_passed=0 n_failed=0 table=

# step NAME COMMAND...
step() {
    local name=$1 log=$logs/$1.log start=$SECONDS code=0 verdict note line
    shift
    [[ $only == '  ' || $only == *" $name "* ]] || return 0
    echo "== $name: $*"
    "$@" </dev/null >"$log" 2>&1 || code=$?
    note=$(tail -n 1 "$log")
    case $code in
    0) verdict=passed n_passed=$((n_passed + 1)) ;;
    77) verdict=skipped ;;
    *)
        verdict=FAILED n_failed=$((n_failed + 1))
        note="see $log"
        tail -n 80 "$log"
        ;;
    esac
    printf -v line '%-10s  %-7s  %4d s  %s' "$name" "$verdict" $((SECONDS - start)) "${note:0:100}"
    echo "$line"
    table+=$line$'\n'
}

step style ci/style.sh
step layers ci/layers.sh
step headers make headers
step build make all
step cuda ci/cuda.sh
step unit make check
step kernels make kcheck ARGS="--most 1.5e8"
step threads ci/tsan.sh kernels
step suites ci/suites.sh
step faults ci/faults.sh
step cli ci/cli.sh
step reports ci/reports.sh
step manual ci/manual.sh
step browser ci/browser.sh
step emulate ci/emulate.sh
step mutation ci/mutation.sh
step sanitize ci/sanitize.sh
step coverage ci/coverage.sh
step convert scripts/convert-bin-check.py
step workflows ci/workflows.sh
step actions make actions

printf '\n%s\nall: %d s\n%d passed, %d failed\n' "$table" $SECONDS $n_passed $n_failed
[ $n_failed = 0 ] && [ $n_passed -gt 0 ]
