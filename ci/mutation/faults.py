#!/usr/bin/env python3
"""Damages model folders for ci/mutation.sh, reads what a run judged, and bounds a rate of detection.

    faults.py damage NAME FOLDER         one of DAMAGE, in place
    faults.py judged RUN.json CASE METRIC    "value limit verdict" of that judgement
    faults.py rate N_DETECTED N          the share, and its bounds of 95 % (Clopper and Pearson 1934)
"""
import json
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts/trust"))
from trust import clopper_pearson  # noqa: E402

LAYER = "model.layers.1."
DOWN = LAYER + "mlp.down_proj."
DAMAGE = {}


class Tensor:
    """Bytes of one tensor in FOLDER/model.safetensors, written back where the block ends."""

    def __init__(self, folder, name):
        self.path, self.name = folder / "model.safetensors", name

    def __enter__(self):
        with open(self.path, "rb") as f:
            length = struct.unpack("<Q", f.read(8))[0]
            head = json.loads(f.read(length))[self.name]
            begin, end = head["data_offsets"]
            self.at, self.shape = 8 + length + begin, head["shape"]
            f.seek(self.at)
            self.bits = bytearray(f.read(end - begin))
        self.before = bytes(self.bits)
        return self

    def __exit__(self, kind, *_):
        if kind:
            return
        assert self.bits != self.before, f"{self.name} is as it was"
        with open(self.path, "r+b") as f:
            f.seek(self.at)
            f.write(self.bits)

    def row_bytes(self):
        return len(self.bits) // self.shape[0]

    def row(self, i):
        n = self.row_bytes()
        return self.bits[i * n:(i + 1) * n]

    def set_row(self, i, row):
        n = self.row_bytes()
        assert len(row) == n
        self.bits[i * n:(i + 1) * n] = row

    def swap_rows(self, i, j):
        a, b = self.row(i), self.row(j)
        self.set_row(i, b)
        self.set_row(j, a)

    def scale(self, factor, rows=None):
        """Multiplies float16 numbers: of one row, or all."""
        for i in range(self.shape[0]) if rows is None else rows:
            n = self.row_bytes() // 2
            values = struct.unpack(f"<{n}e", self.row(i))
            self.set_row(i, struct.pack(f"<{n}e", *(factor * v for v in values)))


def damage(function):
    DAMAGE[function.__name__.replace("_", "-")] = function
    return function


def set_config(folder, change):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    before = json.dumps(config)
    change(config)
    assert json.dumps(config) != before
    path.write_text(json.dumps(config))


@damage
def linear_zeroed(folder):
    with Tensor(folder, LAYER + "self_attn.o_proj.weight") as t:
        t.bits[:] = bytes(len(t.bits))


@damage
def linear_transposed(folder):
    with Tensor(folder, LAYER + "self_attn.o_proj.weight") as t:
        n = t.shape[0]
        rows = [struct.unpack(f"<{n}H", t.row(i)) for i in range(n)]
        for i, column in enumerate(zip(*rows)):
            t.set_row(i, struct.pack(f"<{n}H", *column))


@damage
def row_doubled(folder):
    with Tensor(folder, LAYER + "self_attn.v_proj.weight") as t:
        t.scale(2, [0])


@damage
def norm_scaled(folder):
    with Tensor(folder, LAYER + "input_layernorm.weight") as t:
        t.scale(1.01)


@damage
def embedding_rows_exchanged(folder):
    with Tensor(folder, "model.embed_tokens.weight") as t:
        t.swap_rows(300, 301)


@damage
def positions_off_by_one(folder):
    with Tensor(folder, "model.decoder.embed_positions.weight") as t:
        n = t.row_bytes()
        t.bits[:] = t.bits[-n:] + t.bits[:-n]


@damage
def rope_theta_doubled(folder):
    def change(config):
        config["rope_theta"] *= 2
        config["rope_parameters"]["rope_theta"] *= 2

    set_config(folder, change)


@damage
def norm_eps_raised(folder):
    set_config(folder, lambda config: config.update(rms_norm_eps=1e-3))


@damage
def head_untied(folder):
    set_config(folder, lambda config: config.update(tie_word_embeddings=False))


@damage
def file_truncated(folder):
    path = folder / "model.safetensors"
    with open(path, "r+b") as f:
        f.truncate(path.stat().st_size - 4096)


@damage
def nibbles_swapped(folder):
    with Tensor(folder, DOWN + "qweight") as t:
        t.bits[:] = bytes((b >> 4) | (b & 15) << 4 for b in t.bits)


@damage
def awq_order_plain(folder):
    """Nibbles in rising order, where AWQ's is 0 2 4 6 1 3 5 7."""
    with Tensor(folder, DOWN + "qweight") as t:
        words = struct.unpack(f"<{len(t.bits) // 4}I", t.bits)
        order = (0, 2, 4, 6, 1, 3, 5, 7)
        t.bits[:] = struct.pack(f"<{len(words)}I", *(
            sum((w >> 4 * i & 15) << 4 * o for i, o in enumerate(order)) for w in words))


@damage
def zero_off_by_one(folder):
    """One zero point of one group of one output."""
    with Tensor(folder, DOWN + "qzeros") as t:
        t.bits[0] ^= 1


@damage
def zeros_off_by_one(folder):
    with Tensor(folder, DOWN + "qzeros") as t:
        t.bits[:] = bytes(((b & 15) + 1 & 15) | ((b >> 4) + 1 & 15) << 4 for b in t.bits)


@damage
def format_v2(folder):
    """Zero points read as they stand, where they are stored less 1."""
    set_config(folder,
               lambda config: config["quantization_config"].update(checkpoint_format="gptq_v2"))


@damage
def group_scale_raised(folder):
    """Of one group of every output, by 1 %."""
    with Tensor(folder, DOWN + "scales") as t:
        t.scale(1.01, [1])


@damage
def group_scale_ignored(folder):
    with Tensor(folder, DOWN + "scales") as t:
        t.set_row(1, t.row(0))


@damage
def groups_exchanged(folder):
    with Tensor(folder, DOWN + "scales") as t:
        t.swap_rows(0, 1)


@damage
def g_idx_exchanged(folder):
    """Two inputs in each other's group."""
    with Tensor(folder, DOWN + "g_idx") as t:
        t.swap_rows(0, 64)


@damage
def row_negated(folder):
    with Tensor(folder, DOWN + "weight") as t:
        t.set_row(0, bytes(-b & 255 for b in t.row(0)))


@damage
def row_scale_raised(folder):
    """Of one row of INT8, by 1 %: the smallest damage here."""
    with Tensor(folder, DOWN + "weight_scale") as t:
        t.scale(1.01, [0])


def judged(path, case, metric):
    run = json.loads(pathlib.Path(path).read_text())
    found = [j for j in run["judgements"] if j["case"] == case and j["metric"] == metric]
    if not found:
        return "- - absent"
    worst = min(found, key=lambda j: {"fail": 0, "inconclusive": 1}.get(j["verdict"], 2))
    value, limit = (f"{worst[k]:.4g}" if worst["has_" + k] else "-" for k in ("value", "limit"))
    return f"{value} {limit} {worst['verdict']}"


def rate(k, n):
    """Two-sided, 95 %."""
    lower, upper = clopper_pearson(k, n, 0.025)
    return f"{k} of {n}, {100 * k / n:.1f} % (95 % bounds {100 * lower:.1f} to {100 * upper:.1f} %)"


def main():
    words = sys.argv[1:]
    if len(words) == 3 and words[0] == "damage" and words[1] in DAMAGE:
        DAMAGE[words[1]](pathlib.Path(words[2]))
    elif len(words) == 4 and words[0] == "judged":
        print(judged(*words[1:]))
    elif len(words) == 3 and words[0] == "rate":
        print(rate(int(words[1]), int(words[2])))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
