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
