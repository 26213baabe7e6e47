"""Where reading starts and where it stops, as a person writes it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Self

Offsets = Mapping[int, int]  # partition -> offset, the same for every topic


@dataclass(frozen=True)
class Places:
    """Where an earlier job had got to: an offset for each (topic, partition) that it had read."""

    offsets: Mapping[tuple[str, int], int]


@dataclass(frozen=True)
class Start:
    """The first message to read of each partition.

    A time means the first message at or after it. With offsets or places, a partition that is not
    named starts at its earliest message. A partition that appears later always starts at its
    earliest.
    """

    at: Literal["earliest", "latest"] | datetime | Offsets | Places

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``earliest``, ``latest``, an ISO 8601 time (UTC where it has no zone) or offsets.

        Offsets are JSON: {"0": 12, "1": 40}. Raises ValueError that says what is allowed.
        """
        match text.strip():
            case "earliest":
                return cls("earliest")
            case "latest":
                return cls("latest")
            case other:
                return cls(_time_or_offsets(other, "earliest, latest"))


@dataclass(frozen=True)
class Stop:
    """The first message of each partition that is not read any more.

    ``latest`` is the end as it stands when the source starts; a time means the first message at
    or after it. With offsets, a partition that is not named is not read.
    """

    at: Literal["never", "latest"] | datetime | Offsets

    @classmethod
    def parse(cls, text: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Self:
        """Read ``never``, ``latest``, an ISO 8601 time (UTC where it has no zone) or offsets.

        Offsets are JSON: {"0": 500, "1": 500}. Raises ValueError that says what is allowed.
        """
        match text.strip():
            case "never":
                return cls("never")
            case "latest":
                return cls("latest")
            case other:
                at = _time_or_offsets(other, "never, latest")
        if isinstance(at, datetime) and at > now():
            # No offset stands for it yet, and a bounded job must know where it ends.
            raise ValueError("that time has not come yet; give one in the past")
        return cls(at)


def _time_or_offsets(text: str, words: str) -> datetime | Offsets:
    allowed = f'give {words}, a time such as 2026-01-31T12:00:00Z, or offsets such as {{"0": 12}}'
    if text.startswith("{"):
        return _offsets(text, allowed)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(allowed) from error
    try:
        at = at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(allowed) from error
    if at.year < 1970:
        raise ValueError("Kafka has no times before 1970")
    return at


def _offsets(text: str, allowed: str) -> Offsets:
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON; {allowed}") from error
    offsets: dict[int, int] = {}
    for partition, offset in pairs:
        if not (partition.isascii() and partition.isdecimal()) or type(offset) is not int:
            raise ValueError(f"an offset is a whole number for a partition; {allowed}")
        if not 0 <= offset < 2**63 - 1:
            raise ValueError(f"offset {offset} is outside what Kafka can hold")
        if int(partition) in offsets:
            raise ValueError(f"partition {partition} is named twice")
        offsets[int(partition)] = offset
    if not offsets:
        raise ValueError(f"no partition is named; {allowed}")
    return offsets
