#!/usr/bin/env python3
"""Proof that the folders of `quantgate quantize` load elsewhere, and mean the same there.

How: under the Python of a tool (interop.sh goes through them), each folder of a format that the tool
reads is opened by it, on the CPU, and a few prompts are scored by both sides; the log-probability of
every given token is compared. Prints a row a folder and reader; exit 1 if one does not load or is
over its tolerance. A reader that is not installed here, or not for that format, is passed over.

Tolerances (what mistakes cost is in golden/vectors/README.md: at least some 0.1, mostly 10):
  float32  largest 1e-3, the tool's module with all floats widened (of AutoAWQ its decoded weights,
           multiplied by torch): as for the vectors, two float32 programs being 1e-5 apart
  float16  99 of 100 within 6e-2, where GPTQModel's module for AWQ computes in FP16 alone: what that
           costs the tools themselves; the others are tokens that are next to impossible
  W8A8     mean 8e-2: the tools' simulation scales activations by max |x| / 127.5, for all rows at
           once where they come as a matrix (OPT); ours, as serving engines, by a token's own
           max |x| / 127, which is put in the place of theirs here. Even so a code on an edge falls
           to the other side in one of two float32 programs, which moves a trained model's
           log-probabilities by some hundredths; codes without their sign move them by 5

    interop.py head
    interop.py check DIR... [--program build/quantgate]
"""
import argparse
import functools
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ.setdefault("GPTQMODEL_CPU_WORKERS", "2")

import torch
from tokenizers import Tokenizer

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROMPTS = ROOT / "suites/data/prompts.txt"
N_PROMPTS, LONGEST = 6, 200
LIMITS = {"float32": ("largest", 1e-3), "float16": ("99 %", 6e-2), "W8A8": ("mean", 8e-2)}


def by_gptqmodel(folder):
    from gptqmodel import BACKEND, GPTQModel
    loaded = GPTQModel.load(str(folder), backend=BACKEND.TORCH, device="cpu", dtype=torch.float16)
    return loaded.model.float()


def by_autoawq(folder):
    import awq.models.base as base
    from awq import AutoAWQForCausalLM
    from awq.modules.linear import WQLinear_GEMM
    from awq.utils.packing_utils import dequantize_gemm

    def product(m, x):
        w = dequantize_gemm(m.qweight, m.qzeros, m.scales, m.w_bit, m.group_size)
        return x @ w if m.bias is None else x @ w + m.bias

    base.get_best_device = lambda: "cpu without ipex"
    model = AutoAWQForCausalLM.from_quantized(str(folder), fuse_layers=False,
                                              device_map={"": "cpu"}).model.float()
    for m in model.modules():
        if isinstance(m, WQLinear_GEMM):  # whose own forward rounds to FP16
            m.forward = functools.partial(product, m)
    return model


def by_transformers(folder):
    from transformers import AutoModelForCausalLM
    more = {}
    if method(folder) == "gptq":
        from transformers import GPTQConfig
        more["quantization_config"] = GPTQConfig(bits=settings(folder)["bits"], backend="torch")
    if method(folder) == "awq":
        from transformers import AwqConfig
        more["quantization_config"] = AwqConfig(backend="torch_awq")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, device_map="cpu",
                                                 attn_implementation="eager", **more)
    torch.nn.Module.float(model)  # scales too; its own float() refuses
    rounding = [m for m in model.modules()
                if getattr(getattr(m, "quantization_scheme", None), "input_activations", None)]
    for m in rounding:
        m.quantization_scheme.input_activations = None  # one object, shared by all
        m.register_forward_pre_hook(per_token)
    return model


def per_token(_, args):
    """Activations as codes times scale, a scale a token."""
    top = args[0].abs().amax(-1, keepdim=True)
    scale = torch.where(top > 0, top / 127, torch.ones_like(top))
    return ((args[0] / scale).round().clamp(-127, 127) * scale,)


# reader, what must be installed beside it for each method, how it opens a folder
READERS = (
    ("gptqmodel", {"gptq": "gptqmodel", "awq": "gptqmodel"}, by_gptqmodel),
    ("autoawq", {"awq": "awq"}, by_autoawq),
    ("transformers", {"gptq": "optimum", "awq": "gptqmodel",
                      "compressed-tensors": "compressed_tensors"}, by_transformers),
)


def settings(folder):
    return json.loads((folder / "config.json").read_text())["quantization_config"]


def method(folder):
    return settings(folder)["quant_method"]


def readers(folder):
    """Those of READERS that this Python has, and that know the folder's format."""
    for name, needs, load in READERS:
        package = needs.get(method(folder))
        if package and importlib.util.find_spec(package):
            yield name, load


def floats(folder, reader):
    """What a reader computes in."""
    if settings(folder).get("format") == "int-quantized":
        return "W8A8"
    return "float16" if method(folder) == "awq" and reader != "autoawq" else "float32"


def prompts(folder):
    """Ids of a few prompts, the last of them long."""
    tok = Tokenizer.from_file(str(folder / "tokenizer.json"))
    lines = PROMPTS.read_text(encoding="utf-8").splitlines()
    texts = [*lines[:N_PROMPTS - 1], " ".join(lines)]
    return [tok.encode(t).ids[:LONGEST] for t in texts]


def ours(program, folder, inputs):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as f:
        f.writelines(json.dumps({"ids": ids}) + "\n" for ids in inputs)
        f.flush()
        done = subprocess.run([str(program), "score", str(folder), "--input", f.name, "--json"],
                              capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"interop: quantgate does not score {folder}: {done.stderr}")
    return [t["logprob"] for line in done.stdout.splitlines()
            for t in json.loads(line)["tokens"][1:]]


@torch.no_grad()
def theirs(model, inputs):
    out = []
    for ids in inputs:
        logp = torch.log_softmax(model(torch.tensor([ids])).logits[0, :-1].double(), -1)
        out += logp.gather(1, torch.tensor(ids[1:])[:, None])[:, 0].tolist()
    return out


def row(folder, reader, cells):
    name = {"autoawq": "AutoAWQ", "gptqmodel": "GPTQModel"}.get(reader, reader)
    versions = [name, importlib.metadata.version(reader)]
    if method(folder) == "compressed-tensors":
        versions += ["compressed-tensors", importlib.metadata.version("compressed-tensors")]
    return f"| `{folder.name}` | {' '.join(versions)} | {' | '.join(cells)} |"


def check(folder, reader, load, program):
    """A row of the table, and whether all is well."""
    inputs, kind = prompts(folder), floats(folder, reader)
    try:
        got = theirs(load(folder).eval(), inputs)
    except Exception as e:  # whatever a tool throws is an answer
        what = f"{type(e).__name__}: {e}".split("\n")[0][:160].replace("|", "/")
        return row(folder, reader, [kind, "", "", "", "", f"**does not load**: {what}"]), False
    d = sorted(abs(a - b) for a, b in zip(ours(program, folder, inputs), got))
    found = {"largest": d[-1], "99 %": d[(99 * len(d) + 99) // 100 - 1], "mean": sum(d) / len(d)}
    which, limit = LIMITS[kind]
    well = found[which] <= limit
    cells = [kind, *(f"{x:.1e}" for x in found.values()), f"{which} {limit:g}",
             "yes" if well else "**no**"]
    return row(folder, reader, cells), well


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("command", choices=("check", "head"), help="head: the head of the table")
    p.add_argument("folders", type=pathlib.Path, nargs="*")
    p.add_argument("--program", type=pathlib.Path, default=ROOT / "build/quantgate")
    a = p.parse_args()
    torch.set_num_threads(1)
    table = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)  # tools chat on standard output
    failed = 0
    if a.command == "head":
        print("| folder | reader | floats | largest | 99 % | mean | limit | the same |\n"
              "|---|---|---|---|---|---|---|---|", file=table)
    for folder in a.folders:
        for reader, load in readers(folder):
            text, well = check(folder, reader, load, a.program)
            print(text, file=table)
            failed += not well
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
