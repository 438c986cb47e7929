#!/usr/bin/env python3
"""What the definition of E-divisive says: golden/vectors/stats/changepoint.jsonl.

How: the statistic of every pair of pieces is summed over the matrix of all distances, as Matteson
and James (2014) write it, with no sum kept from one to the next; permutations are shuffled as
src/stats/changepoint.h says, by a SplitMix64 of its own, and shipped for the first case. Each line
has a series with its options, the change points in the order in which they were found, and the
candidate that was not kept.

    changepoint_vectors.py [-o golden/vectors/stats]
"""
import argparse
import json
import pathlib

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = "scripts/make-vectors/changepoint_vectors.py"
MASK = (1 << 64) - 1


def index(seed, at, n):
    z = (seed + (at + 1) * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
    return ((z ^ z >> 31) >> 32) * n >> 32


def energy(distances, first, middle, end):
    """q of the pieces first..middle-1 and middle..end-1."""
    n, m = middle - first, end - middle
    between = distances[first:middle, middle:end].mean()
    within = [d.sum() / (k * (k - 1)) for d, k in (
        (distances[first:middle, first:middle], n), (distances[middle:end, middle:end], m))]
    return n * m / (n + m) * (2 * between - within[0] - within[1])


def best_split(x, first, end, least):
    """The greatest q of a cluster, and where; the first of equal ones, by end, then by middle."""
    distances = np.abs(x[:, None] - x[None, :])
    best = (0.0, None)
    for stop in range(first + 2 * least, end + 1):
        for middle in range(first + least, stop - least + 1):
            q = energy(distances, first, middle, stop)
            if q > best[0] * (1 + 1e-12):
                best = (q, middle)
    return best


def shuffled(x, bounds, seed, draw):
    x = x.copy()
    for first, end in zip(bounds, bounds[1:]):
        for i in range(end - 1, first, -1):
            j = first + index(seed, draw + i, i - first + 1)
            x[i], x[j] = x[j], x[i]
    return x


def clusters(x, bounds, least):
    return [best_split(x, a, b, least) for a, b in zip(bounds, bounds[1:])]


def divide(x, least, level, permutations, seed):
    """What was kept, and the last candidate with its p; no stage is cut short."""
    bounds, kept, stage = [0, len(x)], [], 0
    while True:
        q, middle = max(clusters(x, bounds, least), key=lambda c: c[0])
        if middle is None:
            return kept, None
        great = 0
        for r in range(permutations):
            y = shuffled(x, bounds, seed, (stage * permutations + r) * len(x))
            great += max(c[0] for c in clusters(y, bounds, least)) >= q * (1 - 1e-9)
        found = {"at": middle, "q": q, "p": (1 + great) / (1 + permutations)}
        if found["p"] > level:
            return kept, found
        kept.append(found)
        bounds = sorted(bounds + [middle])
        stage += 1


def series(r):
    yield "one step", np.concatenate([r.normal(10, 1, 14), r.normal(13, 1, 12)]), 3
    yield "no step", r.normal(10, 1, 24), 3
    yield "two steps", np.concatenate([r.normal(5, .2, 12), r.normal(6, .2, 10),
                                       r.normal(5, .2, 12)]), 4
    yield "spread only", np.concatenate([r.normal(0, .1, 20), r.normal(0, 3, 20)]), 5
    yield "bytes", np.repeat([12582912.0, 12582912.0 + 4096, 13631488.0], 10), 5
    yield "constant", np.full(20, 7.0), 2
    yield "times in ns", np.concatenate([r.lognormal(15, .02, 15), r.lognormal(15.06, .02, 15)]), 5
    yield "ties", np.round(np.concatenate([r.normal(3, 1, 15), r.normal(5, 1, 11)])), 2
    yield "short", np.array([1.0, 1, 1, 9, 9, 9]), 3
    yield "too short", np.array([1.0, 9, 9]), 2


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", default=ROOT / "golden/vectors/stats", type=pathlib.Path)
    out = parser.parse_args().o / "changepoint.jsonl"
    lines = [{"format": "stats 1", "numpy": np.__version__, "command": COMMAND}]
    level, permutations = 0.05, 99
    for i, (name, x, least) in enumerate(series(np.random.default_rng(7))):
        seed = 1000 + i
        kept, last = divide(x, least, level, permutations, seed)
        lines.append({"name": name, "x": x.tolist(), "least": least, "level": level,
                      "permutations": permutations, "seed": seed, "kept": kept, "last": last})
        if i == 0:
            first = shuffled(np.arange(len(x), dtype=float), [0, len(x)], seed, 0)
            lines[-1]["first_permutation"] = first.astype(int).tolist()
        print(name, kept, last)
    out.write_text("".join(json.dumps(v, separators=(",", ":")) + "\n" for v in lines))


if __name__ == "__main__":
    main()
