"""Undo markup, so that words are read as a person sees them: HTML, BBCode, Markdown, escapes.

Nothing is lost with it. What a page that shows the markup would hide (targets of links, what stands
in a tag, comments) stands at the end of the row, because another page shows it as it is.
"""

import html
import re
import string

import numpy as np
import numpy.typing as npt

from weir.transforms.arrays import Mask
from weir.transforms.text.single_letters import BREAK, without_brackets, without_breaks

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.intp]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Entities of entities of tags: more is no page's doing.
_ROUNDS = 4

_ENTITY = re.compile(
    "&(?:#(?=[0-9])0*+([0-9]{0,7});?|#[xX](?=[0-9a-fA-F])0*+([0-9a-fA-F]{0,6});?"
    "|[a-zA-Z][a-zA-Z0-9]{1,31};?)"
)
_PERCENT = re.compile("(?:%[0-9a-fA-F]{2})+")

_TAG = re.compile(r"""<(/?)([a-zA-Z][\w:-]*+)((?:[^<>"']|"[^"]*"|'[^']*')*+)>""")
# A tag of these ends a word; any other may stand inside one.
_BLOCKS = _names(
    """address article aside blockquote body br button caption center col colgroup dd details dialog
    dir div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hr html
    iframe legend li link main menu meta nav ol optgroup option p pre script section select style
    summary table tbody td template textarea tfoot th thead title tr ul"""
)
_INLINE = _names(
    """a abbr acronym audio b bdi bdo big cite code data del dfn em embed font i img input ins kbd
    label mark nobr noscript object picture q rb rp rt rtc ruby s samp small source span spoiler
    strike strong sub sup svg time tt u var video wbr"""
)
# From one of these to what ends it nothing is shown, or no text. Few names: each is looked for once
# to the end of the text.
_HIDDEN = re.compile(
    r"<!--|\[(img|media|video|youtube|attach)\b[^\[\]]*\]|<(script|style|template)\b[^<>]*>"
    r"|<(span|div|p|font)\b([^<>]*\b(?:display\s*:\s*none|visibility\s*:\s*hidden"
    r"|font-size\s*:\s*0(?![.\d]))[^<>]*)>",
    re.IGNORECASE,
)
_BBCODE = re.compile(
    r"\[(/?)(align|attach|b|br|center|code|colou?r|del|email|font|h[1-6r]|hide|highlight|i|img|ins"
    r"|indent|justify|left|li|list|media|mention|noparse|ol|p|quote|right|s|size|spoiler|strike|sub"
    r"|sup|table|td|th|tr|u|ul|url|user|video|youtube|\*)([=\s][^\[\]]*+)?\]",
    re.IGNORECASE,
)
_BBCODE_BLOCKS = _names(
    """align attach br center code h1 h2 h3 h4 h5 h6 hr indent justify left li list media ol p quote
    right table td th tr ul video youtube *"""
)
_LINK = re.compile(
    r"(!?)\[([^\[\]]*)\]\(\s*+(<[^<>\n]*>|(?:[^()\s]|\([^()\s]*\))*+)((?:\s[^()]*+)?)\)"
)
_REFERENCE = re.compile(r"\[([^\[\]]+)\]\[([^\[\]]*)\]")
_DEFINED = re.compile(r"(?m)^[ ]{0,3}\[[^\[\]]+\]:")

# Signs of Markdown and of chats; longer runs of stars mask letters.
_SIGN = re.compile(r"\\[!-/:-@\[-`{-~]|\*+|_+|~~?|\|\||`+|>!|!<")
_SIGNS = _names("* ** *** _ __ ___ ~ ~~ || ` `` ``` >! !<")
_SPACE = re.compile(r"\s")


def _where(characters: str) -> Mask:
    table = np.zeros(256, bool)
    table[list(characters.encode())] = True
    return table


_LETTERS = string.ascii_letters
_HEX = _where(string.hexdigits)
_ALPHANUMERIC = _where(_LETTERS + string.digits)
_FOLLOWS = np.zeros((256, 256), bool)  # by the sign: what makes it markup
for _sign, _after in {
    "&": "#" + _LETTERS,
    "<": "/!" + _LETTERS,
    "[": "/*" + _LETTERS,
    "]": "([",
    ">": "!",
    "\\": string.punctuation,
    **{sign: sign for sign in "*_~|`"},
}.items():
    _FOLLOWS[ord(_sign)] = _where(_after)
_EMPHASIS = _where("*`~")
_BEGINS = _FOLLOWS.any(axis=1) | _where("%")


def marked_up(text: Bytes) -> Places:
    """Return the places in UTF-8 where markup may begin: every one of them, and few others."""
    there = np.flatnonzero(_BEGINS[text])
    if not len(there):
        return there
    padded = np.concatenate([[np.uint8(0)], text, np.zeros(2, np.uint8)])
    before, sign, after, then = (padded[there + step] for step in range(4))
    found = _FOLLOWS[sign, after]
    found |= (sign == ord("%")) & _HEX[after] & _HEX[then]
    # One alone is emphasis; an underscore only where a word begins.
    found |= _EMPHASIS[sign] & (after > ord(" "))
    found |= (sign == ord("_")) & ~_ALPHANUMERIC[before] & (after > ord(" "))
    places: Places = there[found]
    return places


def visible_text(text: str) -> str:
    """Return a text without its markup; what that hid stands behind it."""
    for _ in range(_ROUNDS):
        before, text = text, _undone(text)
        if text == before:
            break
    return text


def _undone(text: str) -> str:
    aside: list[str] = []
    if "&" in text:
        text = _ENTITY.sub(_character, text)
    if "%" in text:
        text = _PERCENT.sub(_decoded, text)
    if "<" in text or "[" in text:
        text = without_brackets(_without_hidden(text), aside)
        text = _TAG.sub(lambda match: _tag(match, aside), text)
    if "[" in text:
        text = _without_links(text, aside)
        text = _BBCODE.sub(lambda match: _bbcode(match, aside), text)
    text = without_breaks(text)
    return " ".join([_without_signs(text), *filter(None, map(str.strip, aside))])


def _character(match: re.Match[str]) -> str:
    decimal, hexadecimal = match.groups()
    if decimal is None and hexadecimal is None:
        return html.unescape(match[0])
    number = int(hexadecimal or "0", 16) if decimal is None else int(decimal or "0")
    return html.unescape(f"&#{number};")


def _decoded(match: re.Match[str]) -> str:
    try:
        return bytes.fromhex(match[0].replace("%", "")).decode()
    except UnicodeDecodeError:
        return match[0]


def _without_hidden(text: str) -> str:
    """Move what stands between an opening and its end; one without an end opens nothing.

    To the end of the text, so that its own markup is undone with the rest: whatever is nested in it
    would take a round a level otherwise.
    """
    pieces, aside, done = [], [], 0
    endless: set[str] = set()
    for match in _HIDDEN.finditer(text):
        bbcode, tag, styled, style = match.groups()
        end = _end(bbcode, tag or styled)
        if match.start() < done or end in endless:
            continue
        closing = re.compile(end, re.IGNORECASE).search(text, match.end())
        if closing is None:
            endless.add(end)
            continue
        aside += [" ", style or "", " ", text[match.end() : closing.start()]]
        pieces.append(text[done : match.start()])
        done = closing.end()
    return "".join([*pieces, text[done:], *aside])


def _end(bbcode: str | None, tag: str | None) -> str:
    """Return the pattern of what ends a hidden stretch."""
    if bbcode:
        return rf"\[/{bbcode.lower()}\]"
    return rf"</{tag.lower()}\s*+>" if tag else "-->"


def _tag(match: re.Match[str], aside: list[str]) -> str:
    name = match[2].lower()
    if name == "bdo":
        if "rtl" in match[3].lower():
            return "\u202e"  # as the character that does it
        return "\u202c" if match[1] else ""
    known = name in _BLOCKS or name in _INLINE
    aside.append(match[3].strip(" /") if known else f"{match[2]}{match[3]}")
    return BREAK if name in _BLOCKS else ""


def _bbcode(match: re.Match[str], aside: list[str]) -> str:
    aside.append((match[3] or "")[1:])
    return BREAK if match[2].lower() in _BBCODE_BLOCKS else ""


def _without_links(text: str, aside: list[str]) -> str:
    def link(match: re.Match[str]) -> str:
        image, label, target, title = match.groups()
        aside.append(f"{label if image else ''} {target} {title}")
        return "" if image else label

    text = _LINK.sub(link, text)
    if "][" in text and _DEFINED.search(text):
        text = _REFERENCE.sub(r"\1", text)
    return text


def _without_signs(text: str) -> str:
    """Drop pairs of signs, and the odd one beside a pair in the same word."""
    drop: list[tuple[int, int]] = []
    opened: dict[str, tuple[int, int]] = {}
    odd: dict[str, tuple[int, int]] = {}  # of those opened, beside a pair
    closed: dict[str, int] = {}
    for match in _SIGN.finditer(text):
        sign, (start, end) = match[0], match.span()
        if sign[0] == "\\":
            drop.append((start, start + 1))
            continue
        if sign not in _SIGNS:
            continue
        before, after = text[start - 1 : start], text[end : end + 1]
        closes, opens = before.strip() != "", after.strip() != ""
        if sign == "_":
            closes, opens = closes and not after.isalnum(), opens and not before.isalnum()
        kind = ">!" if sign == "!<" else sign
        if closes and sign != ">!" and kind in opened:
            odd.pop(kind, None)
            drop += [opened.pop(kind), (start, end)]
            closed[kind] = end
        elif opens and sign != "!<":
            opened[kind] = start, end
            if closes and kind in closed and not _SPACE.search(text, closed[kind], start):
                odd[kind] = start, end
    drop += odd.values()
    pieces, done = [], 0
    for start, end in sorted(drop):
        pieces.append(text[done:start])
        done = end
    return "".join([*pieces, text[done:]])
