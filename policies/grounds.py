"""What a decision under a policy rests on, and what it leads to, as a regulator asks for it."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from weir.policies.dsa_terms import ACTIONS, CATEGORIES, KEYWORDS, TERRITORIES

_CATEGORY, _KEYWORD = "STATEMENT_CATEGORY_", "KEYWORD_"
# Characters, as the API has them.
_LONGEST = {"legal": 500, "contractual": 500, "explanation": 2_000}


class GroundsError(ValueError):
    """What is written of a policy's grounds cannot be used; the message says why."""


@dataclass(frozen=True)
class Grounds:
    """The law or the terms that a policy enforces, and what its violation usually leads to.

    Nothing of it reaches a model, so that none of it is part of a policy's version. ``category``
    and ``keywords`` are the DSA Transparency Database's, ``territory`` the codes of countries.
    """

    legal: str | None = None
    contractual: str | None = None
    explanation: str | None = None
    url: str | None = None
    category: str | None = None
    keywords: tuple[str, ...] = ()
    action: str | None = None  # a key of ACTIONS
    territory: tuple[str, ...] = ()

    def otherwise(self, usual: "Grounds") -> "Grounds":
        """Return these grounds, with the usual ones where a policy names none."""
        own_ground = self.legal or self.contractual
        return Grounds(
            legal=self.legal if own_ground else usual.legal,
            contractual=self.contractual if own_ground else usual.contractual,
            explanation=self.explanation or usual.explanation,
            url=self.url or usual.url,
            category=self.category or usual.category,
            keywords=self.keywords or usual.keywords,
            action=self.action or usual.action,
            territory=self.territory or usual.territory,
        )


NO_GROUNDS = Grounds()


def parse_grounds(written: Mapping[str, str]) -> Grounds:
    """Return the grounds of a mapping from text to text, as a policy's front matter has it.

    Categories and keywords may be written without what all of them begin with, in any case.
    GroundsError names what cannot be used.
    """
    known = tuple(Grounds.__dataclass_fields__)
    if unknown := [key for key in written if key not in known]:
        raise GroundsError(f"there is no {unknown[0]!r}; the keys are {', '.join(known)}")
    if "legal" in written and "contractual" in written:
        raise GroundsError("it has legal and contractual; keep the one that the decision rests on")
    for key, most in _LONGEST.items():
        if len(written.get(key, "")) > most:
            raise GroundsError(
                f"{key} is longer than {most:,} characters, as no regulator takes it"
            )
    url = written.get("url")
    if url is not None and not url.startswith(("https://", "http://")):
        raise GroundsError("url is no address; write one like https://example.org/terms")
    return Grounds(
        legal=written.get("legal"),
        contractual=written.get("contractual"),
        explanation=written.get("explanation"),
        url=url,
        category=_one("category", written, CATEGORIES, _CATEGORY),
        keywords=tuple(
            _known("keywords", each, KEYWORDS, _KEYWORD) for each in _listed(written, "keywords")
        ),
        action=parse_action(written["action"]) if "action" in written else None,
        territory=parse_territory(written["territory"]) if "territory" in written else (),
    )


def parse_action(written: str) -> str:
    """Return a key of ACTIONS; GroundsError."""
    return _known("action", written.strip().lower(), ACTIONS)


def parse_territory(written: str) -> tuple[str, ...]:
    """Return the codes of a list of countries such as ``DE, FR``, of EU or of EEA; GroundsError."""
    names = [each.strip().upper() for each in written.split(",") if each.strip()]
    if not names:
        raise GroundsError("territory names nothing; write EU, EEA, or codes such as DE, FR")
    codes = {code for name in names for code in TERRITORIES[_known("territory", name, TERRITORIES)]}
    return tuple(sorted(codes))


def _listed(written: Mapping[str, str], key: str) -> list[str]:
    return [each.strip() for each in written.get(key, "").split(",") if each.strip()]


def _one(key: str, written: Mapping[str, str], known: Collection[str], prefix: str) -> str | None:
    return _known(key, written[key], known, prefix) if key in written else None


def _known(key: str, written: str, known: Collection[str], prefix: str = "") -> str:
    if prefix:
        plain = written.strip().upper().replace("-", "_").replace(" ", "_")
        written = plain if plain.startswith(prefix) else prefix + plain
    if written in known:
        return written
    near = difflib.get_close_matches(written, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
    raise GroundsError(f"{key} is {written!r}: {hint}")
