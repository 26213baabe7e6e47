"""Read a team's own labels: a ``text`` column and one column per policy.

A label is 1 (violates), 0 (does not) or empty (nobody knows). No error names a post's text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weir.transforms.files import read_file
from weir.transforms.screen.training.labelled import LabelledPost, LabelledSet, LabelsError

TEXT = "text"


@dataclass(frozen=True)
class LabelFile:
    """The posts of one file, and what was passed over in it, a sentence each."""

    labelled: LabelledSet
    warnings: tuple[str, ...]


def read_labels(path: Path, policy_ids: Sequence[str], licence: str = "unstated") -> LabelFile:
    """Return the labelled posts of a file; FileError or LabelsError where it cannot be used."""
    read = read_file(path, (TEXT, *policy_ids)).sound()
    rows = read.rows()
    columns = dict.fromkeys(name for _, row in rows for name in row if name != TEXT)
    known = [policy_id for policy_id in policy_ids if policy_id in columns]
    if not known:
        raise LabelsError(
            f"The labels {path} have no column for any policy; name one after each: "
            f"{', '.join(policy_ids)}."
        )
    posts = tuple(_posts(rows, known, path))
    labelled = LabelledSet(
        name=path.stem,
        source=path.name,
        licence=licence,
        sha256=read.sha256,
        posts=posts,
    )
    warnings = _warnings([*columns], policy_ids, len(rows) - len(posts), path)
    return LabelFile(labelled, (*read.warnings, *warnings))


def _warnings(
    columns: Sequence[str], policy_ids: Sequence[str], dropped: int, path: Path
) -> Iterator[str]:
    if absent := [policy_id for policy_id in policy_ids if policy_id not in columns]:
        yield f"{path.name} has no column for {_counted(absent, 'policy', 'policies')}."
    if unknown := [name for name in columns if name not in policy_ids]:
        listed = _counted(unknown, "column", "columns")
        yield f"{path.name} has {listed} that no policy is named after; they are left out."
    if dropped:
        yield f"{path.name} has {dropped:,} rows without a text; they are left out."


def _counted(names: Sequence[str], one: str, many: str) -> str:
    listed = ", ".join(repr(name) for name in names[:10]) + (", ..." if len(names) > 10 else "")
    return f"{len(names)} {one if len(names) == 1 else many} ({listed})"


def _posts(
    rows: Sequence[tuple[int, Mapping[str, Any]]], policy_ids: Sequence[str], path: Path
) -> Iterator[LabelledPost]:
    for line, row in rows:
        labels = {}
        for policy_id in policy_ids:
            label = _label(row.get(policy_id))
            if label == _UNKNOWN:
                continue
            if label is None:
                raise LabelsError(
                    f"The labels {path} have something other than 1, 0 or nothing in line "
                    f"{line}, column {policy_id!r}; write 1 for violates, 0 for does not, and "
                    "nothing where it is not known."
                )
            labels[policy_id] = label == _VIOLATES
        text = row.get(TEXT)
        if not isinstance(text, str | None):
            raise LabelsError(f"The labels {path} have a text that is no string in line {line}.")
        if text is not None and text.strip():
            yield LabelledPost(text, labels)


_VIOLATES, _SAFE, _UNKNOWN = "1", "0", ""


def _label(cell: Any) -> str | None:
    """Return what a cell says, None where it is no label."""
    if cell is None or cell != cell:  # NaN is how a data frame writes nothing
        return _UNKNOWN
    if isinstance(cell, str):
        return cell.strip() if cell.strip() in (_VIOLATES, _SAFE, _UNKNOWN) else None
    if isinstance(cell, bool | int | float) and cell in (0, 1):
        return _VIOLATES if cell else _SAFE
    return None
