"""Which labels are looked for: the filters of an address, and what they ask of rows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

from weir.pipelines.bigquery.dataset import Value
from weir.pipelines.console.days import read_time
from weir.pipelines.console.visit import RefusedError, Visit, address
from weir.pipelines.errors import OptionError, nearest
from weir.pipelines.settings.storage import pseudonym_key
from weir.transforms.decode.pseudonyms import pseudonym
from weir.transforms.records import Mode, Outcome, Route
from weir.transforms.write.redaction import HASH_PREFIX

LABELS = (*map(str, Outcome), "cleared", "undecided", "deferred", "withdrawn", "superseded")
_OF_AUTHORS = ("withdrawn", "superseded")  # for what they did to a post
DECIDERS = ("judge", "human", "screen", "nobody")
_LONGEST = 1_024  # characters of a filter: ids have no more
_PSEUDONYM = re.compile("[0-9a-f]{32}")
_UNREADABLE = re.compile("[\x00\ud800-\udfff]")
_CLEARED = (Route.CLEAR, Route.EMPTY)
_POST = ("screenings", "verdicts", "deferrals", "human_labels")
# Of labels the worst first; after them comes what its author did to a post since, and no label.
WORST_FIRST = (*map(str, (Outcome.VIOLATES, Outcome.INDETERMINATE)), "undecided", "safe", "cleared")
# Words that stand for several, and what they mean of a column.
_SEVERAL: Mapping[str, tuple[str, ...]] = {
    "escalate or forced": (Route.ESCALATE, Route.FORCED),
    "enforce or replay": (Mode.ENFORCE, Mode.REPLAY),
    "violates or safe": (Outcome.VIOLATES, Outcome.SAFE),
}
SENT, ACTED_ON, ANSWERED = _SEVERAL
WORDS: Mapping[str, tuple[str, ...]] = {
    "label": tuple(map(str, LABELS)),
    # The label before its author changed the post, which the numbers of Now and of reports count.
    "decided": (*map(str, Outcome), "cleared", "undecided", ANSWERED),
    "judged": ("any", *map(str, Outcome)),
    "route": (*map(str, Route), SENT),
    "by": DECIDERS,
    "mode": (*map(str, Mode), ACTED_ON),
}
_PLAIN = ("id", "text", "policy", "rule", "topic", "model", "screen", "version")
NAMES = ("run", *_PLAIN, "author", *WORDS, "since", "until")


@dataclass(frozen=True)
class Condition:
    """What a filter asks of the rows of labels, and of the tables that it may be told by.

    A pair that meets it has a row in one of ``tables`` that meets what stands there; None where
    nearly every post has.
    """

    on_labels: str
    tables: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Filter:
    """Which labels are looked for; what is empty is any."""

    run: str
    since: datetime
    until: datetime | None = None  # the first that is too late
    id: str = ""  # of a post, or of one of its decisions
    text: str = ""
    policy: str = ""
    rule: str = ""
    topic: str = ""
    authors: tuple[str, ...] = ()  # pseudonyms that stand for one
    model: str = ""  # of the judge
    screen: str = ""  # its version
    version: str = ""  # of the policy
    label: str = ""
    decided: str = ""  # the label, whatever its author did to the post since
    judged: str = ""  # the verdict, whatever people said since; any where there is one
    route: str = ""
    by: str = ""
    mode: str = ""
    worst: str = ""  # of the labels that it means of a post; among those that are rare

    def values(self) -> dict[str, Value | list[str]]:
        """Return the parameters that its conditions name."""
        named = {name: getattr(self, name) for name in (*_PLAIN, *WORDS, "worst")}
        given: dict[str, Value | list[str]] = {"run": self.run, "since": self.since}
        given |= {name: value for name, value in named.items() if value and name != "id"}
        if self.authors:
            given["authors"] = list(self.authors)
        if self.until:
            given["until"] = self.until
        return given

    @property
    def span(self) -> str:
        """Return the condition on rows of any table that they are of the run and the time."""
        until = " AND created_at < @until" if self.until else ""
        return f"run = @run AND created_at >= @since{until}"

    def on_labels(self) -> str:
        """Return the condition on rows of the view."""
        return " AND ".join([self.span, *(each.on_labels for each in self._conditions())])

    def tables(self) -> dict[str, str]:
        """Return the tables whose rows name every post that may be meant, and which rows."""
        told = [each.tables for each in self._conditions() if each.tables is not None]
        # Of the filters the one that fewest posts meet; they stand in that order.
        tables = told[0] if told else dict.fromkeys(_POST, "TRUE")
        if self.worst:
            tables = self._of_worst(told)
        both = " AND topic = @topic" if self.topic else ""
        of_policy = _of_policy() if self.policy else dict.fromkeys(_POST, "TRUE")
        return {
            table: f"{self.span}{both} AND {of_policy[table]} AND {met}"
            for table, met in tables.items()
        }

    def _of_worst(self, told: Sequence[Mapping[str, str]]) -> dict[str, str]:
        """Return the rows that name posts with the worst label; there may be none in any table."""
        tables = dict(self._label("worst", "label").tables or {})
        # A verdict that is the label is itself what all that is asked of it is asked of.
        verdict = [tables.pop("verdicts"), *(each.get("verdicts") for each in told)]
        if None not in verdict:
            tables["verdicts"] = " AND ".join(map(str, verdict))
        return tables

    @property
    def is_of_a_kind(self) -> bool:
        """Return whether it means labels of one kind, or none of those that are rare."""
        judged = self.judged not in ("", "any")
        unjudged = self.by in ("screen", "nobody") or self.route in _CLEARED
        return bool(self.label or self.decided or judged or unjudged)

    @property
    def is_rare(self) -> bool:
        """Return whether a small table alone tells which posts are meant, or hardly any are."""
        asked = {self.label, self.decided, self.judged, self.worst} & _FEW
        return bool(self._words_of_posts or asked or self.by == "human")

    @property
    def is_narrow(self) -> bool:
        """Return whether few posts are meant, so that they can be counted at once."""
        few = {self.label, self.decided} - {"", "cleared"} or self.route not in ("", *_CLEARED)
        return bool(few or self._words_of_posts or self.judged or self.by in ("judge", "human"))

    @property
    def _words_of_posts(self) -> bool:
        return bool(self.id or self.text or self.rule or self.authors)

    def _conditions(self) -> list[Condition]:
        verdict = "TRUE" if self.judged == "any" else "verdict = @judged"
        known = {
            "id": Condition(_IDS, dict.fromkeys(_POST, _IDS)),
            "text": Condition(_TEXT, {"verdicts": _TEXT}),
            "rule": Condition(_RULE, {"verdicts": _RULE}),
            "authors": Condition(_AUTHORS, dict.fromkeys(_POST, _AUTHORS)),
            "judged": Condition(f"verdict IS NOT NULL AND {verdict}", {"verdicts": verdict}),
            "label": self._label("label", "label"),
            "decided": self._label("decided", "decided_label"),
            "by": self._by(),
            "model": Condition("model = @model", {"verdicts": "model = @model"}),
            "version": Condition("policy_version = @version", _VERSION),
            "route": Condition(
                _is("route", self.route), _of_routes(*_SEVERAL.get(self.route, (self.route,)))
            ),
            "policy": Condition("policy_id = @policy"),
            "topic": Condition("topic = @topic"),
            "screen": Condition("screen_version = @screen"),
            "mode": Condition(_is("mode", self.mode), None if self.mode in _SEVERAL else _MODE),
        }
        return [condition for name, condition in known.items() if getattr(self, name)]

    def _label(self, name: str, column: str) -> Condition:
        said = getattr(self, name)
        met = _is(name, said, column)
        match said:
            case "violates" | "safe" | "violates or safe":
                verdict, human = (_is(name, said, each) for each in ("verdict", "human_verdict"))
                return Condition(met, {"verdicts": verdict, "human_labels": human})
            case "indeterminate":
                return Condition(met, {"verdicts": _is(name, said, "verdict")})
            case "deferred":
                return Condition("deferred", {"deferrals": "TRUE"})
            case "undecided":
                return Condition(met, _of_routes(*_judged()) | {"deferrals": "TRUE"})
            case "cleared":
                return Condition(met, {"screenings": "TRUE"})
            case _:
                return Condition(met, dict.fromkeys(_POST, _CHANGED))

    def _by(self) -> Condition:
        match self.by:
            case "nobody":
                tables = _of_routes(*_judged()) | {"deferrals": "TRUE"}
                return Condition("decided_by IS NULL", tables)
            case "screen":
                tables = {"screenings": "TRUE"}
            case "judge":
                tables = {"verdicts": "TRUE"}
            case _:
                tables = {"human_labels": "TRUE"}
        return Condition("decided_by = @by", tables)


_FEW = {"violates", "safe", "indeterminate", "deferred", ANSWERED, *_OF_AUTHORS}
_VERSION = dict.fromkeys(("verdicts", "deferrals", "human_labels"), "policy_version = @version")
_IDS = "content_id IN UNNEST(@contents)"
_AUTHORS = "author_id IN UNNEST(@authors)"
_TEXT = f"(STRPOS(LOWER(text), LOWER(@text)) > 0 AND NOT STARTS_WITH(text, '{HASH_PREFIX}'))"
_RULE = "@rule IN UNNEST(rule_ids)"
_MODE = {
    "screenings": (
        "(COALESCE(mode, 'enforce') = @mode "
        "OR (@mode = 'shadow' AND ARRAY_LENGTH(shadow_policies) > 0))"
    ),
    "verdicts": "mode = @mode",
    "deferrals": "TRUE",
    "human_labels": "TRUE",
}
_CHANGED = "content_id IN (SELECT content_id FROM `{dataset}.post_changes` WHERE run = @run)"


def _is(name: str, said: str, column: str = "") -> str:
    """Return the condition that a column, by default of the filter's name, has what is said."""
    if said in _SEVERAL:
        return f"{column or name} IN ({', '.join(repr(str(each)) for each in _SEVERAL[said])})"
    return f"{column or name} = @{name}"


def _judged() -> tuple[Route, ...]:
    return tuple(route for route in Route if route not in _CLEARED)


def _named_in_policies(*words: str) -> str:
    """Return the condition that one of the words is a value in screenings.policies, at least.

    To look into the array itself takes the emulator's engine a hundred times as long.
    """
    return f"REGEXP_CONTAINS(TO_JSON_STRING(policies), '\"({'|'.join(words)})\"')"


def _of_policy() -> dict[str, str]:
    named = "STRPOS(TO_JSON_STRING(policies), CONCAT('\"', @policy, '\"')) > 0"
    return dict.fromkeys(_POST, "policy_id = @policy") | {"screenings": named}


def _of_routes(*routes: str) -> dict[str, str]:
    said = ", ".join(f"'{route}'" for route in routes)
    tables = dict.fromkeys(("verdicts", "deferrals"), f"route IN ({said})")
    return {"screenings": _named_in_policies(*routes)} | tables


def read_filter(visit: Visit) -> Filter:
    """Return the filter of an address. RefusedError for what means nothing."""
    said = {name: visit.query.get(name, "").strip() for name in NAMES}
    for name, value in said.items():
        if len(value) > _LONGEST or _UNREADABLE.search(value):
            raise RefusedError(
                f"What is given as {name} is longer than {_LONGEST:,} characters, or holds one "
                "that no text has"
            )
    for name, words in WORDS.items():
        if said[name] and said[name] not in words:
            hint = nearest(said[name], list(words), f"there are {', '.join(words)}")
            raise RefusedError(f"{name} is none of those that there are; {hint}")
    since = read_time("since", said["since"]) or datetime.combine(visit.first_day, time(), UTC)
    until = read_time("until", said["until"], end=True)
    if until is not None and until <= since:
        raise RefusedError(
            f"The posts are to be from {since:%Y-%m-%d %H:%M} on (since), and yet before "
            f"{until:%Y-%m-%d %H:%M} (until): there are none; give a later until"
        )
    plain = {name: said[name] for name in (*_PLAIN, *WORDS)}
    return Filter(visit.run, since, until, authors=_authors(said["author"]), **plain)


def as_query(found: Filter) -> dict[str, str | int | None]:
    """Return a filter as addresses have it, with an author's pseudonym, and all that is set."""
    return {
        "run": found.run,
        **{name: getattr(found, name) for name in (*_PLAIN, *WORDS)},
        "author": next(iter(found.authors), None),
        "since": found.since.isoformat(),
        "until": found.until.isoformat() if found.until else None,
    }


def shared_address(visit: Visit, path: str, found: Filter, **more: str | None) -> str:
    """Return an address of the filters, in which an author stands by their pseudonym."""
    said = {name: visit.query.get(name, "").strip() or None for name in NAMES}
    if found.authors:
        said["author"] = found.authors[0]
    said["run"] = visit.query.get("run") or None
    return address(path, **(said | more))


def _authors(said: str) -> tuple[str, ...]:
    """Return the pseudonyms that may be meant by what a person typed.

    An author's id is turned into its pseudonym, as the job does, where the key is there.
    """
    if not said:
        return ()
    try:
        made = pseudonym(pseudonym_key("author"), said)
    except OptionError:
        return (said,)
    return (said, made) if _PSEUDONYM.fullmatch(said) else (made,)
