#!/usr/bin/env bash
# Line coverage of src and of the CPU kernels by unit tests, transcripts and a case of the embedded suite; under 90 % fails.
# build/coverage gets HTML, Cobertura XML, a JSON summary and what kcheck proves of each kernel. A tier that this CPU lacks is left out and named.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/build/venv/bin:$PATH
command -v gcovr >/dev/null || {
    echo "coverage: no gcovr; run scripts/bootstrap.sh --dev"
    exit 1
}
logs=build/ci/cov
mkdir -p build/ci
# shellcheck source=ci/lanes.sh
. ci/lanes.sh
# One thread each, as the lanes use the cores. Processes add their counters up when they end.
export COV=1 OMP_NUM_THREADS=1 CK_TIMEOUT_MULTIPLIER=8 QG_PROGRAM=build/cov/quantgate
make -s all
find build/cov -name '*.gcda' -delete

programs() {
    local tier
    for tier in ref avx2 avx512; do # the tests run the highest tier most of the time
        "$QG_PROGRAM" bench golden/models/tiny-llama --tier "$tier" --batch 1,3 --input-len 40 --output-len 3 --repeat 1 || return
    done
    "$QG_PROGRAM" run suites/smoke.yaml --only '*/b1' --out build/ci/cov-report || [ $? = 1 ] # times mean nothing here
}
lane unit make -s check
lane transcripts ci/cli.sh
lane programs programs
finish

exclude=()
for tier in avx2 avx512; do
    flag=${tier/avx512/avx512f}
    if ! grep -qw "$flag" /proc/cpuinfo; then
        exclude+=(--exclude ".*_$tier\.c")
        echo "coverage: this CPU lacks $tier: left out"
    fi
done
mkdir -p build/coverage
gcovr -j"$(nproc)" --config gcovr.cfg "${exclude[@]}" --html-details build/coverage/index.html --cobertura build/coverage/cobertura.xml \
    --json-summary build/coverage/coverage.json --txt build/coverage/lines.txt --fail-under-line 90 build/cov || {
    cat build/coverage/lines.txt
    echo "coverage: lines under 90 %"
    exit 1
}
ci/kernels.py build/cov/kcheck build/coverage build/kcheck
echo "coverage: $(awk '/^TOTAL/ { print $3 " of " $2 " lines, " $4 }' build/coverage/lines.txt); see build/coverage/index.html"
