"""Two-layer float models for the quantizing tools, and what the scripts that drive them share.

How: the weights of two_layer_families.py, with each input column scaled by a log-normal factor
(so that the order of columns and the group's extremes matter, as in trained models), and with a few
output rows of one sign, whose asymmetric zero points are the least and the greatest there are.
"""
import argparse
import json
import pathlib
import shutil
import tempfile

import numpy as np
import torch

import logprobs
import tokenizers_vectors
import two_layer_families as families
import two_layer_models

VECTORS = two_layer_models.ROOT / "golden/vectors"
OWN = two_layer_models.ROOT / "build/vectors-own"
SMALL = {"hidden": 64, "heads": 4, "kv_heads": 2, "head_dim": 16, "ffn": 128}
# group 128 divides every input width, and one has two groups of it
WIDE = {"hidden": 128, "heads": 8, "kv_heads": 2, "head_dim": 16, "ffn": 256}
OPT = {"hidden": 64, "ffn": 128, "embed": 64}


def mixed(tensors, seed):
    """The same model with columns of unequal size and rows of one sign."""
    r = np.random.default_rng(seed)
    out = {}
    for name, w in tensors.items():
        if w.dim() == 2 and ("_proj" in name or ".fc" in name) and "decoder.project" not in name:
            size = torch.from_numpy(np.exp(0.5 * r.standard_normal(w.shape[1])).astype(np.float32))
            v = w.float() * size / size.square().mean().sqrt()
            v[3::17] = v[3::17].abs()
            v[5::17] = -v[5::17].abs()
            w = v.to(w.dtype)
        out[name] = w
    return out


def calmer(tensors):
    """Logits of less than half the size: a code that falls to the other side is worth less."""
    return {k: 0.4 * v if k == "model.norm.weight" else v for k, v in tensors.items()}


def write_source(folder, special, seed):
    """A float folder that any of the tools opens; special as in two_layer_families.py."""
    if special.get("family") == "opt":
        m = families.OPT | OPT | special
        tensors, config = families.opt_weights(m, seed), families.opt_config(m)
        tokenizer = families.opt_tokenizer()
        names = {"bos_token": "</s>", "eos_token": "</s>", "pad_token": "<pad>"}
    else:
        m = families.ROTARY | SMALL | special
        tensors, config = families.rotary_weights(m, seed), families.rotary_config(m)
        tokenizer = two_layer_models.tokenizer(families.VOCAB)
        names = {"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>",
                 "pad_token": "<|im_end|>"}
    tensors = mixed(calmer(tensors) if special.get("calm") else tensors, seed)
    families.write_folder(folder, tensors, config, tokenizer,
                          {**names, "tokenizer_class": "PreTrainedTokenizerFast"})


def calibration(n):
    """Texts of some 200 tokens."""
    lines = tokenizers_vectors.training_text()
    return [" ".join(lines[8 * i:8 * i + 8]) for i in range(n)]


def finish(saved, folder, source, keep=()):
    """The tool's config and weights as they are; the tokenizer as it was; nothing else but keep."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("config.json", "generation_config.json", *keep):
        if (saved / name).exists():
            shutil.copy(saved / name, folder)
    for f in saved.glob("model*.safetensors*"):
        shutil.copy(f, folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(source / name, folder)
    for f in folder.iterdir():
        f.chmod(0o644)
    size = sum(f.stat().st_size for f in folder.iterdir())
    assert size <= 300_000, f"{folder.name} has {size} bytes"
    print(f"{folder}: {size} bytes")


def own_forward(folder, name, model):
    """What the tool's own kernels compute, for the table of differences; not committed."""
    from tokenizers import Tokenizer
    tok = Tokenizer.from_file(str(folder / "tokenizer.json"))
    path = OWN / f"{folder.name}.json"
    out = json.loads(path.read_text()) if path.exists() else {}
    out[name] = {}
    for prompt, text in logprobs.prompts(tok, logprobs.COMPACT):
        ids = tok.encode(text).ids
        out[name][prompt] = logprobs.score(model, ids, 1)["logprob"]
    OWN.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(out))


def run(what, folders, write, forward):
    """Writes each wanted folder from a float model of its own, and runs it with the tool's kernels.

    write(source, scratch, folder, special) makes it, forward(folder) calls own_forward.
    """
    p = argparse.ArgumentParser(description=what)
    p.add_argument("--only", default="", help="folders whose name contains this")
    p.add_argument("--forward", action="store_true", help="run the folders that are there")
    a = p.parse_args()
    for seed, (name, special) in enumerate(folders.items(), 300):
        if a.only not in name:
            continue
        if not a.forward:
            with tempfile.TemporaryDirectory() as tmp:
                source = pathlib.Path(tmp) / "source"
                write_source(source, special["model"], special.get("seed", seed))
                write(source, pathlib.Path(tmp) / "saved", VECTORS / name, special)
        forward(VECTORS / name)
