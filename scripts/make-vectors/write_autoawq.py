#!/usr/bin/env python3
"""Two-layer folders that AutoAWQ quantizes and saves (GEMM layout).

Run it in an environment of its own, see README.md; the numbers come from quantized_reference.py.
Invariant: without a GPU the tool's Triton kernels are switched off, nothing else is.

    write_autoawq.py [--only PART_OF_NAME] [--forward]
"""
import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""

import awq.models.base as base
import awq.modules.linear.gemm as gemm
import torch
from awq import AutoAWQForCausalLM
from transformers import AutoTokenizer

import quantized_sources as sources
from two_layer_families import QWEN2

# transformers 4.51 does not heed use_sliding_window in this path, so the window must not bite
QWEN2_WIDE_WINDOW = {**QWEN2, "config": {**QWEN2["config"], "sliding_window": 512}}
best_device = base.get_best_device
FOLDERS = {
    # the search for clipping wants 64 outputs, so 4 heads for K and V
    "awq/autoawq-g128": {
        "model": {**sources.WIDE, "kv_heads": 4}, "quantize": {"q_group_size": 128}},
    "awq/autoawq-g32-qwen2-left": {
        "model": QWEN2_WIDE_WINDOW,
        "quantize": {"q_group_size": 32, "modules_to_not_convert": ["v_proj", "up_proj"]}},
    "awq/autoawq-g64-untied": {
        "model": {"tied": False, "heads": 8, "kv_heads": 4}, "quantize": {"q_group_size": 64}},
}


def write(source, saved, folder, special):
    model = AutoAWQForCausalLM.from_pretrained(str(source), device_map="cpu")
    tokenizer = AutoTokenizer.from_pretrained(str(source))
    model.quantize(tokenizer, quant_config={"zero_point": True, "w_bit": 4, "version": "GEMM",
                                            **special["quantize"]},
                   calib_data=sources.calibration(64), max_calib_seq_len=256)
    model.save_quantized(str(saved))
    sources.finish(saved, folder, source)


def forward(folder):
    base.get_best_device = lambda: "cpu without ipex"  # its GEMM module has a path of plain torch
    loaded = AutoAWQForCausalLM.from_quantized(str(folder), fuse_layers=False,
                                               device_map={"": "cpu"})
    base.get_best_device = best_device
    sources.own_forward(folder, "float16", loaded.model)


if __name__ == "__main__":
    torch.set_num_threads(1)
    gemm.TRITON_AVAILABLE = False
    sources.run(__doc__.split("\n")[0], FOLDERS, write, forward)
