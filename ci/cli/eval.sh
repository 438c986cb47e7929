# Perplexity alone and beside a reference, as table and JSON, and what is refused. libm's last digits are cut.
model=golden/models/tiny-llama
short() { sed -E 's/(\.[0-9]{9})[0-9]+/\1/g'; }
try() {
    quantgate eval "$@"
    echo "exit $?: eval $*"
}
head -c 1500 suites/data/validation.txt >"$T/text"
quantgate eval --help
quantgate eval $model --text-file "$T/text" --tier ref
quantgate eval $model --quantization int8 --reference $model --text-file "$T/text" --window 32 --tier ref
quantgate eval $model --quantization int8 --reference $model --text-file "$T/text" --window 32 --tier ref --json |
    short
quantgate eval $model --text 'The capital of the country' --text 'The river' --tier ref --json --per-document | short
try $model
try $model --text ' '
try $model --text-file "$T/nothing"
printf 'a\377b' >"$T/invalid.txt"
try $model --text-file "$T/invalid.txt"
try golden/vectors/fp16/two-f16-gqa --text a
try $model --text a --reference golden/models/tiny-opt
try $model --text a --reference nowhere
try $model --text a --reference-quantization int8
try $model --text a --per-document
try $model --text 'The capital of the country' --max-model-len 3
