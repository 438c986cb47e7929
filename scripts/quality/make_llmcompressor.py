#!/usr/bin/env python3
"""A folder that llm-compressor quantizes (compressed-tensors): INT8 W8A8, GPTQ or AWQ of 4 bit.

As its documents recommend: for int8 SmoothQuant of strength 0.8, then GPTQ with the scheme W8A8 (per
channel, activations per token); for gptq the scheme W4A16 (symmetric, columns ordered by activation
in a way that the format does not show); for awq its search, then rounding with zero points. It
knows no mappings for OPT: those of its own documentation are given. It computes in float32, since
products of FP16 take a CPU ten times as long, and what it made is saved as FP16. Its AWQ pins memory
for a GPU that may not be there: that is switched off.

    make_llmcompressor.py MODEL_DIR CALIBRATION OUT --method int8|gptq|awq [--samples 128]
        [--window 512] [--group 128]
"""
import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""

import torch
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from datasets import Dataset
from llmcompressor import oneshot
from llmcompressor.modifiers.gptq import GPTQModifier
from llmcompressor.modifiers.quantization import QuantizationModifier
from llmcompressor.modifiers.transform.awq import AWQMapping, AWQModifier
from llmcompressor.modifiers.transform.smoothquant import SmoothQuantModifier
from llmcompressor.pipelines.cache import IntermediatesCache
from transformers import AutoModelForCausalLM, AutoTokenizer

import job

IGNORE = ["lm_head"]
QKV = ["re:.*q_proj$", "re:.*k_proj$", "re:.*v_proj$"]
OPT_NORMS = ("re:.*self_attn_layer_norm$", r"re:.*layers\.\d+\.final_layer_norm$")
OPT_SMOOTH = [(QKV, OPT_NORMS[0]), (["re:.*fc1$"], OPT_NORMS[1])]
OPT_AWQ = [AWQMapping(OPT_NORMS[0], QKV), AWQMapping("re:.*v_proj$", ["re:.*out_proj$"]),
           AWQMapping(OPT_NORMS[1], ["re:.*fc1$"]), AWQMapping("re:.*fc1$", ["re:.*fc2$"])]


def groups(size, symmetric):
    weights = QuantizationArgs(num_bits=4, type="int", symmetric=symmetric, strategy="group",
                               group_size=size)
    return {"group_0": QuantizationScheme(targets=["Linear"], weights=weights)}


def modifiers(a, opt):
    """The recipe, and what it says of itself."""
    if a.method == "int8":
        return [SmoothQuantModifier(smoothing_strength=0.8, mappings=OPT_SMOOTH if opt else None),
                GPTQModifier(targets="Linear", scheme="W8A8", ignore=IGNORE)]
    if a.method == "gptq":
        return [GPTQModifier(config_groups=groups(a.group, True), ignore=IGNORE)]
    return [AWQModifier(mappings=OPT_AWQ if opt else None),
            QuantizationModifier(config_groups=groups(a.group, False), ignore=IGNORE)]


def main():
    p = job.parser(__doc__)
    p.add_argument("--method", choices=("int8", "gptq", "awq"), required=True)
    p.add_argument("--group", type=int, default=128)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    IntermediatesCache.pin_memory = lambda *args: None
    made = job.Job(a)
    model = AutoModelForCausalLM.from_pretrained(a.model, dtype=torch.float32)
    recipe = modifiers(a, model.config.model_type == "opt")
    data = Dataset.from_list([{"input_ids": w, "attention_mask": [1] * len(w)} for w in made.cut])
    oneshot(model=model, tokenizer=AutoTokenizer.from_pretrained(a.model), dataset=data,
            recipe=recipe, max_seq_length=a.window, num_calibration_samples=len(made.cut),
            shuffle_calibration_samples=False)
    model.half().save_pretrained(a.out, save_compressed=True)
    form = job.form(8, -1, True) if a.method == "int8" else job.form(
        4, a.group, a.method == "gptq")
    made.finish("llmcompressor", a.method, form,
                {"modifiers": [type(m).__name__ for m in recipe]},
                ("llmcompressor", "compressed-tensors", "torch", "transformers", "tokenizers"))


if __name__ == "__main__":
    main()
