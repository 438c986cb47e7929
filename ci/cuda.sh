#!/usr/bin/env bash
# The CUDA backend where no GPU is: every kernel compiles for the GPUs of the Makefile and to PTX, and the program that
# holds them starts, runs on the CPU, needs none of CUDA's libraries, and says why it cannot have a GPU.
set -eu
cd "$(dirname "$0")/.."
command -v nvcc >/dev/null || [ -x build/cuda/bin/nvcc ] || [ -x /usr/local/cuda/bin/nvcc ] || {
    echo "cuda: no nvcc here; scripts/bootstrap.sh --cuda installs one"
    exit 77
}
fail() {
    echo "cuda: $*"
    exit 1
}
make -s all CUDA=1
mapfile -t sources < <(find kernels -name '*.cu')
for source in "${sources[@]}"; do
    object=build/release/${source%.cu}.o
    for target in sm_80 sm_90a; do # the PTX names the first of them as its target
        strings -a "$object" | grep -q "$target" || fail "'$object' holds nothing for $target"
    done
done
# what is proved on a GPU: its own kernels, and of the portable tier those that differ from them
listed=$(build/kcheck --list --tier cuda --most 1e6)
grep -qE '^cuda (compare|gram)' <<<"$listed" && fail "kcheck would prove kernels of the CPU on a GPU"
for kernel in attention f16 i8 w4 w8 rmsnorm argmax; do
    grep -q "^cuda $kernel" <<<"$listed" || fail "kcheck would leave out '$kernel' on a GPU"
done
listed=$(build/kcheck --list --tier portable-cuda --most 1e6)
grep -q '^portable-cuda attention' <<<"$listed" || fail "kcheck would leave out the portable tier on a GPU"
grep -qE '^portable-cuda (i8|embed|relu)' <<<"$listed" && fail "kcheck would prove CUDA's own kernels twice"
program=build/quantgate
ldd "$program" | grep -E 'libcuda|libcublas|libnvidia' && fail "'$program' needs what a machine without a GPU lacks"
"$program" score golden/models/tiny-llama --text "The capital of" --device cpu >/dev/null
code=0
said=$("$program" score golden/models/tiny-llama --text "The capital of" --device cuda:999 2>&1) || code=$?
[ $code = 3 ] || fail "a GPU that is not there exits $code, wanted 3: $said"
[[ $said =~ (driver|'no CUDA device'|'out of range') ]] || fail "it does not say why there is no GPU: $said"
fake=$(mktemp -d)
trap 'rm -rf "$fake"' EXIT
cc -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$fake/libcuda.so.1" ci/fake/cuda.c
old=$(LD_LIBRARY_PATH=$fake "$program" doctor)
[[ $old == *'no GPU: the NVIDIA driver is for CUDA 11.4, this program needs '*': update the driver'* ]] ||
    fail "of a driver that is older than the runtime it says: $old"
mkdir -p build/ci
CUDA_VISIBLE_DEVICES='' "$program" run suites/smoke.yaml --only '*/b1' --device cuda --out build/ci/cuda-report >build/ci/cuda-skips.log ||
    fail "cases that no GPU runs are not skipped: see build/ci/cuda-skips.log"
grep -qi 'skip' build/ci/cuda-skips.log || fail "nothing is skipped: see build/ci/cuda-skips.log"
echo "cuda: ${#sources[@]} files of kernels for sm_80, sm_90a and PTX; an old driver is named; without a GPU: ${said##*: }"
