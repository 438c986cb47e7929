#!/usr/bin/env bash
# The program on CPUs that this machine is not, under qemu-user: one without AVX2 must start, choose the reference
# kernels, prove them and give the same answers; one with AVX2 and no AVX-512 must choose the AVX2 kernels; and INT8 of the
# portable tier must say on both what it says here.
set -u
cd "$(dirname "$0")/.." || exit
command -v qemu-x86_64 >/dev/null || {
    echo "no qemu-x86_64 here: apt-get install qemu-user"
    exit 77
}
[ "$(uname -m)" = x86_64 ] || {
    echo "this is no x86-64 machine"
    exit 77
}
program=$(realpath "${QG_PROGRAM:-build/quantgate}")
work=$(mktemp -d)
kcheck=
trap 'kill $kcheck 2>/dev/null; rm -rf "$work"' EXIT
# Set, so that the program does not start itself again: what it executes would not be emulated.
export OMP_NUM_THREADS=1 GOMP_SPINCOUNT=2000
fail() {
    echo "emulate: $*"
    exit 1
}

# cpu NAME: leaves $worker, a program that runs ours on that CPU.
cpu() {
    worker=$work/$1
    printf '#!/bin/sh\nexec qemu-x86_64 -cpu %s "%s" "$@"\n' "$1" "$program" >"$worker"
    chmod +x "$worker"
}

# A short suite, whose golden this CPU's reference kernels write: those promise the same bits everywhere, so all that is
# left between two CPUs is the golden's six decimals.
cat >"$work/suite.yaml" <<END
version: 1
name: emulated
models:
  fp16: {model: $PWD/golden/models/tiny-llama, dtype: float16}
reference: fp16
engine: {device: cpu, max_model_len: 256, threads: 1, seed: 7}
quality:
  prompts: [The capital of, "One, two, three,", "Rashid could not find"] # the last one: INT8's tiers differ by 0.6 there
  golden: $work/golden
  max_tokens: 8
  budgets:
    fp16: {golden_logprob_max: 0.000001, same_top: 100 %, greedy_match: 8}
END
env -u CI "$program" bless "$work/suite.yaml" --tier ref >"$work/log" 2>&1 || fail "cannot bless: $(cat "$work/log")"
# The same of INT8 by this CPU's best products; the head, which is no product of 8 bits, adds in another order elsewhere.
sed -e 's/dtype: float16/quantization: int8, tier: portable/; s/fp16/int8/; s/0\.000001/0.00001/; s/emulated/portable/' \
    "$work/suite.yaml" >"$work/portable.yaml"
env -u CI "$program" bless "$work/portable.yaml" >"$work/log" 2>&1 || fail "cannot bless: $(cat "$work/log")"

# judged TIER [SUITE]: the suite on $worker, which must have chosen that tier.
judged() {
    QUANTGATE_WORKER=$worker "$program" run "$work/${2:-suite}.yaml" --out "$work/report" >"$work/log" 2>&1 || {
        local code=$?
        fail "$(basename "$worker"): the suite exits $code: $(cat "$work/log")"
    }
    grep -q "\"tier\": *\"$1\"" "$work/report/run.json" ||
        fail "$(basename "$worker"): not tier $1: $(grep '"tier"' "$work/report/run.json")"
}

# The harness sees the same CPU, and proves a part of each operation's shapes there, on the other core.
qemu-x86_64 -cpu Nehalem build/kcheck --threads 1 --most 1e4 --case '*_[15]x[1-9]*' >"$work/kcheck" 2>&1 &
kcheck=$!
cpu Nehalem
"$worker" --version >"$work/log" 2>&1 || fail "the program does not start: $(cat "$work/log")"
judged ref
judged portable portable

chosen="tier ref without AVX2"
cpu Haswell
if "$worker" --version >/dev/null 2>&1 && "$worker" doctor 2>/dev/null | grep -q avx2; then
    sed -i 's/0\.000001/0.002/' "$work/suite.yaml"
    judged avx2
    judged portable portable
    chosen+=", avx2 without AVX-512"
else
    chosen+="; this qemu has no AVX2"
fi
wait $kcheck || fail "kcheck: $(tail -n 20 "$work/kcheck")"
grep -q 'skipped: tier avx2, this machine lacks it' "$work/kcheck" || fail "kcheck sees AVX2 on a CPU without it"
proved=$(tail -n 1 "$work/kcheck")
echo "emulate: $chosen; the golden's answers, portable INT8's too; kcheck there: $proved"
