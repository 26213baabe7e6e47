"""Which script a character belongs to, from the first two bytes of its UTF-8."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

# First and last code point of Unicode's blocks of letters. What is in none of them (punctuation,
# symbols, emoji) is no letter here.
_BLOCKS = (
    ("latin", ((0x00C0, 0x024F), (0x1E00, 0x1EFF))),
    ("greek", ((0x0370, 0x03FF), (0x1F00, 0x1FFF))),
    ("cyrillic", ((0x0400, 0x052F), (0x1C80, 0x1C8F), (0xA640, 0xA69F))),
    ("armenian", ((0x0530, 0x058F),)),
    ("hebrew", ((0x0590, 0x05FF),)),
    ("arabic", ((0x0600, 0x06FF), (0x0750, 0x077F), (0x0880, 0x08FF))),
    ("devanagari", ((0x0900, 0x097F),)),
    ("bengali", ((0x0980, 0x09FF),)),
    ("gurmukhi", ((0x0A00, 0x0A7F),)),
    ("gujarati", ((0x0A80, 0x0AFF),)),
    ("tamil", ((0x0B80, 0x0BFF),)),
    ("telugu", ((0x0C00, 0x0C7F),)),
    ("kannada", ((0x0C80, 0x0CFF),)),
    ("malayalam", ((0x0D00, 0x0D7F),)),
    ("sinhala", ((0x0D80, 0x0DFF),)),
    ("thai", ((0x0E00, 0x0E7F),)),
    ("lao", ((0x0E80, 0x0EFF),)),
    ("burmese", ((0x1000, 0x107F),)),
    ("georgian", ((0x10C0, 0x10FF), (0x1C90, 0x1CBF))),
    ("ethiopic", ((0x1200, 0x139F),)),
    ("khmer", ((0x1780, 0x17FF),)),
    ("kana", ((0x3040, 0x30FF), (0x31F0, 0x31FF))),
    ("hangul", ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7BF))),
    ("han", ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0x20000, 0x3FFFF))),
    (
        "another script",
        (
            *((0x0700, 0x074F), (0x0780, 0x087F), (0x0B00, 0x0B7F), (0x0F00, 0x0FFF)),
            *((0x13A0, 0x177F), (0x1800, 0x1C7F), (0xA000, 0xA63F), (0xA6A0, 0xABFF)),
            (0x10000, 0x1CFFF),
        ),
    ),
)
SCRIPTS = ("no letters", *(name for name, _ in _BLOCKS))
LATIN, KANA, HAN = (SCRIPTS.index(name) for name in ("latin", "kana", "han"))


@lru_cache(maxsize=1)
def script_of_pair() -> npt.NDArray[np.uint8]:
    """Return the number in SCRIPTS by ``first byte << 8 | second byte``; 0 for what is no letter.

    Two bytes are a character below U+0800, 64 characters of a block above, 4,096 beyond U+FFFF.
    """
    table = np.zeros(1 << 16, np.uint8)
    for number, (_, ranges) in enumerate(_BLOCKS, 1):
        for first, last in ranges:
            step = 1 if last < 0x800 else 64 if last < 0x10000 else 4096
            for point in range(first, last + 1, step):
                lead, second = chr(point).encode()[:2]
                table[lead << 8 | second] = number
    for sign in "×÷":
        lead, second = sign.encode()
        table[lead << 8 | second] = 0
    return table
