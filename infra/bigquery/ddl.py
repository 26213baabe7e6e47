"""What makes the tables and views: statements of the ``.sql`` files beside this module."""

import hashlib
import itertools
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files

TABLES = (
    "screenings",
    "shadow_screenings",
    "verdicts",
    "deferrals",
    "thresholds",
    "dead_letters",
    "human_labels",
    "complaints",
    "post_changes",
    "folded_labels",
    "folds",
    "runs",
    "replays",
    "policies",
    "screens",
    "promotions",
    "console_actions",
    "salts",
)
# Not to be handed out with the others.
PRIVATE = ("salts",)
# Each has the run, the position and, in created_at, the day of the post that a row is about.
OF_POSTS = (
    "screenings",
    "shadow_screenings",
    "verdicts",
    "deferrals",
    "human_labels",
    "folded_labels",
)
VIEWS = (  # each after what it reads
    "distinct_verdicts",
    "latest_reviews",
    "decisions",
    "labels",
    "daily_rates",
    "live_recall",
    "reuse_agreement",
    "screen_cost",
    "judge_cost",
    "policy_changes",
    "run_diff",
    "appeals_sample",
    "disagreements",
    "complaint_outcomes",
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
_NAMED = re.compile(r"`\{dataset\}\.(?P<name>\w+)`")
_COLUMN = re.compile(r"^  `?(?P<name>\w+)`? (?P<type>[A-Z].*?)(?: NOT NULL)?(?: OPTIONS .*?)?,?$")


@dataclass(frozen=True)
class Column:
    """A column of a table, as its ``.sql`` declares it."""

    name: str
    type: str


def statement(name: str, dataset: str, folded: Collection[date] = ()) -> str:
    """Return the DDL of one table or view; ``dataset`` is ``project.dataset``.

    ``folded`` are the days that decisions reads from folded_labels. Raises ValueError for a dataset
    that is not a plain name.
    """
    return _filled(_text(name), dataset, among(folded), apart_from(folded))


def narrowed_query(
    sql: str,
    dataset: str,
    where: str,
    folded: Collection[date] = (),
    without: Collection[str] = (),
) -> str:
    """Return a statement with its views written out over those rows for which ``where`` holds.

    It says of their posts what it does of all where ``where`` names nothing but what every row of
    a post has, and alike: run, created_at, topic, partition, offset, content_id. DuckDB, the
    emulator's, looks through whole tables before it comes to a condition beside a view. Tables in
    ``without`` are not read: nothing that is asked for may depend on them.
    """

    def written_out(named: re.Match[str]) -> str:
        name = named["name"]
        if name in VIEWS:
            return f"(\n{_NAMED.sub(written_out, _query(name))})"
        if name not in OF_POSTS:
            return named[0]
        rows = "FALSE" if name in without else where
        return f"(SELECT * FROM {named[0]} WHERE {rows})"  # noqa: S608 - our names

    text = _NAMED.sub(written_out, sql)
    return _filled(text, dataset, among(folded), apart_from(folded))


def fold_statement(dataset: str, day: date) -> str:
    """Return the statement that makes the rows of a day in folded_labels anew, at one stroke."""
    names, of_day = _names("folded_labels"), among([day])
    query = _filled(_query("decisions"), dataset, "FALSE", of_day)
    return (
        f"MERGE `{dataset}.folded_labels` AS held\nUSING (\n{query}) AS made\nON FALSE\n"  # noqa: S608 - our names
        f"WHEN NOT MATCHED BY SOURCE AND {of_day.replace('created_at', 'held.created_at')}\n"
        f"THEN DELETE\nWHEN NOT MATCHED THEN INSERT ({names}) VALUES ({names})"
    )


def fold_shape() -> str:
    """Return a hash of what makes folded_labels: rows that another one made are to be made anew."""
    return hashlib.sha256((_text("decisions") + _text("folded_labels")).encode()).hexdigest()[:16]


def among(days: Collection[date]) -> str:
    """Return the condition that created_at is on one of the days, by constants alone.

    Constants are what BigQuery leaves out partitions by before it reads anything.
    """
    spans = [
        f"(created_at >= {_at(first)} AND created_at < {_at(end)})" for first, end in _spans(days)
    ]
    return f"({' OR '.join(spans)})" if spans else "FALSE"


def apart_from(days: Collection[date]) -> str:
    """Return the condition that created_at is on none of the days, by constants alone."""
    spans = _spans(days)
    if not spans:
        return "TRUE"
    gaps = [
        f"(created_at >= {_at(end)} AND created_at < {_at(first)})"
        for (_, end), (first, _) in itertools.pairwise(spans)
    ]
    ends = (f"created_at < {_at(spans[0][0])}", *gaps, f"created_at >= {_at(spans[-1][1])}")
    return f"({' OR '.join(ends)})"


def _spans(days: Collection[date]) -> list[tuple[date, date]]:
    """Return days as the fewest spans: the first day, and the one after the last."""
    spans: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        begun = spans.pop()[0] if spans and spans[-1][1] == day else day
        spans.append((begun, day + timedelta(days=1)))
    return spans


def _at(day: date) -> str:
    return f"TIMESTAMP '{day.isoformat()} 00:00:00+00'"


def statements(dataset: str) -> list[str]:
    """Return the DDL of all tables and views, in the order to run it."""
    return [statement(name, dataset) for name in (*TABLES, *VIEWS)]


def columns(table: str) -> list[Column]:
    """Return the columns of a table in their order."""
    matches = map(_COLUMN.match, _text(table).splitlines())
    return [Column(match["name"], match["type"]) for match in matches if match]


def _names(table: str) -> str:
    return ", ".join(f"`{column.name}`" for column in columns(table))


def _filled(text: str, dataset: str, folded: str, unfolded: str) -> str:
    if not _NAME.fullmatch(dataset):
        raise ValueError(f"{dataset!r} is not the name of a BigQuery dataset (project.dataset)")
    known = {
        "{dataset}": dataset,
        "{folded}": folded,
        "{open}": unfolded,
        "{folded_columns}": _names("folded_labels"),
        **CONSTANTS,
    }
    for placeholder, value in known.items():
        text = text.replace(placeholder, value)
    return text


def _query(view: str) -> str:
    return _text(view).partition(" AS\n")[2]


def _text(name: str) -> str:
    kind = "tables" if name in TABLES else "views"
    return files("weir.infra.bigquery").joinpath(kind, f"{name}.sql").read_text("utf-8")
