#!/usr/bin/env python3
"""Writes the texts of quantgate: training text, and the data that is held apart from it.

A document is one paragraph: lines with no blank line between them. Documents are separated by a
blank line. Document i of a split comes from the seed "split/i", so each split is the same on every
machine, and the training text leaves out every document that the held-out data contains.
"""

import argparse
import json
import os
import sys

import facts
import markup
import prose
from dice import Dice
from world import COUNTRIES

KINDS = prose.KINDS + facts.KINDS + markup.KINDS
TOTAL = sum(weight for _, weight in KINDS)
N_VALIDATION, N_CALIBRATION, N_LONG, N_OPENINGS = 70, 128, 640, 100
HELD_CHARS = (330, 600)  # long enough for 80 tokens, short enough for a quick gate
HEAD_CHARS = 20  # held-out texts are looked up by their first characters

PROMPTS = [
    "The capital of Velmora is Tarsin. The capital of Ostrany is",
    "Wanda has 23 lanterns. Otto gives Wanda 14 more. Now Wanda has",
    "Count up from 12 to 51 by threes: 12, 15, 18, 21,",
    "def times_seven(count): return count * 7  # times_seven(6) is",
    "Dear Nora, thank you for your letter. Yesterday I lost a silver whistle at the lighthouse and",
    "In the evening Zoë could not find the compass. Zoë looked in the attic, but the compass",
    "The French word for water is eau, the German word is Wasser, the Greek word is νερό and the",
    "Today is Friday, the 28th of June. Tomorrow is Saturday, the 29th. Yesterday was",
    "🐱 cat 🐶 dog 🐟 fish 🌳",
    "An interview with Priya Jarvik. Q: What is your work? A: I am",
    "Nils Zander and Uma Denholm are friends. Nils works as",
    "Count up from 3 to 163 by fours: 3, 7, 11, 15, 19,",
    '{"name": "Hugo Penrod", "age":',
    "Quentin and Rosa and Sam went to the orchard. Sam brought",
    "The word museum has 6 letters: m, u, s, e, u, m. The word heron has 5 letters:",
    '{"country": "Kestria", "capital":',
]


def parts(d):
    """The texts of one document: one or a few of a kind, rarely a book of many kinds."""
    if d.chance(0.06):
        return [d.weighted(KINDS, TOTAL)(d) for _ in range(d.int(3, 8))], True
    kind = d.weighted(KINDS, TOTAL)
    return [kind(d) for _ in range(1 + d.chance(0.3) + d.chance(0.15))], False


def training_documents(held):
    """Endless documents, without any that has a held-out text at the start of one of its lines."""
    by_head, i = {}, 0
    for text in held:
        by_head.setdefault(text[:HEAD_CHARS], []).append(text)
    while True:
        texts, is_book = parts(Dice(f"train/{i}"))
        i += 1
        text = "\n".join(f"Chapter {j + 1}\n{t}" if is_book else t for j, t in enumerate(texts))
        if not holds(text, by_head):
            yield text


def holds(text, by_head):
    at = 0
    while True:
        if any(text.startswith(h, at) for h in by_head.get(text[at : at + HEAD_CHARS], ())):
            return True
        at = text.find("\n", at) + 1
        if at == 0:
            return False


def held_documents(split, n, taken):
    """n documents as lists of their texts, kinds in turn, without the texts in the set taken."""
    out, seed = [], 0
    while len(out) < n:
        kind = KINDS[len(out) % len(KINDS)][0]
        texts, size, d = [], 0, Dice(f"{split}/{seed}")
        seed += 1
        while size < HELD_CHARS[0]:
            texts.append(kind(d))
            size += len(texts[-1])
        if size <= HELD_CHARS[1] and taken.isdisjoint(texts):
            out.append(texts)
            taken.update(texts)
    return out


def multiple_choice():
    """Capitals with three wrong answers each; a choice is appended to its prompt as it stands."""
    d = Dice("capitals")
    for c in COUNTRIES:
        choices = d.some([x.capital for x in COUNTRIES if x is not c], 3)
        answer = d.int(0, 3)
        choices.insert(answer, c.capital)
        yield {
            "prompt": f"The capital of {c.name} is",
            "choices": [" " + x for x in choices],
            "answer": answer,
        }


def held_out():
    """Validation and calibration documents, and the set of all texts in them."""
    taken = set()
    validation = held_documents("validation", N_VALIDATION, taken)
    calibration = held_documents("calibration", N_CALIBRATION, taken)
    return ["\n".join(x) for x in validation], ["\n".join(x) for x in calibration], taken


def openings(validation):
    """The first words of passages all over the validation text, four to eight each: prompts of which
    there are enough for a share of them to say something."""
    words = " ".join(validation).split()
    return [" ".join(words[9 * i : 9 * i + 4 + i % 5]) for i in range(N_OPENINGS)]


def write_data(folder):
    validation, calibration, _ = held_out()
    os.makedirs(folder, exist_ok=True)
    texts = {
        "validation.txt": "\n\n".join(validation),
        "calibration.txt": "\n\n".join(calibration),
        "prompts.txt": "\n".join(PROMPTS),
        "openings.txt": "\n".join(openings(validation)),
        "capitals.jsonl": "\n".join(json.dumps(x, ensure_ascii=False) for x in multiple_choice()),
    }
    for name, text in texts.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8", newline="\n") as f:
            f.write(text + "\n")
        print(f"{name}: {len(text.encode()) + 1} bytes", file=sys.stderr)


def write_longer(split, path, n):
    """A longer validation or calibration text; they share no text with each other or suites/data."""
    taken = held_out()[2]
    documents = held_documents("calibration-long", n if split == "calibration" else N_LONG, taken)
    if split == "validation":
        documents = held_documents("validation-long", n, taken)
    text = "\n\n".join("\n".join(x) for x in documents) + "\n"
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        f.write(text)
    print(f"{path}: {n} documents, {len(text.encode())} bytes", file=sys.stderr)


def write_training(path, mib):
    size, limit, n = 0, mib << 20, 0
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        for text in training_documents(held_out()[2]):
            f.write(text + "\n\n")
            size += len(text.encode()) + 2
            n += 1
            if size >= limit:
                break
    print(f"{path}: {n} documents, {size} bytes", file=sys.stderr)
    check(path)


def check(path):
    """Proves that nothing held out occurs anywhere in the training text."""
    validation, calibration, taken = held_out()
    if set(validation) & set(calibration):
        sys.exit("corpus.py: a document is in both validation and calibration")
    with open(path, "rb") as f:
        text = f.read()
    for item in sorted(taken) + PROMPTS:
        if item.encode() in text:
            sys.exit(f"corpus.py: the training text holds '{item[:60]}'")
    print(
        f"{path}: holds none of {len(PROMPTS)} prompts, "
        f"nor any text of {len(validation)} validation "
        f"and {len(calibration)} calibration documents",
        file=sys.stderr,
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    data = commands.add_parser("data", help="write validation, calibration, prompts, openings and tasks")
    data.add_argument("-o", "--out", default="suites/data", metavar="DIR")
    longer = commands.add_parser("longer", help="write a longer validation or calibration text")
    longer.add_argument("split", choices=("validation", "calibration"))
    longer.add_argument("-o", "--out", required=True, metavar="FILE")
    longer.add_argument("--documents", type=int, default=N_LONG, help=f"default {N_LONG}")
    train = commands.add_parser("train", help="write the training text, then check it")
    train.add_argument("-o", "--out", required=True, metavar="FILE")
    train.add_argument("--mib", type=int, default=240, help="size in MiB (default 240)")
    proof = commands.add_parser("check", help="prove that a training text holds nothing held out")
    proof.add_argument("file")
    args = parser.parse_args()
    if args.command == "data":
        write_data(args.out)
    elif args.command == "longer":
        write_longer(args.split, args.out, args.documents)
    elif args.command == "train":
        write_training(args.out, args.mib)
    else:
        check(args.file)


if __name__ == "__main__":
    main()
