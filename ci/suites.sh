#!/usr/bin/env bash
# The embedded suites must be green, and the gate must turn red for each kind of damage: exit code 1 with the YAML line
# of the violated budget, 2 for each suite in suites/bad, 3 for a worker that was killed.
set -u
cd "$(dirname "$0")/.." || exit
program=$(realpath "${QG_PROGRAM:-build/quantgate}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export QUANTGATE_CACHE=$PWD/build/cache # of the models that suites make
# shellcheck source=ci/expect.sh
. ci/expect.sh

# variant NAME SED...: a short copy of the embedded suite $base, changed; prints nothing, leaves $suite.
base=suites/smoke.yaml
variant() {
    suite=$work/$1.yaml
    shift
    sed -e 's#: data/#: suites/data/#' -e 's/samples: {[^}]*}/samples: {min: 7, max: 7, warmup: 1}/' \
        -e 's/ttft_p95: [^,}]*, *//' "$@" "$base" >"$suite"
}

# line TEXT: where the variant says it, as the reports do.
line() { echo "$suite:$(grep -nF "$1" "$suite" | cut -d: -f1)"; }

run() { "$program" run "$suite" --out "$work/report" "$@"; }

# told RECORD: case, metric, value and message of its first blame.
told() {
    python3 - "$1" <<'PY'
import json, sys
run = json.load(open(sys.argv[1]))
b = run["blames"][0]
values = [j["value"] for j in run["judgements"] if (j["case"], j["metric"]) == (b["case"], b["metric"])]
print(b["case"], b["metric"], *values, b["message"])
PY
}
# blamed NAME WHERE: the last run says so, and its bundle shows the same value again in one command.
blamed() {
    local bundle=$work/report/bundles/$1-quality said again
    expect 0 "$2" "what is at fault with it" told "$work/report/run.json"
    expect 0 '' "its bundle is a good suite" "$program" lint "$bundle"
    "$program" run "$bundle" --out "$work/again" >"$work/log" 2>&1
    said=$(told "$bundle/run.json")
    again=$(told "$work/again/run.json")
    expect 0 "$said" "which shows it again" echo "$again"
}

for name in smoke smoke-opt; do
    report=build/ci/$name-report
    expect 0 PASS "embedded suite $name" "$program" run suites/$name.yaml --out $report
    expect 0 '' "its JUnit file is well-formed" xmllint --noout $report/junit.xml
    expect 0 '' "its page is well-formed" xmllint --noout $report/report.html
    expect 0 PASS "judged again from its record" "$program" judge $report/run.json suites/$name.yaml
done

variant green
expect 0 PASS "short variant of it" run

# poke FOLDER TENSOR PYTHON: changes `bits`, the bytes of a tensor.
poke() {
    python3 - "$1/model.safetensors" "$2" "$3" <<'PY'
import json, struct, sys
path, name, change = sys.argv[1:]
with open(path, "r+b") as f:
    length = struct.unpack("<Q", f.read(8))[0]
    begin, end = json.loads(f.read(length))[name]["data_offsets"]
    f.seek(8 + length + begin)
    bits = bytearray(f.read(end - begin))
    exec(change)
    f.seek(8 + length + begin)
    f.write(bits)
PY
}

cp -r golden/models/tiny-llama "$work/model"
poke "$work/model" model.layers.1.self_attn.v_proj.weight \
    'bits[:512] = struct.pack("<256e", *[2 * w for w in struct.unpack("<256e", bits[:512])])'
variant weight -e "s#golden/models/tiny-llama#$work/model#"
expect 1 "$(line golden_logprob_max)" "a perturbed row of a weight" run --only '*/quality'
blamed fp16 "the reference's own weights are not those that the golden was made of"

cp -r golden/models/tiny-opt "$work/opt"
# The table of learned positions, read from a row too early: an OPT whose offset of 2 is taken for 1.
poke "$work/opt" model.decoder.embed_positions.weight 'bits[:] = bits[-512:] + bits[:-512]'
base=suites/smoke-opt.yaml variant positions -e "s#golden/models/tiny-opt#$work/opt#"
expect 1 "$(line golden_logprob_max)" "positions of OPT off by one row" run --only '*/quality'

for suite in suites/quant/*.yaml; do
    expect 0 PASS "four methods: $suite" run
    expect 0 PASS "judged again from its record" "$program" judge "$work/report/run.json" "$suite"
done
base=suites/quant/llama.yaml variant divergence -e 's/kld_mean: 0.001/kld_mean: 0.0002/'
expect 1 "$(line 'kld_mean: 0.0002')" "a KL budget under the value, the reference without a case" run --only 'int8/quality'
base=suites/quant/llama.yaml variant made -e 's/^reference: .*/reference: gptq/' -e '/^    gptq: /d' \
    -e 's/^    int8: {ppl/    fp16: {kld_mean: 0.001}\n&/'
expect 1 "$(line 'fp16: {kld_mean')" "beside a reference that is made" run --only 'fp16/quality'
# Each model where it says, beside its own reference: two tiers stand in for the two devices of suites/parity.yaml.
awk 'BEGIN { RS = ""; ORS = "\n\n" } NR <= 30' suites/data/validation.txt >"$work/text.txt"
suite=$work/tiers.yaml
sed -e 's#golden/models#'"$PWD"'/&#g' -e "s#data/openings.txt#$PWD/suites/data/prompts.txt\n  max_tokens: 16#" \
    -e "s#data/validation.txt#$work/text.txt#" -e "s#data/calibration.txt#$PWD/suites/&#" \
    -e 's/device: cuda/device: cpu, tier: ref/' suites/parity.yaml >"$suite"
expect 0 '4 pass' "a tier beside another" "$program" run "$suite" --only 'fp16-*' --out "$work/report"
sed -i 's/fp16-cuda: {kld_mean: 0.0001/fp16-cuda: {kld_mean: 1e-15/' "$suite"
expect 1 "$(line 'kld_mean: 1e-15')" "a limit under what they differ by" \
    "$program" judge "$work/report/run.json" "$suite" --only 'fp16-*'
expect 0 'skip' "CUDA's cases where there is none" env CUDA_VISIBLE_DEVICES= "$program" run suites/parity.yaml --only '*-cuda/*'
expect 3 "requires cuda" "and where it is required" \
    env CUDA_VISIBLE_DEVICES= "$program" run suites/parity.yaml --only '*-cuda/*' --require cuda

# What no mean shows: one zero point off by one, two inputs that change their groups.
# made NAME: as the suite makes it.
made() {
    "$program" quantize golden/models/tiny-llama --method "$1" --group-size 64 --calibration suites/data/calibration.txt \
        --samples 32 --tier avx2 -o "$work/$1" >"$work/log" 2>&1
}
# instead NAME: sed's words that put the folder in the place of the model that the suite makes.
instead() { echo "/^  $1:\$/{N;N;s#.*#  $1: {model: $work/$1, quantization: $1}#}"; }
made awq
poke "$work/awq" model.layers.1.mlp.down_proj.qzeros 'bits[0] ^= 1'
base=suites/quant/llama.yaml variant zero -e "$(instead awq)"
expect 1 "$(line 'awq: {model')" "a zero point off by one" run --only '*/quality'
blamed awq "layer 1 down: the weights of output 0 over"
made gptq
poke "$work/gptq" model.layers.1.mlp.down_proj.g_idx 'bits[0:4], bits[256:260] = bits[256:260], bits[0:4]'
base=suites/quant/llama.yaml variant order -e "$(instead gptq)"
expect 1 "$(line 'gptq: {model')" "two inputs in each other's group" run --only '*/quality'
blamed gptq "layer 1 down: its weights are not those that 'quantize' wrote"
# What means show, and a whole layer that is gone.
"$program" quantize golden/models/tiny-llama --method int8 --calibration suites/data/calibration.txt \
    --samples 32 --tier avx2 -o "$work/int8" >"$work/log" 2>&1
poke "$work/int8" model.layers.2.self_attn.o_proj.weight 'bits[:] = bytes(len(bits))'
base=suites/quant/llama.yaml variant gone -e "s#^  int8: {model.*#  int8: {model: $work/int8, quantization: int8}#"
expect 1 "$(line 'int8: {ppl_increase')" "an output projection of zeros" run --only 'int8/quality'
blamed int8 "layer 2 o:"
expect 1 '' "not looked into" run --only 'int8/quality' --blame off
expect 0 'FAIL' "which leaves nothing to report" "$program" report "$work/report/run.json"

variant budget -e 's/weights: [^,}]*/weights: 6 MiB/'
expect 1 "$suite:$(grep -nF 'batch: 2' "$suite" | cut -d: -f1)" "a memory budget under the value" run --only '*/b2'
variant latency -e '/batch: 1,/s/tpot_p50: [^,}]*/tpot_p50: 1 us/' -e 's/{min: 7, max: 7/{min: 20, max: 20/'
expect 1 "$(line 'tpot_p50: 1 us')" "a latency budget under the value" run --only '*/b1'

variant few -e '/batch: 1,/s/tpot_p50: [^,}]*/tpot_p50: 1 us/'
expect 0 'alone it would fail' "the same from too few samples is inconclusive" run --only '*/b1'
expect 2 "'--against' judges 'allow'" "another program where nothing is allowed" run --against "$program"
suite=suites/trust/aa.yaml
expect 0 'on against' "the program against itself" run --against "$program" --only 'int8/*'
expect 2 'no such program' "another program that is not there" run --against "$work/none"

cp -r golden/text/tiny-llama "$work/golden"
# The log-probability of one token, a hundredth of a nat off.
gold=$work/golden/fp16/cpu/fp16.gold
awk '$1 == "token" && ++n == 3 { $4 = sprintf("%.6f", $4 - 0.01) } { print }' "$gold" >"$work/edited"
mv "$work/edited" "$gold"
variant golden -e "s#golden/text/tiny-llama#$work/golden#"
expect 1 "$(line golden_logprob_max)" "an edited golden" run --only '*/quality'

# A release needs all eight items: one that is missing fails it, and another checkpoint turns its evidence down.
# fill AB.json DAYS: what a person makes of the template of an A/B test that ended so many days ago.
fill() {
    python3 - "$@" <<'PY'
import datetime, json, sys
path, days = sys.argv[1], int(sys.argv[2])
with open(path) as f:
    test = json.load(f)
end = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days)
for key, time in (("started", end - datetime.timedelta(days=14)), ("ended", end)):
    test[key] = time.strftime("%Y-%m-%dT%H:%M:%SZ")
test.update(name="assistant", made_by="ci", unit="user", split=0.5, guardrails=[], decision="ship")
test["control"]["n"], test["treatment"]["n"] = 12011, 12034
test["primary"].update(metric="thumbs_up_rate", better="higher", effect="difference", rule="non-inferiority",
                       margin=0.01, estimate=-0.002, interval=[-0.007, 0.003], decision="pass")
with open(path, "w") as f:
    json.dump(test, f)
PY
}
base=suites/examples/release.yaml variant release -e 's/samples: {[^}]*}/samples: {min: 60, max: 60, warmup: 2}/' \
    -e 's/^  max_age:/  percentiles: [p95]\n&/' -e 's/batch: \[1, 4\]/batch: [1]/' -e 's/, {batch: 4[^}]*}//'
expect 1 "$suite:$(grep -nF 'ab_evidence: ab.json' "$suite" | cut -d: -f1)" "a release without evidence" run --gate release
expect 0 "6 of 8 items, gate pr" "the same where it is only listed" "$program" judge "$work/report/run.json" "$suite"
checklist() { "$program" checklist "$suite" --out "$work/report" "$@"; }
checklist --template ab >"$work/ab.json"
fill "$work/ab.json" 2
expect 1 "7 of 8 items" "a release without a card" checklist
checklist --template card | sed 's/^quantized_by:.*/quantized_by: ci/' >"$work/MODEL_CARD.md"
expect 0 "8 of 8 items" "a release with all of it" checklist
expect 0 "8 of 8 items, gate release" "the release passes" run --gate release
fill "$work/ab.json" 31
expect 1 "STALE         A/B test passed" "a test of last month" checklist
fill "$work/ab.json" 2
sed -i 's/group_size: 64/group_size: 32/' "$suite"
expect 1 "ANOTHER HASH  A/B test passed" "another checkpoint than was tested" run --only '*/quality' --gate release
expect 1 "ANOTHER HASH  model card" "and than the card is about" "$program" judge "$work/report/run.json" "$suite" --gate release

for suite in suites/bad/*.yaml; do
    expect 2 "$(basename "$suite")" "$suite" run
done

# start ARGUMENTS...: a run in the background that is in the middle of its samples: $parent and its $worker.
start() {
    "$program" run "$suite" "$@" &
    parent=$! worker=
    for _ in $(seq 200); do
        worker=$(awk -v parent=$parent '$4 == parent { print $1 }' /proc/[0-9]*/stat 2>/dev/null | head -n 1)
        [ -n "$worker" ] && break
        sleep 0.05
    done
    sleep 0.3
}

# A worker of the run dies.
kill_worker() {
    start "$@"
    kill -KILL "$worker"
    wait $parent
}
variant killed -e 's/min: 7, max: 7/min: 900, max: 900/'
expect 3 "signal" "a killed worker" kill_worker --only '*/b1'


# stop_run SIGNAL... -- ARGUMENTS...: the run gets the signals, one after the other; leaves its exit code if no worker
# outlives it.
stop_run() {
    local signals=()
    while [ "$1" != -- ]; do
        signals+=("$1")
        shift
    done
    shift
    start "$@"
    for signal in "${signals[@]}"; do
        kill -"$signal" $parent
        sleep 0.02
    done
    wait $parent
    local code=$?
    for _ in 1 2 3 4 5 6 7 8 9 10; do # the kernel ends it with its parent, a moment later where it is busy
        [ ! -d "/proc/$worker" ] || sleep 0.2
    done
    if [ -d "/proc/$worker" ]; then
        echo "worker $worker is an orphan"
        return 99
    fi
    return $code
}
# partial RUN.json: the record says that it is, reads back, and what was not measured says why.
partial() {
    python3 - "$1" <<'PY' && "$program" report "$1"
import json, sys
run = json.load(open(sys.argv[1]))
stopped = [c for c in run["cases"] if c["state"] == "failed" and c["message"] == "stopped by a signal"]
sys.exit(not (run["partial"] and stopped and any(n.startswith("partial: SIG") for n in run["notices"])))
PY
}
for signal in TERM INT; do
    rm -rf "$work/report"
    expect 3 "partial: SIG$signal stopped the run" "SIG$signal in the middle" \
        stop_run $signal -- --only '*/perf/*' --out "$work/report"
    expect 0 'partial: SIG' "its record is valid and partial" partial "$work/report/run.json"
    expect 0 '' "so is its JUnit file" xmllint --noout "$work/report/junit.xml"
done
expect 3 "a second signal ends at once" "two signals" stop_run TERM TERM -- --only '*/perf/*'

# One suite in three parts, as three runners measure it: together they are the whole, without one they are not.
base=suites/quant/llama.yaml variant parts
for part in 1 2 3; do
    expect 0 PASS "part $part of three" "$program" run "$suite" --shard $part/3 --out "$work/part$part"
done
parts() { for part in "$@"; do echo "$work/part$part/run.json"; done; }
# shellcheck disable=SC2046 # one word a part
expect 0 '25 pass' "three parts merged" "$program" merge $(parts 3 1 2) --out "$work/merged"
# shellcheck disable=SC2046
expect 1 'MISSING' "three parts merged for a release that lacks items" "$program" merge $(parts 3 1 2) --gate release
expect 0 PASS "judged again from the merged record" "$program" judge "$work/merged/run.json" "$suite"
# shellcheck disable=SC2046
expect 3 "shard 2/3 is missing" "a part is missing" "$program" merge $(parts 1 3)
# shellcheck disable=SC2046
expect 0 "they count once" "a part twice" "$program" merge $(parts 1 2 3 3)
sed 's/"seed":7/"seed":8/; s/"wall_ns":\([0-9]\)/"wall_ns":9\1/g' "$work/part3/run.json" >"$work/part3-again.json"
# shellcheck disable=SC2046
expect 2 "with different numbers" "a part twice with other numbers" "$program" merge $(parts 1 2 3) "$work/part3-again.json"
sed 's/"suite_hash":"./"suite_hash":"x/' "$work/part2/run.json" >"$work/part2-other.json"
# shellcheck disable=SC2046
expect 2 "do not belong together" "a part of another suite" "$program" merge $(parts 1 3) "$work/part2-other.json"
sed -e 's/kld_mean: 0.001/kld_mean: 0.0001/' "$suite" >"$work/tight.yaml"
# shellcheck disable=SC2046
expect 1 "tight.yaml:$(grep -nF 'kld_mean: 0.0001' "$work/tight.yaml" | cut -d: -f1)" "a failure outweighs a missing part" \
    "$program" merge $(parts 1 2) --suite "$work/tight.yaml"

# What is known to fail is forgiven for a time.
# known ENTRY: the tight suite, judged with this entry among its known failures.
known() {
    { cat "$work/tight.yaml" && printf 'known_failures:\n  - {case: int8/quality, %s}\n' "$1"; } >"$work/known.yaml"
    "$program" judge "$work/merged/run.json" "$work/known.yaml"
}
link='issue: https://example.org/issues/1'
expect 0 "known: https://example.org/issues/1, expires 2999-12-31" "a known failure" \
    known "metric: kld_mean, $link, expires: 2999-12-31"
expect 1 "it was forgiven up to 2020-01-31" "an expired known failure" known "metric: kld_mean, $link, expires: 2020-01-31"
expect 1 "kld_mean is" "another metric is known" known "metric: dp_rms, $link, expires: 2999-12-31"
expect 1 "fixed: remove the entry" "a strict one that passes" known "metric: dp_rms, $link, expires: 2999-12-31, strict: true"

echo "suites: $n proofs, $n_bad failed"
[ $n_bad = 0 ]
