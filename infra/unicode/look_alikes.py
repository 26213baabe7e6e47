"""Write the table of letters that look like Latin ones, from Unicode's own data.

``make look-alikes`` fetches ICU4J, in which the Unicode Consortium publishes the confusables of
Unicode Technical Standard 39, and writes ``transforms/text/confusables.py``.
"""

import re
import struct
import sys
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_DATA = "com/ibm/icu/impl/data/icudata/"
_CONFUSABLES, _PROPERTIES = _DATA + "confusables.cfu", _DATA + "uprops.icu"
_MAGIC = 0x3845FDEF
_FORMATS = {_CONFUSABLES: (b"Cfu ", 2), _PROPERTIES: (b"UPro", None)}

# Scripts whose words are their own though a letter of theirs has a Latin shape: Han, Hangul, kana,
# bopomofo and Yi; and pictures.
_APART = ((0x1100, 0x1200), (0x2E80, 0xA4D0), (0xA960, 0xA980), (0xAC00, 0xD800),
          (0xF900, 0xFB00), (0x16FE0, 0x18D80), (0x1AFF0, 0x1B300), (0x1CC00, 0x1CF00),
          (0x1F000, 0x20000), (0x20000, 0x40000))  # fmt: skip
_LATIN = ((0xC0, 0x2B0), (0x1D00, 0x1DC0), (0x1E00, 0x1F00), (0x2C60, 0x2C80), (0xA720, 0xA800),
          (0xAB30, 0xAB70), (0x10780, 0x107C0), (0x1DF00, 0x1E000))  # fmt: skip
_SMALL_CAPITAL = re.compile("LATIN LETTER SMALL CAPITAL ([A-Z])")
_NAMED = re.compile("LATIN (?:SMALL|CAPITAL) LETTER [A-Z](?: WITH .*)?")

Skeletons = Mapping[str, str]  # what a character looks like, by the character


class UnicodeDataError(ValueError):
    """A file is not the Unicode data that it should be; the message says what is there."""


def contents(data: bytes, name: str) -> tuple[bytes, tuple[int, ...]]:
    """Return what stands behind the header of a big-endian ICU data file, and its data version."""
    size, _, big_endian = struct.unpack_from(">HH4xB", data)
    kind, version = _FORMATS[name]
    if data[12:16] != kind or not big_endian or version not in (None, data[16]):
        raise UnicodeDataError(f"{name} is {data[12:16]!r} version {data[16]}, not {kind!r}")
    return data[size:], tuple(data[20:24])


def skeletons(data: bytes) -> Skeletons:
    """Return the confusables in the contents of ICU's confusables.cfu, format 2."""
    magic, _, _, key, keys, value, values, text, size = struct.unpack_from(">9i", data)
    if magic != _MAGIC or keys != values:
        raise UnicodeDataError(f"the confusables begin with {magic:#x}, not {_MAGIC:#x}")
    strings = data[text : text + 2 * size]
    found = {}
    for packed, at in zip(
        struct.unpack_from(f">{keys}I", data, key),
        struct.unpack_from(f">{values}H", data, value),
        strict=True,
    ):
        character, length = chr(packed & 0xFFFFFF), (packed >> 24) + 1
        shape = struct.pack(">H", at) if length == 1 else strings[2 * at : 2 * (at + length)]
        found[character] = shape.decode("utf-16-be")
    return found


def tables(shapes: Skeletons) -> dict[str, dict[str, str]]:
    """Return the characters that look like each Latin letter, by how much they do.

    ``CONFUSABLE`` are of other scripts and look the same, ``RESEMBLING`` have a mark or are small
    capitals, ``LATIN`` are Latin letters whose name does not tell which one they look like.
    """
    found: dict[str, dict[str, str]] = {"CONFUSABLE": {}, "RESEMBLING": {}, "LATIN": {}}
    for character in sorted(shapes):
        code = ord(character)
        letter, exact = _letter(shapes, character)
        if not letter or code < 0xC0 or _within(code, _APART):
            continue
        match unicodedata.category(character):
            case "Lu" | "Ll" | "Lt" | "Lo" | "Cn":  # most that Python does not know yet are letters
                pass
            case "Sm" | "So" if exact and letter != "l" and not _within(code, _LATIN):
                pass  # but for an l, which borders of tables look like
            case _:
                continue
        # What normalisation rewrites is looked up as what it becomes.
        if unicodedata.normalize("NFKC", character) != character:
            continue
        if _within(code, _LATIN):
            if _NAMED.fullmatch(unicodedata.name(character, "")):
                continue
            table = found["LATIN"]
        else:
            table = found["CONFUSABLE" if exact else "RESEMBLING"]
        table[letter] = table.get(letter, "") + character
    return {name: dict(sorted(table.items())) for name, table in found.items()}


def _letter(shapes: Skeletons, character: str) -> tuple[str | None, bool]:
    """Return the lower-case ASCII letter that a character looks like, and whether it is the same.

    A stroke is an l to Unicode. It is an i where the character's small form is one.
    """
    shape = shapes[character]
    base = "".join(c for c in unicodedata.normalize("NFD", shape) if not _is_mark(c))
    if base == "rn":
        return "m", shape == base
    if len(base) != 1:
        return None, False
    if small := _SMALL_CAPITAL.fullmatch(unicodedata.name(base, "")):
        return small[1].lower(), False
    letter = base.lower()
    if not (letter.isascii() and letter.isalpha()):
        return None, False
    if letter == "l" and _letter_of_small_form(shapes, character) == "i":
        letter = "i"
    return letter, shape == base


def _letter_of_small_form(shapes: Skeletons, character: str) -> str | None:
    small = character.casefold()
    return _letter(shapes, small)[0] if small != character and small in shapes else None


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def _within(code: int, ranges: Iterable[tuple[int, int]]) -> bool:
    return any(start <= code < stop for start, stop in ranges)


def module(found: Mapping[str, Mapping[str, str]], source: str) -> Iterator[str]:
    """Yield the lines of the module that holds the tables."""
    yield f'"""Letters that look like Latin ones. Written by infra/unicode from {source}.'
    yield ""
    yield "Derived from the confusables of Unicode Technical Standard 39, (c) Unicode, Inc., under"
    yield "the Unicode License v3 (https://www.unicode.org/license.txt)."
    yield '"""'
    for name, table in found.items():
        yield f"\n{name} = {{"
        yield from (f'    "{letter}": "{characters}",' for letter, characters in table.items())
        yield "}"


def main(jar: str, target: str) -> None:
    """Write the module ``target`` from an ICU4J archive."""
    with zipfile.ZipFile(jar) as archive:
        data, _ = contents(archive.read(_CONFUSABLES), _CONFUSABLES)
        _, version = contents(archive.read(_PROPERTIES), _PROPERTIES)
    source = f"{Path(jar).stem} (Unicode {version[0]}.{version[1]})"
    lines = module(tables(skeletons(data)), source)
    Path(target).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
