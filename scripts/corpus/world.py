"""An invented world whose facts never contradict each other.

Countries and people get their properties once, from a seed of their own, so that every document of
every split tells the same facts and a model can learn them. Names are invented or ordinary first
names; nothing here describes a real person or state.
"""

from dataclasses import dataclass

import lexicon
from dice import Dice

_PLACES = """Velmora/Tarsin/Velmoran Ostrany/Keld/Ostranian Brivania/Lomar/Brivanian
Quenthia/Sorrel/Quenthian Dorvale/Hartwick/Dorvalian Ilmeria/Pesk/Ilmerian Carthun/Vell/Carthunian
Zandoria/Mirefort/Zandorian Pelluria/Ansk/Pellurian Thessaria/Oldquay/Thessarian
Gorland/Stenmark/Gorlandic Ulvania/Brask/Ulvanian Marrowen/Tillby/Marrowish
Kestria/Dunhaven/Kestrian Norvessa/Ivalo/Norvessan Rhomb/Cassel/Rhombic Aldoria/Wickham/Aldorian
Seluna/Portamer/Selunian Tovenia/Grell/Tovenian Hesperan/Luth/Hesperanian
Crestia/Amberley/Crestian Yandor/Fesk/Yandoric Baltrun/Osmere/Baltrunian Fenwald/Rook/Fenwaldish
Lirien/Quillon/Lirienese Morvia/Tamsin/Morvian Arkadun/Zell/Arkadunian Wexmark/Holm/Wexmarkish
Santara/Belvista/Santaran Jurland/Krona/Jurlandic Émeris/Côteval/Émerian Ñandara/Peñalba/Ñandaran
Åskerland/Sjövik/Åskerlandic Óbidia/São-Lume/Óbidian Grünmark/Mühlstadt/Grünmarkish
Łozna/Świtów/Łoznian""".split()
_RIVERS = """Aln Brae Cender Dask Ebrin Fallow Gild Harn Isk Jorn Kell Luma Mersen Nole Orr
Pelt Quay Rusk Senn Tarn Ull Varr Wend Yarrow Zeln Arve Birk Cray Dove Esk Foss Greve Hule Inn
Jade Kolk""".split()
_COINS = "crown florin mark dinar thaler shilling lira groat shell ducat".split()
_CROPS = "barley grapes olives rice hops flax tea wheat apples maize saffron potatoes".split()
_NAMES = """Ada Bruno Clara Dora Edgar Fanny Gus Hanna Igor Julia Karl Lena Milo Nora Otto
Paula Quentin Rosa Sam Tilda Uma Victor Wanda Xaver Yara Zoë André Renée Søren Łucja Jürgen Inés
Björn Chloé Mateo Amara Kofi Ngozi Rashid Leila Omar Priya Arjun Mei Kenji Hana Tomás Elif Boris
Ivana Petra Emil Greta Hugo Ida Jonas Kaia Lukas Mira Nils""".split()
_SURNAMES = """Abbel Arno Asker Bandry Belmot Brandel Calder Corvin Dalby Denholm Dorsey
Eklow Ember Falkner Fenn Garrick Gilmot Hadley Harrow Hobart Ilsen Jarvik Kelmar Kestrel Kirby
Landis Lorne Marlow Melby Norling Oakes Orland Penrod Quist Ramsel Ridley Rowan Sandor Selby
Stroud Talbert Thorne Tolliver Ulrey Vance Verrin Wexler Wilder Yarwood Zander""".split()
_FEMALE = set(
    """Ada Clara Dora Fanny Hanna Julia Lena Nora Paula Rosa Tilda Uma Wanda Yara Zoë Renée
Łucja Inés Chloé Amara Ngozi Leila Priya Mei Hana Elif Ivana Petra Greta Ida Kaia Mira""".split()
)
_PETS = """Pepper Biscuit Shadow Clover Pickle Button Ginger Pebble Waffle Mango Olive
Domino Hazel Nutmeg Sprout Marble Comet Truffle Bramble Pudding""".split()


@dataclass(frozen=True)
class Country:
    name: str
    capital: str
    people: str
    river: str
    coin: str
    crop: str
    flag: tuple
    neighbour: str
    instrument: str
    millions: int


@dataclass(frozen=True)
class Person:
    name: str
    first: str
    she: str
    her: str
    him: str
    age: int
    job: str
    country: str
    city: str
    pet: str
    pet_name: str
    colour: str
    dish: str
    hobby: str
    instrument: str
    friend: str
    day: int
    month: str


def _make_countries():
    d = Dice("world/countries")
    rows = [row.split("/") for row in _PLACES]
    rivers = d.some(_RIVERS, len(rows))
    out = []
    for i, (name, capital, people) in enumerate(rows):
        flag = tuple(d.some(lexicon.COLOUR[:7], 3))
        neighbour = rows[i ^ 1][0]
        out.append(
            Country(
                name,
                capital.replace("-", " "),
                people,
                rivers[i],
                d.pick(_COINS),
                d.pick(_CROPS),
                flag,
                neighbour,
                d.pick(lexicon.INSTRUMENT),
                d.int(1, 60),
            )
        )
    return out


def _make_people(countries):
    """Everybody of every first name and surname: enough facts to fill a small model."""
    d = Dice("world/people")
    names = [(first, f"{first} {surname}") for surname in _SURNAMES for first in _NAMES]
    out = []
    for first, name in names:
        woman = first in _FEMALE
        home = d.pick(countries)
        out.append(
            Person(
                name,
                first,
                "she" if woman else "he",
                "her" if woman else "his",
                "her" if woman else "him",
                d.int(8, 80),
                d.pick(lexicon.JOB),
                home.name,
                home.capital,
                d.pick(lexicon.ANIMAL),
                d.pick(_PETS),
                d.pick(lexicon.COLOUR),
                d.pick(lexicon.DISH),
                d.pick(lexicon.HOBBY),
                d.pick(lexicon.INSTRUMENT),
                d.pick(names)[1],
                d.int(1, 28),
                d.pick(lexicon.MONTHS),
            )
        )
    return out


COUNTRIES = _make_countries()
PEOPLE = _make_people(COUNTRIES)
PERSON = {p.name: p for p in PEOPLE}


def values(person):
    """The person's facts as template values: {name}, {she}, {her}, {job}, ..."""
    return dict(vars(person))
