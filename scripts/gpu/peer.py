#!/usr/bin/env python3
"""quantgate beside llama.cpp on one GPU: the same shape with random weights, both programs in turns, as Markdown.

    peer.py --llama-batched-bench BINARY --work DIR [--preset llama2-7b] [--out FILE]

BINARY is llama.cpp's own benchmark, built with CUDA (its gguf Python package must be importable, or be named by
--gguf-py). DIR gets both programs' models: 13 GB each for a 7B in halves, which are made once. Per form (F16, Q8_0
beside INT8, Q4_0 beside 4 bit g128): decode of 64 tokens after 128 at batches 1, 8 and 32, then prompts of 512 and
2048 tokens, flash attention on; medians of --repeat. Weights are random, which speed does not depend on; the tokens of
llama.cpp are random too, ours are chosen greedily on the device. A ratio over 1 says that quantgate needs less time.
Exit 1 where llama.cpp is faster in any cell. Needs Python 3.9 and NumPy.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BATCHES, PROMPTS, INPUT, OUTPUT = (1, 8, 32), (512, 2048), 128, 64
# name, type of the GGUF file, how quantgate opens its folder
FORMS = [
    ("FP16 beside F16", "F16", "halves", []),
    ("W8A8 beside Q8_0", "Q8_0", "halves", ["--quantization", "int8"]),
    ("W8A16 beside Q8_0", "Q8_0", "halves", ["--quantization", "int8", "--activations", "float"]),
    ("4 bit g128 beside Q4_0", "Q4_0", "4bit", []),
]


def run(argv):
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"peer: {' '.join(map(str, argv))} exited {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


# ---- models ----


def random_rows(kind, n, k):
    """A matrix [n][k] in the bytes of its GGUF type: one random row again and again, small enough to stay finite."""
    import numpy as np

    rng = np.random.default_rng(n * 65536 + k)
    scale = np.float16(0.02)
    if kind == "F32":
        return np.ones((n, k), dtype=np.float32)
    if kind == "F16":
        row = rng.normal(0, scale, k).astype(np.float16)
        return np.ascontiguousarray(np.broadcast_to(row, (n, k)))
    codes = 32 if kind == "Q8_0" else 16  # bytes of a block of 32 after its scale
    blocks = rng.integers(0, 256, (k // 32, 2 + codes), dtype=np.uint8)
    blocks[:, :2] = np.frombuffer(np.float16(0.02 / (127 if kind == "Q8_0" else 8)).tobytes(), dtype=np.uint8)
    return np.ascontiguousarray(np.broadcast_to(blocks.reshape(-1), (n, blocks.size)))


def write_gguf(path, kind, config):
    import gguf

    hidden, ffn, vocabulary = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    heads, kv_heads, layers = config["num_attention_heads"], config["num_key_value_heads"], config["num_hidden_layers"]
    kv = hidden // heads * kv_heads
    w = gguf.GGUFWriter(str(path), "llama")
    w.add_context_length(config["max_position_embeddings"])
    w.add_embedding_length(hidden)
    w.add_block_count(layers)
    w.add_feed_forward_length(ffn)
    w.add_head_count(heads)
    w.add_head_count_kv(kv_heads)
    w.add_rope_dimension_count(hidden // heads)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_vocab_size(vocabulary)
    w.add_tokenizer_model("no_vocab")
    made = {}

    def add(name, n, k, kind=kind):
        key = (kind, n, k)
        if key not in made:
            made[key] = random_rows(kind, n, k)
        w.add_tensor(name, made[key][0] if kind == "F32" else made[key], raw_dtype=gguf.GGMLQuantizationType[kind])

    add("token_embd.weight", vocabulary, hidden)
    add("output.weight", vocabulary, hidden)
    add("output_norm.weight", 1, hidden, "F32")
    for i in range(layers):
        add(f"blk.{i}.attn_norm.weight", 1, hidden, "F32")
        add(f"blk.{i}.ffn_norm.weight", 1, hidden, "F32")
        for name, n, k in (("attn_q", hidden, hidden), ("attn_k", kv, hidden), ("attn_v", kv, hidden),
                           ("attn_output", hidden, hidden), ("ffn_gate", ffn, hidden), ("ffn_up", ffn, hidden),
                           ("ffn_down", hidden, ffn)):
            add(f"blk.{i}.{name}.weight", n, k)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def prepare(a):
    """Both programs' models, where they are not there yet."""
    for name, options in (("halves", []), ("4bit", ["--bits", "4", "--group-size", "128"])):
        if not (a.work / name).exists():
            run([a.program, "synth", "--preset", a.preset, *options, "--out", a.work / name])
    config = json.loads((a.work / "halves/config.json").read_text())
    for kind in dict.fromkeys(form[1] for form in FORMS):
        path = a.work / f"{kind}.gguf"
        if not path.exists():
            write_gguf(path.with_suffix(".part"), kind, config)
            path.with_suffix(".part").rename(path)


# ---- measuring ----


def peer_cells(a, kind):
    """Medians in ms, {("decode", batch) or ("prefill", tokens): (of a step or of the prompt)}."""
    cells = {}
    common = [a.llama, "-m", a.work / f"{kind}.gguf", "-ngl", "99", "-fa", "on", "--output-format", "jsonl",
              "-b", "2048", "-ub", "2048"]
    asks = [
        ["-c", max(BATCHES) * 256, "-npp", INPUT, "-ntg", OUTPUT, "-npl", ",".join(map(str, BATCHES * a.repeat))],
        ["-c", 4096, "-npp", ",".join(map(str, PROMPTS * a.repeat)), "-ntg", "4", "-npl", "1"],
    ]
    samples = {}
    for is_prefill, ask in enumerate(asks):
        for line in run(common + ask).splitlines():
            if not line.startswith("{"):
                continue
            row = json.loads(line)
            key = ("prefill", row["pp"]) if is_prefill else ("decode", row["pl"])
            samples.setdefault(key, []).append(row["t_pp"] * 1e3 if is_prefill else row["t_tg"] * 1e3 / row["tg"])
    for key, times in samples.items():
        cells[key] = statistics.median(times)
    return cells


def our_cells(a, folder, options):
    cells = {}
    common = [a.program, "bench", a.work / folder, "--device", a.device, "--json", "--repeat", a.repeat, *options]
    done = json.loads(run(common + ["--batch", ",".join(map(str, BATCHES)), "--input-len", INPUT, "--output-len", OUTPUT]))
    for row in done["rows"]:
        cells["decode", row["batch"]] = statistics.median(row["tpot_ns"]) / 1e6
    cells["load"] = (done["rows"][0]["load_bytes"], done["rows"][0]["load_ns"])
    for tokens in PROMPTS:
        done = json.loads(run(common + ["--batch", 1, "--input-len", tokens, "--output-len", 4]))
        cells["prefill", tokens] = statistics.median(done["rows"][0]["ttft_ns"]) / 1e6
    return cells


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--llama-batched-bench", dest="llama", required=True, metavar="BINARY")
    p.add_argument("--work", type=pathlib.Path, required=True, metavar="DIR")
    p.add_argument("--program", default=str(ROOT / "build/quantgate"))
    p.add_argument("--device", default="cuda")
    p.add_argument("--preset", default="llama2-7b")
    p.add_argument("--repeat", type=int, default=5)
    p.add_argument("--gguf-py", help="folder of the gguf package, as llama.cpp's gguf-py")
    p.add_argument("--prepare", action="store_true", help="make the models and stop")
    p.add_argument("--out", type=pathlib.Path, help="also write the table there")
    a = p.parse_args()
    if a.gguf_py:
        sys.path.insert(0, a.gguf_py)
    a.work.mkdir(parents=True, exist_ok=True)
    prepare(a)
    if a.prepare:
        return 0
    rows, theirs, slower = [], {}, 0
    for name, kind, folder, options in FORMS:
        print(f"peer: {name}", file=sys.stderr, flush=True)
        if kind not in theirs:
            theirs[kind] = peer_cells(a, kind)
        ours = our_cells(a, folder, options)
        cells = []
        for key in [("decode", b) for b in BATCHES] + [("prefill", n) for n in PROMPTS]:
            one, other = theirs[kind][key], ours[key]
            slower += other > one
            cells.append(f"{one:.2f} / {other:.2f} ({one / other:.2f}x)")
        n_bytes, ns = ours["load"]
        rows.append(f"| {name} | " + " | ".join(cells) + f" | {n_bytes / ns:.1f} GB/s |")
    head = [f"decode, batch {b}" for b in BATCHES] + [f"prompt of {n}" for n in PROMPTS] + ["our loading"]
    table = "\n".join(["| ms: llama.cpp / quantgate | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|", *rows, ""])
    print(table)
    if a.out:
        a.out.write_text(table)
    print(f"llama.cpp is faster in {slower} of {len(FORMS) * (len(BATCHES) + len(PROMPTS))} cells")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
