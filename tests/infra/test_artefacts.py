"""Every checker finds nothing in what is here."""

import pytest

from weir.infra.checks import checkers


@pytest.mark.parametrize(
    "check",
    [
        checkers.dockerfiles,
        checkers.workflows,
        checkers.chart,
        checkers.manifests,
        checkers.rules,
        checkers.terraform_format,
    ],
    ids=lambda check: check.__name__,
)
def test_a_checker_has_nothing_to_say(check):
    assert check(checkers.INFRA) == []
