"""The tables and views of Weir in BigQuery, as the ``.sql`` files below this folder."""

import re
from dataclasses import dataclass
from importlib.resources import files

TABLES = (
    "screenings",
    "shadow_screenings",
    "verdicts",
    "deferrals",
    "thresholds",
    "dead_letters",
    "human_labels",
    "runs",
    "replays",
    "policies",
    "screens",
    "promotions",
    "salts",
)
# Not to be handed out with the others.
PRIVATE = ("salts",)
VIEWS = (  # each after what it reads
    "distinct_verdicts",
    "labels",
    "daily_rates",
    "live_recall",
    "judge_cost",
    "reuse_agreement",
    "screen_cost",
    "policy_changes",
    "run_diff",
    "appeals_sample",
    "disagreements",
    "dead_letter_causes",
    "conservation",
    "shadow_pairs",
    "screen_comparison",
)

# What a view may name beside ``{dataset}``, as doubles, whatever is multiplied: the quantile of the
# normal distribution for intervals at 95 %, and the exact lower limits of 1, 2 and 3 counts, to the
# digit those of ``transforms.statistics``, which is not imported here.
CONSTANTS = {
    "{z}": "1.959963984540054e0",
    "{low_of_1}": "0.05129329438755053e0",
    "{low_of_2}": "0.35536151069866195e0",
    "{low_of_3}": "0.8176914471639534e0",
}

# Stricter than BigQuery, which also allows Unicode: nothing that passes can end its quotes.
_NAME = re.compile(r"(?:[a-z0-9.-]+:)?[a-z0-9][a-z0-9-]*\.[A-Za-z0-9_]{1,1024}")
_COLUMN = re.compile(r"^  `?(?P<name>\w+)`? (?P<type>[A-Z].*?)(?: NOT NULL)?(?: OPTIONS .*?)?,?$")


@dataclass(frozen=True)
class Column:
    """A column of a table, as its ``.sql`` declares it."""

    name: str
    type: str


def statement(name: str, dataset: str) -> str:
    """Return the DDL of one table or view; ``dataset`` is ``project.dataset``.

    Raises ValueError for a dataset that is not a plain name.
    """
    if not _NAME.fullmatch(dataset):
        raise ValueError(f"{dataset!r} is not the name of a BigQuery dataset (project.dataset)")
    text = _text(name)
    for placeholder, value in {"{dataset}": dataset, **CONSTANTS}.items():
        text = text.replace(placeholder, value)
    return text


def statements(dataset: str) -> list[str]:
    """Return the DDL of all tables and views, in the order to run it."""
    return [statement(name, dataset) for name in (*TABLES, *VIEWS)]


def columns(table: str) -> list[Column]:
    """Return the columns of a table in their order."""
    matches = map(_COLUMN.match, _text(table).splitlines())
    return [Column(match["name"], match["type"]) for match in matches if match]


def _text(name: str) -> str:
    kind = "tables" if name in TABLES else "views"
    return files(__name__).joinpath(kind, f"{name}.sql").read_text("utf-8")
