#!/usr/bin/env python3
"""A folder that AutoAWQ quantizes: AWQ, 4 bit with zero points, GEMM layout.

Its defaults (scales from activations and weights, clipping searched). OPT gets the rotary embedding
that the tool looks for in every model, and that nothing then uses. Without a GPU three things
differ. Its Triton kernels are switched off. The search runs in float32, since products of FP16 take
a CPU ten times as long; codes are chosen from FP16 weights all the same, and the rest is saved as
FP16. And the weights that its search of scales puts back after each try are copied first: it trusts
.cpu() to copy, which on a CPU it does not, so that the first try would change the model.

    make_autoawq.py MODEL_DIR CALIBRATION OUT [--samples 128] [--window 512] [--group 128]
        [--parallel N]
"""
import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""

import awq.modules.linear.gemm as gemm
import torch
from awq import AutoAWQForCausalLM
from awq.quantize.quantizer import AwqQuantizer
from transformers import AutoTokenizer

import job

search = AwqQuantizer._compute_best_scale


def search_on_copies(self, x, w_mean, x_mean, module, *rest):
    plain = module.state_dict
    module.state_dict = lambda: {k: v.clone() for k, v in plain().items()}
    try:
        return search(self, x, w_mean, x_mean, module, *rest)
    finally:
        del module.state_dict


def main():
    p = job.parser(__doc__)
    p.add_argument("--group", type=int, default=128)
    p.add_argument("--parallel", type=int, help="windows that pass a layer at once; else all")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    gemm.TRITON_AVAILABLE = False
    AwqQuantizer._compute_best_scale = search_on_copies
    made = job.Job(a)
    model = AutoAWQForCausalLM.from_pretrained(str(a.model), device_map="cpu",
                                                torch_dtype=torch.float32)
    if model.model_type == "opt":
        model.model.model.rotary_emb = lambda x, positions: None
    model.quantize(AutoTokenizer.from_pretrained(str(a.model)),
                   quant_config={"zero_point": True, "w_bit": 4, "version": "GEMM",
                                 "q_group_size": a.group},
                   calib_data=made.cut, max_calib_samples=len(made.cut),
                   max_calib_seq_len=a.window, n_parallel_calib_samples=a.parallel)
    model.model.half()
    model.model.config.torch_dtype = torch.float16
    model.save_quantized(str(a.out))
    made.finish("autoawq", "awq", job.form(4, a.group, False), {"parallel": a.parallel},
                ("autoawq", "torch", "transformers", "tokenizers"))


if __name__ == "__main__":
    main()
