# What the doctor finds, as text, JSON and SARIF; the first line, the machine, is left out.
examine() {
    quantgate doctor "$@" >"$T/out"
    code=$?
    sed -E -e 1d -e '/no-gpu/d' "$T/out"
    echo "exit $code: doctor $*"
}
model=golden/models/tiny-llama
quantgate doctor --help
examine $model golden/models/tiny-opt
examine --quantization int8 $model
examine --quantization gptq $model
examine nowhere
quantgate quantize --method rtn --group-size 32 $model -o "$T/gptq" >"$T/made" 2>&1
examine "$T/gptq"
examine --quantization awq "$T/gptq"
sed -i 's/"checkpoint_format":"gptq"/"checkpoint_format":"gptq_v2"/' "$T/gptq/config.json"
examine "$T/gptq"
sed -i 's/"checkpoint_format":"gptq_v2",//' "$T/gptq/config.json"
examine "$T/gptq"
sed -i -e 's/"group_size":32/"group_size":64/' -e 's/"intermediate_size":768/"intermediate_size":704/' \
    "$T/gptq/config.json"
examine "$T/gptq"
cp -r $model "$T/cut"
chmod -R u+w "$T/cut"
truncate -s 1000000 "$T/cut/model.safetensors"
examine "$T/cut"
quantgate doctor --json "$T/cut" $model | grep -o '"findings".*' |
    sed -E 's/\{"id":"no-gpu"[^}]*\},?//'
quantgate doctor --sarif "$T/cut" | sed -E -e 's/\{"ruleId":"no-gpu".*\},(\{"ruleId":"tensor)/\1/' \
    -e 's/\{"id":"no-gpu"\},//' -e 's/"version":"[0-9.]+[^"]*"/"version":"V"/g'
rm "$T/cut/model.safetensors"
touch "$T/cut/pytorch_model.bin"
examine "$T/cut"
quantgate doctor --json --sarif "$T/cut"
echo "exit $?"
