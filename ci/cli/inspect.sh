# What is in a checkpoint, as a table and as JSON; folders that are none or are broken.
model=golden/models/tiny-llama
quantgate inspect --help
quantgate inspect $model | head -12
quantgate inspect $model --json | sed -E 's/("tensors":\[(\{[^}]*\},){2}).*/\1.../'
quantgate inspect nowhere
echo "exit $?"
cp -r $model "$T/cut"
chmod -R u+w "$T/cut"
truncate -s 1000000 "$T/cut/model.safetensors"
quantgate inspect "$T/cut"
echo "exit $?"
echo '{"model_type": "llama", "hidden_size": "wide"}' >"$T/cut/config.json"
quantgate inspect "$T/cut"
echo "exit $?"
