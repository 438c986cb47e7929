"""Expressions of GitHub Actions, as far as this repository's workflows use them.

Source of the rules: GitHub's documentation, "Evaluate expressions in workflows and actions": strings compare without case,
other types as numbers, `&&` and `||` give one of their operands, an absent property is null, and an `if` without a status
function means `success() && (...)`. What is not known here is an error, never a guess.
"""
import json
import math
import re

TOKEN = re.compile(r"\s*(?:(?P<number>-?\d+(?:\.\d+)?)|(?P<text>'(?:[^']|'')*')|(?P<name>[A-Za-z_][A-Za-z0-9_-]*)"
                   r"|(?P<sign>&&|\|\||==|!=|[!().,\[\]*]))")
STATUS = {"success", "failure", "always", "cancelled"}
WORDS = {"true": True, "false": False, "null": None}


class Mistake(Exception):
    """An expression that GitHub would refuse, or that this evaluator does not know."""


def text_of(value):
    """As GitHub writes a value into a string."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (dict, list)):
        raise Mistake("an object is written into a string")
    return str(value)


def number_of(value):
    if value is None or value == "":
        return 0.0
    if isinstance(value, (bool, int, float)):
        return float(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def equal(a, b):
    if isinstance(a, str) and isinstance(b, str):
        return a.lower() == b.lower()
    if a is None and b is None:
        return True
    return number_of(a) == number_of(b)


def true(value):
    return not (value is None or value is False or value == "" or value == 0)


class _Reader:
    """Recursive descent over: or > and > equality > not > postfix > primary."""

    def __init__(self, text, contexts, functions):
        self.tokens, self.contexts, self.functions = [], contexts, functions
        end = 0
        while text[end:].strip():
            match = TOKEN.match(text, end)
            if not match:
                raise Mistake(f"cannot read '{text[end:]}'")
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            end = match.end()
        self.at = 0

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else (None, None)

    def take(self, sign=None):
        kind, token = self.peek()
        if sign is not None and token != sign:
            raise Mistake(f"'{sign}' is expected, there is '{token}'")
        self.at += 1
        return kind, token

    def either(self):
        value = self.both()
        while self.peek()[1] == "||":
            self.take()
            other = self.both()
            value = value if true(value) else other
        return value

    def both(self):
        value = self.equality()
        while self.peek()[1] == "&&":
            self.take()
            other = self.equality()
            value = other if true(value) else value
        return value

    def equality(self):
        value = self.negation()
        while self.peek()[1] in ("==", "!="):
            _, sign = self.take()
            value = equal(value, self.negation()) == (sign == "==")
        return value

    def negation(self):
        if self.peek()[1] == "!":
            self.take()
            return not true(self.negation())
        return self.property()

    def property(self):
        value = self.primary()
        while self.peek()[1] in (".", "["):
            _, sign = self.take()
            if sign == ".":
                kind, key = self.take()
                if kind != "name":
                    raise Mistake(f"'{key}' is no property")
            else:
                key = self.either()
                self.take("]")
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def primary(self):
        kind, token = self.take()
        if kind == "number":
            return float(token)
        if kind == "text":
            return token[1:-1].replace("''", "'")
        if token == "(":
            value = self.either()
            self.take(")")
            return value
        if kind != "name":
            raise Mistake(f"'{token}' stands where a value is expected")
        if token in WORDS:
            return WORDS[token]
        if self.peek()[1] == "(":
            return self.call(token)
        if token not in self.contexts:
            raise Mistake(f"there is no context '{token}' here")
        return self.contexts[token]

    def call(self, name):
        self.take("(")
        values = []
        while self.peek()[1] != ")":
            values.append(self.either())
            if self.peek()[1] == ",":
                self.take()
        self.take(")")
        if name not in self.functions:
            raise Mistake(f"there is no function '{name}'")
        return self.functions[name](*values)


BASIC = {
    "fromJSON": json.loads,
    "format": lambda text, *values: re.sub(r"\{(\d+)\}", lambda m: text_of(values[int(m[1])]), text),
    "contains": lambda a, b: text_of(b).lower() in text_of(a).lower() if not isinstance(a, list) else b in a,
    "startsWith": lambda a, b: text_of(a).lower().startswith(text_of(b).lower()),
}


def evaluate(text, contexts, functions=None):
    reader = _Reader(text, contexts, {**BASIC, **(functions or {})})
    value = reader.either()
    if reader.at < len(reader.tokens):
        raise Mistake(f"'{reader.peek()[1]}' follows a whole expression in '{text}'")
    return value


def condition(text, contexts, functions):
    """Whether an `if` lets its step run."""
    text = str(text).strip()
    whole = re.fullmatch(r"\$\{\{(.*)\}\}", text, re.S)
    text = whole[1] if whole else text
    if not any(re.search(rf"\b{name}\s*\(", text) for name in STATUS):
        text = f"success() && ({text})"
    return true(evaluate(text, contexts, functions))


def filled(value, contexts, functions=None):
    """A value of YAML with its ${{ }} replaced; a string that is one expression takes that one's type."""
    if isinstance(value, dict):
        return {k: filled(v, contexts, functions) for k, v in value.items()}
    if isinstance(value, list):
        return [filled(v, contexts, functions) for v in value]
    if not isinstance(value, str):
        return value
    whole = re.fullmatch(r"\s*\$\{\{((?:(?!\}\}).)*)\}\}\s*", value, re.S)
    if whole:
        return evaluate(whole[1], contexts, functions)
    return re.sub(r"\$\{\{(.*?)\}\}", lambda m: text_of(evaluate(m[1], contexts, functions)), value, flags=re.S)
