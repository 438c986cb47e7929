"""Documents of facts and exercises: numbers, dates, words, animals, languages.

Each function takes a Dice and returns one document: lines without a blank line between them. All
answers are right, so that a model can learn the rule.
"""

import lexicon
from prose import ordinal
from world import COUNTRIES, PEOPLE


def sums(d):
    """One operation a document, small numbers, exact answers."""
    op = d.pick("+-*+-")
    style = d.int(0, 2)
    lines = []
    for _ in range(d.int(8, 24)):
        a, b = (d.int(2, 19), d.int(2, 19)) if op == "*" else (d.int(1, 600), d.int(1, 399))
        if op == "-" and a < b:
            a, b = b, a
        result = a + b if op == "+" else a - b if op == "-" else a * b
        word = {"+": "plus", "-": "minus", "*": "times"}[op]
        lines.append(
            (
                f"{a} {op} {b} = {result}",
                f"{a} {word} {b} is {result}.",
                f"What is {a} {word} {b}? {result}.",
            )[style]
        )
    return "\n".join(lines)


def story_sum(d):
    p, q = d.some(PEOPLE, 2)
    thing = d.pick(lexicon.THING)
    a, b, c = d.int(5, 40), d.int(2, 20), d.int(1, 4)
    many = thing + "es" if thing.endswith(("ch", "sh")) else thing + "s"
    name, other = p.first, q.first
    lines = [
        f"{name} has {a} {many}.",
        f"{other} gives {name} {b} more. Now {name} has {a + b} {many}, "
        f"because {a} + {b} = {a + b}.",
        f"Then {name} loses {c} of them. {a + b} - {c} = {a + b - c}, "
        f"so {a + b - c} {many} are left.",
        f"If {p.friend} has twice as many, {p.friend} has {2 * (a + b - c)} {many}.",
    ]
    if (a + b - c) % 2 == 0:
        lines.append(
            f"The number {a + b - c} is even, so {name} can share them with {other}: "
            f"{(a + b - c) // 2} {many} for each."
        )
    else:
        lines.append(
            f"The number {a + b - c} is odd, so {name} cannot share them equally with {other}: "
            f"one would be left over."
        )
    return " ".join(lines)


def counting(d):
    step = d.pick([1, 1, 2, 2, 3, 4, 5, 10, 7])
    start = d.int(0, 40)
    down = d.chance(0.3)
    n = d.int(15, 40)
    numbers = [start + step * i for i in range(n)]
    if down:
        numbers.reverse()
    if step == 1 and start + n <= 90 and d.chance(0.5):
        text = ", ".join(spelled(x) for x in numbers)
    else:
        text = ", ".join(map(str, numbers))
    way = "down" if down else "up"
    first, last = numbers[0], numbers[-1]
    return f"Count {way} from {first} to {last} by {lexicon.NUMBERS[step]}s: {text}."


def spelled(n):
    """The English name of a number under 100."""
    if n <= 20:
        return lexicon.NUMBERS[n]
    ten, one = divmod(n, 10)
    return lexicon.TENS[ten] + ("-" + lexicon.NUMBERS[one] if one else "")


def numerals(d):
    lines = []
    for n in (d.int(0, 98) for _ in range(d.int(6, 14))):
        after = f", and the number after it is {spelled(n + 1)}" if d.chance(0.5) else ""
        lines.append(f"The number {n} is written {spelled(n)}{after}.")
    return "\n".join(lines)


def calendar(d):
    day, date, month = d.int(0, 6), d.int(1, 27), d.int(0, 11)
    name = lexicon.DAYS
    out = [
        f"Today is {name[day]}, the {date}{ordinal(date)} of {lexicon.MONTHS[month]}.",
        f"Tomorrow is {name[(day + 1) % 7]}, the {date + 1}{ordinal(date + 1)}.",
        f"Yesterday was {name[(day - 1) % 7]}.",
    ]
    for _ in range(d.int(3, 7)):
        n = d.int(2, 9)
        out.append(
            d.pick(
                [
                    f"In {lexicon.NUMBERS[n]} days it will be {name[(day + n) % 7]}.",
                    f"{lexicon.NUMBERS[n].capitalize()} days ago it was {name[(day - n) % 7]}.",
                    f"The month after {lexicon.MONTHS[(month + n) % 12]} is "
                    f"{lexicon.MONTHS[(month + n + 1) % 12]}.",
                    f"The day after {name[n % 7]} is {name[(n + 1) % 7]}.",
                ]
            )
        )
    return " ".join(out)


def timetable(d):
    """Trains at a fixed interval; arrival is departure plus the travel time."""
    a, b = d.some(COUNTRIES, 2)
    start, every, takes = (
        d.int(5, 9) * 60 + d.int(0, 11) * 5,
        d.pick([15, 20, 30, 40, 45]),
        d.int(3, 30) * 5,
    )
    out = [
        f"Trains from {a.capital} to {b.capital}, "
        f"every {every} minutes, travel time {takes} minutes."
    ]
    for i in range(d.int(6, 14)):
        t = start + i * every
        out.append(
            f"{clock(t)} {a.capital} - {clock(t + takes)} {b.capital}, platform {d.int(1, 9)}"
        )
    return "\n".join(out)


def clock(minutes):
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def spelling(d):
    words = (
        lexicon.THING
        + lexicon.PLACE
        + lexicon.FRUIT
        + lexicon.ANIMAL
        + lexicon.JOB
        + lexicon.COLOUR
        + lexicon.INSTRUMENT
        + lexicon.VEGETABLE
    )
    lines = []
    for w in d.some(words, d.int(5, 10)):
        lines.append(
            f"The word {w} has {len(w)} letters: {', '.join(w)}. "
            + d.pick(
                [
                    f"It begins with {w[0]} and ends with {w[-1]}.",
                    f"Backwards it is {w[::-1]}.",
                    f"In capitals it is {w.upper()}.",
                ]
            )
        )
    return "\n".join(lines)


def opposites(d):
    form = d.pick(
        [
            "The opposite of {a} is {b}.",
            "{a}: {b}",
            "Not {a} but {b}.",
            "If it is not {a}, it is {b}.",
        ]
    )
    lines = []
    for pair in d.some(lexicon.OPPOSITES, d.int(8, 16)):
        a, b = pair if d.chance(0.5) else pair[::-1]
        lines.append(form.format(a=a, b=b))
    return "\n".join(lines)


def creatures(d):
    out = []
    for name, group, legs, sound, young in d.some(lexicon.CREATURES, d.int(3, 5)):
        facts = [
            f"It has {legs} legs.",
            f"A young {name} is called a {young}.",
            f"A {name} {sound}.",
            (
                f"All {group}s have {legs} legs in this book."
                if group in ("bird", "insect")
                else f"It is {'an' if group[0] in 'aeiou' else 'a'} {group}, not a bird."
            ),
        ]
        article = "An" if name[0] in "aeiou" else "A"
        out.append(
            f"{article} {name} is {'an' if group[0] in 'aeiou' else 'a'} {group}. "
            + " ".join(d.some(facts, d.int(2, 4)))
        )
    return " ".join(out)


def dictionary(d):
    """One language a document, or one word in all languages."""
    lines = []
    if d.chance(0.6):
        i = d.int(0, len(lexicon.LANGUAGES) - 1)
        form = d.pick(
            ["The {l} word for {e} is {w}.", "{e} - {w}", "{w} means {e} in {l}.", "{e} {m} {w}"]
        )
        lines.append(f"A small {lexicon.LANGUAGES[i]} dictionary.")
        for row in d.some(lexicon.TRANSLATIONS, d.int(6, 12)):
            lines.append(form.format(l=lexicon.LANGUAGES[i], e=row[0], w=row[i + 1], m=row[-1]))
    else:
        for row in d.some(lexicon.TRANSLATIONS, d.int(2, 3)):
            lines.append(
                f"{row[-1]} {row[0]}: "
                + ", ".join(f"{lang} {row[i + 1]}" for i, lang in enumerate(lexicon.LANGUAGES))
                + "."
            )
    return "\n".join(lines)


def chat(d):
    """Short messages with emoji."""
    p, q = d.some(PEOPLE, 2)
    rows = d.some(lexicon.TRANSLATIONS, d.int(4, 7))
    lines = []
    for i, row in enumerate(rows):
        who = (p, q)[i % 2].first
        lines.append(
            f"{who}: "
            + d.say(
                "[Do you see the {e}? {m}|I love this {e} {m}{m}|"
                "Look, {a e}! {m}|{m} means {e}, right?|"
                "No {e} today? {m} {m}|My {pet} likes the {e} {m}]",
                e=row[0],
                m=row[-1],
                pet=(p, q)[i % 2].pet,
            )
        )
    lines.append(
        f"{p.first}: "
        + d.pick(["See you at the ", "Meet me at the ", "I am at the "])
        + d.pick(lexicon.PLACE)
        + "! 👋"
    )
    return "\n".join(lines)


def comparison(d):
    """Ages of the people of the world, compared."""
    lines = []
    for _ in range(d.int(4, 7)):
        p, q = d.some(PEOPLE, 2)
        if p.age == q.age:
            lines.append(f"{p.name} and {q.name} are both {p.age} years old.")
            continue
        old, young = (p, q) if p.age > q.age else (q, p)
        lines.append(
            f"{p.name} is {p.age} and {q.name} is {q.age} years old, so {old.name} is older than "
            f"{young.name} by {old.age - young.age} year{'s' if old.age - young.age > 1 else ''}."
        )
    return " ".join(lines)


KINDS = [
    (sums, 7),
    (story_sum, 5),
    (counting, 5),
    (numerals, 3),
    (calendar, 5),
    (timetable, 4),
    (spelling, 4),
    (opposites, 2),
    (creatures, 4),
    (dictionary, 5),
    (chat, 4),
    (comparison, 3),
]
