#!/usr/bin/env bash
# Where our threads meet, under ThreadSanitizer: the kernels of every tier, and the unit tests of all that has parallel
# regions. All of them are OpenMP's, whose runtime TSan does not see through, so ci/tsan/gomp.c stands in its place; that
# races are seen then, and waits are understood, is proved first.
# usage: ci/tsan.sh [kernels]          (kernels: them alone, which is what the gate has time for)
set -eu
cd "$(dirname "$0")/.."
logs=build/ci/tsan
mkdir -p build/ci
# shellcheck source=ci/lanes.sh
. ci/lanes.sh
export TSAN=1 OMP_NUM_THREADS=3 CK_TIMEOUT_MULTIPLIER=20
# A child of a test starts threads of its own; what is uninstrumented (LAPACK) is none of ours.
export TSAN_OPTIONS="die_after_fork=0 ignore_noninstrumented_modules=1 halt_on_error=1"
only=${1:-}
make -s build/tsan/race build/tsan/kcheck
[ -n "$only" ] || make -s all

for loop in fine:0 waits:0 hurries:66 overlaps:66; do
    code=0
    build/tsan/race "${loop%:*}" >build/ci/tsan-race.log 2>&1 || code=$?
    [ $code = "${loop#*:}" ] || {
        tail -n 20 build/ci/tsan-race.log
        echo "tsan: the loop '${loop%:*}' exits $code, wanted ${loop#*:}: nothing below would prove anything"
        exit 1
    }
done

# Suites of every file with a pragma of OpenMP, and of the forward pass in a batch.
suites=(doctor_check smooth_check rtn_check awq_search_check gptq_rounding_check block_check synth_check layerwise_check
    weights_check session_check scheduler_check reader_check decoder_check)
units() {
    local suite
    for suite in "${suites[@]}"; do make -s check SUITE="$suite" || return; done
}
# Of the shapes those that are cut into parts, and attention, whose parts are its rows and heads; alone, one or two a kernel.
cases=('*_[1-9][0-9]*x*' 'attention_*' 'kv-append_*')
[ -z "$only" ] || cases=('*_64x72*' '*_70x1536*' 'attention_*' 'kv-append_*' 'swiglu_*' 'add-*64x*' 'rope_33*' 'gram_1[0-9]x*' 'compare_1[0-9]x*')
kernels() {
    local glob
    for glob in "${cases[@]}"; do
        build/tsan/kcheck --threads 3 --most 1e5 --case "$glob" || return
    done
}
[ -n "$only" ] || lane units units
lane kernels kernels
finish
proved=$(awk '/ passed, / { n += $1 } END { print n }' $logs-kernels.log)
[ -n "$only" ] || of_suites="${#suites[@]} suites and "
echo "tsan: no race in ${of_suites:-}$proved cases of kernels; planted ones are seen"
