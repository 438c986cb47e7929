# A folder made from another, what it then is, and what cannot be made.
model=golden/models/tiny-llama
try() {
    quantgate quantize "$@"
    echo "exit $?: quantize $*"
}
quantgate quantize --help
try --method rtn $model -o "$T/gptq"
(cd "$T/gptq" && ls && sha256sum model.safetensors && tail -c 200 config.json)
try --method rtn --bits 8 --activations int8 --threads 1 $model -o "$T/w8a8" --json |
    sed -E 's/"(wall_ns|peak_rss)":[0-9]+/"\1":N/g; s/(_(error|norm)":[0-9]*\.[0-9]{4})[0-9]*/\1/g; s/(\},\{).*/.../'
quantgate inspect "$T/gptq" | head -12
quantgate doctor "$T/gptq" "$T/w8a8" | sed -e 1d -e /no-gpu/d
try --method rtn "$T/gptq" -o "$T/again"
try --method rtn $model -o "$T/gptq"
try --method rtn --group-size 96 $model -o "$T/other"
try --method rtn --format awq --bits 8 $model -o "$T/other"
try --method rtn --format gguf $model -o "$T/other"
try --method rtn --bits 4 --activations int8 $model -o "$T/other"
try --method rtn --sym --asym $model -o "$T/other"
try --method best $model -o "$T/other"
try --method gptq $model -o "$T/other"
: >"$T/empty.txt"
try --method gptq --calibration "$T/empty.txt" $model -o "$T/other"
try --method awq --damp 0.1 --calibration suites/data/calibration.txt $model -o "$T/other"
try --method gptq --calibration suites/data/calibration.txt --window 1000000 $model -o "$T/other"
try --method gptq --group-size 64 --samples 2 --window 64 --tier ref --calibration suites/data/calibration.txt \
    $model -o "$T/calibrated" | sed -E 's/, [0-9.]+ m?s, peak memory.*/, TIME/'
try --method rtn $model
try --method rtn nowhere -o "$T/other"
ls "$T"
