#!/usr/bin/env python3
"""What `quantgate eval` tells of a quantized folder, computed a second time by transformers.

How: the folder's own bits are decoded by scripts/make-vectors/quantized_reference.py, which shares
no code with the program, and run in float32; so is the FP16 folder. The same arguments give the same
JSON, so compare.py takes either (--evaluator). Each document of the text is encoded as declared and
cut into windows; every token but the first of a window is scored.

    eval_reference.py VARIANT --reference FP16 --text-file FILE [--window 512] [--threads 2]
"""
import argparse
import json
import pathlib
import sys

import torch
import transformers
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

import windows

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "make-vectors"))
import quantized_reference

KEYS = ("scored", "sum_nll", "sum_dnll", "sum_kl", "sum_dp2", "flips", "hits")


def plain(folder):
    """An FP16 folder as logprobs.py runs it: matrices are float16 numbers, all else float32."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32,
                                                attn_implementation="eager").eval()


def variant(folder):
    config = json.loads((folder / "config.json").read_text())
    if "quantization_config" in config or (folder / "quantize_config.json").exists():
        return quantized_reference.Checkpoint(folder).model()
    return plain(folder)


def scored(model, ids):
    """[n - 1, vocabulary] log-probabilities of what follows each token but the last."""
    return torch.log_softmax(model(torch.tensor([ids])).logits[0, :-1].double(), -1)


@torch.no_grad()
def document(ids, width, model, reference, kl_of_tokens):
    out = dict.fromkeys(KEYS, 0)
    for at in range(0, len(ids), width):
        cut = ids[at:at + width]
        if len(cut) < 2:
            continue
        got, want, after = scored(model, cut), scored(reference, cut), torch.tensor(cut[1:])
        kl = (want.exp() * (want - got)).sum(-1)
        kl_of_tokens.extend(kl.tolist())
        mine, theirs = (x.gather(1, after[:, None])[:, 0] for x in (got, want))
        best = got.argmax(-1)
        out["scored"] += len(after)
        out["sum_nll"] -= mine.sum().item()
        out["sum_dnll"] += (theirs - mine).sum().item()
        out["sum_kl"] += kl.sum().item()
        out["sum_dp2"] += (mine.exp() - theirs.exp()).square().sum().item()
        out["flips"] += (best != want.argmax(-1)).sum().item()
        out["hits"] += (best == after).sum().item()
    return out


def totals(docs, kl):
    t = {k: sum(d[k] for d in docs) for k in KEYS}
    n, kl = t["scored"], torch.tensor(kl, dtype=torch.float64)
    ppl = torch.tensor([t["sum_nll"], t["sum_nll"] - t["sum_dnll"]]).div(n).exp().tolist()
    return {"nll": t["sum_nll"], "scored": n, "ppl": ppl[0], "kld_mean": t["sum_kl"] / n,
            "same_top": 1 - t["flips"] / n, "kld_p99": kl.quantile(0.99).item(),
            "kld_max": kl.max().item(), "dp_rms": (t["sum_dp2"] / n) ** 0.5,
            "ppl_reference": ppl[1], "ppl_increase": ppl[0] / ppl[1] - 1}


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("variant", type=pathlib.Path)
    p.add_argument("--reference", type=pathlib.Path, required=True)
    p.add_argument("--text-file", type=pathlib.Path, required=True)
    p.add_argument("--window", type=int, default=512)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--json", action="store_true", help="always; as `quantgate eval` has it")
    p.add_argument("--per-document", action="store_true", help="the same")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    tok = Tokenizer.from_file(str(a.reference / "tokenizer.json"))
    model, reference, kl = variant(a.variant), plain(a.reference), []
    docs = [document(tok.encode(d.decode("utf-8")).ids, a.window, model, reference, kl)
            for d in windows.documents(a.text_file.read_bytes())]
    print(json.dumps({"protocol": f"transformers {transformers.__version__} float32, windows of "
                                  f"{a.window} a document", **totals(docs, kl), "docs": docs}))


if __name__ == "__main__":
    main()
