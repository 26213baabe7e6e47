"""What a policy says of its ground, its category and its usual action."""

import pytest

from weir.policies.grounds import GroundsError, parse_grounds
from weir.policies.loading import LIBRARY, load_policies, parse_policy
from weir.policies.policy import PolicyError

DOCUMENT = """---
id: spam
title: Spam
owner: Ann
labels:
  "1": violates
  "0": safe
{grounds}---
The text.
"""
GROUNDS = """grounds:
  contractual: Terms, part 4
  category: other-violation-tc
  keywords: KEYWORD_NUDITY, phishing
  action: Demoted
  territory: DE, fr
"""


def parse(grounds: str):
    return parse_policy(DOCUMENT.format(grounds=grounds).encode())


def test_grounds_stand_in_the_front_matter_in_plain_words() -> None:
    grounds = parse(GROUNDS).grounds
    assert grounds.contractual == "Terms, part 4"
    assert grounds.category == "STATEMENT_CATEGORY_OTHER_VIOLATION_TC"
    assert grounds.keywords == ("KEYWORD_NUDITY", "KEYWORD_PHISHING")
    assert grounds.action == "demoted"
    assert grounds.territory == ("DE", "FR")


def test_grounds_change_no_verdict_and_so_no_version() -> None:
    assert parse(GROUNDS).version == parse("").version


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("  reason: because", "there is no 'reason'"),
        ("  legal: Article 3", "keep the one that the decision rests on"),
        ("  category: RUDENESS", "category is 'STATEMENT_CATEGORY_RUDENESS'"),
        ("  keywords: HATE_SPEACH", "did you mean KEYWORD_HATE_SPEECH"),
        ("  action: deleted", "action is 'deleted'"),
        ("  territory: EU, UK", "territory is 'UK'"),
        ("  territory: ','", "territory names nothing"),
        ("  url: example.org", "url is no address"),
    ],
)
def test_grounds_that_cannot_be_used_are_refused_at_their_line(line: str, problem: str) -> None:
    with pytest.raises(PolicyError, match=r"policy.md:8: of the grounds, ") as refused:
        parse(f"grounds:\n  contractual: Terms\n{line}\n")
    assert problem in str(refused.value)


def test_what_a_policy_says_counts_before_what_is_usual() -> None:
    usual = parse_grounds({"contractual": "Terms", "action": "removed", "territory": "EU"})
    own = parse_grounds({"legal": "Article 3", "action": "labelled"})
    both = own.otherwise(usual)
    assert (both.legal, both.contractual, both.action) == ("Article 3", None, "labelled")
    assert len(both.territory) == 27


def test_the_library_names_a_category_for_every_policy_and_no_ground() -> None:
    for policy in load_policies(LIBRARY).policies:
        assert policy.grounds.category
        assert policy.grounds.legal is policy.grounds.contractual is policy.grounds.action is None


def test_a_ground_that_is_too_long_is_refused() -> None:
    with pytest.raises(GroundsError, match="longer than 500"):
        parse_grounds({"legal": "a" * 501})
