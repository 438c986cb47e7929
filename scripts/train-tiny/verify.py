#!/usr/bin/env python3
"""Verifies an embedded model: shapes, tokenizer, weight ranges, perplexity, greedy margins.

Reads the folder as users do, with transformers in float32 on the float16 weights. Perplexity is per
document: begin token, then every token of the document given those before it; documents never see
each other. Exit code 1 where something is wrong. `--damage` also tells what rounding does: weights
of the projections (not of the head) to the nearest step, used in float32.
"""

import argparse
import copy
import math
import os
import shutil
import sys
import tempfile

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from train import FAMILIES, documents

# bits, group (None: the row), symmetric
DAMAGES = [(8, None, True)] + [(4, g, s) for s in (True, False) for g in (32, 64, 128)]

failures = 0


def expect(truth, what):
    global failures
    if not truth:
        failures += 1
    print(f"{'ok  ' if truth else 'FAIL'} {what}")


def check_shapes(model, spec):
    for key, value in spec["config"].items():
        if not isinstance(value, dict):
            expect(getattr(model.config, key) == value, f"config: {key} = {value}")
    expect(model.config.vocab_size == spec["vocab"], f"config: vocab_size = {spec['vocab']}")


def check_weights(folder):
    """Float16, finite, away from the largest float16, few denormals."""
    size = os.path.getsize(os.path.join(folder, "model.safetensors"))
    tensors = load_file(os.path.join(folder, "model.safetensors"))
    expect(
        all(t.dtype == torch.float16 for t in tensors.values()),
        f"{len(tensors)} tensors of float16, {size} bytes",
    )
    flat = torch.cat([t.float().flatten() for t in tensors.values()])
    expect(
        bool(torch.isfinite(flat).all()) and flat.abs().max() < 64,
        f"largest weight {flat.abs().max():.3f}",
    )
    denormal = ((flat != 0) & (flat.abs() < 2.0**-14)).float().mean().item()
    expect(denormal < 0.02, f"denormal weights {100 * denormal:.3f} %")


def check_tokenizer(tok, spec, texts):
    expect(len(tok) == spec["vocab"], f"tokenizer: {len(tok)} entries")
    begin = tok.convert_tokens_to_ids(spec["begin"])
    ids = [tok(x)["input_ids"] for x in texts]
    expect(
        all(x[0] == begin and begin not in x[1:] for x in ids),
        "tokenizer: begin token in front, once",
    )
    expect(
        all(tok.decode(x[1:]) == t for x, t in zip(ids, texts)),
        "tokenizer: decoding gives the text back",
    )
    lengths = [len(x) for x in ids]
    expect(
        min(lengths) > 80,
        f"validation: {len(ids)} documents, {sum(lengths)} tokens, "
        f"{min(lengths)} to {max(lengths)} a document",
    )
    return ids


def check_older_files(folder, tok, texts):
    """vocab.json with merges.txt alone must give the ids of tokenizer.json."""
    with tempfile.TemporaryDirectory() as older:
        for name in os.listdir(folder):
            if name != "tokenizer.json" and name.endswith((".json", ".txt")):
                shutil.copy(os.path.join(folder, name), older)
        other = AutoTokenizer.from_pretrained(older)
    expect(
        all(other(x)["input_ids"] == tok(x)["input_ids"] for x in texts),
        "tokenizer: vocab.json with merges.txt gives the same ids",
    )


def check_relu(model, ids):
    """Of a model with ReLU: how many units no token of the texts turns on."""
    fired = {}

    def count(name):
        def hook(module, given, out):
            on = (out > 0).flatten(0, -2).any(0)
            fired[name] = fired.get(name, False) | on

        return hook

    layers = [(n, m) for n, m in model.named_modules() if n.endswith("fc1")]
    hooks = [m.register_forward_hook(count(n)) for n, m in layers]
    nll(model, ids)
    for h in hooks:
        h.remove()
    dead = [int((~on).sum()) for on in fired.values()]
    units = sum(len(on) for on in fired.values())
    expect(sum(dead) < 0.03 * units, f"units of {units} that never fire, by layer: {dead}")


def nll(model, ids):
    """Sum of negative log-probabilities of all tokens but the first, and their number."""
    total, n = 0.0, 0
    with torch.inference_mode():
        for x in ids:
            logp = model(torch.tensor([x])).logits[0, :-1].double().log_softmax(-1)
            total -= logp.gather(1, torch.tensor(x[1:]).unsqueeze(1)).sum().item()
            n += len(x) - 1
    return total, n


def unigram_perplexity(tokens, vocab, ids):
    """Of the distribution of single tokens in the training ids, each counted once more."""
    counts = np.bincount(np.fromfile(tokens, dtype=np.uint16), minlength=vocab) + 1.0
    logp = np.log(counts / counts.sum())
    return math.exp(-np.mean([logp[t] for x in ids for t in x[1:]]))


def rounded(weight, bits, group, symmetric):
    """Round to nearest: a scale, and without symmetry a zero point, for each group of a row."""
    w = weight.reshape(-1, group or weight.shape[1])
    if symmetric:
        step = w.abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1)
        return (w / step).round().mul(step).reshape(weight.shape)
    low, high = w.amin(1, keepdim=True).clamp(max=0), w.amax(1, keepdim=True).clamp(min=0)
    step = (high - low) / (2**bits - 1)
    zero = (-low / step).round()
    code = ((w / step).round() + zero).clamp(0, 2**bits - 1)
    return ((code - zero) * step).reshape(weight.shape)


def damage(model, ids):
    """Perplexity, divergence from the model, and how often the best token stays."""
    with torch.no_grad():
        truth = [model(torch.tensor([x])).logits[0, :-1].double().log_softmax(-1) for x in ids]
        total, n = nll(model, ids)
        for bits, group, symmetric in DAMAGES:
            other = copy.deepcopy(model)
            for name, m in other.named_modules():
                if isinstance(m, torch.nn.Linear) and not name.endswith("lm_head"):
                    m.weight.copy_(rounded(m.weight, bits, group, symmetric))
            kl, same = 0.0, 0
            for x, p in zip(ids, truth):
                q = other(torch.tensor([x])).logits[0, :-1].double().log_softmax(-1)
                kl += (p.exp() * (p - q)).sum().item()
                same += (p.argmax(-1) == q.argmax(-1)).sum().item()
            worse = math.exp((nll(other, ids)[0] - total) / n) - 1
            print(
                f"     {bits} bit, {f'groups of {group}' if group else 'rows'}, "
                f"{'' if symmetric else 'a'}symmetric: perplexity {100 * worse:+.2f} %, "
                f"KL {kl / n:.5f}, same-top {100 * same / n:.2f} %"
            )


def greedy_margins(model, ids, n):
    """The greedy continuation and the gap between the two best logits at each step."""
    ids, gaps = list(ids), []
    with torch.inference_mode():
        for _ in range(n):
            best = model(torch.tensor([ids])).logits[0, -1].topk(2)
            gaps.append((best.values[0] - best.values[1]).item())
            ids.append(best.indices[0].item())
    return ids, gaps


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder")
    parser.add_argument("--validation", default="suites/data/validation.txt", metavar="FILE")
    parser.add_argument("--max-perplexity", type=float, default=1.6)
    parser.add_argument(
        "--tokens", metavar="FILE", help="training ids, to compare with a unigram model"
    )
    parser.add_argument("--prompts", metavar="FILE", help="print greedy continuations and margins")
    parser.add_argument("--damage", action="store_true", help="print what rounding does")
    args = parser.parse_args()
    torch.set_num_threads(1)
    tok = AutoTokenizer.from_pretrained(args.folder)
    model = AutoModelForCausalLM.from_pretrained(args.folder, dtype=torch.float32)
    family = model.config.model_type
    spec = FAMILIES[family]
    check_shapes(model, spec)
    check_weights(args.folder)
    texts = documents(args.validation)
    ids = check_tokenizer(tok, spec, texts)
    if family == "opt":
        check_older_files(args.folder, tok, texts)
        check_relu(model, ids)
    total, n = nll(model, ids)
    perplexity = math.exp(total / n)
    expect(
        perplexity < args.max_perplexity,
        f"perplexity {perplexity:.4f} over {n} tokens; uniform {spec['vocab']}, "
        f"{spec['vocab'] / perplexity:.0f} times as much",
    )
    if args.tokens:
        print(f"     unigram perplexity {unigram_perplexity(args.tokens, spec['vocab'], ids):.2f}")
    if args.damage:
        damage(model, ids)
    if args.prompts:
        clear = 0
        with open(args.prompts, encoding="utf-8") as f:
            prompts = f.read().splitlines()
        for i, prompt in enumerate(prompts):
            out, gaps = greedy_margins(model, tok(prompt)["input_ids"], 64)
            clear += min(gaps) > 0.01
            print(
                f"     prompt {i + 1}: {len(out) - 64} tokens, smallest margin {min(gaps):.4f}: "
                f"{tok.decode(out[1:])!r}"
            )
        expect(clear >= 4, f"{clear} of {len(prompts)} prompts have every margin over 0.01")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
