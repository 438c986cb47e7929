# What a suite would do, without doing it; a case that is not there; a refused bless; a suite of mistakes.
cat >"$T/suite.yaml" <<YAML
version: 1
name: plan
models:
  fp16: {model: golden/models/tiny-llama, dtype: float16}
reference: fp16
quality:
  prompts: suites/data/prompts.txt
  golden: golden/text/tiny-llama
  budgets:
    fp16: {golden_logprob_max: 0.002}
performance:
  production: {input_len: 64, output_len: 16, batch: [1, 2]}
  samples: {min: 60, max: 60, warmup: 5}
  budgets:
    fp16:
      - {batch: 1, tpot_p50: 100 ms, memory_peak: 32 MiB}
YAML
quantgate run "$T/suite.yaml" --dry-run
echo "exit $?"
quantgate run "$T/suite.yaml" --dry-run --shard 2/2 --only '*/perf/*'
echo "exit $?"
quantgate run "$T/suite.yaml" --only nothing
echo "exit $?"
CI=true quantgate bless "$T/suite.yaml"
echo "exit $?"
quantgate run suites/bad/many-mistakes.yaml
echo "exit $?"
# One suite for several runners: as text, balanced by what cases took, and as the matrix of a workflow.
cat >"$T/two.yaml" <<YAML
version: 1
name: two
models:
  fp16: {model: golden/models/tiny-llama, dtype: float16}
  int8: {model: golden/models/tiny-llama, quantization: int8}
reference: fp16
quality: {text: suites/data/validation.txt, budgets: {fp16: {ppl: 1.6}, int8: {kld_mean: 0.001}}}
performance:
  production: {input_len: 64, output_len: 16, batch: [1, 4]}
  budgets: {int8: [{batch: 1, weights_vs_fp16: 0.6x}]}
YAML
quantgate plan "$T/two.yaml" --shards 2
echo "exit $?"
quantgate plan "$T/two.yaml" --shards 9 --format github-matrix
echo "exit $?"
quantgate plan "$T/two.yaml" --only '*/b1' --shards 2 --json
echo "exit $?"
cat >"$T/times.json" <<JSON
{"schema":2,"verdict":"pass","exit_code":0,"machine":{},"cases":[
{"id":"fp16/perf/b1","model":"fp16","method":"fp16","device":"cpu","kind":"performance","batch":1,"state":"measured","wall_ns":9000000000},
{"id":"fp16/quality","model":"fp16","method":"fp16","device":"cpu","kind":"quality","state":"measured","wall_ns":4000000000}]}
JSON
quantgate plan "$T/suite.yaml" --shards 2 --times "$T/times.json"
echo "exit $?"
GITHUB_OUTPUT=$T/output quantgate plan "$T/suite.yaml" --shards 3 --only '*/perf/*' --github-output
echo "exit $?"
cat "$T/output"
quantgate plan "$T/suite.yaml" --format github-matrix
echo "exit $?"
quantgate plan "$T/suite.yaml" --shards 2 --github-output
echo "exit $?"
quantgate plan "$T/suite.yaml" --shards 2 --times "$T/suite.yaml"
echo "exit $?"
quantgate run "$T/suite.yaml" --shard 3/2
echo "exit $?"
# What is known to fail, and what is skipped.
cat >>"$T/suite.yaml" <<YAML
known_failures:
  - {case: fp16/quality, metric: same_top, issue: https://example.org/1, expires: 2020-01-31}
skip:
  - {case: fp16/perf/b2, reason: too slow here, expires: 2999-12-31}
YAML
quantgate lint "$T/suite.yaml"
echo "exit $?"
quantgate plan "$T/suite.yaml"
echo "exit $?"
quantgate lint suites/bad/exceptions.yaml
echo "exit $?"
