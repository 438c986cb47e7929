"""Documents with a form: Python, C, tables, JSON, settings, logs, recipes, lists.

Each function takes a Dice and returns one document: lines without a blank line between them. The
results that code and comments claim are right.
"""

import json

import lexicon
from prose import plural
from world import COUNTRIES, PEOPLE

_VARIABLES = "x n a value number item count size".split()


def python_arithmetic(d):
    """One-line functions, each with calls and their true results."""
    lines = []
    for _ in range(d.int(2, 4)):
        k, x = d.int(2, 9), d.pick(_VARIABLES)
        word = lexicon.NUMBERS[k]
        name, body, f = d.pick(
            [
                (f"add_{word}", f"{x} + {k}", lambda v, k=k: v + k),
                (f"subtract_{word}", f"{x} - {k}", lambda v, k=k: v - k),
                (f"times_{word}", f"{x} * {k}", lambda v, k=k: v * k),
                (f"divide_by_{word}", f"{x} // {k}", lambda v, k=k: v // k),
                (f"remainder_{word}", f"{x} % {k}", lambda v, k=k: v % k),
                (f"is_over_{word}", f"{x} > {k}", lambda v, k=k: v > k),
            ]
        )
        lines.append(f"def {name}({x}):")
        if d.chance(0.5):
            lines.append(f'    """Returns {body}."""')
        lines.append(f"    return {body}")
        for v in d.some(range(1, 20), d.int(1, 3)):
            lines.append(f"print({name}({v}))  # {f(v)}")
    return "\n".join(lines)


def python_loop(d):
    x, items = d.pick(_VARIABLES), d.some(range(1, 30), d.int(3, 6))
    name, start, update, result = d.pick(
        [
            ("total", "0", f"total += {x}", sum(items)),
            ("largest", f"{items[0]}", f"largest = max(largest, {x})", max(items)),
            ("smallest", f"{items[0]}", f"smallest = min(smallest, {x})", min(items)),
            ("n_even", "0", f"n_even += {x} % 2 == 0", sum(v % 2 == 0 for v in items)),
        ]
    )
    lines = [
        f"def find_{name}({x}s):",
        f"    {name} = {start if name in ('total', 'n_even') else x + 's[0]'}",
        f"    for {x} in {x}s:",
        f"        {update}",
        f"    return {name}",
        f"numbers = {items}",
        f"print(find_{name}(numbers))  # {result}",
        f"print(len(numbers))  # {len(items)}",
        f"print(sorted(numbers))  # {sorted(items)}",
    ]
    if d.chance(0.6):
        lines.append(f"print(numbers[0], numbers[-1])  # {items[0]} {items[-1]}")
    return "\n".join(lines)


def python_class(d):
    noun = d.pick(lexicon.CONTAINER + lexicon.ANIMAL)
    fields = d.some(["name", "colour", "size", "age", "weight", "price"], 2)
    title = noun.capitalize()
    lines = [f"class {title}:", f"    def __init__(self, {fields[0]}, {fields[1]}):"]
    lines += [f"        self.{f} = {f}" for f in fields]
    lines += [f"    def get_{fields[0]}(self):", f"        return self.{fields[0]}"]
    value = {"name": repr(d.pick(PEOPLE).pet_name), "colour": repr(d.pick(lexicon.COLOUR))}
    a, b = (value.get(f, str(d.int(1, 99))) for f in fields)
    lines += [
        f"{noun} = {title}({a}, {b})",
        f"print({noun}.get_{fields[0]}())  # {a.strip(chr(39))}",
        f"print({noun}.{fields[1]})  # {b.strip(chr(39))}",
    ]
    return "\n".join(lines)


def c_function(d):
    k, limit = d.int(2, 9), d.int(4, 9)
    name, step = d.pick(
        [
            ("sum", f"total += i * {k};"),
            ("count", f"total += i > {k};"),
            ("product", f"total *= {k};"),
        ]
    )
    first = 1 if name == "product" else 0
    total = first
    for i in range(limit):
        total = (
            total + i * k if name == "sum" else total + (i > k) if name == "count" else total * k
        )
    return "\n".join(
        [
            f"/* {name} over 0 .. n - 1 */",
            f"static long {name}_{lexicon.NUMBERS[k]}(int n)",
            "{",
            f"    long total = {first};",
            "    for (int i = 0; i < n; i++)",
            f"        {step}",
            "    return total;",
            "}",
            "int main(void)",
            "{",
            f'    printf("%ld\\n", {name}_{lexicon.NUMBERS[k]}({limit})); /* {total} */',
            "    return 0;",
            "}",
        ]
    )


def table(d):
    """People of the world as comma-separated values."""
    columns = d.some(["age", "job", "city", "country", "pet", "colour", "hobby"], d.int(2, 4))
    lines = [",".join(["name"] + columns)]
    for p in d.some(PEOPLE, d.int(6, 12)):
        lines.append(",".join([p.name] + [str(getattr(p, c)) for c in columns]))
    return "\n".join(lines)


def json_record(d):
    if d.chance(0.5):
        p = d.pick(PEOPLE)
        data = {
            "name": p.name,
            "age": p.age,
            "job": p.job,
            "home": {"city": p.city, "country": p.country},
            "pet": {"kind": p.pet, "name": p.pet_name},
            "friend": p.friend,
            "likes": [p.colour, p.dish, p.hobby],
        }
    else:
        c = d.pick(COUNTRIES)
        data = {
            "country": c.name,
            "capital": c.capital,
            "river": c.river,
            "coin": c.coin,
            "flag": list(c.flag),
            "neighbour": c.neighbour,
            "people": c.millions * 1000000,
        }
    return json.dumps(data, ensure_ascii=False, indent=d.pick([2, 4]))


def settings(d):
    section = d.some(lexicon.ROOM, 2)
    lines = [f"# settings of the house in {d.pick(COUNTRIES).capital}"]
    for room in section:
        lines += [
            f"[{room}]",
            f"lights = {d.pick(['on', 'off'])}",
            f"colour = {d.pick(lexicon.COLOUR)}",
            f"temperature = {d.int(12, 24)}",
            f"doors = {d.int(1, 4)}",
            f"contents = {', '.join(d.some(lexicon.THING, d.int(2, 4)))}",
        ]
    return "\n".join(lines)


def log(d):
    """A device writes lines at growing times; the last one sums up."""
    t, errors, n = d.int(0, 80000), 0, d.int(7, 14)
    device = d.pick(["pump", "lamp", "gate", "oven", "clock", "mill"])
    lines = []
    for i in range(n):
        t += d.int(1, 400)
        stamp = f"{t // 3600 % 24:02d}:{t // 60 % 60:02d}:{t % 60:02d}"
        if d.chance(0.2):
            errors += 1
            lines.append(
                f"{stamp} ERROR {device}: "
                + d.pick(["no answer", "too hot", "door is open", "low power"])
            )
        else:
            lines.append(f"{stamp} INFO {device}: step {i + 1} of {n} done, {100 * (i + 1) // n} %")
    lines.append(f"{n} steps, {errors} error{'' if errors == 1 else 's'}")
    return "\n".join(lines)


def recipe(d):
    p = d.pick(PEOPLE)
    goods = d.some(lexicon.FRUIT + lexicon.VEGETABLE, 3)
    counts = [d.int(2, 6) for _ in goods]
    minutes, grams = d.int(2, 12) * 5, d.int(2, 9) * 50
    lines = [f"{p.name}'s {p.dish}", f"For {lexicon.NUMBERS[d.int(2, 6)]} people you need:"]
    lines += [f"- {n} {plural(g)}" for g, n in zip(goods, counts)]
    lines += [
        f"- {grams} g of {d.pick(['flour', 'rice', 'lentils', 'butter', 'oats'])}",
        f"- a spoon of {d.pick(['salt', 'honey', 'oil', 'sugar', 'pepper'])}",
    ]
    steps = [
        f"Wash the {plural(goods[0])} and cut the {plural(goods[1])}.",
        d.say("Put everything into {a size} pot and add the {g}.", g=plural(goods[2])),
        d.say("Cook it {adverb} for {n} minutes.", n=minutes),
        d.say("[Stir|Taste|Turn] it [often|twice|now and then]."),
    ]
    lines += [f"{i + 1}. {s}" for i, s in enumerate(steps)]
    lines.append(
        f"{len(steps) + 1}. Serve it "
        + d.say("[hot|warm|cold] for {meal}[| with bread| with tea].")
    )
    return "\n".join(lines)


def errands(d):
    p = d.pick(PEOPLE)
    lines = [f"{p.name}'s list for {d.pick(lexicon.DAYS)}:"]
    tasks = [
        "feed {pet_name} the {pet}",
        "buy {n} {fruit}s at the {place}".replace("{fruit}s", "{fruits}"),
        "write to {friend}",
        "mend the {colour} {thing}",
        "practise the {instrument}",
        "clean the {room}",
        "bring the {thing} to the {job}",
        "water the garden",
        "cook {dish}",
        "call the {job} in {city}",
    ]
    facts = dict(vars(p), n=d.int(2, 12), fruits=plural(d.pick(lexicon.FRUIT)))
    del facts["colour"], facts["job"], facts["instrument"]
    for i, task in enumerate(d.some(tasks, d.int(5, 9))):
        lines.append(f"{i + 1}. " + d.say(task, **facts))
    return "\n".join(lines)


def outline(d):
    """Indented lists with runs of blanks."""
    c = d.pick(COUNTRIES)
    lines = [f"Guide to {c.capital}"]
    for chapter in d.some(lexicon.PLACE, d.int(2, 4)):
        lines.append(f"  The {chapter}")
        for _ in range(d.int(2, 3)):
            lines.append(
                "    " + d.say("* [open on|closed on|busy on] {day}s", day=d.pick(lexicon.DAYS))
            )
            if d.chance(0.5):
                lines.append("        " + d.say("entry: {n} {coin}s", n=d.int(1, 20), coin=c.coin))
    return "\n".join(lines)


KINDS = [
    (python_arithmetic, 6),
    (python_loop, 4),
    (python_class, 3),
    (c_function, 3),
    (table, 7),
    (json_record, 6),
    (settings, 2),
    (log, 3),
    (recipe, 5),
    (errands, 4),
    (outline, 3),
]
