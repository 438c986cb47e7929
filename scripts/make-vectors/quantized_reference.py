#!/usr/bin/env python3
"""Log-probability vectors of the quantized folders: transformers in float32 over their own bits.

How: each format is decoded here with numpy, in float32, from the description of the format and the
tool that wrote it, sharing nothing with the program under test; a plain transformers model gets
the decoded matrices. Matrices stored as floats are rounded to float16, as in logprobs.py. For W8A8
each linear layer is simulated: per token, scale = max |x| / 127 and codes = rint(x / scale)
within +-127, times the stored codes, exactly. The same decoders, made wrong on purpose, say what
each mistake would cost. Prints both tables of golden/vectors/README.md.

    quantized_reference.py [--only PART_OF_NAME]
"""
import argparse
import json
import re

import numpy as np
import torch
import transformers
from safetensors import safe_open
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForCausalLM

import logprobs
from quantized_sources import OWN, VECTORS

COMMAND = "scripts/make-vectors/quantized_reference.py"
AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]
# what can be wrong, and in which formats
DAMAGES = {
    "order of codes in a word": ("gptq", "awq", "pack-quantized"),
    "zeros of the other version": ("gptq",),
    "zeros + 1 lane by lane": ("gptq v1 asym",),
    "zeros ignored": ("gptq asym", "awq", "pack-quantized asym"),
    "zeros off by one": ("gptq", "awq", "pack-quantized asym"),
    "g_idx ignored": ("gptq act", "pack-quantized act"),
    "scale x 1.01": ("gptq", "awq", "pack-quantized", "int-quantized", "bitsandbytes"),
    "scales of the next group": ("gptq grouped", "awq", "pack-quantized grouped"),
    "codes without sign": ("int-quantized", "bitsandbytes"),
    "SCB not over 127": ("bitsandbytes",),
    "one activation scale a text": ("int-quantized",),
    "activations not rounded": ("int-quantized",),
}


def lanes(words, bits, axis, order=None):
    """The codes of 32-bit words, spread along an axis; the lowest bits come first."""
    n = 32 // bits
    shifts = np.arange(n, dtype=np.uint32) * np.uint32(bits)
    codes = (np.expand_dims(words.view(np.uint32), -1) >> shifts) & np.uint32((1 << bits) - 1)
    if order is not None:  # lane i holds column order[i]
        codes = codes[..., np.argsort(order)]
    codes = np.moveaxis(codes, -1, axis + 1)
    shape = list(words.shape)
    shape[axis] *= n
    return codes.reshape(shape).astype(np.int64)


def scaled(codes, zeros, scales, group, damage):
    """[K, N] float32 from codes [K, N], zeros and scales [groups, N] and the group of each row."""
    scales = scales.astype(np.float32)
    if damage == "scale x 1.01":
        scales = scales * np.float32(1.01)
    if damage == "scales of the next group":
        scales = np.roll(scales, 1, 0)
    if damage == "zeros off by one":
        zeros = zeros + 1
    if damage == "zeros ignored":
        zeros = np.full_like(zeros, 8)
    return (codes - zeros[group]).astype(np.float32) * scales[group]


class Checkpoint:
    """A folder, its tensors as numpy (BF16 widened), and the weights that its bits mean."""

    def __init__(self, folder):
        self.folder = folder
        self.config = json.loads((folder / "config.json").read_text())
        quant = self.config.get("quantization_config")
        beside = folder / "quantize_config.json"
        self.quant = quant or json.loads(beside.read_text())
        self.tensors = {}
        for file in folder.glob("*.safetensors"):
            with safe_open(file, "pt") as f:
                for key in f.keys():
                    t = f.get_tensor(key)
                    t = t.float() if t.dtype == torch.bfloat16 else t
                    self.tensors[key] = t.numpy()
        self.method = self.quant["quant_method"]
        if self.method == "compressed-tensors":
            self.method = self.quant["format"]
        self.prefixes = self.found()
        self.kinds = {self.method, *self.features()}

    def found(self):
        """The linear layers that are stored as codes."""
        marks = {"gptq": ".qweight", "awq": ".qweight", "pack-quantized": ".weight_packed",
                 "int-quantized": ".weight_scale", "bitsandbytes": ".SCB"}
        mark = marks[self.method]
        return [k.removesuffix(mark) for k in self.tensors if k.endswith(mark)]

    def features(self):
        m, out = self.method, []
        if m == "gptq":
            v1 = self.quant["checkpoint_format"] == "gptq"
            if not self.quant["sym"]:
                out += ["gptq asym"] + ["gptq v1 asym"] * v1
            if self.quant["desc_act"] and self.quant["group_size"] > 0:
                out += ["gptq act"]
            if any(self.tensors[p + ".scales"].shape[0] > 1 for p in self.prefixes):
                out += ["gptq grouped"]
        if m == "pack-quantized":
            if any(p + ".weight_zero_point" in self.tensors for p in self.prefixes):
                out += [m + " asym"]
            if any(p + ".weight_g_idx" in self.tensors for p in self.prefixes):
                out += [m + " act"]
            if any(self.tensors[p + ".weight_scale"].shape[1] > 1 for p in self.prefixes):
                out += [m + " grouped"]
        return out

    def gptq(self, p, damage):
        bits, t = self.bits(p), self.tensors
        order = None
        if damage == "order of codes in a word":
            order = AWQ_ORDER if bits == 4 else [3, 2, 1, 0]
        codes = lanes(t[p + ".qweight"], bits, 0, order)
        zeros = t[p + ".qzeros"].view(np.uint32)
        ones = np.uint32(0x11111111 if bits == 4 else 0x01010101)
        v1 = self.quant["checkpoint_format"] == "gptq"
        if damage == "zeros of the other version":
            zeros = zeros if v1 else zeros + ones
        elif damage == "zeros + 1 lane by lane":
            pass
        elif v1:
            zeros = zeros + ones
        zeros = lanes(zeros, bits, 1)
        if damage == "zeros + 1 lane by lane":
            zeros = zeros + 1
        group = t[p + ".g_idx"]
        if damage == "g_idx ignored":
            group = np.arange(len(group)) // self.quant["group_size"]
        w = scaled(codes, zeros, t[p + ".scales"], group,
                   None if damage == "zeros ignored" else damage)
        if damage == "zeros ignored":
            w = scaled(codes, np.full_like(zeros, 1 << (bits - 1)), t[p + ".scales"], group, None)
        return w.T

    def bits(self, p):
        return self.quant["bits"]

    def awq(self, p, damage):
        t = self.tensors
        wrong = damage == "order of codes in a word"
        codes = lanes(t[p + ".qweight"], 4, 1, None if wrong else AWQ_ORDER)
        zeros = lanes(t[p + ".qzeros"], 4, 1, None if wrong else AWQ_ORDER)
        group = np.arange(codes.shape[0]) // self.quant["group_size"]
        return scaled(codes, zeros, t[p + ".scales"], group, damage).T

    def pack_quantized(self, p, damage):
        t = self.tensors
        n, k = t[p + ".weight_shape"].tolist()
        bits = 32 * t[p + ".weight_packed"].shape[1] // k
        offset, per_word = 1 << (bits - 1), 32 // bits
        wrong = damage == "order of codes in a word"
        codes = lanes(t[p + ".weight_packed"], bits, 1,
                      np.arange(per_word)[::-1] if wrong else None)[:, :k] - offset
        scales = t[p + ".weight_scale"]
        zeros = np.zeros(scales.shape, np.int64)
        if p + ".weight_zero_point" in t and damage != "zeros ignored":
            zeros = lanes(t[p + ".weight_zero_point"], bits, 0)[:n] - offset
        group = np.arange(k) // (k // scales.shape[1])
        if p + ".weight_g_idx" in t and damage != "g_idx ignored":
            group = t[p + ".weight_g_idx"]
        return scaled(codes.T, zeros.T, scales.T, group,
                      None if damage == "zeros ignored" else damage).T

    def int_quantized(self, p, damage):
        codes = self.tensors[p + ".weight"].astype(np.int64)
        if damage == "codes without sign":
            codes = codes & 255
        scale = self.tensors[p + ".weight_scale"].astype(np.float32)
        return codes.astype(np.float32) * (scale * np.float32(1.01 if "1.01" in str(damage) else 1))

    def bitsandbytes(self, p, damage):
        codes = self.tensors[p + ".weight"].astype(np.int64)
        if damage == "codes without sign":
            codes = codes & 255
        by = np.float32(128 if damage == "SCB not over 127" else 127)
        scale = self.tensors[p + ".SCB"].astype(np.float32)[:, None] / by
        return codes.astype(np.float32) * (scale * np.float32(1.01 if "1.01" in str(damage) else 1))

    def weights(self, damage=None):
        """What a float32 model is loaded with."""
        decode = getattr(self, self.method.replace("-", "_"))
        out = {p + ".weight": decode(p, damage) for p in self.prefixes}
        for key, value in self.tensors.items():
            prefix = key.rpartition(".")[0]
            if prefix in self.prefixes and not key.endswith(".bias"):
                continue
            out[key] = value.astype(np.float16) if value.ndim == 2 else value
        return {k: torch.from_numpy(np.ascontiguousarray(v, np.float32)) for k, v in out.items()}

    def model(self, damage=None):
        config = AutoConfig.from_pretrained(self.folder)
        if hasattr(config, "quantization_config"):
            del config.quantization_config
        m = AutoModelForCausalLM.from_config(config, dtype=torch.float32,
                                             attn_implementation="eager")
        missing, unexpected = m.load_state_dict(self.weights(damage), strict=False)
        assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
        m.tie_weights()
        if self.method == "int-quantized" and damage != "activations not rounded":
            for p in self.prefixes:
                m.get_submodule(p).register_forward_pre_hook(
                    whole if damage == "one activation scale a text" else per_token)
        return m.float().eval()


def per_token(_, args):
    return (rounded(args[0], args[0].abs().amax(-1, keepdim=True)),)


def whole(_, args):
    return (rounded(args[0], args[0].abs().amax()),)


def rounded(x, top):
    """Codes times scale, in float32; a row of zeros stays."""
    scale = torch.where(top > 0, top / 127, torch.ones_like(top))
    return (x / scale).round().clamp(-127, 127) * scale


def vectors(c):
    tok = Tokenizer.from_file(str(c.folder / "tokenizer.json"))
    shape = logprobs.COMPACT
    model = c.model()
    yield logprobs.head(c.folder, COMMAND) | {"method": c.method}
    for name, text in logprobs.prompts(tok, shape):
        ids = tok.encode(text).ids
        yield {"name": name, "text": text, "ids": ids, **logprobs.score(model, ids, shape.top),
               "greedy": logprobs.greedy(model, ids, shape.greedy)}


def given(line):
    return np.array(line["logprob"][1:], np.float64)


def damage_rows(c, lines):
    """(mistake, largest and 99th percentile of the differences, change of the mean)."""
    right = np.concatenate([given(v) for v in lines])
    for damage, formats in DAMAGES.items():
        if not c.kinds & set(formats):
            continue
        model = c.model(damage)
        wrong = np.concatenate([given(logprobs.score(model, v["ids"], 1)) for v in lines])
        d = np.abs(wrong - right)
        yield damage, d.max(), np.quantile(d, 0.99), (right - wrong).mean()


def own_rows(c, lines):
    """The tool's own forward passes against ours: largest, 99th percentile, mean.

    So is our own simulation of W8A8 in float64: a code on the edge falls to the other side there.
    """
    if c.method == "int-quantized":
        model = c.model().double()
        d = np.abs(np.concatenate([given(logprobs.score(model, v["ids"], 1)) - given(v)
                                   for v in lines]))
        yield "this in float64", d.max(), np.quantile(d, 0.99), d.mean()
    path = OWN / f"{c.folder.name}.json"
    for name, own in (json.loads(path.read_text()) if path.exists() else {}).items():
        d = np.abs(np.concatenate([given(v) - np.array(own[v["name"]][1:]) for v in lines]))
        yield name, d.max(), np.quantile(d, 0.99), d.mean()


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--only", default="", help="folders whose name contains this")
    a = p.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    own, damage = [], []
    for kind in ("gptq", "awq", "int8"):
        for folder in sorted(f for f in (VECTORS / kind).glob("*") if f.is_dir()):
            name = f"{kind}/{folder.name}"
            if not re.search(a.only, name):
                continue
            c = Checkpoint(folder)
            lines = list(vectors(c))
            logprobs.save(folder.with_suffix(".jsonl"), lines)
            own += [f"| `{name}` | {how} | {worst:.2g} | {most:.2g} | {mean:.2g} |"
                    for how, worst, most, mean in own_rows(c, lines[1:])]
            damage += [f"| `{name}` | {what} | {worst:.3g} | {most:.2g} | {mean:+.2g} |"
                       for what, worst, most, mean in damage_rows(c, lines[1:])]
    print("\n".join(own), "\n".join(damage), sep="\n\n")


if __name__ == "__main__":
    main()
