#!/usr/bin/env bash
# The gate itself is tested by mutation: known faults are put into checkpoints, kernels, time and memory, and the gate
# must turn red with the right exit code, by the metric that should see it; without a fault it must stay green.
# Prints a table in Markdown, its last line counts; exit code 1 if a fault is missed or a control is red.
# usage: ci/mutation.sh [FAULT...]               (nothing: all; the committed table is golden/mutation.md)
#        ci/mutation.sh --rate N FAULT           N runs of one fault, and the rate of detection with its bounds
# Checkpoints are damaged by ci/mutation/faults.py; the others come from ci/mutation/fault.c, which `make faulty` links
# between the objects of the program.
set -u
cd "$(dirname "$0")/.." || exit
shopt -s nullglob
repeat=0
if [ "${1:-}" = --rate ]; then
    repeat=${2:?} only=" ${3:?} "
else
    only=" $* "
fi
make -s all faulty >&2 || exit 1
good=$PWD/build/quantgate faulty=$PWD/build/faulty/quantgate
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export QUANTGATE_CACHE=$work/cache
unset QUANTGATE_FAULT
n=0 n_detected=0 n_missed=0 n_noisy=0 n_red=0 machine=
say() { echo "$*" >&2; }

# ---- the suites ----

quality() { # quality NAME MODELS BUDGETS GOLDEN
    cat >"$work/$1.yaml" <<END
version: 1
name: mutation-$1
models:
$2
reference: fp16
engine: {device: cpu, max_model_len: 1024, threads: 1, seed: 7}
quality:
  prompts: $PWD/suites/data/prompts.txt
  golden: $PWD/golden/text/$4
  budgets:
$3
END
}
fp16_budgets='    fp16: {golden_logprob_max: 0.002, same_top: 99.5 %, greedy_match: 16}'
quality llama "  fp16: {model: $PWD/golden/models/tiny-llama, dtype: float16}
  int8: {model: $work/int8, quantization: int8}
  gptq: {model: $work/gptq, quantization: gptq}
  awq: {model: $work/awq, quantization: awq}" "$fp16_budgets" tiny-llama
quality opt "  fp16: {model: $PWD/golden/models/tiny-opt, dtype: float16}" "$fp16_budgets" tiny-opt

performance() { # performance NAME SAMPLES BUDGETS
    cat >"$work/$1.yaml" <<END
version: 1
name: mutation-$1
models:
  fp16: {model: $PWD/golden/models/tiny-llama, dtype: float16}
reference: fp16
engine: {device: cpu, max_model_len: 1024, threads: 1, seed: 7}
performance:
  production: {input_len: 64, output_len: 16, batch: [1]}
  samples: {$2, warmup: 1}
$3
END
}

# What the machine at hand takes without a fault: the ledger to the byte, and room of 8 MiB for what the system adds.
performance memory 'min: 7, max: 7' '  budgets: {}'
measured() { python3 -c '
import json, sys
case = json.load(open(sys.argv[1]))["cases"][0]
print(int(next(s["value"] for s in case["scalars"] if s["metric"] == sys.argv[2])))' "$work/memory/run.json" "$1"; }
memory_budgets() {
    local metric list=
    for metric in memory_peak weights kv_cache workspace; do list+="$metric: $(measured $metric) B, "; done
    list+="host_peak: $(($(measured host_peak) + (8 << 20))) B"
    performance memory 'min: 7, max: 7' "  budgets:
    fp16: [{batch: 1, $list}]"
}

# The candidate against the program as it is.
performance time 'min: 60, max: 400' 'regression:
  allow: {tpot_p50: 2 %, ttft_p50: 2 %, ttft_p95: 10 %, throughput: 2 %}'

# ---- one fault ----

# row NAME WHERE METRIC VALUE LIMIT EXIT VERDICT
row() { printf '| %s | %s | %s | %s | %s | %s | %s |\n' "$@"; }

wanted() { [[ $only == '  ' || $only == *" $1 "* ]]; }

# judge NAME WHERE SUITE CASE METRIC EXIT PROGRAM [OPTION...]: runs it and prints the row; METRIC "-": refused before
# there is a judgement. With METRIC "none" it must be green.
judge() {
    local name=$1 where=$2 suite=$3 case=$4 metric=$5 want=$6 program=$7 code=0 value=- limit=- said=- verdict
    shift 7
    rm -rf "$work/report"
    "$program" run "$suite" --only "$case" --out "$work/report" "$@" >"$work/log" 2>&1 || code=$?
    if [ -e "$work/report/run.json" ]; then
        [ "$metric" = - ] || read -r value limit said < <(python3 ci/mutation/faults.py judged "$work/report/run.json" "$case" "$metric")
        [ -n "$machine" ] || machine=$(python3 -c '
import json, sys
m = json.load(open(sys.argv[1]))["machine"]
print(m["cpu"] + ", tier " + m["tier"] + ", " + m["compiler"])' "$work/report/run.json")
    fi
    if [ "$want" = 0 ]; then
        verdict=green
        [ $code = 0 ] || verdict='**RED**' n_red=$((n_red + 1))
    elif [ "$code" = "$want" ] && [[ $metric == - || $said == fail ]]; then
        verdict=detected n_detected=$((n_detected + 1))
    elif [ "$said" = inconclusive ]; then # of times only: the noise hides it, and the gate says so
        verdict='not told apart' n_noisy=$((n_noisy + 1))
    else
        verdict='**MISSED**' n_missed=$((n_missed + 1))
    fi
    [ "$want" = 0 ] || n=$((n + 1))
    row "$name" "$where" "$metric" "$value" "$limit" $code "$verdict"
    [[ $verdict != *'**'* ]] || { say "$name: exit $code, wanted $want by $metric ($said)" && tail -n 30 "$work/log" >&2; }
}

# model NAME SUITE MODEL METRIC EXIT WHERE: a damaged folder in the place of a model.
model() {
    local name=$1 suite=$2 model=$3 metric=$4 want=$5 where=$6 from=$work/$3
    wanted "$name" || return 0
    [ "$model" != fp16 ] || from=$PWD/golden/models/tiny-$suite
    rm -rf "$work/damaged"
    cp -r "$from" "$work/damaged"
    python3 ci/mutation/faults.py damage "$name" "$work/damaged" || exit 1
    sed "s#^\\(  $model: {model: \\)[^,]*#\\1$work/damaged#" "$work/$suite.yaml" >"$work/damaged.yaml"
    # refused as a whole, it has no case of its own that could be chosen
    judge "$name" "$model: $where" "$work/damaged.yaml" "$model/quality" "$metric" "$want" "$good"
}

# code NAME FAULT SUITE CASE METRIC EXIT WHERE [OPTION...]: a fault in the program.
code() {
    local name=$1 fault=$2 suite=$3 case=$4 metric=$5 want=$6 where=$7
    shift 7
    wanted "$name" || return 0
    export QUANTGATE_FAULT=$fault
    judge "$name" "$where" "$work/$suite.yaml" "$case" "$metric" "$want" "$faulty" "$@"
    unset QUANTGATE_FAULT
}

# The same file without its fault: another link of the same code can differ by more than the faults that are looked for.
healthy=$work/healthy
cat >"$healthy" <<END
#!/bin/sh
unset QUANTGATE_FAULT
exec "$faulty" "\$@"
END
chmod +x "$healthy"

# slow NAME FAULT METRIC WHERE: a slower program, judged against itself without the fault.
slow() {
    wanted "$1" || return 0
    code "$1" "$2" time fp16/perf/b1 "$3" 1 "$4" --against "$healthy"
}

# ---- the faults ----

controls() {
    local case
    for case in fp16 int8 gptq awq; do
        judge "control $case" "no fault, the program" "$work/llama.yaml" $case/quality none 0 "$good"
    done
    judge "control faulty" "no fault, the program linked for faults" "$work/llama.yaml" awq/quality none 0 "$faulty"
    judge "control opt" "no fault" "$work/opt.yaml" fp16/quality none 0 "$faulty"
    judge "control memory" "no fault" "$work/memory.yaml" fp16/perf/b1 none 0 "$faulty"
    judge "control time" "no fault" "$work/time.yaml" fp16/perf/b1 none 0 "$faulty" --against "$healthy"
}

checkpoints() {
    model linear-zeroed llama fp16 golden_logprob_max 1 "o_proj of layer 1 is zero"
    model linear-transposed llama fp16 golden_logprob_max 1 "o_proj of layer 1 is transposed"
    model row-doubled llama fp16 golden_logprob_max 1 "one row of v_proj is doubled"
    model norm-scaled llama fp16 golden_logprob_max 1 "a norm's weights are 1 % larger"
    model embedding-rows-exchanged llama fp16 golden_logprob_max 1 "two tokens have each other's embedding"
    model rope-theta-doubled llama fp16 golden_logprob_max 1 "config.json: rope_theta is 20000"
    model norm-eps-raised llama fp16 golden_logprob_max 1 "config.json: rms_norm_eps is 1e-3"
    model positions-off-by-one opt fp16 golden_logprob_max 1 "learned positions are read a row early"
    model nibbles-swapped llama gptq drift_logprob_max 1 "both codes of each byte of down_proj are swapped"
    model zeros-off-by-one llama gptq - 2 "all zero points of down_proj are 1 larger"
    model format-v2 llama gptq - 2 "zero points of v1 are called v2"
    model group-scale-ignored llama gptq drift_logprob_max 1 "group 1 of down_proj has the scales of group 0"
    model groups-exchanged llama gptq drift_logprob_max 1 "two groups have each other's scales"
    model g-idx-exchanged llama gptq drift_logprob_max 1 "two inputs are in each other's group"
    model awq-order-plain llama awq drift_logprob_max 1 "codes stand in rising order"
    model zero-off-by-one llama awq drift_logprob_max 1 "one zero point of one output is off by 1"
    model group-scale-raised llama awq drift_logprob_max 1 "scales of one group are 1 % larger"
    model row-negated llama int8 drift_kld_topk 1 "one row of down_proj is negated"
    model row-scale-raised llama int8 drift_kld_topk 1 "the scale of one row is 1 % larger"
    model head-untied llama fp16 - 2 "config.json: a head of its own, which is not there"
    model file-truncated llama awq - 2 "the file ends 4 KiB early"
}

kernels() {
    local name=golden_logprob_max
    code attention-last attention-last llama fp16/quality $name 1 "attention ignores the last key"
    code attention-scale attention-scale,1.01 llama fp16/quality $name 1 "attention's scale is 1 % larger"
    code attention-window attention-window,16 llama fp16/quality $name 1 "attention sees 16 positions"
    code kv-swap kv-swap llama fp16/quality $name 1 "two blocks of the cache are exchanged"
    code rope-late rope-late llama fp16/quality $name 1 "queries of one head turn a position late"
    code norm-eps norm-eps,1000 llama fp16/quality $name 1 "norms add an eps 1000 times too large"
    code layer-skip layer-skip,1 llama fp16/quality $name 1 "layer 1 is not added"
    code swiglu-swap swiglu-swap llama fp16/quality $name 1 "gate and up are exchanged"
    code gelu gelu opt fp16/quality $name 1 "GELU in place of ReLU"
    code no-bias no-bias opt fp16/quality $name 1 "products leave out the bias"
    code rope-decode rope-decode llama fp16/quality greedy_match 1 "a decode step counts positions from 1"
    code head-half head-half llama fp16/quality $name 1 "half of the logits is not computed"
    code tail tail llama gptq/quality drift_logprob_max 1 "the last row of a product is the one before"
    code no-zero no-zero,3 llama awq/quality drift_logprob_max 1 "one zero point is lost in packing"
    code int8-scale int8-scale,3 llama int8/quality drift_kld_topk 1 "one row's scale is doubled in packing"
    code nan norm-eps,-1e9 llama fp16/quality - 2 "logits are not finite"
    code crash crash llama fp16/quality - 3 "the worker aborts"
}

memory() {
    code pool-leak pool-leak,1024 memory fp16/perf/b1 memory_peak 1 "1 MiB of the pool is leaked a step"
    code weights-twice weights-twice memory fp16/perf/b1 weights 1 "weights are held twice"
    code kv-twice kv-twice memory fp16/perf/b1 kv_cache 1 "the KV pool is twice as large"
    code workspace-twice workspace-twice memory fp16/perf/b1 workspace 1 "the workspace is twice as large"
    code pool-leak-64 pool-leak,0.0625 memory fp16/perf/b1 memory_peak 1 "64 bytes are leaked a step"
    code host-leak host-leak,1024 memory fp16/perf/b1 host_peak 1 "1 MiB outside the ledger is leaked a step"
}

times() {
    slow slow-decode-10 slow-decode,10 tpot_p50 "a busy loop of 10 % in each decode step"
    slow slow-decode-6 slow-decode,6 tpot_p50 "a busy loop of 6 % in each decode step"
    slow slow-prefill-10 slow-prefill,10 ttft_p50 "a busy loop of 10 % in prefill"
    slow slow-all-10 slow-all,10 throughput "a busy loop of 10 % in each step"
    slow slow-tail slow-tail ttft_p95 "one prefill in ten takes twice as long"
}

# make_model METHOD OPTION...: as suites/quant/llama.yaml makes it.
make_model() {
    local method=$1
    shift
    "$good" quantize golden/models/tiny-llama --method "$method" --calibration suites/data/calibration.txt "$@" \
        -o "$work/$method" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2 && exit 1; }
}

prepare() {
    make_model int8
    make_model gptq --group-size 64 --samples 32 --tier avx2
    make_model awq --group-size 64 --samples 32 --tier avx2
    "$good" run "$work/memory.yaml" --out "$work/memory" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2 && exit 1; }
    memory_budgets
}

say "making models"
prepare
if [ "$repeat" -gt 0 ]; then
    for _ in $(seq "$repeat"); do
        checkpoints && kernels && memory && times
    done
    [ $n -gt 0 ] || { say "no fault is called$only" && exit 2; }
    echo "mutation:$only detected in $(python3 ci/mutation/faults.py rate $n_detected $n)"
    exit 0
fi
{
    [[ $only == '  ' ]] && controls
    checkpoints
    kernels
    memory
    times
} >"$work/table"
cat <<END
# What the gate finds

Known faults, one at a time, and whether \`quantgate run\` turned red by the metric that should see it. The first rows have no fault and must be green. Values are in the metric's own unit: nats, tokens, bytes.

Written by \`ci/mutation.sh\` on $machine, of commit $(git describe --always --dirty --abbrev=12).

| fault | where | judged by | value | limit | exit | verdict |
|---|---|---|---|---|---|---|
END
cat "$work/table"
printf '\n%s\n' "$n faults: $n_detected detected, $n_missed missed, $n_noisy not told apart; $n_red controls red"
[ $n_missed = 0 ] && [ $n_red = 0 ] && [ $n -gt 0 ]
