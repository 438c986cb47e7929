# Wrong words: what was wrong, what was probably meant, exit code 2.
try() {
    quantgate "$@"
    echo "exit $?: $*"
}
try scor golden/models/tiny-llama
try score golden/models/tiny-llama --tex a
try score golden/models/tiny-llama --top-k
try score golden/models/tiny-llama --top-k many --text a
try score golden/models/tiny-llama
try score --text a
try score nowhere --text a
try score golden/models --text a
try score golden/models/tiny-llama --ids 1,2,99999
try score golden/models/tiny-llama --max-model-len 4 --text 'The capital of the country'
try score golden/models/tiny-llama --quantization gptq --text a
try generate golden/models/tiny-llama --prompt a --device gpu
try tokenize golden/models/tiny-llama --text-file nowhere.txt
printf 'a\377b' >"$T/invalid.txt"
try tokenize golden/models/tiny-llama --text-file "$T/invalid.txt"
printf '{"text": "a"}\n{"txt": "b"}\n' >"$T/wrong.jsonl"
try tokenize golden/models/tiny-llama --input "$T/wrong.jsonl" --json
try run nowhere.yaml
try run suites/smoke.yaml --blame some
try report "$T/wrong.jsonl"
