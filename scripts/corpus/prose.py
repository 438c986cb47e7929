"""Documents in prose: countries, people, stories, talk, letters, weather, news, verse.

Each function takes a Dice and returns one document: lines without a blank line between them.
"""

import lexicon
from world import COUNTRIES, PEOPLE, PERSON, values


def country(d):
    c = d.pick(COUNTRIES)
    v = dict(vars(c), flag=f"{c.flag[0]}, {c.flag[1]} and {c.flag[2]}")
    facts = [
        "The capital of {name} is {capital}[|, a city on the river {river}].",
        "[People pay|Everything is paid|The {people} people pay] in {coin}s.",
        "The flag of {name} is {flag}.",
        "[Its farmers grow|The fields are full of|Most farms grow] {crop}.",
        "The longest river of {name} is the {river}[, which runs through {capital}|].",
        "[Its neighbour|The neighbour] to the [north|south|east|west] is {neighbour}.",
        "About {millions} million people live [there|in {name}].",
        "The {people} national instrument is the {instrument}.",
        "In {season} the weather in {capital} is mostly {weather}.",
        "[Visitors like|Travellers talk about|Everyone praises] the {place} and the old {place} of "
        "{capital}.",
    ]
    opening = d.say(
        "{name} is [a country|a land|a small country|a state] [beside|next to|that borders] "
        "{neighbour}. ",
        **v,
    )
    return opening + " ".join(d.say(t, **v) for t in d.some(facts, d.int(5, 9)))


def person(d):
    p = d.pick(PEOPLE)
    v = values(p)
    facts = [
        "{first} works as {a job}.",
        "{first} lives in {city}, the capital of {country}.",
        "[At home|In {city}] {she} keeps {a pet} called {pet_name}.",
        "{first} is {age} years old.",
        "[Of all colours {first} likes {colour} best|The favourite colour of {first} is {colour}].",
        "For {meal} {she} likes to eat {dish}.",
        "In {her} free time {she} enjoys {hobby}.",
        "{first} plays the {instrument}.",
        "The best friend of {first} is {friend}.",
        "{first} was born on the {day}{th} of {month}.",
        "[On {weekday}s|Every {weekday}] {first} goes to the {place} with {friend}.",
    ]
    v.update(th=ordinal(p.day), weekday=d.pick(lexicon.DAYS))
    opening = d.say("[This is|Here comes|Meet|You may know|Let us talk about] {name}. ", **v)
    return opening + " ".join(d.say(t, **v) for t in d.some(facts, d.int(5, 10)))


def ordinal(n):
    if 10 <= n % 100 <= 20:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")


def interview(d):
    """Questions about one person, answered with the facts of the world."""
    p = d.pick(PEOPLE)
    v = values(p)
    pairs = [
        ("Where do you live?", "I live in {city}[|, in {country}]."),
        ("What is your work?", "I am {a job}."),
        ("Do you have a pet?", "Yes, {a pet}. Its name is {pet_name}."),
        ("How old are you?", "I am {age} years old."),
        ("Which colour do you like?", "My favourite colour is {colour}."),
        ("What do you like to eat?", "I love {dish}[|, above all for {meal}]."),
        ("What do you do after work?", "I like {hobby}[|, and I play the {instrument}]."),
        ("Who is your best friend?", "My best friend is {friend}."),
        ("When is your birthday?", "It is on the {day}{th} of {month}."),
    ]
    v["th"] = ordinal(p.day)
    lines = [f"An interview with {p.name}."]
    for question, answer in d.some(pairs, d.int(4, 8)):
        lines += ["Q: " + question, "A: " + d.say(answer, **v)]
    return "\n".join(lines)


def capitals(d):
    """Capitals asked and told in many forms: the facts behind capitals.jsonl."""
    forms = [
        "The capital of {name} is {capital}.",
        "{capital} is the capital of {name}.",
        "Question: What is the capital of {name}? Answer: {capital}.",
        "Which city is the capital of {name}? It is {capital}.",
        "In {name} people pay in {coin}s, and the capital is {capital}.",
        "The river {river} flows through {capital} in {name}.",
    ]
    form = d.pick(forms)
    same = d.chance(0.6)
    return "\n".join(
        d.say(form if same else d.pick(forms), **vars(c)) for c in d.some(COUNTRIES, d.int(4, 10))
    )


def lost_and_found(d):
    """A thing is hidden at the start and found in the same place at the end."""
    p = d.pick(PEOPLE)
    thing, container, room = (d.pick(x) for x in (lexicon.THING, lexicon.CONTAINER, lexicon.ROOM))
    wrong = [r for r in d.some(lexicon.ROOM, 4) if r != room][: d.int(1, 3)]
    v = dict(
        values(p),
        thing=thing,
        box=container,
        room=room,
        tone=d.pick(lexicon.COLOUR),
        stuff=d.pick(lexicon.MATERIAL),
        weekday=d.pick(lexicon.DAYS),
    )
    out = [
        d.say(
            "[On {weekday}|One {weather} morning|Before {meal}|Last {season}] {name} put the "
            "{stuff} {thing} into the {tone} {box} in the {room}. ",
            **v,
        )
    ]
    out.append(
        d.say(
            "[Then|After that|Later] {she} [went to the {place}|talked with {friend}|fed the "
            "{pet}|played the {instrument}] and forgot about it. ",
            **v,
        )
    )
    out.append(d.say("In the evening {first} could not find the {thing} and was {mood}. ", **v))
    for r in wrong:
        out.append(
            d.say("{first} looked in the {here}, but the {thing} was not there. ", **v, here=r)
        )
    out.append(
        d.say(
            '[{friend} asked where it was|"Where did you put it?" asked {friend}|Even '
            "{pet_name} the {pet} helped to search]. ",
            **v,
        )
    )
    out.append(
        d.say(
            "At last {first} went to the {room} and opened the {tone} {box}. There was the "
            "{stuff} {thing}! {Name} was {mood} again.",
            **dict(v, Name=p.she.capitalize()),
        )
    )
    return "".join(out)


def journey(d):
    p, c = d.pick(PEOPLE), d.pick(COUNTRIES)
    q = PERSON[p.friend]
    v = dict(
        values(p),
        to=c.capital,
        land=c.name,
        coin=c.coin,
        river=c.river,
        tune=c.instrument,
        friend=q.name,
        friend_job=q.job,
        weekday=d.pick(lexicon.DAYS),
        n=d.int(2, 9),
        Name=p.she.capitalize(),
    )
    steps = [
        "On the way {she} saw {a wild} and {a wild}, [both very {mood}|but no {wild}].",
        "The road followed the river {river} for {n} hours.",
        "In {to} {she} bought {a thing} for {n} {coin}s.",
        "At the {place} somebody played the {tune}, as people do in {land}.",
        "{friend}, who is {a friend_job}, [came along|carried the {container}|told stories].",
        "It was {weather}, so they rested near {a size} {place}.",
        "They ate {dish} and drank {fruit} juice.",
        "{Name} wrote a letter home and asked about {pet_name} the {pet}.",
        "In the night they heard a {sound}, but it was only {a wild}.",
        "The people of {to} were [friendly|kind|cheerful], and everybody was {mood}.",
    ]
    out = [
        d.say(
            "[On {weekday}|In {season}|Early in the morning] {name} travelled "
            "from {city} to {to}, the "
            "capital of {land}.",
            **v,
        )
    ]
    out += [d.say(t, **v) for t in d.some(steps, d.int(4, 8))]
    out.append(
        d.say(
            "After {n} days {first} came home to {city}, [tired but happy|and {pet_name} was "
            "{mood}|with {a colour} {thing} in the {container}].",
            **v,
        )
    )
    return " ".join(out)


def shop(d):
    """Buyer and seller talk; the sum is right."""
    p, q = d.some(PEOPLE, 2)
    coin = d.pick(COUNTRIES).coin
    goods = d.some(lexicon.FRUIT + lexicon.VEGETABLE, d.int(2, 3))
    counts = [d.int(2, 9) for _ in goods]
    prices = [d.int(1, 9) for _ in goods]
    lines = [
        d.say(
            "{p}: Good [morning|day|evening], {q}. [What can I do for you?|How can I help?|What "
            "would you like?]",
            p=p.first,
            q=q.first,
        )
    ]
    for i, good in enumerate(goods):
        many = plural(good)
        ask = "I would like {n} {g}, please." if i == 0 else "[And|Also] {n} {g}, please."
        lines.append(f"{q.first}: " + d.say(ask, n=counts[i], g=many))
        lines.append(
            f"{p.first}: "
            + d.say(
                "[Certainly.|Of course.|Gladly.] One {good} costs {price} {coins}, "
                "so {n} {g} cost {sum} {coin}s.",
                good=good,
                price=prices[i],
                coins=coin + ("s" if prices[i] > 1 else ""),
                coin=coin,
                n=counts[i],
                g=many,
                sum=counts[i] * prices[i],
            )
        )
    total = sum(a * b for a, b in zip(counts, prices))
    paid = (total // 10 + 1) * 10
    lines.append(f"{q.first}: How much is it together?")
    lines.append(
        f"{p.first}: "
        + " + ".join(str(a * b) for a, b in zip(counts, prices))
        + f" = {total} {coin}s."
    )
    lines.append(f"{q.first}: Here are {paid} {coin}s.")
    lines.append(
        f"{p.first}: And {paid - total} {coin}s back. "
        + d.pick(["Thank you!", "Have a nice day!", "See you soon!", f"Greetings to {q.friend}!"])
    )
    return "\n".join(lines)


def plural(word):
    if word.endswith("y"):
        return word[:-1] + "ies"
    if word.endswith("o"):
        return word + "es"
    return word + ("es" if word.endswith(("ch", "sh", "x")) else "s")


def letter(d):
    p = d.pick(PEOPLE)
    q = PERSON[p.friend]
    v = dict(
        values(p),
        weekday=d.pick(lexicon.DAYS),
        n=d.int(2, 12),
        you=q.name,
        your_pet=q.pet_name,
        your_city=q.city,
        your_dish=q.dish,
        c=d.pick(COUNTRIES).capital,
    )
    body = [
        "[Thank you for|I was happy about] your letter of last {weekday}.",
        "Here in {city} it is {weather} [today|this week|again].",
        "My {pet} {pet_name} [sleeps all day|is {mood}|has found {a thing}|ran after {a wild}].",
        "[On {weekday}|Yesterday] I [bought|found|lost|mended] {a colour} {thing} at the {place}.",
        "How is {your_pet}?",
        "My work as {a job} is [hard|easy|going well], and in the evening I enjoy {hobby}.",
        "In {n} days I will travel to {c}.",
        "When I visit you in {your_city}, please make {your_dish} again.",
        "I still play the {instrument} every {weekday}.",
        "[Next {season}|In {season}] we should go to the {place} together.",
    ]
    lines = [
        d.say(
            "{c}, {day} {month} {year}",
            c=p.city,
            day=d.int(1, 28),
            month=d.pick(lexicon.MONTHS),
            year=d.int(1950, 2030),
        ),
        f"Dear {q.first},",
    ]
    lines.append(" ".join(d.say(t, **v) for t in d.some(body, d.int(5, 9))))
    lines += [d.pick(["Yours,", "Best wishes,", "With love,", "Your friend,"]), p.name]
    return "\n".join(lines)


def forecast(d):
    c = d.pick(COUNTRIES)
    start, temperature = d.int(0, 6), d.int(-8, 28)
    out = [f"Weather report for {c.capital}, {c.name}."]
    for i in range(d.int(4, 7)):
        temperature += d.int(-4, 4)
        sky = "snowy" if temperature < -2 else d.pick(lexicon.WEATHER[:5])
        out.append(
            d.say(
                "{day}: {sky}, {t} °C, "
                "wind from the [north|south|east|west] at {w} km/h[, take {tip}|].",
                day=lexicon.DAYS[(start + i) % 7],
                sky=sky,
                t=temperature,
                w=d.int(1, 12) * 5,
                tip=(
                    "a warm coat"
                    if temperature < 5
                    else "an umbrella" if sky == "rainy" else "enough water"
                ),
            )
        )
    return "\n".join(out)


def news(d):
    c = d.pick(COUNTRIES)
    p, q = d.some(PEOPLE, 2)
    v = dict(
        vars(c),
        p=p.name,
        job=p.job,
        q=q.name,
        qjob=q.job,
        weekday=d.pick(lexicon.DAYS),
        thing=d.pick(lexicon.THING),
        n=d.int(20, 900),
        k=d.int(2, 40),
        spot=d.pick(lexicon.PLACE),
        month=d.pick(lexicon.MONTHS),
        day=d.int(1, 28),
    )
    body = [
        "About {n} people came, [many from {neighbour}|most of them with children|"
        "although it was {weather}].",
        'The {job} {p} said: "[We have waited {k} years for this|I am {mood} today|'
        "Nobody expected so many "
        'guests]."',
        '{q}, {a qjob}, was less {mood}: "[The {spot} is too {size}|'
        'It cost {n} {coin}s|Who will clean it?]"',
        "There was music on the {instrument} and {dish} for everyone.",
        "The old {spot} near the river {river} had been closed for {k} years.",
        "A {size} {thing} was [hung|placed|shown] above the door.",
        "Entry costs {k} {coin}s[, half for children|; on {weekday}s it is free].",
        "Behind the {spot} grow {crop} and flowers.",
    ]
    head = d.say(
        "{capital}, {day} {month}. "
        "[The new {spot} of {capital} was opened on {weekday}.|On {weekday} the "
        "{spot} of {capital} opened again.|A festival was held at the {spot} of {capital}.] ",
        **v,
    )
    return head + " ".join(d.say(t, **v) for t in d.some(body, d.int(4, 7)))


def verse(d):
    """Two-line stanzas with a refrain and rhyming ends."""
    rhymes = d.some(
        [
            "day way bay play grey",
            "night light bright white sight",
            "sea tree free bee knee",
            "sky high fly by dry",
            "town brown down crown gown",
            "moon soon tune June spoon",
            "snow grow slow low glow",
            "rain train plain lane grain",
        ],
        d.int(3, 5),
    )
    refrain = d.say(
        "[Sing|Ring|Row|Run|Come], {colour} {wild}, [sing|ring|row|run|come] along with me"
    )
    starts = [
        "The {wild} [walks|sleeps|waits|sings] beside the",
        "We [saw|heard|met] {a wild} [near|under|behind] the",
        "{a size} {thing} is lying in the",
        "The {job} [dreams|talks|thinks] about the",
        "{colour} and {colour} is the",
    ]
    lines = []
    for group in rhymes:
        words = d.some(group.split(), 2)
        for word in words:
            line = d.say(d.pick(starts)) + " " + word
            lines.append(line[0].upper() + line[1:] + ",")
        lines.append(refrain + ".")
    return "\n".join(lines)


def chain(d):
    """A tale that grows: every line repeats the one before with one more guest."""
    place = d.pick(lexicon.PLACE)
    names = d.some(PEOPLE, d.int(4, 6))
    lines = [f"Who went to the {place}?"]
    for i in range(len(names)):
        who = [p.first for p in names[: i + 1]]
        text = who[0] if i == 0 else ", ".join(who[:-1]) + " and " + who[-1]
        guest = names[i]
        lines.append(
            f"{text} went to the {place}. {guest.name} brought {guest.pet_name} the {guest.pet}."
        )
    pets = [p.pet_name for p in names]
    lines.append(
        "Then there were "
        + lexicon.NUMBERS[len(names)]
        + " friends and their pets: "
        + ", ".join(pets[:-1])
        + " and "
        + pets[-1]
        + "."
    )
    return "\n".join(lines)


KINDS = [
    (country, 8),
    (person, 16),
    (interview, 9),
    (capitals, 6),
    (lost_and_found, 9),
    (journey, 9),
    (shop, 7),
    (letter, 8),
    (forecast, 4),
    (news, 7),
    (verse, 3),
    (chain, 4),
]
