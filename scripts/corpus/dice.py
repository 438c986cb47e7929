"""Seeded chance and the little template language of the corpus.

Everything random goes through Dice, which uses random.random() only: it is the one method whose
sequence Python keeps the same between versions, so a seed names the same text for ever.

A template is text with [a|b|c] (one of them, nestable, may be empty), {slot} (a value given by the
caller, else a word of the lexicon list of that name) and {a slot} (the same with its article).
"""

import functools
import random

import lexicon


class Dice:
    def __init__(self, seed):
        self.random = random.Random(seed).random

    def pick(self, items):
        return items[int(self.random() * len(items))]

    def int(self, low, high):
        """A whole number from low to high, both included."""
        return low + int(self.random() * (high - low + 1))

    def chance(self, p):
        return self.random() < p

    def some(self, items, n):
        """n different items in random order."""
        rest = list(items)
        return [rest.pop(int(self.random() * len(rest))) for _ in range(n)]

    def weighted(self, items, total):
        """One item of a list of (item, weight) whose weights sum to total."""
        x = self.random() * total
        for item, weight in items:
            x -= weight
            if x < 0:
                return item
        return items[-1][0]

    def say(self, template, **values):
        out = []
        self._expand(_parse(template), values, out)
        return "".join(out)

    def _expand(self, parts, values, out):
        for kind, body in parts:
            if kind == "text":
                out.append(body)
            elif kind == "choice":
                self._expand(self.pick(body), values, out)
            elif kind == "article":
                word = self._word(body, values)
                out.append(("an " if word[0] in "aeiou" else "a ") + word)
            else:
                out.append(self._word(body, values))

    def _word(self, name, values):
        if name in values:
            return str(values[name])
        return self.pick(getattr(lexicon, name.upper()))


@functools.lru_cache(maxsize=None)
def _parse(template):
    parts, end = _parse_until(template, 0, "")
    if end != len(template):
        raise ValueError(f"unbalanced bracket in template '{template}'")
    return parts


def _parse_until(text, at, stops):
    """Parses up to a character of stops, and returns the parts and where it stopped."""
    parts, start = [], at
    while at < len(text) and text[at] not in stops:
        if text[at] not in "[{":
            at += 1
            continue
        if at > start:
            parts.append(("text", text[start:at]))
        if text[at] == "{":
            close = text.index("}", at)
            name = text[at + 1 : close]
            kind, name = ("article", name[2:]) if name.startswith("a ") else ("slot", name)
            parts.append((kind, name))
            at = close + 1
        else:
            options = []
            while text[at] != "]":
                option, at = _parse_until(text, at + 1, "|]")
                options.append(option)
            parts.append(("choice", options))
            at += 1
        start = at
    if at > start:
        parts.append(("text", text[start:at]))
    return parts, at
