"""A comparison as one page of HTML: it loads nothing and runs nothing."""

import base64
import hashlib
import re
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from weir.pipelines.compare.rows import Compared
from weir.pipelines.compare.wording import (
    COLUMNS,
    COST_COLUMNS,
    cost_cells,
    decision_in_words,
    figures,
    judgement_in_words,
    slice_in_words,
)

# Control characters, and those that turn the direction of text or take no place.
_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
    r"|[\ud800-\udfff]"
)


def page(found: Compared) -> str:
    """Return the page; whatever a post or a rationale holds, it is text there."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["visible"] = visible
    folder = files("weir.pipelines.compare")
    style = folder.joinpath("page.css").read_text("utf-8")
    template = environment.from_string(folder.joinpath("page.html").read_text("utf-8"))
    counted = found.counted
    costs = [cost_cells(s.name, c) for s, c in zip((found.a, found.b), counted.costs, strict=True)]
    return template.render(
        found=found,
        style=style,
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        sentences=list(slice_in_words(found)),
        words=judgement_in_words(found),
        columns=COLUMNS,
        figures=figures,
        cost_columns=COST_COLUMNS,
        costs=costs,
        said=decision_in_words,
    )


def visible(text: str) -> str:
    """Return a text with each character that acts instead of showing as U+FFFD."""
    return _HIDDEN.sub("\ufffd", text)
