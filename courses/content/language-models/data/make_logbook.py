"""Make the logbook of a mountain hut, which never was: ``python data/make_logbook.py FOLDER``.

An entry follows from the day before it and from itself: the wind shifts step by step, snow lies as
long as it is cold, who came yesterday leaves today, and what is eaten is missing from the store. So
there is something to learn at every distance, from letters to paragraphs, and nothing to look up.
The same seed gives the same bytes on every machine (`random.Random` of integers only).
"""

from __future__ import annotations

import itertools
import json
import random
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SEED = 2027
MERGES = 600
ENTRIES = {"en": (1500, 150), "nb": (500, 100)}

WORDS: dict[str, dict[str, Any]] = {
    "en": {
        "day": "Day {day}. Wind from {wind}, {force}. {sky} {degrees}",
        "winds": [
            "north",
            "north-east",
            "east",
            "south-east",
            "south",
            "south-west",
            "west",
            "north-west",
        ],
        "forces": ["calm", "a light breeze", "a fresh breeze", "a gale", "a storm"],
        "skies": [
            "Clear sky.",
            "A few clouds.",
            "Grey all day.",
            "Fog down to the lake.",
            "Rain.",
            "Snow.",
        ],
        "frost": ["{n} degree of frost.", "{n} degrees of frost."],
        "warm": ["{n} degree above zero.", "{n} degrees above zero."],
        "zero": "Just at freezing.",
        "snow": "The snow by the door is {n} centimetres deep.",
        "bare": "The ground is bare.",
        "nobody": "Nobody came.",
        "came": [
            "{name} came up from {place} with {load}.",
            "{name} arrived from {place}, carrying {load}.",
        ],
        "left": ["{name} went on to {place}.", "{name} left for {place} at {hour}."],
        "stay": "{name} stays another night, because of {force}.",
        "meal": "We had {dish} for supper; {left} left in the store.",
        "empty": "The {food} is empty. We eat {dish} until somebody brings more.",
        "bring": "Now there are {n} {food} in the store again.",
        "animals": [
            "a fox crossed the lake",
            "two ravens sat on the roof",
            "a hare slept under the woodpile",
            "reindeer stood on the ridge",
            "an owl called all night",
        ],
        "saw": "In the {part} {animal}.",
        "parts": ["morning", "afternoon", "evening"],
        "works": [
            "split wood",
            "mended the roof",
            "dug out the door",
            "wound the clock",
            "aired the blankets",
            "swept the chimney",
            "marked the path to the spring",
        ],
        "work": "I {work}.",
        "reply": "{name} asked how far it is to {place}. “{n} hours,” I said, “in this {force}.”",
        "loads": ["flour", "letters", "lamp oil", "coffee", "a new axe", "newspapers"],
        "dishes": {
            "potatoes": "potatoes and herring",
            "oats": "porridge",
            "lentils": "lentil soup",
        },
        "foods": {
            "potatoes": "sacks of potatoes",
            "oats": "bags of oats",
            "lentils": "jars of lentils",
        },
        "bare_food": {"potatoes": "potato store", "oats": "oat bin", "lentils": "lentil shelf"},
        "hours": ["six", "seven", "eight", "nine", "noon"],
    },
    "nb": {
        "day": "Dag {day}. Vind fra {wind}, {force}. {sky} {degrees}",
        "winds": ["nord", "nordøst", "øst", "sørøst", "sør", "sørvest", "vest", "nordvest"],
        "forces": ["stille", "svak bris", "frisk bris", "kuling", "storm"],
        "skies": [
            "Klar himmel.",
            "Noen få skyer.",
            "Grått hele dagen.",
            "Tåke ned til vannet.",
            "Regn.",
            "Snø.",
        ],
        "frost": ["{n} kuldegrad.", "{n} kuldegrader."],
        "warm": ["{n} varmegrad.", "{n} varmegrader."],
        "zero": "Akkurat null grader.",
        "snow": "Snøen ved døra er {n} centimeter dyp.",
        "bare": "Bakken er bar.",
        "nobody": "Ingen kom.",
        "came": [
            "{name} kom opp fra {place} med {load}.",
            "{name} kom fram fra {place} og bar på {load}.",
        ],
        "left": ["{name} gikk videre til {place}.", "{name} dro mot {place} klokka {hour}."],
        "stay": "{name} blir en natt til, på grunn av været: {force}.",
        "meal": "Vi spiste {dish} til kvelds; {left} igjen i boden.",
        "empty": "Det er tomt for {food}. Vi spiser {dish} til noen kommer med mer.",
        "bring": "Nå er det {n} {food} i boden igjen.",
        "animals": [
            "gikk en rev over vannet",
            "satt to ravner på taket",
            "sov en hare under vedstabelen",
            "sto reinen på åsryggen",
            "ropte ugla hele natta",
        ],
        "saw": "Om {part} {animal}.",
        "parts": ["morgenen", "ettermiddagen", "kvelden"],
        "works": [
            "kløyvde ved",
            "tettet taket",
            "måkte fram døra",
            "trakk opp klokka",
            "luftet ullteppene",
            "feide pipa",
            "merket stien til kilden",
        ],
        "work": "Jeg {work}.",
        "reply": "{name} spurte hvor langt det er til {place}. «{n} timer,» sa jeg, «i {force}.»",
        "loads": ["mel", "brev", "lampeolje", "kaffe", "ei ny øks", "aviser"],
        "dishes": {"potatoes": "poteter og sild", "oats": "havregrøt", "lentils": "linsesuppe"},
        "foods": {
            "potatoes": "sekker poteter",
            "oats": "poser havregryn",
            "lentils": "glass linser",
        },
        "bare_food": {"potatoes": "poteter", "oats": "havregryn", "lentils": "linser"},
        "hours": ["seks", "sju", "åtte", "ni", "tolv"],
    },
}

VISITORS = [
    "The surveyor",
    "The postwoman",
    "A botanist",
    "The smith",
    "The schoolteacher",
    "A painter",
]
VISITORS_NB = ["Landmåleren", "Postkona", "En botaniker", "Smeden", "Læreren", "En maler"]
PLACES = ["Storvatn", "Gråfjell", "Nordli", "Tverrdal", "Brattås", "Kvitstein"]
HOURS_TO = dict(zip(PLACES, (3, 7, 5, 9, 4, 6), strict=True))


@dataclass
class Hut:
    """The hut on one day."""

    day: int = 1
    wind: int = 6
    force: int = 1
    degrees: int = 2
    snow: int = 0
    guests: list[int] = field(default_factory=list)
    store: dict[str, int] = field(default_factory=lambda: {"potatoes": 6, "oats": 9, "lentils": 7})


def entry(hut: Hut, draw: random.Random, language: str) -> str:
    """What is written on that day; the hut is a day older then."""
    words = WORDS[language]
    visitors = VISITORS if language == "en" else VISITORS_NB
    sky = _weather(hut, draw)
    force = words["forces"][hut.force]
    lines = [
        words["day"].format(
            day=hut.day,
            wind=words["winds"][hut.wind],
            force=force,
            sky=words["skies"][sky],
            degrees=_degrees(hut.degrees, words),
        )
    ]
    lines.append(words["snow"].format(n=hut.snow) if hut.snow else words["bare"])
    for guest in list(hut.guests):
        if hut.force >= 3:
            lines.append(words["stay"].format(name=visitors[guest], force=force))
            continue
        hut.guests.remove(guest)
        place, hour = draw.choice(PLACES), draw.choice(words["hours"])
        lines.append(
            draw.choice(words["left"]).format(name=visitors[guest], place=place, hour=hour)
        )
    free = [guest for guest in range(len(visitors)) if guest not in hut.guests]
    if hut.force < 3 and draw.randrange(3) == 0:
        guest, place = draw.choice(free), draw.choice(PLACES)
        load = draw.choice(words["loads"])
        lines.append(
            draw.choice(words["came"]).format(name=visitors[guest], place=place, load=load)
        )
        hut.guests.append(guest)
        lines += _refill(hut, draw, words)
        if draw.randrange(2) == 0:
            asked = draw.choice([each for each in PLACES if each != place])
            hours = HOURS_TO[asked] + hut.force
            lines.append(
                words["reply"].format(name=visitors[guest], place=asked, n=hours, force=force)
            )
    elif not hut.guests:
        lines.append(words["nobody"])
    lines += _supper(hut, draw, words)
    if draw.randrange(3) == 0:
        part, animal = draw.choice(words["parts"]), draw.choice(words["animals"])
        lines.append(words["saw"].format(part=part, animal=animal))
    if draw.randrange(2) == 0:
        work = words["works"][2] if hut.snow > 60 else draw.choice(words["works"])
        lines.append(words["work"].format(work=work))
    hut.day += 1
    return " ".join(lines)


def _weather(hut: Hut, draw: random.Random) -> int:
    hut.wind = (hut.wind + draw.choice([-1, 0, 0, 1])) % 8
    hut.force = min(4, max(0, hut.force + draw.choice([-1, -1, 0, 0, 1, 1])))
    hut.degrees = min(14, max(-18, hut.degrees + draw.choice([-3, -2, -1, 0, 1, 2, 3])))
    wet = draw.randrange(6)
    if wet < 2:
        sky = 5 if hut.degrees <= 0 else 4
        hut.snow += 10 * draw.randrange(1, 4) if sky == 5 else 0
    else:
        sky = wet - 2
    if hut.degrees > 0:
        hut.snow = max(0, hut.snow - 5 * hut.degrees)
    hut.snow = min(hut.snow, 240)
    return sky


def _degrees(degrees: int, words: dict[str, Any]) -> str:
    if degrees == 0:
        return str(words["zero"])
    one, many = words["frost" if degrees < 0 else "warm"]
    return str(one if abs(degrees) == 1 else many).format(n=abs(degrees))


def _supper(hut: Hut, draw: random.Random, words: dict[str, Any]) -> list[str]:
    food = draw.choice([food for food, count in hut.store.items() if count])
    hut.store[food] -= 1
    left, dish = hut.store[food], words["dishes"][food]
    if left:
        return [words["meal"].format(dish=dish, left=f"{left} {words['foods'][food]}")]
    other = max(hut.store, key=lambda each: hut.store[each])
    lines = [words["empty"].format(food=words["bare_food"][food], dish=words["dishes"][other])]
    return lines if any(hut.store.values()) else lines + _refill(hut, draw, words)


def _refill(hut: Hut, draw: random.Random, words: dict[str, Any]) -> list[str]:
    lines = []
    for food, count in hut.store.items():
        if not count:
            hut.store[food] = 5 + draw.randrange(5)
            lines.append(words["bring"].format(n=hut.store[food], food=words["foods"][food]))
    return lines


def write(folder: Path) -> None:
    """Four files, an entry a line: ``en.train.txt``, ``en.valid.txt``, ``nb.train.txt``, …

    And ``merges.json``, a tokenizer for both languages: pairs of numbers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, (language, (train, valid)) in enumerate(ENTRIES.items()):
        draw, hut = random.Random(SEED + number), Hut()  # noqa: S311 - no secrets
        lines = [entry(hut, draw, language) for _ in range(train + valid)]
        for name, part in (("train", lines[:train]), ("valid", lines[train:])):
            text = "".join(f"{line}\n" for line in part)
            (folder / f"{language}.{name}.txt").write_bytes(text.encode())
    # As the first assignment's tokenizer, trained on as much of one language as of the other.
    size = 80_000
    texts = [(folder / f"{each}.train.txt").read_text("utf-8")[:size] for each in ENTRIES]
    (folder / "merges.json").write_text(json.dumps(merges(texts, MERGES)))


def merges(texts: list[str], number: int) -> list[tuple[int, int]]:
    """The pairs of a byte-pair tokenizer, in the order in which they were learned."""
    words = Counter(word.encode() for text in texts for word in re.findall(r"[ \n]?[^ \n]*", text))
    pieces = {word: list(word) for word in words if word}
    learned = []
    for new in range(256, 256 + number):
        counts: Counter[tuple[int, int]] = Counter()
        for word, ids in pieces.items():
            for pair in itertools.pairwise(ids):
                counts[pair] += words[word]
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        learned.append(best)
        pieces = {word: _merged(ids, best, new) for word, ids in pieces.items()}
    return learned


def _merged(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    merged, at = [], 0
    while at < len(ids):
        both = tuple(ids[at : at + 2]) == pair
        merged.append(new if both else ids[at])
        at += 2 if both else 1
    return merged


if __name__ == "__main__":
    write(Path(sys.argv[1]))
