#!/usr/bin/env python3
"""Trains the embedded models: a byte-level BPE tokenizer, then a small causal language model.

Two steps. `prepare` trains the tokenizer on a corpus text and writes the text as token ids, each
document behind the begin token. `fit` trains the model on those ids (one GPU for minutes, or a CPU
for a smoke test) and leaves a Hugging Face folder with float16 weights; what it reports is measured
on those weights as `verify.py` reads them back.
"""

import argparse
import json
import math
import os
import shutil
import time

import numpy as np

SEED = 20
POSITIONS = 1024

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
)

FAMILIES = {
    "llama": {
        "vocab": 2048,
        "specials": ["<|endoftext|>", "<|pad|>"],
        "matched": ["<|endoftext|>", "<|pad|>"],
        "begin": "<|endoftext|>",
        "pad": "<|pad|>",
        "config": {
            "hidden_size": 256,
            "intermediate_size": 768,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "rms_norm_eps": 1e-5,
            "max_position_embeddings": POSITIONS,
            "tie_word_embeddings": True,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        },
    },
    # OPT has these four first, in this order, begins and ends with </s>, and matches two of them
    # in a text: the others are only names of ids.
    "opt": {
        "vocab": 1536,
        "specials": ["<s>", "<pad>", "</s>", "<unk>"],
        "matched": ["<pad>", "</s>"],
        "begin": "</s>",
        "pad": "<pad>",
        "config": {
            "hidden_size": 256,
            "ffn_dim": 1024,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "word_embed_proj_dim": 256,
            "dropout": 0.0,
            "max_position_embeddings": POSITIONS,
            "tie_word_embeddings": True,
        },
    },
}


def documents(path):
    """The documents of a corpus text, which blank lines separate."""
    with open(path, encoding="utf-8") as f:
        return [x for x in f.read().rstrip("\n").split("\n\n") if x]


def train_tokenizer(family, texts):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    spec = FAMILIES[family]
    tok = Tokenizer(models.BPE())
    split = pre_tokenizers.ByteLevel(add_prefix_space=False)
    digits = pre_tokenizers.Digits(individual_digits=True)
    tok.pre_tokenizer = pre_tokenizers.Sequence([digits, split]) if family == "llama" else split
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=spec["vocab"],
            special_tokens=spec["specials"],
            show_progress=False,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        ),
    )
    begin = (spec["begin"], tok.token_to_id(spec["begin"]))
    tok.post_processor = processors.TemplateProcessing(
        single=f"{begin[0]} $A", pair=f"{begin[0]} $A {begin[0]}:1 $B:1", special_tokens=[begin]
    )
    declared = json.loads(tok.to_str())
    declared["added_tokens"] = [
        t for t in declared["added_tokens"] if t["content"] in spec["matched"]
    ]
    return Tokenizer.from_str(json.dumps(declared))


def save_tokenizer(family, tok, folder):
    """tokenizer.json and what transformers reads beside it; for OPT also the two older files."""
    spec = FAMILIES[family]
    tok.save(os.path.join(folder, "tokenizer.json"))
    kind = {"tokenizer_class": "PreTrainedTokenizerFast"}
    if family == "opt":
        tok.model.save(folder)
        kind = {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": True, "errors": "replace"}
    names = {
        "bos_token": spec["begin"],
        "eos_token": spec["begin"],
        "pad_token": spec["pad"],
        "unk_token": spec["begin"],
    }
    write_json(folder, "special_tokens_map.json", names)
    write_json(
        folder,
        "tokenizer_config.json",
        {
            **kind,
            "add_prefix_space": False,
            "clean_up_tokenization_spaces": False,
            "model_max_length": POSITIONS,
            **names,
            "added_tokens_decoder": {
                str(tok.token_to_id(s)): {
                    "content": s,
                    "lstrip": False,
                    "normalized": False,
                    "rstrip": False,
                    "single_word": False,
                    "special": True,
                }
                for s in spec["matched"]
            },
        },
    )


def write_json(folder, name, value):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
        f.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def prepare(args):
    os.makedirs(args.work, exist_ok=True)
    texts = documents(args.text)
    tok = train_tokenizer(args.family, texts[: args.tokenizer_documents])
    assert tok.get_vocab_size() == FAMILIES[args.family]["vocab"]
    save_tokenizer(args.family, tok, args.work)
    n = 0
    with open(os.path.join(args.work, "tokens.bin"), "wb") as f:
        for i in range(0, len(texts), 4096):
            for e in tok.encode_batch(texts[i : i + 4096]):
                f.write(np.array(e.ids, dtype=np.uint16).tobytes())
                n += len(e.ids)
    size = os.path.getsize(args.text)
    print(f"{len(texts)} documents, {n} tokens, {size / n:.3f} bytes a token")


def make_model(family, begin, pad):
    import transformers

    spec = FAMILIES[family]
    kind = {"llama": "Llama", "opt": "OPT"}[family]
    config = getattr(transformers, kind + "Config")(
        vocab_size=spec["vocab"],
        bos_token_id=begin,
        eos_token_id=begin,
        pad_token_id=pad,
        **spec["config"],
    )
    return getattr(transformers, kind + "ForCausalLM")(config)


def learning_rate(progress, peak, warmup=0.02):
    """Linear warm-up, then a cosine to a hundredth of the peak."""
    if progress < warmup:
        return peak * (progress + 1e-3) / warmup
    x = (progress - warmup) / (1 - warmup)
    return peak * (0.01 + 0.99 * (1 + math.cos(math.pi * min(x, 1.0))) / 2)


def batch(data, starts, length, size, generator, torch):
    """size windows that begin with a document: position 0 is always the begin token."""
    pick = torch.randint(len(starts), (size,), generator=generator, device=data.device)
    at = starts[pick].unsqueeze(1) + torch.arange(length, device=data.device)
    return data[at].long()


def fit(args):
    import torch
    import torch.nn.functional as F
    from tokenizers import Tokenizer

    spec = FAMILIES[args.family]
    tok = Tokenizer.from_file(os.path.join(args.work, "tokenizer.json"))
    begin, pad = tok.token_to_id(spec["begin"]), tok.token_to_id(spec["pad"])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(args.seed)
    torch.backends.cuda.matmul.allow_tf32 = True
    ids = np.fromfile(os.path.join(args.work, "tokens.bin"), dtype=np.uint16)
    data = torch.from_numpy(ids.astype(np.int32)).to(device)
    starts = torch.nonzero(data[:-POSITIONS] == begin).squeeze(1)
    model = make_model(args.family, begin, pad).to(device)
    decayed = [p for p in model.parameters() if p.dim() > 1]
    plain = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}],
        lr=args.rate,
        betas=(0.9, 0.95),
        fused=device == "cuda",
    )
    generator = torch.Generator(device=device).manual_seed(args.seed)
    begun, mean, progress, step = time.time(), 0.0, 0.0, 0
    print(
        f"{sum(p.numel() for p in model.parameters())} parameters, {len(ids)} tokens, "
        f"{len(starts)} windows, {device}",
        flush=True,
    )
    while progress < 1:
        # Every fourth batch uses all positions, so that the last ones are trained too.
        length = POSITIONS if step % 4 == 3 else POSITIONS // 2
        x = batch(data, starts, length, max(1, args.batch_tokens // length), generator, torch)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(progress, args.rate)
        with torch.autocast(device, dtype=torch.bfloat16):
            logits = model(input_ids=x, use_cache=False).logits[:, :-1]
        loss = F.cross_entropy(logits.float().flatten(0, 1), x[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        progress = max(step / args.steps, (time.time() - begun) / (60 * args.minutes))
        if step % 100 == 0 or progress >= 1:
            mean = loss.item() if step <= 100 else 0.7 * mean + 0.3 * loss.item()
            if step % 1000 == 0 or progress >= 1:
                print(f"step {step}: loss {mean:.4f}, {time.time() - begun:.0f} s", flush=True)
    save(args, model, begin, pad)
    print(f"{step} steps, {time.time() - begun:.0f} s, final loss {mean:.4f}")


def save(args, model, begin, pad):
    """The folder with float16 weights, and a config that old and new transformers read."""
    import torch

    os.makedirs(args.out, exist_ok=True)
    model.to("cpu").to(torch.float16).save_pretrained(args.out)
    with open(os.path.join(args.out, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    config["dtype"] = config["torch_dtype"] = "float16"
    if args.family == "llama":
        config["rope_theta"] = config["rope_parameters"]["rope_theta"]
        config["rope_scaling"] = None
    write_json(args.out, "config.json", dict(sorted(config.items())))
    write_json(
        args.out,
        "generation_config.json",
        {"bos_token_id": begin, "eos_token_id": begin, "pad_token_id": pad},
    )
    for name in TOKENIZER_FILES:
        if os.path.exists(os.path.join(args.work, name)):
            shutil.copy(os.path.join(args.work, name), args.out)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("prepare", help="train the tokenizer, write the text as token ids")
    one.add_argument("text", help="training text of scripts/corpus/corpus.py")
    one.add_argument("work", help="folder for tokenizer and tokens.bin")
    one.add_argument("--family", choices=FAMILIES, default="llama")
    one.add_argument(
        "--tokenizer-documents",
        type=int,
        default=40000,
        metavar="N",
        help="train the tokenizer on the first N documents (default 40000)",
    )
    two = commands.add_parser("fit", help="train the model, write its folder")
    two.add_argument("work", help="folder that prepare wrote")
    two.add_argument("out", help="folder of the model")
    two.add_argument("--family", choices=FAMILIES, default="llama")
    two.add_argument("--steps", type=int, default=16000)
    two.add_argument("--minutes", type=float, default=7.0, help="end the schedule by then")
    two.add_argument("--batch-tokens", type=int, default=65536)
    two.add_argument("--rate", type=float, default=3e-3, help="peak learning rate")
    two.add_argument("--seed", type=int, default=SEED)
    args = parser.parse_args()
    {"prepare": prepare, "fit": fit}[args.command](args)


if __name__ == "__main__":
    main()
