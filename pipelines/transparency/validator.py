"""What the DSA Transparency Database would refuse, and what may never be sent to it.

The rules are those of its API documentation (see ``policies.dsa_terms`` for the source): which
attributes there are, which of them are needed when, how long a text may be, the form of dates and
of the platform's own identifier, and 100 statements at most in a request, of which none is stored
where one is refused. That no personal data may be among them is the document's, too; how it is
found here is Weir's.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from weir.policies.dsa_terms import ACTIONS, CATEGORIES, COUNTRIES, KEYWORDS, OTHER_KEYWORD

MOST_STATEMENTS = 100
_LANGUAGES = """
AA AB AE AF AK AM AN AR AS AV AY AZ BA BE BG BH BI BM BN BO BR BS CA CE CH CO CR CS CU CV CY DA
DE DV DZ EE EL EN EO ES ET EU FA FF FI FJ FO FR FY GA GD GL GN GU GV HA HE HI HO HR HT HU HY HZ
IA ID IE IG II IK IO IS IT IU JA JV KA KG KI KJ KK KL KM KN KO KR KS KU KV KW KY LA LB LG LI LN
LO LT LU LV MG MH MI MK ML MN MR MS MT MY NA NB ND NE NG NL NN NO NR NV NY OC OJ OM OR OS PA PI
PL PS PT QU RM RN RO RU RW SA SC SD SE SG SI SK SL SM SN SO SQ SR SS ST SU SV SW TA TE TG TH TI
TK TL TN TO TR TS TT TW TY UG UK UR UZ VE VI VO WA WO XH YI YO ZA ZH ZU
"""
LANGUAGES = frozenset(_LANGUAGES.split())  # ISO 639-1

_ILLEGAL, _INCOMPATIBLE = "DECISION_GROUND_ILLEGAL_CONTENT", "DECISION_GROUND_INCOMPATIBLE_CONTENT"
_DECISIONS = ("decision_visibility", "decision_monetary", "decision_provision", "decision_account")
_REQUIRED = (
    *("decision_facts", "decision_ground", "content_type", "category", "territorial_scope"),
    *("content_date", "application_date", "source_type", "automated_detection"),
    *("automated_decision", "puid"),
)
_YES_NO = frozenset({"Yes", "No"})
_ONE_OF: dict[str, Collection[str]] = {
    "decision_monetary": {f"DECISION_MONETARY_{n}" for n in ("SUSPENSION", "TERMINATION", "OTHER")},
    "decision_provision": {
        f"DECISION_PROVISION_{how}_{what}"
        for how in ("PARTIAL", "TOTAL")
        for what in ("SUSPENSION", "TERMINATION")
    },
    "decision_account": {"DECISION_ACCOUNT_SUSPENDED", "DECISION_ACCOUNT_TERMINATED"},
    "account_type": {"ACCOUNT_TYPE_BUSINESS", "ACCOUNT_TYPE_PRIVATE"},
    "decision_ground": {_ILLEGAL, _INCOMPATIBLE},
    "incompatible_content_illegal": _YES_NO,
    "category": CATEGORIES,
    "content_language": LANGUAGES,
    "source_type": {
        *("SOURCE_ARTICLE_16", "SOURCE_TRUSTED_FLAGGER", "SOURCE_TYPE_OTHER_NOTIFICATION"),
        "SOURCE_VOLUNTARY",
    },
    "automated_detection": _YES_NO,
    "automated_decision": {
        f"AUTOMATED_DECISION_{n}" for n in ("FULLY", "PARTIALLY", "NOT_AUTOMATED")
    },
}
_SOME_OF: dict[str, Collection[str]] = {
    "decision_visibility": {*ACTIONS.values(), "DECISION_VISIBILITY_OTHER"},
    "content_type": {
        f"CONTENT_TYPE_{n}"
        for n in ("APP", "AUDIO", "IMAGE", "OTHER", "PRODUCT", "SYNTHETIC_MEDIA", "TEXT", "VIDEO")
    },
    "category_addition": CATEGORIES,
    "category_specification": KEYWORDS,
    "territorial_scope": COUNTRIES,
}
_TEXTS = {  # characters at most
    "decision_visibility_other": 500,
    "decision_monetary_other": 500,
    "decision_facts": 5_000,
    "decision_ground_reference_url": 500,
    "illegal_content_legal_ground": 500,
    "illegal_content_explanation": 2_000,
    "incompatible_content_ground": 500,
    "incompatible_content_explanation": 2_000,
    "content_type_other": 500,
    "category_specification_other": 500,
    "source_identity": 500,
    "puid": 500,
}
# The attribute that is needed where another one has, or holds, a value.
_NEEDED_WITH = (
    ("decision_visibility", "DECISION_VISIBILITY_OTHER", "decision_visibility_other"),
    ("decision_monetary", "DECISION_MONETARY_OTHER", "decision_monetary_other"),
    ("content_type", "CONTENT_TYPE_OTHER", "content_type_other"),
    ("decision_ground", _ILLEGAL, "illegal_content_legal_ground"),
    ("decision_ground", _ILLEGAL, "illegal_content_explanation"),
    ("decision_ground", _INCOMPATIBLE, "incompatible_content_ground"),
    ("decision_ground", _INCOMPATIBLE, "incompatible_content_explanation"),
)
_ONLY_WITH = (
    *_NEEDED_WITH,
    ("category_specification", OTHER_KEYWORD, "category_specification_other"),
)
_EARLIEST = {"content_date": date(2000, 1, 1), "application_date": date(2020, 1, 1)}
_ENDS = tuple(f"end_date_{n}_restriction" for n in ("account", "monetary", "service", "visibility"))
_KNOWN = frozenset(
    (*_DECISIONS, *_REQUIRED, *_ONE_OF, *_SOME_OF, *_TEXTS, *_EARLIEST, *_ENDS, "content_id")
)
_PUID = re.compile(r"[A-Za-z0-9_-]+")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

# What names a person, or reaches one. A legal ground has numbers and addresses of laws in it.
_PERSONAL: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("an e-mail address", re.compile(r"[\w.+-]+@[\w-]+\.\w")),
    ("the name of an account", re.compile(r"(?<![\w@/])@\w{2,}")),
    ("a telephone number", re.compile(r"(?<![\w/])\+?\d(?:[ ().-]{0,2}\d){8,}")),
    ("the address of a computer", re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")),
    ("a bank account", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}\b")),
)
_SPOKEN = tuple(name for name in _TEXTS if name not in ("puid", "decision_ground_reference_url"))


class Fault(NamedTuple):
    """Why an attribute of a statement would be refused; ``why`` holds nothing of its value."""

    attribute: str
    why: str


def faults(statement: Mapping[str, Any]) -> list[Fault]:
    """Return what keeps a statement from being sent; an empty list where nothing does."""
    given = {name: value for name, value in statement.items() if value not in (None, "", [], {})}
    checks: tuple[Callable[[Mapping[str, Any]], Iterator[Fault]], ...] = (
        *(_missing, _unknown, _unlisted, _too_long, _misdated, _misplaced, _misformed),
        _personal,
    )
    return [fault for check in checks for fault in check(given)]


def batch_faults(batch: object) -> list[tuple[int | None, Fault]]:
    """Return what is wrong with the body of a request, each with the place of its statement.

    None stands for the body as a whole.
    """
    statements = batch.get("statements") if isinstance(batch, Mapping) else None
    if not isinstance(statements, Sequence) or isinstance(statements, str) or not statements:
        return [(None, Fault("statements", "is no list with a statement in it"))]
    found: list[tuple[int | None, Fault]] = []
    if len(statements) > MOST_STATEMENTS:
        found.append((None, Fault("statements", f"holds more than {MOST_STATEMENTS}")))
    puids: set[Any] = set()
    for place, statement in enumerate(statements):
        if not isinstance(statement, Mapping):
            found.append((place, Fault("statements", "holds what is no statement")))
            continue
        found += [(place, fault) for fault in faults(statement)]
        if (puid := statement.get("puid")) in puids:
            found.append((place, Fault("puid", "is that of another statement")))
        puids.add(puid if isinstance(puid, str) else None)
    return found


def _missing(given: Mapping[str, Any]) -> Iterator[Fault]:
    if not any(name in given for name in _DECISIONS):
        yield Fault("decision_visibility", "is missing, and no other decision is there")
    for name in _REQUIRED:
        if name not in given:
            yield Fault(name, "is missing")
    for name, value, needed in _NEEDED_WITH:
        if needed not in given and _holds(given.get(name), value):
            yield Fault(needed, f"is missing, which {value} needs")


def _unknown(given: Mapping[str, Any]) -> Iterator[Fault]:
    for name in given:
        if name not in _KNOWN:
            yield Fault(name, "is no attribute of a statement")


def _unlisted(given: Mapping[str, Any]) -> Iterator[Fault]:
    for name, allowed in _ONE_OF.items():
        if name in given and not (isinstance(given[name], str) and given[name] in allowed):
            yield Fault(name, "is none of the values that there are")
    for name, allowed in _SOME_OF.items():
        if name not in given:
            continue
        values = given[name]
        if not isinstance(values, list):
            yield Fault(name, "is no list")
        elif not all(isinstance(each, str) and each in allowed for each in values):
            yield Fault(name, "holds what is none of the values that there are")
        elif len(set(values)) < len(values):
            yield Fault(name, "holds a value twice")


def _too_long(given: Mapping[str, Any]) -> Iterator[Fault]:
    for name, most in _TEXTS.items():
        if name not in given:
            continue
        if not isinstance(given[name], str):
            yield Fault(name, "is no text")
        elif len(given[name]) > most:
            yield Fault(name, f"is longer than {most:,} characters")


def _misdated(given: Mapping[str, Any]) -> Iterator[Fault]:
    days = {name: _day(given[name]) for name in (*_EARLIEST, *_ENDS) if name in given}
    for name, day in days.items():
        if day is None:
            yield Fault(name, "is no day as YYYY-MM-DD")
        elif name in _EARLIEST and day < _EARLIEST[name]:
            yield Fault(name, f"is before {_EARLIEST[name]}")
    began = days.get("application_date")
    for name in _ENDS:
        if began and (ended := days.get(name)) and ended < began:
            yield Fault(name, "is before the application_date")


def _misplaced(given: Mapping[str, Any]) -> Iterator[Fault]:
    for name in dict.fromkeys(each for _, _, each in _ONLY_WITH):
        wanted = [(of, value) for of, value, needed in _ONLY_WITH if needed == name]
        if name in given and not any(_holds(given.get(of), value) for of, value in wanted):
            yield Fault(name, f"is there without {wanted[0][1]}")


def _misformed(given: Mapping[str, Any]) -> Iterator[Fault]:
    puid = given.get("puid")
    if isinstance(puid, str) and not _PUID.fullmatch(puid):
        yield Fault("puid", "holds more than letters, digits, hyphens and underscores")
    identifier = given.get("content_id")
    if identifier is not None and not (
        isinstance(identifier, Mapping) and {*identifier} == {"EAN-13"}
    ):
        yield Fault("content_id", "has another key than EAN-13")
    url = given.get("decision_ground_reference_url")
    if isinstance(url, str) and not re.fullmatch(r"https?://[^\s@]+", url):
        yield Fault("decision_ground_reference_url", "is no address of a page")


def _personal(given: Mapping[str, Any]) -> Iterator[Fault]:
    for name in _SPOKEN:
        for what, pattern in _PERSONAL:
            if isinstance(given.get(name), str) and pattern.search(given[name]):
                yield Fault(name, f"holds what looks like {what}")


def _holds(value: Any, wanted: str) -> bool:
    return wanted in value if isinstance(value, list) else value == wanted


def _day(value: Any) -> date | None:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None
