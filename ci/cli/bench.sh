# What bench says of itself and refuses; of its JSON what no clock and no kernel changes: samples, weights, KV cache.
model=golden/models/tiny-llama
try() {
    quantgate bench "$@"
    echo "exit $?: bench $*"
}
quantgate bench --help
try
try $model --batch 0
try $model --batch 1,x
try $model --batch 1, --repeat 0
try $model --input-len 20 --output-len 5 --max-model-len 24
try $model --input-len 1024 --output-len 1
try "$T/nothing"
quantgate bench $model --batch 1,3 --input-len 20 --output-len 3 --repeat 2 --warmup 0 --tier ref --threads 1 --json |
    sed -E 's/\[[0-9.e+-]+,[0-9.e+-]+\]/[TWO]/g; s/(tok_s|workspace|peak|load_ns)(":)[0-9.e+-]+/\1\2X/g'
try $model --rate 0
try $model --load --kv-tokens 30 --input-len 64 --output-len 32
try $model --load --input-len 900 --max-model-len 1000
# of load what the seed alone says
quantgate bench $model --load --requests 12 --concurrency 3 --input-len 10 --output-len 4 --threads 1 --json |
    jq -c '[.requests, .concurrency, .input_tokens, .output_tokens, (.itl_ns.samples | length), .most_running <= 3]'
# a shape without a folder
try --synth 70b
try $model --synth tiny
try $model --bits 4
try --synth tiny --bits 16 --group-size 32
try --synth tiny --bits 5
try --synth tiny --group-size 128
quantgate bench --synth tiny --quantization int8 --batch 2 --input-len 20 --output-len 3 --repeat 2 --threads 1 --json |
    jq -c '[.model, .method, .rows[0].batch, (.rows[0].tpot_ns | length)]'
# whether a batch changes what is said
try $model --invariance --load
quantgate bench $model --invariance --batch 1,4 --input-len 20 --output-len 3 --tier ref --threads 1 --json
quantgate bench $model --invariance --batch 2 --input-len 20 --output-len 3 --tier ref --threads 1
quantgate bench $model --invariance --batch 2 --input-len 20 --output-len 3 --threads 1 --tier ref --beside cpu --json |
    jq -c '.beside | [.device, .positions, .same_top, .state_error < 1e-4, .state_worst >= .state_error]'
# what says the same everywhere is held to it
quantgate bench $model --invariance --batch 2 --input-len 20 --output-len 3 --threads 1 --quantization int8 --tier portable \
    --beside cpu --json | jq -c '[.tier, .beside.tier, .beside.state_error]'
try $model --beside cpu
