# A suite that was never run: what is missing and how to get it; templates; evidence full of mistakes.
try() {
    quantgate checklist "$@"
    echo "exit $?: checklist $*"
}
ln -s "$PWD/golden" "$T/golden"
cd "$T" || exit
cat >suite.yaml <<YAML
version: 1
name: release
models:
  fp16: {model: golden/models/tiny-llama, dtype: float16}
  gptq: {from: fp16, quantize: {method: rtn, bits: 4, group_size: 64}}
reference: fp16
performance:
  production: {input_len: 64, output_len: 16, batch: [1, 2]}
  budgets:
    fp16: [{batch: 1, tpot_p50: 100 ms}]
    gptq: [{batch: 1, weights_vs_fp16: 0.5x}]
checklist:
  require: [baseline, variant, ab, card]
  ab_evidence: ab.json
  card: CARD.md
  waive: {variant: {reason: until the runner is there, expires: 2020-01-31}}
YAML
try --help
try suite.yaml
try suite.yaml --template ab
try suite.yaml --template card
cat >ab.json <<JSON
{"format": "quantgate-abtest", "version": 1, "name": "n", "made_by": "", "started": "2026-01-12T09:00:00Z",
 "ended": "yesterday", "unit": "user", "split": 50,
 "control": {"model": "fp16", "checkpoint": "123", "n": -1},
 "treatment": {"model": "gptq", "checkpoint": "sha256:123", "number": 4},
 "primary": {"metric": "clicks", "better": "more", "effect": "difference", "rule": "superiority", "margin": 0,
  "estimate": null, "interval": [1], "confidence": 0.95, "decision": "pass"},
 "guardrails": {}, "decision": "ship"}
JSON
cat >CARD.md <<CARD
---
base_model: org/other
tags: {awq: yes}
quantgate_checkpoint: {gptq: 0123}
---
# A model
CARD
try suite.yaml
printf 'no card' >CARD.md
printf '{' >ab.json
try suite.yaml
try suite.yaml --out nowhere
try
