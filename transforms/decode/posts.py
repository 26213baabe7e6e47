"""What makes posts of leaves, for every format: what has to be there, and what need not."""

from collections.abc import Callable, Sequence
from itertools import compress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weir.transforms.arrays import Ints, Mask
from weir.transforms.decode.changes import changes_of
from weir.transforms.decode.envelopes.envelope import Seen, first_of
from weir.transforms.decode.fates import Failed, Fates, LeftOut
from weir.transforms.decode.leaves import OTHER, Leaf, Leaves, Path
from weir.transforms.decode.outcome import Decoded, Failure, Posts, content_ids, content_of
from weir.transforms.decode.parts import joined
from weir.transforms.decode.pseudonyms import pseudonym
from weir.transforms.decode.rules import Rule, texts_of
from weir.transforms.decode.settings import DecodeSettings

CONTEXT_CHARACTERS = 2_000  # of what a post answers
_NAMELESS = Failed("missing_id", "The message deletes a post, and does not say which.")


def composer(settings: DecodeSettings) -> Callable[[pa.RecordBatch, Leaves], Decoded]:
    """Return the function from a MESSAGE batch, and what was found in it, to posts and failures."""
    places, envelope, key = settings.places, settings.open_envelope, settings.pseudonym_key or ""
    wanted, name = settings.wanted, settings.text_name
    skipped = [Rule.of(each) for each in settings.skip]
    deleted, edited = (
        [(Rule.of(each), settings.places_of(Rule.of(each).path)) for each in rules]
        for rules in (settings.deleted_field, settings.edited_field)
    )

    def seen_in(batch: pa.RecordBatch, leaves: Leaves) -> Seen:
        read = batch
        if leaves.failures:
            read = batch.take(pa.array(_read_rows(batch.num_rows, leaves.failures)))
        nothing: Sequence[Leaf] = [None] * read.num_rows
        found = dict(zip((each.path for each in wanted), leaves.columns, strict=True))
        columns = {path: nothing if c is None else c for path, c in found.items()}

        def field(paths: Sequence[Path]) -> Sequence[Leaf]:
            return first_of([columns[path] for path in paths])

        timed = any(found[path] is not None for path in places.time)
        return Seen(
            settings.format,
            read,
            columns,
            texts=joined([field(paths) for paths in places.texts]),
            ids=field(places.id),
            times=field(places.time) if timed else None,
            languages=field(places.language),
            authors=field(places.author) if places.author else None,
            context=joined([_written(field(paths)) for paths in places.context])
            if places.context
            else None,
        )

    def fates_of(seen: Seen) -> Fates:
        fates = Fates(seen.batch.num_rows)
        for rule in skipped:
            fates.leave_out(str(rule), rule.holds(seen.column(rule.path)))
        envelope.rule(seen, fates)
        for rule, paths in deleted:
            fates.delete(rule.holds(seen.column(*paths)))
        for rule, paths in edited:
            fates.edit(rule.holds(seen.column(*paths)))
        return fates

    def composed(batch: pa.RecordBatch, leaves: Leaves) -> Decoded:
        seen = seen_in(batch, leaves)
        fates = fates_of(seen)
        authors = None if seen.authors is None else _pseudonyms(seen.authors, key)
        texts = _strings(seen.texts) if fates.all_posts else None
        if texts is not None:
            context = _context(seen.context)
            posts = Posts(texts, seen.ids, seen.times, seen.languages, authors, context)
            content, undated = content_of(seen.batch, posts)
            return Decoded(content, tuple(leaves.failures), undated)
        if fates.deleted.any():
            nameless = content_ids(seen.batch.num_rows, seen.ids).is_null()
            fates.fail_deleted(_NAMELESS, nameless.to_numpy(zero_copy_only=False))
        textless = fates.posts & ~_are_strings(seen.texts)
        kept = fates.posts & ~textless
        content, undated = content_of(
            seen.batch.filter(pa.array(kept)),
            Posts(
                pa.array(list(compress(seen.texts, kept)), pa.string()),
                _of(seen.ids, kept),
                _of(seen.times, kept),
                _of(seen.languages, kept),
                _of(authors, kept),
                _context(_of(seen.context, kept)),
            ),
        )
        rows = _read_rows(batch.num_rows, leaves.failures)
        why = dict(fates.failed())
        for at in np.flatnonzero(textless).tolist():
            why[at] = _textless(seen.texts[at], name, leaves.null_text, int(rows[at]))
        failures = list(leaves.failures)
        for at, found in why.items():
            row = int(rows[at])
            said = found if found.sure else leaves.damaged.get(row, found)
            author = authors[at] if authors else None
            failures.append(Failure(row, said.reason, said.error, author))
        return Decoded(
            content,
            tuple(sorted(failures, key=lambda each: each.row)),
            undated,
            tuple(LeftOut(each.kind, rows[each.rows]) for each in fates.left_out()),
            changes_of(seen, fates.edited & kept, fates.deleted, authors),
        )

    return composed


def _read_rows(count: int, failures: Sequence[Failure]) -> Ints:
    """Return the row of the batch for each row that did not fail."""
    rows: Ints = np.delete(np.arange(count), [each.row for each in failures])
    return rows


def _strings(leaves: Sequence[Leaf]) -> pa.Array | None:
    """Return a column of texts; None where one of them is no text."""
    try:
        texts = pa.array(leaves, pa.string())
    except pa.ArrowTypeError:
        return None
    return None if texts.null_count else texts


def _are_strings(leaves: Sequence[Leaf]) -> Mask:
    return np.fromiter((isinstance(leaf, str) for leaf in leaves), np.bool_, len(leaves))


def _of(column: Sequence[Leaf] | None, kept: Mask) -> list[Leaf] | None:
    return None if column is None else list(compress(column, kept))


def _textless(text: Leaf, name: str, null_text: Callable[[int], bool], row: int) -> Failed:
    if text is None and null_text(row):
        return Failed("null_text", f"Field {name} is null.")
    if text is None:
        return Failed("missing_text", f"The value has no field {name}.")
    return Failed("text_not_a_string", f"Field {name} is not a string.")


def _written(leaves: Sequence[Leaf]) -> Sequence[Leaf]:
    written: Sequence[Leaf] = texts_of([None if x is OTHER else x for x in leaves]).to_pylist()
    return written


def _context(texts: Sequence[Leaf] | None) -> pa.Array | None:
    """Return what posts answer, no more of it than the judge is given; null for nothing."""
    if texts is None:
        return None
    cut = pc.utf8_slice_codeunits(pa.array(texts, pa.string()), 0, CONTEXT_CHARACTERS)
    return pc.if_else(pc.equal(cut, ""), pa.scalar(None, pa.string()), cut)


def _pseudonyms(authors: Sequence[Leaf], key: str) -> list[str | None]:
    return [None if author is None else pseudonym(key, author) for author in authors]
