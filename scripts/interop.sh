#!/usr/bin/env bash
# Writes folders of every format with `quantgate quantize` and opens them with the tools that read it:
# scripts/interop.py under each tool's Python. Leaves build/interop/table.md; exit code 1 if one does
# not load or differs.
# usage: scripts/interop.sh VENVS       (a folder with venvs gptqmodel, autoawq, llmcompressor: see
#                                        scripts/quality/README.md; one that is not there is left out)
set -eu
venvs=$(realpath "${1:?usage: scripts/interop.sh VENVS}")
cd "$(dirname "$0")/.."
out=build/interop
program=build/quantgate
export OMP_WAIT_POLICY=PASSIVE # two programs at once on few cores
rm -rf "$out"
mkdir -p "$out"

# make NAME MODEL OPTIONS...
make() {
    local name=$1 model=$2
    shift 2
    "$program" quantize "$model" "$@" -o "$out/$name"
}

"$program" synth --family qwen2 --hidden-size 256 --heads 4 --kv-heads 2 --head-dim 64 \
    --intermediate-size 512 -o "$out/qwen2"
# Without a pad token GPTQModel adds one after the last id, where the embedding ends.
sed -i 's|"eos_token":"</s>"|&,"pad_token":"</s>"|' "$out/qwen2/tokenizer_config.json"
# Every form of one family, a few of the others.
model=golden/models/tiny-llama
for format in gptq gptq_v2; do
    make "llama-$format-sym" $model --format "$format"
    make "llama-$format-asym-g64" $model --format "$format" --asym --group-size 64
    make "llama-$format-sym-act" $model --format "$format" --act-order
done
make llama-gptq-asym-act $model --format gptq --asym --act-order
make llama-gptq-8bit $model --format gptq --bits 8
make llama-awq-g128 $model --format awq
make llama-awq-g64 $model --format awq --group-size 64
make llama-w4a16 $model --format compressed-tensors
make llama-w4a16-asym-g64 $model --format compressed-tensors --asym --group-size 64
make llama-w8a16 $model --format compressed-tensors --bits 8
make llama-w8a8 $model --bits 8 --activations int8
for model in golden/models/tiny-opt "$out/qwen2"; do
    name=$(basename "$model")
    name=${name#tiny-}
    make "$name-gptq-sym" "$model"
    make "$name-gptq_v2-asym-act" "$model" --format gptq_v2 --asym --act-order
    make "$name-awq-g128" "$model" --format awq
    make "$name-w4a16" "$model" --format compressed-tensors
    make "$name-w8a8" "$model" --bits 8 --activations int8
done

code=0
"$venvs/llmcompressor/bin/python" scripts/interop.py head >"$out/table.md"
for tool in llmcompressor autoawq gptqmodel; do
    python=$venvs/$tool/bin/python
    [ -x "$python" ] || continue
    echo "interop: $tool" >&2
    "$python" scripts/interop.py check "$out"/*-* >>"$out/table.md" 2>"$out/$tool.log" || code=1
done
cat "$out/table.md"
exit $code
