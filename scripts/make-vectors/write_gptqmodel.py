#!/usr/bin/env python3
"""Two-layer folders that GPTQModel quantizes and saves.

Run it in an environment of its own, see README.md; the numbers come from quantized_reference.py.

    GPTQMODEL_CPU_WORKERS=2 write_gptqmodel.py [--only PART_OF_NAME] [--forward]
"""
import json
import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ.setdefault("GPTQMODEL_CPU_WORKERS", "2")

import torch
from gptqmodel import BACKEND, GPTQModel, QuantizeConfig

import quantized_sources as sources
from two_layer_families import QWEN2 as QWEN2_FAMILY

QWEN2 = {**QWEN2_FAMILY, "dtype": "BF16"}
FOLDERS = {
    "gptq/gptqmodel-v1-sym-g32": {
        "model": {"dtype": "BF16"},
        "quantize": {"group_size": 32, "sym": True, "desc_act": False}},
    # the settings of older folders are in quantize_config.json alone
    "gptq/gptqmodel-v1-asym-g64": {
        "model": {"tied": False}, "config": "quantize_config.json",
        "quantize": {"group_size": 64, "sym": False, "desc_act": False}},
    "gptq/gptqmodel-v2-asym-act-g32-qwen2": {
        "model": QWEN2, "config": "config.json",
        "quantize": {"group_size": 32, "sym": False, "desc_act": True, "format": "gptq_v2"}},
    "gptq/gptqmodel-v1-sym-act-g128": {
        "model": sources.WIDE, "config": "config.json",
        "quantize": {"group_size": 128, "sym": True, "desc_act": True}},
    # one module is left as it was
    "gptq/gptqmodel-v1-sym-act-column-dynamic": {
        "model": {"family": "mistral", "config": {"sliding_window": 24}},
        "quantize": {"group_size": -1, "sym": True, "desc_act": True,
                     "dynamic": {r"-:.*\.0\.mlp\.down_proj": {}}}},
    "gptq/gptqmodel-v1-8bit-asym-g64-opt": {
        "model": {"family": "opt"},
        "quantize": {"bits": 8, "group_size": 64, "sym": False, "desc_act": False}},
    "gptq/gptqmodel-v2-8bit-sym-act-g32": {
        "model": {}, "config": "config.json",
        "quantize": {"bits": 8, "group_size": 32, "sym": True, "desc_act": True,
                     "format": "gptq_v2"}},
}


def write(source, saved, folder, special):
    config = QuantizeConfig(**{"bits": 4, "offload_to_disk": False, **special["quantize"]})
    model = GPTQModel.load(str(source), config, device="cpu")
    model.quantize(sources.calibration(64), batch_size=1)
    model.save(str(saved))
    sources.finish(saved, folder, source, keep=["quantize_config.json"])
    if special.get("config") == "quantize_config.json":
        data = json.loads((folder / "config.json").read_text())
        del data["quantization_config"]
        (folder / "config.json").write_text(json.dumps(data, indent=2) + "\n")
    elif special.get("config") == "config.json":
        (folder / "quantize_config.json").unlink()


def forward(folder):
    loaded = GPTQModel.load(str(folder), backend=BACKEND.TORCH, device="cpu", dtype=torch.float16)
    sources.own_forward(folder, "float16", loaded.model)
    sources.own_forward(folder, "float32", loaded.model.float())  # the scales are float16 numbers


if __name__ == "__main__":
    sources.run(__doc__.split("\n")[0], FOLDERS, write, forward)
