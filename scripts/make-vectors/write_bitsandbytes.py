#!/usr/bin/env python3
"""Two-layer folders with the INT8 weights that bitsandbytes makes and transformers saves.

Run it in an environment of its own, see README.md; the numbers come from quantized_reference.py.

    write_bitsandbytes.py [--only PART_OF_NAME] [--forward]
"""
import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""

import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

import quantized_sources as sources
from two_layer_families import QWEN2

FOLDERS = {
    "int8/bitsandbytes-opt": {"model": {"family": "opt"}},
    "int8/bitsandbytes-qwen2-left": {
        "model": {**QWEN2, "dtype": "BF16", "tied": False},
        "left": ["lm_head", "model.layers.1.mlp.down_proj"]},
}


def load(folder, **more):
    return AutoModelForCausalLM.from_pretrained(folder, dtype="auto", device_map="cpu", **more)


def write(source, saved, folder, special):
    config = BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=special.get("left"))
    load(source, quantization_config=config).save_pretrained(saved)
    sources.finish(saved, folder, source)


def forward(folder):
    """It rounds activations too, except columns with outliers: not the same sum."""
    sources.own_forward(folder, "its INT8 product", load(folder).eval())


if __name__ == "__main__":
    torch.set_num_threads(1)
    sources.run(__doc__.split("\n")[0], FOLDERS, write, forward)
