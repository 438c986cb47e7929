# Greedy text, streamed text, and the same seed twice. The speed on stderr differs from run to run.
model=golden/models/tiny-llama
quantgate generate $model --prompt 'The capital of' --max-tokens 16 --tier ref 2>/dev/null
echo "exit $?"
quantgate generate $model --prompt 'The capital of' --max-tokens 16 --tier ref --stream 2>/dev/null
echo "exit $?"
quantgate generate $model --prompt 'The capital of' --prompt 'def ' --max-tokens 8 --tier ref --json 2>/dev/null
echo "exit $?"
for run in 1 2; do
    quantgate generate $model --prompt 'The' --max-tokens 24 --temperature 1 --seed 5 --tier ref --json >"$T/$run" 2>/dev/null
done
cmp "$T/1" "$T/2" && echo "the same seed gives the same text"
