"""Files of posts in the forms of CSV and JSON, damaged as people and programs damage them."""

import csv
import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass

_WORDS = ("hello", "it's", 'a "quoted" word', "a, b", "c; d", "tab\there", "back\\slash", 'C:\\"',
          "two\nlines", "two\r\nlines", "café", "naïve — dash", "😀", "=1+1", "", "  spaced  ", "|",
          '{"text": "no"}', "[1]", "NaN", "a,b,c", '""', "'", "3,4,5")  # fmt: skip
_WESTERN = tuple(word for word in _WORDS if word != "😀")


@dataclass(frozen=True)
class Written:
    """A row as it stands in the file, on its lines, and the text that it had before any damage."""

    text: str
    first: int
    last: int
    damaged: bool


@dataclass(frozen=True)
class Generated:
    """A file's content, its rows, and whether something outside of the rows was damaged too."""

    content: bytes
    name: str
    rows: tuple[Written, ...]
    damaged: bool


def generated(seed: int) -> Generated:
    """Return the file of a seed: one in three is sound."""
    rng = random.Random(seed)
    return (_table if rng.random() < 0.6 else _json)(rng)


def _posts(rng: random.Random, words: tuple[str, ...] = _WORDS) -> list[dict[str, str]]:
    prefix = rng.choice(["", "p", "post-"])
    return [
        {
            "id": f"{prefix}{number}",
            "text": f"{rng.choice(words)} {number} {rng.choice(words)}",
            "lang": rng.choice(["en", "", "de"]),
        }
        for number in range(1, rng.randint(2, 9))
    ]


def _damaged_rows(rng: random.Random, rows: int) -> set[int]:
    return set(rng.sample(range(rows), min(rows, rng.choice([0, 1, 1, 2]))))


def _table(rng: random.Random) -> Generated:
    encoding = rng.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252"])
    posts = _posts(rng, _WESTERN if encoding == "cp1252" else _WORDS)
    separator = rng.choice(",,;\t|")
    end = rng.choice(["\n", "\r\n"])
    quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    index = rng.random() < 0.2

    def line(number: object, cells: list[str]) -> str:
        file = io.StringIO(newline="")
        writer = csv.writer(file, delimiter=separator, quoting=quoting)  # type: ignore[arg-type]  # drawn of two
        writer.writerow([str(number), *cells] if index else cells)
        return file.getvalue().removesuffix("\r\n")

    header = line("", [name.upper() if rng.random() < 0.2 else name for name in posts[0]])
    lines = [line(number, list(post.values())) for number, post in enumerate(posts)]
    damaged = _damaged_rows(rng, len(lines))
    for row in damaged:
        lines[row] = rng.choice(_IN_TABLES)(rng, lines[row], separator)
    before = rng.choice(["", "", end, f"sep={separator}{end}"])
    headless = rng.random() < 0.05
    top = before + ("" if headless else header + end)
    content = top + end.join(lines) + rng.choice(["", end, end * 2])
    rows = _rows(posts, lines, top, end, damaged)
    packed = content.encode(encoding, "replace")
    return Generated(packed, "posts.csv", rows, headless or bool(damaged))


def _rows(
    posts: list[dict[str, str]], lines: list[str], top: str, between: str, damaged: set[int]
) -> tuple[Written, ...]:
    rows, number = [], _lines(top) + 1
    for row, (post, line) in enumerate(zip(posts, lines, strict=True)):
        last = number + _lines(line)
        rows.append(Written(post["text"], number, last, row in damaged))
        number = last + _lines(between)
    return tuple(rows)


def _lines(text: str) -> int:
    return len([*io.StringIO(text + ".", newline="")]) - 1


def _json(rng: random.Random) -> Generated:
    posts = _posts(rng)
    indent = rng.choice([None, None, 2])
    lines = [json.dumps(post, ensure_ascii=rng.random() < 0.5, indent=indent) for post in posts]
    damaged = _damaged_rows(rng, len(lines))
    form = rng.choice(["lines", "lines", "array", "list"])
    harm = _IN_LINES if form == "lines" and indent is None else _IN_DOCUMENTS
    for row in damaged:
        lines[row] = rng.choice(harm)(rng, lines[row], "")
    top, between, bottom = {
        "lines": ("", rng.choice(["\n", "\r\n", "\n\n"]), "\n"),
        "array": ("[\n", ",\n", "\n]"),
        "list": ('{"from": {"x": 1},\n"all": [\n', ",\n", "\n]}\n"),
    }[form]
    content = (top + between.join(lines) + bottom).encode("utf-8", "replace")
    rows = _rows(posts, lines, top, between, damaged)
    return Generated(content, "posts.json", rows, bool(damaged))


Harm = Callable[[random.Random, str, str], str]


def _cut(rng: random.Random, line: str, _: str) -> str:
    return line[: rng.randrange(1, len(line))]


def _without_a(character: str) -> Harm:
    def harm(rng: random.Random, line: str, _: str) -> str:
        places = [place for place, each in enumerate(line) if each == character]
        place = rng.choice(places or [len(line) - 1])
        return line[:place] + line[place + 1 :]

    return harm


def _with_a(character: str) -> Harm:
    def harm(rng: random.Random, line: str, separator: str) -> str:
        place = rng.randrange(1, len(line))
        return line[:place] + (character or separator) + line[place:]

    return harm


def _unquoted(_: random.Random, line: str, __: str) -> str:
    return line.replace('"', "")


_IN_TABLES = (_cut, _without_a('"'), _with_a('"'), _with_a(""), _with_a("\n"), _with_a("\x00"),
              _unquoted, _with_a("\\"))  # fmt: skip
_IN_LINES = (_cut, _without_a('"'), _with_a('"'), _with_a("{"), _with_a("\x00"), _without_a("}"),
             lambda *_: "null", lambda *_: "[]", lambda *_: '{"text": 7}')  # fmt: skip
_IN_DOCUMENTS = (lambda *_: "null", lambda *_: '"text"', lambda *_: '{"text": null}', _cut)
