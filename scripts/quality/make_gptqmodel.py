#!/usr/bin/env python3
"""A folder that GPTQModel quantizes: GPTQ, 4 bit, format v1.

Its defaults, unless an option says otherwise: damping 0.05 and, without --act-order, groups made
of columns of like activation that the format does not show (act_group_aware). The model is kept in
FP16, since its default on a CPU is BF16, which would change embeddings and norms too.

    make_gptqmodel.py MODEL_DIR CALIBRATION OUT [--samples 128] [--window 512] [--group 128]
        [--asym] [--act-order] [--plain] [--damp 0.05]
"""
import os
import tempfile

os.environ["CUDA_VISIBLE_DEVICES"] = ""

import job

p = job.parser(__doc__)
p.add_argument("--group", type=int, default=128)
p.add_argument("--asym", action="store_true")
p.add_argument("--act-order", action="store_true", help="desc_act")
p.add_argument("--plain", action="store_true", help="columns as they come: no act_group_aware")
p.add_argument("--damp", type=float, help="damp_percent")
a = p.parse_args()
os.environ["OMP_NUM_THREADS"] = str(a.threads)
os.environ["GPTQMODEL_CPU_WORKERS"] = str(max(2, a.threads))  # its loader wants two

import torch
from gptqmodel import GPTQModel, QuantizeConfig


def main():
    torch.set_num_threads(a.threads)
    recipe = {"desc_act": a.act_order, "sym": not a.asym}
    if a.plain:
        recipe["act_group_aware"] = False
    if a.damp is not None:
        recipe["damp_percent"] = a.damp
    made = job.Job(a)
    a.model, a.out = a.model.resolve(), a.out.resolve()
    scratch = tempfile.TemporaryDirectory()  # it writes logs where it stands
    os.chdir(scratch.name)
    config = QuantizeConfig(bits=4, group_size=a.group, offload_to_disk=False, **recipe)
    model = GPTQModel.load(str(a.model), config, device="cpu", dtype=torch.float16)
    model.quantize([{"input_ids": w, "attention_mask": [1] * len(w)} for w in made.cut],
                   batch_size=1)
    model.save(str(a.out))
    told = {k: getattr(config, k) for k in ("damp_percent", "act_group_aware", "desc_act", "sym")}
    made.finish("gptqmodel", "gptq", job.form(4, a.group, not a.asym, a.act_order), told,
                ("gptqmodel", "torch", "transformers", "tokenizers"))


if __name__ == "__main__":
    main()
