#!/usr/bin/env python3
"""Random two-layer Qwen2, Mistral, OPT and RoPE-scaled Llama folders with their log-probabilities.

How: seeded normal weights under the tensor names and the config keys that each family's real
folders have, old spelling and new; transformers then says what they compute. Invariant: each
switch that a folder turns changes its log-probabilities by far more than the tolerance, which
the script proves by turning it back (the column "without").

    two_layer_families.py [-o golden/vectors]
"""
import argparse
import json
import pathlib
import shutil
import tempfile

import numpy as np
import torch
import transformers
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

import logprobs
import tokenizers_vectors
import two_layer_models
from two_layer_models import DTYPES, dump

COMMAND = "scripts/make-vectors/two_layer_families.py"
VOCAB = 272
POSITIONS = 512

DYNAMIC = {"rope_type": "dynamic", "factor": 6.0}
YARN = {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 64}
ROTARY = {"hidden": 32, "heads": 4, "kv_heads": 2, "head_dim": 8, "ffn": 64, "dtype": "F16",
          "tied": True, "bias": (), "theta": 10000.0, "scaling": None, "new_config": False,
          "positions": POSITIONS, "config": {}}
QWEN2 = {"family": "qwen2", "bias": ("q_proj", "k_proj", "v_proj"), "theta": 1000000.0,
         # real Qwen2.5 folders carry a window that is switched off
         "config": {"use_sliding_window": False, "sliding_window": 16, "max_window_layers": 1}}
# name: the folder, then what is turned back to see that it matters
ROTARIES = {
    "two-qwen2-tied": (QWEN2 | {"tied": True, "dtype": "BF16"}, "bias"),
    "two-qwen2-untied": (QWEN2 | {"tied": False, "heads": 8, "new_config": True, "head_dim": 4},
                         "bias"),
    "two-mistral-window": ({"family": "mistral", "tied": False, "hidden": 40, "head_dim": 12,
                            "config": {"sliding_window": 24}}, {"sliding_window": None}),
    "two-mistral-full": ({"family": "mistral", "tied": False, "dtype": "BF16", "new_config": True,
                          "config": {"sliding_window": None}}, {"sliding_window": 24}),
    "two-llama-dynamic": ({"positions": 128, "scaling": DYNAMIC}, "scaling"),
    "two-llama-dynamic-new": ({"positions": 80, "scaling": DYNAMIC | {"factor": 8.0},
                               "new_config": True, "head_dim": 16, "heads": 2, "kv_heads": 1},
                              "scaling"),
    "two-llama-yarn": ({"scaling": YARN | {"attention_factor": 1.3, "beta_fast": 16.0,
                                           "beta_slow": 0.5}, "head_dim": 16}, "scaling"),
    "two-llama-yarn-new": ({"scaling": YARN | {"mscale": 1.2, "mscale_all_dim": 0.4,
                                               "truncate": False}, "new_config": True,
                            "head_dim": 16, "theta": 500000.0, "tied": False}, "scaling"),
    "two-llama-yarn-plain": ({"scaling": YARN, "head_dim": 16}, "scaling"),
}
OPT = {"hidden": 32, "heads": 4, "ffn": 64, "dtype": "F16", "tied": True, "prefix": "model.",
       "embed": 32, "bias": True, "affine": True, "before": True, "remove_final": False,
       "new_config": False}
OPTS = {
    "two-opt-pre": ({}, None),
    "two-opt-post-proj": ({"before": False, "embed": 20, "new_config": True},
                          {"do_layer_norm_before": True}),
    # the names of the oldest files, which start at the decoder and spell the tied head out
    "two-opt-no-final": ({"remove_final": True, "prefix": "", "dtype": "BF16"},
                         {"_remove_final_layer_norm": False}),
    "two-opt-no-bias": ({"bias": False, "affine": False, "tied": False, "embed": 24}, None),
}


class Weights:
    """Seeded tensors by name, in the order asked for."""

    def __init__(self, seed):
        self.r = np.random.default_rng(seed)
        self.out = {}

    def normal(self, name, *shape, std, mean=0.0):
        v = self.r.standard_normal(shape, dtype=np.float32) * np.float32(std) + np.float32(mean)
        self.out[name] = torch.from_numpy(v)

    def linear(self, name, n_out, n_in, gain=1.5, bias=False):
        self.normal(name + ".weight", n_out, n_in, std=gain / n_in**0.5)
        if bias:
            self.normal(name + ".bias", n_out, std=0.5)

    def norm(self, name, n, bias=False, gain=1.0):
        self.normal(name + ".weight", n, std=0.2 * gain, mean=gain)
        if bias:
            self.normal(name + ".bias", n, std=0.2)

    def stored(self, dtype):
        return {k: v.to(DTYPES[dtype]).contiguous() for k, v in self.out.items()}


def rotary_weights(m, seed):
    w, d = Weights(seed), m["hidden"]
    q, kv = m["heads"] * m["head_dim"], m["kv_heads"] * m["head_dim"]
    w.normal("model.embed_tokens.weight", VOCAB, d, std=0.7)
    for i in range(2):
        at = f"model.layers.{i}."
        for name, n_out, n_in in (("q_proj", q, d), ("k_proj", kv, d), ("v_proj", kv, d),
                                  ("o_proj", d, q)):
            w.linear(at + "self_attn." + name, n_out, n_in, bias=name in m["bias"])
        for name, n_out, n_in in (("gate_proj", m["ffn"], d), ("up_proj", m["ffn"], d),
                                  ("down_proj", d, m["ffn"])):
            w.linear(at + "mlp." + name, n_out, n_in)
        for name in ("input_layernorm", "post_attention_layernorm"):
            w.norm(at + name, d)
    w.norm("model.norm", d, gain=0.6 if m["tied"] else 1.0)
    if not m["tied"]:
        w.linear("lm_head", VOCAB, d, gain=3)
    return w.stored(m["dtype"])


def rotary_config(m):
    """config.json as transformers 4 or, with new_config, as transformers 5 writes it."""
    family = m.get("family", "llama")
    name = {"llama": "Llama", "qwen2": "Qwen2", "mistral": "Mistral"}[family]
    out = {
        "architectures": [f"{name}ForCausalLM"], "bos_token_id": 0, "eos_token_id": 1,
        "hidden_act": "silu", "hidden_size": m["hidden"], "intermediate_size": m["ffn"],
        "max_position_embeddings": m["positions"], "model_type": family,
        "num_attention_heads": m["heads"], "num_hidden_layers": 2,
        "num_key_value_heads": m["kv_heads"], "rms_norm_eps": 1e-6,
        "tie_word_embeddings": m["tied"], "vocab_size": VOCAB, **m["config"],
    }
    if m["head_dim"] * m["heads"] != m["hidden"]:
        out["head_dim"] = m["head_dim"]
    elif family == "mistral":
        out["head_dim"] = None
    dtype = str(DTYPES[m["dtype"]]).removeprefix("torch.")
    if m["new_config"]:
        scaling = m["scaling"] or {"rope_type": "default"}
        return out | {"dtype": dtype, "rope_parameters": {**scaling, "rope_theta": m["theta"]}}
    out |= {"torch_dtype": dtype, "rope_theta": m["theta"]}
    if family == "llama":
        scaling = m["scaling"]
        if scaling == DYNAMIC:  # the key of older files
            scaling = {"type": "dynamic", "factor": DYNAMIC["factor"]}
        out["rope_scaling"] = scaling
    return out


def opt_weights(m, seed):
    w, d, at = Weights(seed), m["hidden"], m["prefix"] + "decoder."
    w.normal(at + "embed_tokens.weight", VOCAB, m["embed"], std=0.25 if m["remove_final"] else 0.7)
    w.normal(at + "embed_positions.weight", POSITIONS + 2, d, std=0.5)
    if m["embed"] != d:
        w.linear(at + "project_in", d, m["embed"])
        w.linear(at + "project_out", m["embed"], d, gain=0.9)
    if m["before"] and m["affine"] and not m["remove_final"]:
        w.norm(at + "final_layer_norm", d, bias=m["bias"], gain=0.6)
    for i in range(2):
        layer = f"{at}layers.{i}."
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            w.linear(layer + "self_attn." + name, d, d, bias=m["bias"])
        if m["affine"]:
            w.norm(layer + "self_attn_layer_norm", d, bias=True)
        w.linear(layer + "fc1", m["ffn"], d, bias=m["bias"])
        w.linear(layer + "fc2", d, m["ffn"], bias=m["bias"])
        if m["affine"]:
            w.norm(layer + "final_layer_norm", d, bias=True)
    out = w.stored(m["dtype"])
    if not m["tied"]:
        w.linear("lm_head", VOCAB, m["embed"], gain=3)
        return w.stored(m["dtype"])
    if m["prefix"] == "":
        out["lm_head.weight"] = out[at + "embed_tokens.weight"].clone()
    return out


def opt_config(m):
    """An OPT config without tie_word_embeddings means true, and dtype has two names."""
    out = {
        "_remove_final_layer_norm": m["remove_final"], "activation_dropout": 0.0,
        "activation_function": "relu", "architectures": ["OPTForCausalLM"],
        "attention_dropout": 0.0, "bos_token_id": 2, "do_layer_norm_before": m["before"],
        "dropout": 0.1, "eos_token_id": 2, "ffn_dim": m["ffn"], "hidden_size": m["hidden"],
        "init_std": 0.02, "layerdrop": 0.0, "max_position_embeddings": POSITIONS,
        "model_type": "opt", "num_attention_heads": m["heads"], "num_hidden_layers": 2,
        "pad_token_id": 1, "prefix": "</s>", "vocab_size": VOCAB,
        "word_embed_proj_dim": m["embed"],
    }
    if not m["bias"]:
        out |= {"enable_bias": False, "layer_norm_elementwise_affine": m["affine"]}
    if not m["tied"]:
        out["tie_word_embeddings"] = False
    dtype = str(DTYPES[m["dtype"]]).removeprefix("torch.")
    return out | {"dtype" if m["new_config"] else "torch_dtype": dtype}


def opt_tokenizer():
    """GPT-2's pipeline with OPT's special ids, </s> first."""
    t = tokenizers_vectors
    names = ["<s>", "<pad>", "</s>", "<unk>"]
    vocab, merges = t.train(VOCAB, n_special=len(names))
    vocab = {**{n: i for i, n in enumerate(names)}, **vocab}
    added = t.added_tokens(vocab, {n: t.PLAIN_SPECIAL for n in names})
    return t.folder(t.bpe(vocab, merges), added, pre=t.byte_level(),
                    post=t.template("</s>", ids=vocab), dec=t.byte_level())


def write_folder(folder, tensors, config, tokenizer, special):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    two_layer_models.save_weights(folder, tensors, 1)
    dump(folder / "config.json", config)
    dump(folder / "generation_config.json",
         {k: config[k] for k in ("bos_token_id", "eos_token_id", "pad_token_id") if k in config})
    dump(folder / "tokenizer.json", tokenizer)
    dump(folder / "tokenizer_config.json", special)
    for f in folder.iterdir():
        f.chmod(0o644)


def fresh_score(folder, ids, top):
    """A model of its own for each text: dynamic RoPE remembers the longest it has seen."""
    return logprobs.score(logprobs.load(folder)[0], ids, top)


def without(folder, changed, ids, tensors):
    """Largest difference of the given tokens' log-probabilities when something is turned back."""
    with tempfile.TemporaryDirectory() as tmp:
        other = pathlib.Path(tmp) / folder.name
        shutil.copytree(folder, other)
        dump(other / "config.json", changed)
        two_layer_models.save_weights(other, tensors, 1)
        a, b = (fresh_score(f, ids, 1)["logprob"][1:] for f in (folder, other))
    return max(abs(x - y) for x, y in zip(a, b))


def write_vectors(folder, out, limit, changed, tensors):
    shape = logprobs.COMPACT
    _, tok = logprobs.load(folder)
    lines = [logprobs.head(folder, COMMAND)]
    for name, text in logprobs.prompts(tok, shape):
        ids = tok.encode(text).ids
        model, _ = logprobs.load(folder)
        greedy = {"ids": [], "margin": []}  # dynamic RoPE: keys of several scales in one cache
        if limit is None or len(ids) + shape.greedy <= limit:
            greedy = logprobs.greedy(model, ids, shape.greedy)
            check_greedy(folder, ids, greedy)
        lines.append({"name": name, "text": text, "ids": ids,
                      **fresh_score(folder, ids, shape.top), "greedy": greedy})
    logprobs.save(out, lines)
    if changed:
        worst = without(folder, changed, lines[-1]["ids"], tensors)
        print(f"    without: {worst:.3g}")
        assert worst > 0.1, folder


def check_greedy(folder, ids, greedy):
    """The cached continuation is the one that a single pass over all of it gives."""
    both = ids + greedy["ids"]
    top = fresh_score(folder, both, 1)["top"][len(ids) - 1:-1]
    assert all(t[0][0] == i or m < 1e-3
               for t, i, m in zip(top, greedy["ids"], greedy["margin"])), folder


def back(m, change, tensors):
    """The config and the weights with the folder's feature turned back."""
    if change == "bias":  # Qwen2 always has them, so zeros
        return rotary_config(m), {k: torch.zeros_like(v) if k.endswith(".bias") else v
                                  for k, v in tensors.items()}
    if change == "scaling":
        return rotary_config(m | {"scaling": None}), tensors
    return rotary_config(m | {"config": m["config"] | change}), tensors


def write_rotary(out, name, special, change, seed):
    m = ROTARY | special
    tensors = rotary_weights(m, seed)
    write_folder(out / name, tensors, rotary_config(m), two_layer_models.tokenizer(VOCAB),
                 {"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>", "add_bos_token": False})
    dynamic = (m["scaling"] or {}).get("rope_type") == "dynamic"
    write_vectors(out / name, out / f"{name}.jsonl", m["positions"] if dynamic else None,
                  *back(m, change, tensors))


def write_opt(out, name, special, change, seed):
    m = OPT | special
    tensors, config = opt_weights(m, seed), opt_config(m)
    write_folder(out / name, tensors, config, opt_tokenizer(),
                 {"bos_token": "</s>", "eos_token": "</s>", "pad_token": "<pad>",
                  "unk_token": "</s>", "add_bos_token": True})
    changed = config | change if change else None
    at = m["prefix"] + "decoder.final_layer_norm."
    extra = {at + "weight": torch.ones(m["hidden"]), at + "bias": torch.zeros(m["hidden"])}
    write_vectors(out / name, out / f"{name}.jsonl", None, changed, tensors | extra)


def write_rope(out):
    """Inverse frequencies [head_dim / 2] and the factor on cosine and sine, per sequence length."""
    yarns = [YARN, YARN | {"factor": 4.0, "original_max_position_embeddings": 32768},
             YARN | {"attention_factor": 1.3, "beta_fast": 16.0, "beta_slow": 0.5},
             YARN | {"mscale": 1.2, "mscale_all_dim": 0.4, "truncate": False},
             YARN | {"mscale": 0.707}]
    cases = [(DYNAMIC, 96, n) for n in (1, 96, 97, 200, 576)]
    cases += [({"rope_type": "dynamic", "factor": 2.0}, 2048, n) for n in (2048, 3000, 4096)]
    cases += [(y, 131072, 1) for y in yarns]
    lines = [{"format": "rope 2", "torch": torch.__version__,
              "transformers": transformers.__version__, "command": COMMAND}]
    for head_dim, theta in ((16, 10000.0), (64, 10000.0), (128, 500000.0)):
        for scaling, positions, n in cases:
            c = LlamaConfig(hidden_size=2 * head_dim, num_attention_heads=2, head_dim=head_dim,
                            max_position_embeddings=positions,
                            rope_parameters={**scaling, "rope_theta": theta})
            freq, factor = ROPE_INIT_FUNCTIONS[scaling["rope_type"]](c, seq_len=n)
            lines.append({"head_dim": head_dim, "rope_theta": theta, "rope_scaling": scaling,
                          "max_position_embeddings": positions, "seq_len": n,
                          "attention_factor": logprobs.short(factor),
                          "inv_freq": [logprobs.short(x) for x in freq.tolist()]})
    out.write_text("".join(json.dumps(v, separators=(",", ":")) + "\n" for v in lines),
                   encoding="ascii")
    print(f"{out}: {len(lines) - 1} configurations")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("-o", "--out", type=pathlib.Path,
                   default=two_layer_models.ROOT / "golden/vectors")
    p.add_argument("--only", default="", help="folders whose name contains this")
    a = p.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    write_rope(a.out / "rope-by-length.jsonl")
    jobs = [(write_rotary, n, *v) for n, v in ROTARIES.items()]
    jobs += [(write_opt, n, *v) for n, v in OPTS.items()]
    for seed, (write, name, special, change) in enumerate(jobs, 200):
        if a.only in name:
            write(a.out / "fp16", name, special, change, seed)


if __name__ == "__main__":
    main()
