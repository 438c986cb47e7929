#!/usr/bin/env python3
"""Convert pickled weights (pytorch_model.bin, whole or in shards) to safetensors, in their folder.

How: each file is read by torch.load with weights_only=True, which runs no code from it, and written
as the safetensors file of the same place (model.safetensors, or model-0000i-of-0000n.safetensors
with an index). Tensors that share memory are written once each, but for an output head that
config.json ties to the embedding, which is left out. Nothing is overwritten; files appear complete
or not at all; the .bin files stay. Needs torch and safetensors (pip install torch safetensors).

    scripts/convert-bin.py MODEL_DIR
"""
import argparse
import json
import os
import pathlib
import sys
import time

WHOLE, INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
HEADS = ("lm_head.weight",)
TIED_UNLESS_SAID = ("opt",)  # families whose config means true where it says nothing


class Refusal(Exception):
    """What is wrong with the folder, for the user."""


def read_json(path):
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise Refusal(f"cannot read '{path}': {e}") from e
    if not isinstance(data, dict):
        raise Refusal(f"'{path}' is no JSON object")
    return data


def shards_of(folder):
    """([file name, ...], {tensor: file name} or None)"""
    if not folder.is_dir():
        raise Refusal(f"'{folder}' is no folder")
    if (folder / INDEX).exists():
        where = read_json(folder / INDEX).get("weight_map")
        if not isinstance(where, dict) or not where:
            raise Refusal(f"'{folder / INDEX}' has no 'weight_map'")
        for name in set(map(str, where.values())):
            if pathlib.PurePath(name).name != name or not name.endswith(".bin"):
                raise Refusal(f"'{folder / INDEX}' names '{name}', which is no .bin file of the folder")
        files = sorted(set(where.values()))
    elif (folder / WHOLE).exists():
        files, where = [WHOLE], None
    else:
        raise Refusal(f"'{folder}' has neither {WHOLE} nor {INDEX}")
    for name in files:
        if not (folder / name).is_file():
            raise Refusal(f"'{folder / name}' is missing")
    return files, where


def outputs_of(folder, files):
    """{.bin name: safetensors name}, and the index's name where there are several."""
    old = sorted(p.name for p in folder.glob("*.safetensors*"))
    if old:
        raise Refusal(f"'{folder}' has '{old[0]}' already; move it away to convert again")
    if len(files) == 1:
        return {files[0]: "model.safetensors"}, None
    n = len(files)
    names = {f: f"model-{i:05d}-of-{n:05d}.safetensors" for i, f in enumerate(files, 1)}
    return names, "model.safetensors.index.json"


def load(path, torch):
    """{name: tensor} of one file."""
    try:
        try:
            data = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except (RuntimeError, ValueError) as e:
            if "mmap" not in str(e):
                raise
            data = torch.load(path, map_location="cpu", weights_only=True)  # a file of before 2020
    except Exception as e:  # whatever a malformed file makes the reader raise
        raise Refusal(f"cannot read '{path}': {str(e).splitlines()[0] if str(e) else type(e).__name__}") from e
    if not isinstance(data, dict) or not data:
        raise Refusal(f"'{path}' holds {type(data).__name__}, not tensors by name")
    for name, value in data.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise Refusal(f"'{name}' in '{path}' is {type(value).__name__}, not a tensor by name")
        if value.layout != torch.strided or value.is_quantized:
            raise Refusal(f"'{name}' in '{path}' is a sparse or quantized tensor")
    return data


def ties_head(folder):
    config = read_json(folder / "config.json") if (folder / "config.json").exists() else {}
    said = config.get("tie_word_embeddings")
    return config.get("model_type") in TIED_UNLESS_SAID if said is None else bool(said)


def alone(tensors, tied, torch):
    """The tensors, each with memory of its own; names of the heads that were left out."""
    def memory(name, t):
        return t.untyped_storage().data_ptr() if t.numel() else name

    users, left_out, out = {}, [], {}
    for name, t in tensors.items():
        users.setdefault(memory(name, t), []).append(name)
    for name, t in tensors.items():
        shared = users[memory(name, t)]
        same = [o for o in shared if o != name and tensors[o].data_ptr() == t.data_ptr()
                and tensors[o].shape == t.shape and tensors[o].stride() == t.stride()
                and tensors[o].dtype == t.dtype]
        if tied and name.endswith(HEADS) and same:
            left_out.append(name)
        else:
            t = t.detach()
            whole = t.numel() == t.untyped_storage().nbytes() // t.element_size()
            out[name] = (t.contiguous() if len(shared) == 1 and whole
                         else t.clone(memory_format=torch.contiguous_format))
    return out, left_out


class Outputs:
    """Files that get their names when all of them are written."""

    def __init__(self, folder):
        self.folder, self.done = folder, []

    def part(self, name):
        part = self.folder / f".{name}.{os.getpid()}.part"
        self.done.append((part, self.folder / name))
        return part

    def commit(self):
        for part, target in self.done:
            if target.exists():
                raise Refusal(f"'{target}' has appeared meanwhile")
        for part, target in self.done:
            os.rename(part, target)

    def discard(self):
        for part, _ in self.done:
            part.unlink(missing_ok=True)


def convert(folder, say):
    import torch
    from safetensors.torch import save_file

    files, where = shards_of(folder)
    names, index = outputs_of(folder, files)
    tied, placed, total = ties_head(folder), {}, 0
    outputs = Outputs(folder)
    try:
        for i, name in enumerate(files, 1):
            size, start = (folder / name).stat().st_size, time.monotonic()
            say(f"{name} ({i} of {len(files)}, {size / 2**20:.1f} MiB) to {names[name]}")
            tensors = load(folder / name, torch)
            for t in tensors:
                if where is not None and where.get(t) != name:
                    raise Refusal(f"'{name}' has '{t}', which {INDEX} places in '{where.get(t)}'")
            kept, left_out = alone(tensors, tied, torch)
            for t in left_out:
                say(f"  '{t}' is the embedding (config.json ties them): left out")
            save_file(kept, outputs.part(names[name]), metadata={"format": "pt"})
            placed.update({t: names[name] for t in kept})
            total += sum(t.numel() * t.element_size() for t in kept.values())
            missing = [] if where is None else [t for t, f in where.items() if f == name and t not in tensors]
            if missing:
                raise Refusal(f"'{name}' lacks '{missing[0]}', which {INDEX} places there")
            say(f"  {len(kept)} tensors, {time.monotonic() - start:.1f} s")
        if index:
            outputs.part(index).write_text(json.dumps(
                {"metadata": {"total_size": total}, "weight_map": dict(sorted(placed.items()))}, indent=2) + "\n")
        outputs.commit()
    except BaseException:
        outputs.discard()
        raise
    say(f"wrote {len(placed)} tensors, {total / 2**20:.1f} MiB; the .bin files are not needed any more")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("model", metavar="MODEL_DIR", type=pathlib.Path,
                   help=f"a folder with {WHOLE}, or its shards and {INDEX}")
    p.add_argument("--quiet", action="store_true", help="say nothing but errors")
    a = p.parse_args()
    try:
        convert(a.model, (lambda line: None) if a.quiet else (lambda line: print(line, file=sys.stderr, flush=True)))
    except ImportError as e:
        sys.exit(f"convert-bin: {e}; pip install torch safetensors")
    except (Refusal, OSError) as e:
        sys.exit(f"convert-bin: {e}")


if __name__ == "__main__":
    main()
