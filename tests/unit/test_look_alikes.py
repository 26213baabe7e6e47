"""The table of look-alikes: what it is made of, and that every letter of it is read as Latin."""

import struct
import zipfile

import pytest

from tests.unit.test_evasions import normal
from tests.unit.test_normalise import one
from weir.infra.unicode import look_alikes
from weir.transforms.text import confusables


def data(kind, version, body):
    head = struct.pack(
        ">HHHHBBBB4s4s4s4x", 28, 0xDA27, 20, 0, 1, 0, 2, 0, kind, version, b"\x12\0\0\0"
    )
    return head + body


def cfu(shapes):
    """Return the contents of ICU's confusables.cfu that hold these."""
    keys, values, strings = [], [], ""
    for character, shape in sorted(shapes.items()):
        keys.append((len(shape) - 1 << 24) | ord(character))
        values.append(ord(shape) if len(shape) == 1 else len(strings))
        strings += shape if len(shape) > 1 else ""
    parts = [
        struct.pack(f">{len(keys)}I", *keys),
        struct.pack(f">{len(values)}H", *values),
        strings.encode("utf-16-be"),
    ]
    places = [36 + sum(map(len, parts[:number])) for number in range(3)]
    sizes = [len(keys), len(values), len(strings)]
    pairs = [each for pair in zip(places, sizes, strict=True) for each in pair]
    return struct.pack(">9i", 0x3845FDEF, 0x2000000, 0, *pairs) + b"".join(parts)


SHAPES = {
    "а": "a",
    "м": "ᴍ",
    "І": "l",
    "і": "i",
    "ӏ": "l",
    "ѣ": "b\u0335",
    "ロ": "o",
    "ﺎ": "l",
    "ƿ": "p",
}


def test_letters_of_other_scripts_are_kept_by_how_much_they_look_alike():
    found = look_alikes.tables(look_alikes.skeletons(cfu({**SHAPES, "ш": "rn"})))
    assert found["CONFUSABLE"] == {"a": "а", "i": "Іі", "l": "ӏ", "m": "ш"}
    assert found["RESEMBLING"] == {"b": "ѣ", "m": "м"}
    assert found["LATIN"] == {"p": "ƿ"}


def test_the_module_is_written_with_its_source(tmp_path):
    jar, module = tmp_path / "icu4j-1.jar", tmp_path / "confusables.py"
    with zipfile.ZipFile(jar, "w") as archive:
        prefix = "com/ibm/icu/impl/data/icudata/"
        archive.writestr(prefix + "confusables.cfu", data(b"Cfu ", b"\2\0\0\0", cfu({"а": "a"})))
        archive.writestr(prefix + "uprops.icu", data(b"UPro", b"\7\0\0\0", b""))
    look_alikes.main(str(jar), str(module))
    assert "icu4j-1 (Unicode 18.0)" in module.read_text("utf-8")
    assert 'CONFUSABLE = {\n    "a": "а",\n}' in module.read_text("utf-8")


def test_another_format_is_refused():
    with pytest.raises(look_alikes.UnicodeDataError):
        look_alikes.contents(data(b"Cfu ", b"\3\0\0\0", b""), look_alikes._CONFUSABLES)


def test_every_letter_of_the_table_is_read_as_a_latin_one_among_them():
    tables = (confusables.CONFUSABLE, confusables.RESEMBLING)
    pairs = [(base, each) for table in tables for base, found in table.items() for each in found]
    written = normal([f"q{each}q" for _, each in pairs])
    assert [
        (base, each)
        for (base, each), word in zip(pairs, written, strict=True)
        if word != f"q{base}q"
    ] == []


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("kill ͳhem all", "kill them all"),
        ("ͱill \U00016eb6oth", "hill both"),
        ("\U0001cce0\U0001ccde\U0001cce1\U0001cce1 \U0001ccf1", "kill 1"),
        ("k\u2065i\ufff0ll", "kill"),
        ("\U0001f1e8\U0001f1f6 won", "\U0001f1e8\U0001f1f6 won"),
    ],
)
def test_what_newer_versions_of_unicode_brought_is_known(written, meant):
    assert one(written) == meant
