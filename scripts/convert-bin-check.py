#!/usr/bin/env python3
"""Test scripts/convert-bin.py: folders written here as transformers wrote them before safetensors.

How: small seeded models become pickled folders, whole and in shards; the converted tensors must be
the saved ones, bit by bit, and `quantgate inspect` must read the folder where the program is built.
Then everything that must be refused, with nothing left behind. Exit 77 with the reason where torch,
transformers or safetensors are not installed.
"""
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
try:
    import safetensors
    import torch
    import transformers
    from safetensors.torch import load_file
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)

PROGRAM = ROOT / "build/quantgate"
failures = 0


def expect(what, truth):
    global failures
    if not truth:
        failures += 1
        print(f"FAILED: {what}")


def script():
    spec = importlib.util.spec_from_file_location("convert_bin", ROOT / "scripts/convert-bin.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def convert(folder):
    """What it says, and what it refuses ("" for nothing)."""
    said, module = [], script()
    try:
        module.convert(folder, said.append)
    except module.Refusal as e:
        return said, str(e)
    return said, ""


def small(model_type, tie):
    torch.manual_seed(3)
    common = {"vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
              "max_position_embeddings": 32, "tie_word_embeddings": tie}
    if model_type == "opt":
        config = transformers.OPTConfig(**common, ffn_dim=64, word_embed_proj_dim=32)
        return transformers.OPTForCausalLM(config).half()
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**common, intermediate_size=64)).half()


def write(folder, model, n_shards):
    """What save_pretrained(safe_serialization=False) wrote; transformers 5 writes safetensors only."""
    folder.mkdir()
    model.config.save_pretrained(folder)
    state = model.state_dict()
    if n_shards == 1:
        torch.save(state, folder / "pytorch_model.bin")
        return state
    names, where = list(state), {}
    for i in range(n_shards):
        file = f"pytorch_model-{i + 1:05d}-of-{n_shards:05d}.bin"
        part = {n: state[n] for n in names[i::n_shards]}
        torch.save(part, folder / file)
        where.update({n: file for n in part})
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return state


def check_conversion(top, model_type, tie, n_shards):
    name = f"{model_type}-{'tied' if tie else 'untied'}-{n_shards}"
    folder = top / name
    state = write(folder, small(model_type, tie), n_shards)
    heads = [i for i, n in enumerate(state) if n == "lm_head.weight" or n.endswith("embed_tokens.weight")]
    heads_apart = len({i % n_shards for i in heads}) > 1
    said, refusal = convert(folder)
    expect(f"{name}: {refusal}", not refusal and len(said) > n_shards)
    got = {}
    for f in sorted(folder.glob("*.safetensors")):
        got.update(load_file(f))
        with safetensors.safe_open(f, "pt") as s:
            expect(f"{name}: metadata", s.metadata() == {"format": "pt"})
    left_out = ["lm_head.weight"] if tie and not heads_apart else []  # two files cannot share memory
    want = {n: t for n, t in state.items() if n not in left_out}
    expect(f"{name}: names {sorted(set(got) ^ set(want))}", got.keys() == want.keys())
    expect(f"{name}: tensors", all(torch.equal(got[n], want[n]) and got[n].dtype == want[n].dtype
                                   for n in got.keys() & want.keys()))
    expect(f"{name}: an index with several files", (folder / "model.safetensors.index.json").exists() == (n_shards > 1))
    loaded = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="auto").state_dict()
    expect(f"{name}: transformers", all(torch.equal(loaded[n], state[n]) for n in state))
    if PROGRAM.exists():
        r = subprocess.run([str(PROGRAM), "inspect", str(folder), "--json"], capture_output=True, text=True)
        expect(f"{name}: inspect: {r.stderr[-300:]}", r.returncode == 0 and
               {t["name"] for t in json.loads(r.stdout)["tensors"]} == set(want))


code_ran = []


def run_code():
    code_ran.append(True)


class Evil:
    def __reduce__(self):
        return (run_code, ())


def check_refusals(top):
    good = {"a": torch.ones(2, 3)}
    many = {"weight_map": {"a": "pytorch_model-1.bin", "b": "pytorch_model-1.bin"}}
    cases = {  # name: ({file: what torch.save gets, bytes, or JSON text}, words)
        "absent": ({}, "neither pytorch_model.bin nor"),
        "evil": ({"pytorch_model.bin": {"a": Evil()}}, "cannot read"),
        "not-torch": ({"pytorch_model.bin": b"hello"}, "cannot read"),
        "empty": ({"pytorch_model.bin": b""}, "cannot read"),
        "list": ({"pytorch_model.bin": [torch.ones(1)]}, "holds list, not tensors by name"),
        "number": ({"pytorch_model.bin": {"a": torch.ones(1), "step": 7}}, "'step' in"),
        "sparse": ({"pytorch_model.bin": {"a": torch.ones(2, 2).to_sparse()}}, "sparse or quantized"),
        "exists": ({"pytorch_model.bin": good, "model.safetensors": b"x"}, "'model.safetensors' already"),
        "config": ({"pytorch_model.bin": good, "config.json": "["}, "cannot read"),
        "index": ({"pytorch_model.bin.index.json": "{}"}, "has no 'weight_map'"),
        "missing-shard": ({"pytorch_model.bin.index.json": json.dumps(many)}, "is missing"),
        "outside": ({"pytorch_model.bin.index.json": '{"weight_map":{"a":"../x.bin"}}'}, "no .bin file of the folder"),
        "lacks": ({"pytorch_model.bin.index.json": json.dumps(many), "pytorch_model-1.bin": good}, "lacks 'b'"),
        "unlisted": ({"pytorch_model.bin.index.json": '{"weight_map":{"b":"x.bin"}}', "x.bin": good}, "has 'a', which"),
    }
    for name, (files, words) in cases.items():
        folder = top / name
        folder.mkdir()
        for file, data in files.items():
            if isinstance(data, str):
                (folder / file).write_text(data)
            elif isinstance(data, bytes):
                (folder / file).write_bytes(data)
            else:
                torch.save(data, folder / file)
        before = sorted(p.name for p in folder.iterdir())
        code_ran.clear()
        _, refusal = convert(folder)
        expect(f"{name}: {refusal!r} lacks {words!r}", words in refusal)
        expect(f"{name}: the file's code ran", not code_ran)
        expect(f"{name}: left {sorted(p.name for p in folder.iterdir())}",
               sorted(p.name for p in folder.iterdir()) == before)
    return len(cases)


def main():
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as tmp:
        top = pathlib.Path(tmp)
        for model_type in ("opt", "llama"):
            for tie in (True, False):
                for n_shards in (1, 3):
                    check_conversion(top, model_type, tie, n_shards)
        (top / "old").mkdir()
        torch.save({"a": torch.arange(6.0).view(2, 3).t(), "b": torch.ones(8)[2:4]},
                   top / "old/pytorch_model.bin", _use_new_zipfile_serialization=False)
        expect("old", not convert(top / "old")[1])
        got = load_file(top / "old/model.safetensors")
        expect("old: tensors", torch.equal(got["a"], torch.arange(6.0).view(2, 3).t()) and
               torch.equal(got["b"], torch.ones(2)))
        n = check_refusals(top)
        argv = [sys.executable, str(ROOT / "scripts/convert-bin.py"), str(top / "no-such-folder")]
        r = subprocess.run(argv, capture_output=True, text=True)
        expect(f"command line: {r.returncode}, {r.stderr!r}", r.returncode == 1 and
               r.stderr.startswith("convert-bin: '") and r.stderr.endswith("is no folder\n"))
    print(f"{failures} failures in 9 conversions and {n} refusals")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
