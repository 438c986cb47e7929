#!/usr/bin/env python3
"""Two-layer folders that llm-compressor quantizes and saves (compressed-tensors).

Run it in an environment of its own, see README.md; the numbers come from quantized_reference.py.

    write_llmcompressor.py [--only PART_OF_NAME] [--forward]
"""
import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""

import torch
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from datasets import Dataset
from llmcompressor import oneshot
from llmcompressor.modifiers.gptq import GPTQModifier
from llmcompressor.modifiers.quantization import QuantizationModifier
from transformers import AutoModelForCausalLM, AutoTokenizer

import quantized_sources as sources
from two_layer_families import QWEN2


def scheme(bits, group=None, symmetric=True, activations=None, **more):
    strategy = {"strategy": "group", "group_size": group} if group else {"strategy": "channel"}
    weights = QuantizationArgs(num_bits=bits, type="int", symmetric=symmetric, **strategy, **more)
    return {"group_0": QuantizationScheme(targets=["Linear"], weights=weights,
                                          input_activations=activations)}


PER_TOKEN = QuantizationArgs(num_bits=8, type="int", symmetric=True, strategy="token", dynamic=True)
FOLDERS = {
    "gptq/llmcompressor-w4a16-g128": {
        "model": sources.WIDE,
        "modifier": lambda: GPTQModifier(targets="Linear", scheme="W4A16", ignore=["lm_head"])},
    "gptq/llmcompressor-w4a16-asym-g32-qwen2": {
        "model": {**QWEN2, "dtype": "BF16"},
        "modifier": lambda: GPTQModifier(config_groups=scheme(4, 32, symmetric=False),
                                         ignore=["lm_head", r"re:.*layers\.1\.mlp\.(up|down)_proj"])},
    "gptq/llmcompressor-w4a16-act-weight-asym-g64": {
        "model": {},
        "modifier": lambda: GPTQModifier(
            config_groups=scheme(4, 64, symmetric=False, actorder="weight"), ignore=["lm_head"])},
    "int8/llmcompressor-w8a16-channel-opt": {
        "model": {"family": "opt"},
        "modifier": lambda: QuantizationModifier(config_groups=scheme(8), ignore=["lm_head"])},
    "int8/llmcompressor-w8a16-asym-g64": {
        "model": {"dtype": "BF16"},
        "modifier": lambda: QuantizationModifier(config_groups=scheme(8, 64, symmetric=False),
                                                 ignore=["lm_head"])},
    # a seed where the simulation rounds nearly every code alike in float32 and float64
    "int8/llmcompressor-w8a8": {
        "model": {"tied": False, "calm": True}, "seed": 401,
        "modifier": lambda: QuantizationModifier(targets="Linear", scheme="W8A8",
                                                 ignore=["lm_head"])},
    "int8/llmcompressor-w8a8-targets-qwen2": {
        "model": {**QWEN2, "dtype": "BF16", "calm": True},
        "modifier": lambda: GPTQModifier(
            config_groups={"group_0": QuantizationScheme(
                targets=[r"re:.*self_attn.*", r"re:.*gate_proj$", r"re:.*up_proj$"],
                weights=scheme(8)["group_0"].weights, input_activations=PER_TOKEN)},
            ignore=["lm_head", r"re:.*layers\.0\.self_attn\.o_proj"])},
}


def write(source, saved, folder, special):
    model = AutoModelForCausalLM.from_pretrained(source, dtype="auto")
    tokenizer = AutoTokenizer.from_pretrained(source)
    texts = [tokenizer(t, truncation=True, max_length=256) for t in sources.calibration(64)]
    data = Dataset.from_list([{k: t[k] for k in ("input_ids", "attention_mask")} for t in texts])
    oneshot(model=model, tokenizer=tokenizer, dataset=data, recipe=[special["modifier"]()],
            max_seq_length=256, num_calibration_samples=len(data))
    model.save_pretrained(saved, save_compressed=True)
    sources.finish(saved, folder, source)


def forward(folder):
    for dtype in (torch.float16, torch.float32):
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype,
                                                     attn_implementation="eager")
        sources.own_forward(folder, str(dtype).removeprefix("torch."), model.eval())


if __name__ == "__main__":
    torch.set_num_threads(1)
    sources.run(__doc__.split("\n")[0], FOLDERS, write, forward)
