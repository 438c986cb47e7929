#!/usr/bin/env python3
"""A compressed-tensors folder with activation order by group, which new tools no longer write.

How: the codes, zero points, scales and g_idx of a folder that GPTQModel wrote, laid out as
compressed-tensors 0.12 packs them: codes and zero points less 8 as signed numbers, plus 8 again
when packed, codes along the input, zero points along the output, weight_g_idx beside them.
Invariant: it means the same weights as the folder that it is made from, so both have the same
log-probabilities.

    repack_group_order.py
"""
import json
import shutil
import tempfile
import pathlib

import numpy as np
import torch
from safetensors.torch import load_file, save_file

import quantized_sources as sources
from quantized_reference import lanes

FROM = "gptq/gptqmodel-v2-asym-act-g32-qwen2"
TO = "gptq/repacked-w4a16-act-group-asym-g32-qwen2"
WEIGHTS = {"actorder": "group", "block_structure": None, "dynamic": False, "group_size": 32,
           "num_bits": 4, "observer": "minmax", "observer_kwargs": {}, "strategy": "group",
           "symmetric": False, "type": "int"}
QUANTIZATION = {
    "config_groups": {"group_0": {"input_activations": None, "output_activations": None,
                                  "targets": ["Linear"], "weights": WEIGHTS}},
    "format": "pack-quantized", "global_compression_ratio": None, "ignore": ["lm_head"],
    "kv_cache_scheme": None, "quant_method": "compressed-tensors",
    "quantization_status": "compressed"}


def packed(signed, axis):
    """Numbers of -8 to 7 as 32-bit words along an axis, the first in the lowest bits."""
    codes = np.moveaxis(signed + 8, axis, -1).astype(np.uint32)
    codes = codes.reshape(*codes.shape[:-1], -1, 8)
    words = np.bitwise_or.reduce(codes << (4 * np.arange(8, dtype=np.uint32)), -1)
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(words, -1, axis)).view(np.int32))


def repacked(tensors):
    out = {}
    for key, t in tensors.items():
        prefix, _, name = key.rpartition(".")
        if prefix + ".qweight" not in tensors or name == "bias":
            out[key] = t
        elif name == "qweight":
            codes = lanes(t.numpy(), 4, 0).T - 8
            out[prefix + ".weight_packed"] = packed(codes, 1)
            out[prefix + ".weight_shape"] = torch.tensor(codes.shape)
        elif name == "qzeros":
            out[prefix + ".weight_zero_point"] = packed(lanes(t.numpy(), 4, 1).T - 8, 0)
        elif name == "scales":
            out[prefix + ".weight_scale"] = t.T.contiguous()
        else:
            out[prefix + ".weight_g_idx"] = t
    return out


def main():
    source = sources.VECTORS / FROM
    with tempfile.TemporaryDirectory() as tmp:
        saved = pathlib.Path(tmp)
        save_file(repacked(load_file(source / "model.safetensors")), saved / "model.safetensors",
                  metadata={"format": "pt"})
        config = json.loads((source / "config.json").read_text())
        config["quantization_config"] = QUANTIZATION
        (saved / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        shutil.copy(source / "generation_config.json", saved)
        sources.finish(saved, sources.VECTORS / TO, source)


if __name__ == "__main__":
    main()
