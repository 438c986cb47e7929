#!/usr/bin/env python3
"""Random two-layer Llama folders with their log-probability vectors, and RoPE frequencies.

How: seeded normal weights, scaled so that attention and logits are far from uniform, are stored in
each dtype, sharding and RoPE scaling that a loader must know; transformers then says what they
compute. Invariant: a folder stays under 300 KB, and every prompt is long enough to tell the
scalings apart.

    two_layer_models.py [-o golden/vectors]
"""
import argparse
import json
import pathlib
import shutil

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

import logprobs
import tokenizers_vectors

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = "scripts/make-vectors/two_layer_models.py"
DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32}
LINEAR = {"rope_type": "linear", "factor": 4.0}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64}

# name: what is special about the folder; the rest as in BASE
BASE = {"dtype": "F16", "hidden": 64, "heads": 4, "kv_heads": 2, "head_dim": 16, "ffn": 160,
        "vocab": 320, "tied": True, "bias": False, "theta": 10000.0, "scaling": None, "shards": 1,
        "new_config": False, "norm_dtype": None}
MODELS = {
    "two-f16-gqa": {"heads": 8, "kv_heads": 2, "head_dim": 12},
    "two-bf16-linear": {"dtype": "BF16", "scaling": LINEAR, "tied": False},
    "two-f32-llama3": {"dtype": "F32", "scaling": LLAMA3, "tied": False, "hidden": 40, "heads": 5,
                       "kv_heads": 1, "head_dim": 8, "ffn": 101, "vocab": 307, "theta": 500000.0,
                       "new_config": True},
    "two-f16-shards": {"shards": 3, "new_config": True, "kv_heads": 4},
    "two-f16-bias": {"bias": True, "kv_heads": 1},
    "two-mixed": {"dtype": "BF16", "norm_dtype": "F32", "hidden": 72, "heads": 3, "kv_heads": 3,
                  "head_dim": 24, "ffn": 99, "vocab": 311, "scaling": LLAMA3},
}


def weights(m, seed):
    """Tensors by name, in the order that transformers writes them."""
    r = np.random.default_rng(seed)

    def normal(*shape, std):
        return torch.from_numpy(r.standard_normal(shape, dtype=np.float32) * np.float32(std))

    def linear(name, n_out, n_in, gain=1.5, bias=False):
        out[name + ".weight"] = normal(n_out, n_in, std=gain / n_in**0.5)
        if bias:
            out[name + ".bias"] = normal(n_out, std=0.5)

    out = {"model.embed_tokens.weight": normal(m["vocab"], m["hidden"], std=0.7)}
    q, kv = m["heads"] * m["head_dim"], m["kv_heads"] * m["head_dim"]
    for i in range(2):
        at = f"model.layers.{i}."
        linear(at + "self_attn.q_proj", q, m["hidden"], bias=m["bias"])
        linear(at + "self_attn.k_proj", kv, m["hidden"], bias=m["bias"])
        linear(at + "self_attn.v_proj", kv, m["hidden"], bias=m["bias"])
        linear(at + "self_attn.o_proj", m["hidden"], q, bias=m["bias"])
        linear(at + "mlp.gate_proj", m["ffn"], m["hidden"])
        linear(at + "mlp.up_proj", m["ffn"], m["hidden"])
        linear(at + "mlp.down_proj", m["hidden"], m["ffn"])
        for norm in ("input_layernorm", "post_attention_layernorm"):
            out[at + norm + ".weight"] = 1 + normal(m["hidden"], std=0.2)
    out["model.norm.weight"] = (0.6 if m["tied"] else 1) * (1 + normal(m["hidden"], std=0.2))
    if not m["tied"]:
        linear("lm_head", m["vocab"], m["hidden"], gain=3)
    kinds = {k: DTYPES[m["norm_dtype"] or m["dtype"]] if "norm" in k else DTYPES[m["dtype"]]
             for k in out}
    return {k: v.to(kinds[k]).contiguous() for k, v in out.items()}


def config(m):
    """config.json as transformers 4 or, with new_config, as transformers 5 writes it."""
    out = {
        "architectures": ["LlamaForCausalLM"], "attention_bias": m["bias"], "bos_token_id": 0,
        "eos_token_id": 1, "head_dim": m["head_dim"], "hidden_act": "silu",
        "hidden_size": m["hidden"], "intermediate_size": m["ffn"],
        "max_position_embeddings": 512, "mlp_bias": False, "model_type": "llama",
        "num_attention_heads": m["heads"], "num_hidden_layers": 2,
        "num_key_value_heads": m["kv_heads"], "rms_norm_eps": 1e-5,
        "tie_word_embeddings": m["tied"], "vocab_size": m["vocab"],
    }
    dtype = str(DTYPES[m["dtype"]]).removeprefix("torch.")
    if m["new_config"]:
        scaling = m["scaling"] or {"rope_type": "default"}
        return out | {"dtype": dtype, "rope_parameters": {**scaling, "rope_theta": m["theta"]}}
    scaling = m["scaling"]
    if scaling == LINEAR:  # the key of older files
        scaling = {"type": "linear", "factor": LINEAR["factor"]}
    return out | {"torch_dtype": dtype, "rope_theta": m["theta"], "rope_scaling": scaling}


def tokenizer(n_entries):
    """SmolLM2's pipeline over a vocabulary of its own, ids 0 and 1 special."""
    t = tokenizers_vectors
    names = ["<|endoftext|>", "<|im_end|>"]
    vocab, merges = t.train(n_entries, n_special=len(names))
    vocab = {**{n: i for i, n in enumerate(names)}, **vocab}
    added = t.added_tokens(vocab, {n: t.PLAIN_SPECIAL for n in names})
    pre = t.sequence("pre", {"type": "Digits", "individual_digits": True}, t.byte_level())
    return t.folder(t.bpe(vocab, merges), added, pre=pre, dec=t.byte_level())


def dump(path, data):
    path.write_text(json.dumps(data, ensure_ascii=False) + "\n", encoding="utf-8")


def save_weights(folder, tensors, n_shards):
    meta = {"format": "pt"}
    if n_shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata=meta)
        return
    names, where = list(tensors), {}
    for i in range(n_shards):  # every third tensor: a layer is spread over all shards
        file = f"model-{i + 1:05d}-of-{n_shards:05d}.safetensors"
        part = {n: tensors[n] for n in names[i::n_shards]}
        save_file(part, folder / file, metadata=meta)
        where |= {n: file for n in part}
    total = sum(t.numel() * t.element_size() for t in tensors.values())
    dump(folder / "model.safetensors.index.json",
         {"metadata": {"total_size": total}, "weight_map": dict(sorted(where.items()))})


def write_model(folder, m, seed):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save_weights(folder, weights(m, seed), m["shards"])
    dump(folder / "config.json", config(m))
    dump(folder / "generation_config.json", {"bos_token_id": 0, "eos_token_id": 1})
    dump(folder / "tokenizer.json", tokenizer(m["vocab"]))
    dump(folder / "tokenizer_config.json",
         {"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>", "add_bos_token": False})
    for f in folder.iterdir():
        f.chmod(0o644)
    size = sum(f.stat().st_size for f in folder.iterdir())
    assert size <= 300_000, f"{folder.name} has {size} bytes"


def write_rope(out):
    """Inverse frequencies [head_dim / 2] of transformers' own rotary embedding."""
    scalings = [None, LINEAR, {**LLAMA3, "original_max_position_embeddings": 8192},
                {**LLAMA3, "factor": 32.0, "original_max_position_embeddings": 8192}, LLAMA3]
    lines = [{"format": "rope 1", "torch": torch.__version__, "transformers": transformers.__version__,
              "command": COMMAND}]
    for head_dim in (64, 128):
        for theta in (10000.0, 500000.0):
            for scaling in scalings:
                c = LlamaConfig(hidden_size=2 * head_dim, num_attention_heads=2, head_dim=head_dim,
                                max_position_embeddings=131072, rope_parameters={
                                    **(scaling or {"rope_type": "default"}), "rope_theta": theta})
                rope = LlamaRotaryEmbedding(c)
                assert rope.attention_scaling == 1.0
                lines.append({"head_dim": head_dim, "rope_theta": theta, "rope_scaling": scaling,
                              "inv_freq": [logprobs.short(x) for x in rope.inv_freq.tolist()]})
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("".join(json.dumps(v, separators=(",", ":")) + "\n" for v in lines),
                   encoding="ascii")
    print(f"{out}: {len(lines) - 1} configurations")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("-o", "--out", type=pathlib.Path, default=ROOT / "golden/vectors")
    a = p.parse_args()
    torch.set_num_threads(1)
    write_rope(a.out / "rope.jsonl")
    for seed, (name, special) in enumerate(MODELS.items(), 100):
        write_model(a.out / "fp16" / name, {**BASE, **special}, seed)
        logprobs.write(a.out / "fp16" / name, a.out / "fp16" / f"{name}.jsonl", COMMAND)


if __name__ == "__main__":
    main()
