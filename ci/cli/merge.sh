# Three parts of one suite, made by hand: together, without one, twice, of another suite, and broken.
ln -s "$PWD/golden" "$T/golden"
cd "$T" || exit
cat >suite.yaml <<YAML
version: 1
name: parts
models:
  fp16: {model: golden/models/tiny-llama, dtype: float16}
performance:
  production: {input_len: 64, output_len: 16, batch: [1, 2, 4]}
  budgets:
    fp16:
      - {batch: 1, memory_peak: 12 MiB}
      - {batch: 2, memory_peak: 12 MiB}
      - {batch: 4, memory_peak: 13 MiB}
YAML
# part SHARD BATCH MIB [HASH]
part() {
    cat <<JSON
{"schema":2,"verdict":"pass","exit_code":0,"version":"0.1.0","commit":"abc","suite":"parts","suite_file":"suite.yaml","suite_hash":"${4:-h}","reference":"fp16","started":"2026-01-01T00:00:0$1Z","seed":7,"shard":$1,"n_shards":3,"machine":{"cpu":"EPYC","tier":"avx2","n_threads":2,"compiler":"gcc","device":"cpu","fingerprint":"f${5:-1}"},"models":[{"name":"fp16","path":"golden/models/tiny-llama","family":"llama","method":"fp16"}],"cases":[{"id":"fp16/perf/b$2","model":"fp16","method":"fp16","device":"cpu","kind":"performance","batch":$2,"input_len":64,"output_len":16,"state":"measured","wall_ns":5,"scalars":[{"metric":"memory_peak","value":$(($3 * 1048576)),"n":1}]}]}
JSON
}
part 1 1 11 >1.json
part 2 2 12 >2.json
part 3 4 13 h 2 >3.json
merge() {
    local files=()
    for name in "$@"; do files+=("$name.json"); done
    quantgate merge "${files[@]}" 2>&1 | grep -v 'suite has changed'
    echo "exit ${PIPESTATUS[0]}"
}
merge 3 1 2
merge 1 3
merge 1 1 2
part 2 2 14 >2-fails.json
merge 2-fails 3
part 2 2 13 >2-again.json
merge 1 2 2-again 3
part 2 2 12 other >2-other.json
merge 1 2-other
sed 's/"n_shards":3/"n_shards":4/' 2.json >2-of-4.json
merge 1 2-of-4
sed 's/"schema":2/"schema":9/' 2.json >2-schema.json
merge 1 2-schema
head -c 600 2.json >2-cut.json
merge 1 2-cut
sed 's/"value":[0-9]*/"value":NaN/' 2.json >2-nan.json
merge 1 2-nan
sed 's/"scalars"/"series":[{"name":"ttft","samples":[5,-1]}],"scalars"/' 2.json >2-negative.json
merge 1 2-negative
sed 's/"shard":2/"shard":7/' 2.json >2-of-nothing.json
merge 2-of-nothing
sed 's#"suite.yaml#"gone.yaml#' 1.json >1-gone.json
merge 1-gone
