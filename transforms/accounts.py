"""What a step says of the rows it makes, told once: to the counts and to the ledger of offsets."""

import pyarrow as pa

from weir.transforms.counts import count_dead_letters
from weir.transforms.process.offset_ledger import PROGRESS


def account_for_dead_letters(letters: pa.RecordBatch, *, in_place_of_rows: bool = True) -> None:
    """Count DEAD_LETTER rows of one stage, and owe for each a row and a message to its topic.

    ``in_place_of_rows`` says that they pay what was owed as another row (a screening, a verdict);
    a letter of a row that a sink was given is owed beside that row, which the sink pays itself.
    """
    count_dead_letters(letters)
    PROGRESS.hold(letters, 1 if in_place_of_rows else 2)
