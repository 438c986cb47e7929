# Text to ids and back: table, JSON, special tokens, empty text, U+0000, many at once.
model=golden/models/tiny-llama
quantgate tokenize $model --text 'The capital of Óbidia is'
quantgate tokenize $model --text 'The capital of Óbidia is' --json
quantgate tokenize $model --text 'a <|endoftext|> b' --no-special --json
quantgate tokenize $model --text '' --json
printf 'nul \0 byte' >"$T/nul.txt"
quantgate tokenize $model --text-file "$T/nul.txt" --json
quantgate tokenize $model --decode --ids 338,371 --json
quantgate tokenize $model --decode --ids 0,338,371 --skip-special
printf '{"text": "one"}\n{"ids": [338]}\n' >"$T/in.jsonl"
quantgate tokenize $model --input "$T/in.jsonl" --json
echo "exit $?"
