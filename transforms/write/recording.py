"""Which screenings get a row: all of them, or of the posts that every policy cleared a part.

The part is drawn by a hash of the content id, so two runs draw the same posts, and each row says
with which chance it was drawn: views weigh by it.
"""

from dataclasses import dataclass, field

import pyarrow as pa

from weir.transforms.counts import counter
from weir.transforms.screen.route import draw_posts

_SALT = "record-cleared"  # another draw than that of the audit


@dataclass(frozen=True)
class Recorded:
    """Keeps the rows of SCREENING batches that the draw takes; ``counted`` counts the others.

    ``salt`` is the secret of the draw.
    """

    salt: str = field(default="", repr=False)
    counted: bool = True

    def __call__(self, screenings: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows that are to be stored."""
        kept = draw_recorded(screenings, self.salt)
        if self.counted:
            counter("screenings_unrecorded").inc(screenings.num_rows - kept.num_rows)
        return kept


def draw_recorded(screenings: pa.RecordBatch, salt: str = "") -> pa.RecordBatch:
    """Return the rows that their ``recorded_probability`` and the draw let through."""
    sure = screenings["recorded_probability"].to_numpy(zero_copy_only=False) >= 1
    if sure.all():
        return screenings
    share = screenings["record_cleared"][0].as_py()  # one for the run
    drawn = draw_posts(screenings["content_id"], share, _SALT + salt)
    return screenings.filter(pa.array(sure | drawn))
