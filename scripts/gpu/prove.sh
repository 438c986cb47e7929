#!/usr/bin/env bash
# All that is proved and measured on a machine with a GPU, a file a step with device, commit and command in its head: what
# golden/cuda/ is renewed from. Needs the folder of scripts/bundle.sh or a build, and nothing else but a driver and cuBLAS.
# usage: scripts/gpu/prove.sh OUT [STEP...]     (all: doctor kcheck memcheck racecheck initcheck faults parity likeness
#                                                 profile load kernels perf; peer where LLAMA_BATCHED_BENCH names that program)
# QG_PROGRAM, QG_KCHECK, QG_FAULTY: the programs (build/quantgate, build/kcheck, build/faulty/quantgate)
# DEVICE: cuda, or cuda:N; MODELS: folders of more models for parity; THREADS: of kcheck's reference (all)
set -u
cd "$(dirname "$0")/../.." || exit
[ $# -gt 0 ] || { sed -n '2,7s/^# //p' "$0" && exit 2; }
out=$(realpath -m "$1")
shift
only=" $* "
mkdir -p "$out"
program=$(realpath "${QG_PROGRAM:-build/quantgate}") kcheck=$(realpath "${QG_KCHECK:-build/kcheck}")
binary=$program
if [ -x "$(dirname "$program")/bin/quantgate" ]; then # of a bundle: tools want the binary, not the script that starts it
    binary=$(dirname "$program")/bin/quantgate
    LD_LIBRARY_PATH=$(dirname "$program")/lib:${LD_LIBRARY_PATH-}
    export LD_LIBRARY_PATH
fi
device=${DEVICE:-cuda} threads=${THREADS:-$(nproc)}
export COLUMNS=120
doctor=$("$program" doctor 2>&1)
n_passed=0 n_failed=0

# step NAME COMMAND...: into OUT/NAME.txt; its last line is shown.
step() {
    local name=$1 file=$out/$1.txt code=0 start=$SECONDS
    shift
    [[ $only == '  ' || $only == *" $name "* ]] || return 0
    {
        echo "device   $(sed -n 2p <<<"$doctor")"
        echo "program  $("$program" --version)"
        echo "command  ${*/#$program/quantgate}"
        echo
    } >"$file"
    "$@" >>"$file" 2>&1 || code=$?
    [ $code = 0 ] && n_passed=$((n_passed + 1)) || n_failed=$((n_failed + 1))
    printf '%-10s %-6s %4d s  %s\n' "$name" "$([ $code = 0 ] && echo passed || echo FAILED)" $((SECONDS - start)) \
        "$(grep -v '^$' "$file" | tail -n 1 | cut -c1-90)"
}

# ---- what a step is made of ----

models=(golden/models/tiny-llama golden/models/tiny-opt)
variants=("golden/models/tiny-llama" "golden/models/tiny-llama --quantization int8"
    "golden/models/tiny-llama --quantization int8 --activations float" "golden/models/tiny-opt"
    "golden/models/tiny-opt --quantization int8 --tier portable")

kcheck() {
    local tier failed=0
    for tier in "" portable-; do
        "$kcheck" --tier "$tier${device%%:*}" --most 1e9 --threads "$threads" || failed=1
    done
    return $failed
}

# Each variant, and a GPTQ and an AWQ model made for it, under a tool of compute-sanitizer.
sanitize() {
    local tool=$1 text=$out/short.txt method failed=0
    local each=("${variants[@]}")
    head -c 1500 suites/data/validation.txt >"$text"
    for method in gptq awq; do
        [ -d "$out/made-$method" ] || "$program" quantize golden/models/tiny-llama --method $method --bits 4 --group-size 64 \
            --calibration suites/data/calibration.txt --samples 8 --out "$out/made-$method" >/dev/null || return 1
        each+=("$out/made-$method")
    done
    local dir n=0
    dir=$(mktemp -d)
    for variant in "${each[@]}"; do # all at once: the tools keep one processor busy and the GPU idle
        n=$((n + 1))
        # shellcheck disable=SC2086 # options are words
        for ask in "generate $variant --prompt The --max-tokens 4" "eval $variant --text-file $text --window 128"; do
            echo "$ask: $(compute-sanitizer --tool "$tool" "$binary" $ask --device "$device" 2>&1 | grep SUMMARY)"
        done >"$dir/$n" &
    done
    wait
    cat "$dir"/*
    [ "$(grep -c ' 0 errors\| 0 hazards' "$dir"/* | awk -F: '{ n += $2 } END { print n }')" = $((2 * n)) ] || failed=1
    rm -r "$dir"
    return $failed
}

parity() {
    local failed=0
    for model in "${models[@]}" ${MODELS:-}; do
        PARITY_MODEL=$model "$program" run suites/parity.yaml --only '*-cuda/*' --require "${device%%:*}" \
            --out "$out/parity-$(basename "$model")" || failed=1
    done
    return $failed
}

forms=("" "--bits 4 --group-size 128" "--quantization int8" "--quantization int8 --activations float")

likeness() {
    local failed=0
    for form in "${forms[@]}" "--quantization int8 --tier portable"; do
        # shellcheck disable=SC2086 # options are words
        "$program" bench --synth llama2-7b $form --device "$device" --invariance --beside cpu --batch 2,8,32 \
            --input-len 32 --output-len 8 || failed=1
    done
    return $failed
}

profile() {
    local form
    for form in "${forms[@]}"; do
        echo "${form:-halves}"
        echo
        # shellcheck disable=SC2086 # options are words
        scripts/gpu/profile.py --program "$binary" $form || return 1
        echo
    done
}

load() {
    local how
    for how in "--concurrency 32" "--rate 20 --kv-tokens 4096"; do
        # shellcheck disable=SC2086 # options are words
        "$program" bench --load --synth llama2-7b --bits 4 --group-size 128 --device "$device" $how --requests 128 \
            --input-len 256 --output-len 64 || return 1
    done
}

kernels() {
    local cases
    for cases in 'f16_*x4096_r1' 'f16_4096x11008_r1' 'i8_*x4096_r1' 'w8_*x4096_g128_r1' 'w4_*x4096_g128_r1' \
        'w4_4096x11008_g128_r1' 'attention_1x512*' 'attention_*2048*' 'swiglu_1x11008' \
        'w[48]_*_g128_r32' 'w[48]_*_g128_r128' 'w[48]_4096x4096_g128_r512'; do
        "$kcheck" --tier "${device%%:*}" --bench --most 2e10 --threads "$threads" --case "$cases" || return 1
    done
}

perf() {
    local suite failed=0
    for suite in cuda cuda-opt; do
        "$program" run suites/perf/$suite.yaml --require "${device%%:*}" --out "$out/perf-$suite" || failed=1
    done
    return $failed
}

peer() {
    scripts/gpu/peer.py --llama-batched-bench "$LLAMA_BATCHED_BENCH" --program "$program" --device "$device" \
        --work "$out/peer" --repeat 3
}

step doctor "$program" doctor
step kcheck kcheck
for tool in memcheck racecheck initcheck; do
    step $tool sanitize $tool
done
step faults ci/faults.sh "$device"
step parity parity
step likeness likeness
step profile profile
step load load
step kernels kernels
step perf perf
[ -z "${LLAMA_BATCHED_BENCH:-}" ] || step peer peer
echo "$n_passed passed, $n_failed failed"
[ $n_failed = 0 ]
