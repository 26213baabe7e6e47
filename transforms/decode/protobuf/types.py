"""The message types of a schema, each with what reads the messages of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pb2
from google.protobuf.message import DecodeError

from weir.transforms.decode.leaves import Kind, Leaf, Wanted
from weir.transforms.decode.protobuf.columns import Column, column_of
from weir.transforms.decode.protobuf.compile import message_class, name_at

_Field = descriptor_pb2.FieldDescriptorProto


@dataclass(frozen=True)
class MessageType:
    """The messages of one type, and what reads each column; None for a field that it lacks."""

    name: str
    made: type[Any]
    columns: Sequence[Column | None]

    def read(self, values: Sequence[bytes]) -> tuple[list[Any], set[int]]:
        """Return the messages, empty ones among them in the rows that cannot be read."""
        messages: list[Any] = []
        unread: set[int] = set()
        rest = iter(values)
        while len(messages) < len(values):
            try:
                messages.extend(map(self.made.FromString, rest))
            except DecodeError:
                unread.add(len(messages))
                messages.append(self.made())
        return messages, unread

    def leaves(self, messages: Sequence[Any]) -> list[list[Leaf]]:
        """Return the columns of messages."""
        nothing: list[Leaf] = [None] * len(messages)
        return [list(column(messages)) if column else nothing for column in self.columns]


class ProtobufSchema:
    """The types of a schema by the indexes of their frames; with a ``name``, that type alone."""

    def __init__(self, number: int, files: Any, wanted: Sequence[Wanted], name: str = "") -> None:
        self.number = number
        self._files = files
        self._lenient = lenient(files)
        self.wanted = wanted
        self._name = name
        self._types: dict[tuple[int, ...], tuple[MessageType, MessageType] | None] = {}

    def at(self, indexes: tuple[int, ...]) -> tuple[MessageType, MessageType] | None:
        """Return the type there, and the same of messages whose strings are no UTF-8, if any."""
        if indexes not in self._types:
            name = self._name or name_at(self._files, indexes)
            if name is None:
                return None
            self._types[indexes] = self._type(self._files, name), self._type(self._lenient, name)
        return self._types[indexes]

    def _type(self, files: Any, name: str) -> MessageType:
        made = message_class(files, name)
        columns = [
            column_of(made.DESCRIPTOR, each.path, empty=each.kind is Kind.TEXT)
            for each in self.wanted
        ]
        return MessageType(name, made, columns)


def lenient(files: Any) -> Any:
    """Return the descriptors with bytes where strings are: what is no UTF-8 is read all the same.

    A parser gives up a message for one stray byte in any string of it.
    """
    changed = descriptor_pb2.FileDescriptorSet()
    changed.CopyFrom(files)
    for file in changed.file:
        if not file.name.startswith("google/protobuf/"):
            _loosen(file.message_type)
    return changed


def _loosen(messages: Any) -> None:
    for message in messages:
        for field in message.field:
            of_key = message.options.map_entry and field.number == 1
            if field.type == _Field.TYPE_STRING and not of_key:
                field.type = _Field.TYPE_BYTES
                field.ClearField("default_value")
        _loosen(message.nested_type)
