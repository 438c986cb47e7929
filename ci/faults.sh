#!/usr/bin/env bash
# What becomes of a run on a machine that fails: too little memory at load and later, a kernel that dies, in one worker
# of two. It must end with exit code 3 and the cause, leave a valid record, and judge what the other worker measured.
# usage: ci/faults.sh [cpu|cuda|cuda:N]     (cpu; with cuda the faults are real ones of the GPU, and what keeps a program
#                                            from using it is tried too)
# QG_PROGRAM and QG_FAULTY: the two programs, as scripts/bundle.sh makes them for a machine where nothing is installed.
set -u
cd "$(dirname "$0")/.." || exit
device=${1:-cpu}
export COLUMNS=400 # a message a line
[ -n "${QG_PROGRAM:-}" ] || make -s all faulty >&2 || exit 1
program=$(realpath "${QG_PROGRAM:-build/quantgate}") faulty=$(realpath "${QG_FAULTY:-build/faulty/quantgate}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=ci/expect.sh
. ci/expect.sh

cat >"$work/suite.yaml" <<END
version: 1
name: faults
models:
  fp16: {model: $PWD/golden/models/tiny-llama, dtype: float16}
reference: fp16
engine: {device: ${device%%:*}, max_model_len: 256, threads: 1, seed: 7}
performance:
  production: {input_len: 32, output_len: 8, batch: [1, 2]}
  samples: {min: 7, max: 7, warmup: 1}
  budgets:
    fp16: [{batch: 1, memory_peak: 4 GiB}, {batch: 2, memory_peak: 4 GiB}]
END

# The worker that is started first has the fault.
cat >"$work/worker" <<END
#!/bin/sh
unset QUANTGATE_FAULT
mkdir "$work/first" 2>/dev/null && export QUANTGATE_FAULT="\$FAULT"
exec "$faulty" "\$@"
END
chmod +x "$work/worker"

# What the record of such a run says: the first case and why it failed, the second and its verdict.
told() {
    python3 - "$work/out/run.json" <<'PY'
import json, sys
run = json.load(open(sys.argv[1]))
one, two = run["cases"]
verdicts = [j["verdict"] for j in run["judgements"] if j["case"] == two["id"] and j["metric"] == "memory_peak"]
print(one["id"], one["state"], one["exit_class"], "|", two["id"], two["state"], *verdicts, "|", one["message"])
PY
}

# fault NAME,PARAMETER TEXT WHAT
fault() {
    rm -rf "$work/first" "$work/out"
    FAULT=$1 QUANTGATE_WORKER=$work/worker \
        expect 3 "$2" "$3" "$program" run "$work/suite.yaml" --require "${device%%:*}" --out "$work/out"
    expect 0 "fp16/perf/b1 failed 3 | fp16/perf/b2 measured pass | " "its record" told
    expect 3 "$2" "judged again" "$program" judge "$work/out/run.json" "$work/suite.yaml"
}

if [ "$device" = cpu ]; then
    memory='out of memory: cannot allocate'
    died="kernel 'embed' failed"
else
    memory='of device memory for'
    died='illegal memory access'
fi
fault no-room,0 "$memory" "no room for weights"
fault no-room,1 "$memory" "no room for the KV cache"
fault no-room,3 "$memory" "no room for the workspace"
fault no-room-later,0 "$memory" "no room in the first pass"
fault no-room-later,20 "$memory" "no room in a later pass"
fault kernel-dies,0 "$died" "a kernel dies in the first pass"
fault kernel-dies,20 "$died" "a kernel dies in a later pass"

# A product that takes its last row from the one before gives a sequence other words beside others than alone.
spoiled() {
    QUANTGATE_FAULT="tail" "$faulty" bench --invariance golden/models/tiny-llama --device cpu --batch 1,4 --input-len 20 \
        --output-len 4 --json |
        jq -c '.rows | [.[0].logprob_max, .[1].logprob_max > 0.1 and .[1].unlike > 0 and .[1].same_top < 1]'
}
[ "$device" != cpu ] || expect 0 '[0,true]' "a batch that changes what is said is seen" spoiled

# with LIBRARY OPTION...: asks for the GPU where the loader finds that library, with nothing in it, before the real one.
with() {
    echo 'int nothing;' | cc -shared -fPIC -x c -o "$work/$1" - || return 1
    LD_LIBRARY_PATH=$work:${LD_LIBRARY_PATH-} "$program" "${@:2}"
    local code=$?
    rm "$work/$1"
    return $code
}
score=(score golden/models/tiny-llama --text "The capital of" --device)
if [ "$device" != cpu ]; then
    expect 3 "'cuda:999' is out of range" "a GPU that is not there" "$program" "${score[@]}" cuda:999
    expect 3 "CUDA_VISIBLE_DEVICES is ''" "GPUs that are hidden" \
        env CUDA_VISIBLE_DEVICES= "$program" "${score[@]}" "$device"
    expect 3 "cuBLAS lacks 'cublasCreate_v2'" "a cuBLAS that lacks a function" with libcublas.so.13 "${score[@]}" "$device"
    expect 0 "no GPU: cuBLAS lacks 'cublasCreate_v2'" "what doctor says of it" with libcublas.so.13 doctor
    expect 0 "NVML lacks 'nvmlInit_v2'" "what it says of such an NVML" with libnvidia-ml.so.1 doctor
    expect 0 "logprob" "which nothing needs" with libnvidia-ml.so.1 "${score[@]}" "$device" --json
fi

echo "faults: $n proofs on $device, $n_bad failed"
[ $n_bad = 0 ]
