"""No character of a post acts where a person reads it; what would act is seen to be there."""

import unicodedata

import pytest

from weir.pipelines.commands.terminal import plain
from weir.pipelines.csv_cells import cell
from weir.pipelines.report.page import excerpt
from weir.transforms.text.hidden import visible

READERS = {
    "page": visible,
    "report": lambda text: excerpt(text, 100),
    "terminal": lambda text: plain(text, 100),
    "spreadsheet": cell,
}
ACTING = {
    "escape": "\x1b",
    "delete": "\x7f",
    "control sequence introducer": "\x9b",
    "soft hyphen": "\xad",
    "Arabic letter mark": "\u061c",
    "Hangul filler": "\u3164",
    "zero-width space": "\u200b",
    "line separator": "\u2028",
    "right-to-left override": "\u202e",
    "word joiner": "\u2060",
    "isolate": "\u2066",
    "byte-order mark": "\ufeff",
    "interlinear annotation": "\ufff9",
    "half a character": "\ud83d",
    "tag": "\U000e0041",
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", ACTING)
def test_a_character_that_acts_is_seen_instead_wherever_posts_are_read(reader, name):
    assert READERS[reader](f"a{ACTING[name]}b") == "a\ufffdb"


def test_every_control_and_format_character_is_among_them():
    kept = [c for c in map(chr, range(0x110000)) if visible(c) == c]
    acting = {c for c in kept if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    # Of these some are seen: signs above numbers, of music and of shorthand, of hieroglyphs.
    seen = ("ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN", "SHORTHAND", "MUSICAL")
    assert {c for c in acting if not unicodedata.name(c, "").startswith(seen)} == {"\t", "\n"}


@pytest.mark.parametrize("text", ["Да\n\tنعم é", "👍🏽 ❤️", "ｗｉｄｅ"])
def test_letters_of_any_script_stay_as_they_are(text):
    assert visible(text) == text
