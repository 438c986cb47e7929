# Log-probabilities as table and JSON, of text, ids and lines. The last logarithm is libm's: ten digits are enough.
model=golden/models/tiny-llama
short() { sed -E 's/(\.[0-9]{10})[0-9]+/\1/g'; }
quantgate score $model --text 'The capital of Óbidia' --tier ref
quantgate score $model --ids 338,371 --top-k 2 --tier ref --json | short
quantgate score $model --text '' --tier ref --json --top-k 1 | short
printf '{"text": "one"}\n{"ids": [338, 371]}\n' >"$T/in.jsonl"
quantgate score $model --input "$T/in.jsonl" --top-k 0 --tier ref --json | short
echo "exit ${PIPESTATUS[0]}"
