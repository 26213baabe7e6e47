"""JSON as exports have it: a line each, an array, one object after the other, or a list in one."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from weir.transforms.files.records import NO_OBJECT, Fault, FileError, Record

Found = tuple[list[Record], list[Fault], list[str]]
Fields = dict[str, msgspec.Raw]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")  # others may be something that a person wrote
_SPACE = re.compile(r"\s*")
_OBJECTS_OF = msgspec.json.Decoder(dict[str, dict[str, msgspec.Raw]])
_FIELDS = msgspec.json.Decoder(Fields)
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])


def read_json(content: bytes, wanted: Sequence[str]) -> Found:
    """Return records, faults and notes of JSON in UTF-8; FileError where it is neither form.

    A line of JSON Lines is a record however broken it is. ``wanted`` begins with the path of the
    text: it tells a post from an object that holds posts.
    """
    name = wanted[0].split(".")[0]
    lines = [
        (number, line)
        for number, each in enumerate(content.split(b"\n"), start=1)
        if (line := each.strip(b" \t\r\x1e"))
    ]
    if content.lstrip().startswith(b"["):
        return (*_items(content, content, 0), ["it is a JSON array"])
    try:
        fields = _FIELDS.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        if _are_objects([line for _, line in lines]):
            return [Record(number, line) for number, line in lines], [], []
        records = list(_one_after_the_other(content))
        return records, [], ["its objects are written over several lines"]
    return _document(content.strip(), content, fields, name)


def _are_objects(lines: Sequence[bytes]) -> bool:
    """Return whether lines are objects, or were: not so in one object, or a list, over several."""
    begun = [line.endswith(b"}") for line in lines if line.startswith(b"{")]
    return len(begun) * 2 >= len(lines) and sum(begun) * 2 > len(begun)


def _items(content: bytes, array: bytes, begin: int) -> tuple[list[Record], list[Fault]]:
    """Return the objects of an array that begins so far into the content."""
    try:
        items = [bytes(item) for item in _ITEMS.decode(array)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        line = content.count(b"\n", 0, begin + _place(error)) + 1
        raise FileError(f"it is a JSON array that breaks in line {line}") from error
    records: list[Record] = []
    faults: list[Fault] = []
    at, line = begin, content.count(b"\n", 0, begin) + 1
    for item in items:
        place = content.index(item, at)
        line += content.count(b"\n", at, place)
        last = line + item.count(b"\n")
        if item.startswith(b"{"):
            records.append(Record(line, item))
        else:
            faults.append(Fault(line, last, NO_OBJECT))
        at, line = place + len(item), last
    return records, faults


def _place(error: Exception) -> int:
    found = re.search(r"\(byte (\d+)\)", str(error))
    return int(found[1]) if found else 1 << 62


def _one_after_the_other(content: bytes) -> Iterator[Record]:
    """Yield the values one by one; FileError where one is broken."""
    text = content.decode("utf-8", "surrogateescape")
    decoder = json.JSONDecoder()
    at, line = 0, 1
    while (begin := _SPACE.match(text, at).end()) < len(text):  # type: ignore[union-attr]  # it matches nothing, too
        line += text.count("\n", at, begin)
        try:
            _, at = decoder.raw_decode(text, begin)
        except (json.JSONDecodeError, RecursionError) as error:
            broken = error.lineno if isinstance(error, json.JSONDecodeError) else line
            raise FileError(
                f"it is neither JSON Lines nor whole JSON: it breaks in line {broken}"
            ) from error
        yield Record(line, text[begin:at].encode("utf-8", "surrogateescape"))
        line += text.count("\n", begin, at)


def _document(value: bytes, content: bytes, fields: Fields, name: str) -> Found:
    """Return the posts of a file that is one object: itself, a list in it, or a table."""
    line = content.count(b"\n", 0, content.index(value)) + 1
    if fields.keys() == {"columns", "index", "data"}:
        return (*_split(fields, line), ["it is a table as pandas splits it"])
    nested = _objects(value)
    if nested is not None and name in nested:
        return (*_columns(nested, line), ["it is a table by columns, as pandas writes it"])
    if name in fields:
        return [Record(line, value)], [], []
    if nested and all(name in each for each in nested.values()):
        records = [Record(line, bytes(fields[key])) for key in nested]
        return records, [], ["it is an object of posts by their index"]
    lists = [key for key, raw in fields.items() if _holds_objects(bytes(raw))]
    if len(lists) != 1:
        raise FileError(_unclear(fields, lists))
    array = bytes(fields[lists[0]])
    return (*_items(content, array, content.index(array)), [f"its posts are the list {lists[0]!r}"])


def _holds_objects(raw: bytes) -> bool:
    return raw.startswith(b"[") and any(bytes(item).startswith(b"{") for item in _ITEMS.decode(raw))


def _unclear(fields: Mapping[str, msgspec.Raw], lists: Sequence[str]) -> str:
    if lists:
        named = ", ".join(repr(key) for key in lists if _NAME.fullmatch(key))
        return (
            f"it is one JSON object with several lists in it ({named}); make a file of one of them"
        )
    names = ", ".join(repr(key) for key in [*fields][:12] if _NAME.fullmatch(key))
    return f"it is one JSON object and no post; its fields: {names}"


def _objects(value: bytes) -> dict[str, Fields] | None:
    try:
        return _OBJECTS_OF.decode(value)
    except msgspec.MsgspecError:
        return None


def _columns(columns: Mapping[str, Fields], line: int) -> tuple[list[Record], list[Fault]]:
    rows = dict.fromkeys(key for column in columns.values() for key in column)
    return [
        Record(
            line,
            msgspec.json.encode({n: column[key] for n, column in columns.items() if key in column}),
        )
        for key in rows
    ], []


def _split(fields: Fields, line: int) -> tuple[list[Record], list[Fault]]:
    names = msgspec.json.decode(fields["columns"], type=list[str])
    records: list[Record] = []
    faults: list[Fault] = []
    for row in msgspec.json.decode(fields["data"], type=list[list[msgspec.Raw]]):
        if len(row) == len(names):
            records.append(Record(line, msgspec.json.encode(dict(zip(names, row, strict=True)))))
        else:
            faults.append(Fault(line, line, f"{len(row)} cells where there are {len(names)} names"))
    return records, faults
