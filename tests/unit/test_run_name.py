"""A run's name stands in rows, headers, consumer groups and folders."""

import pytest

from weir.pipelines.errors import OptionError
from weir.pipelines.options.screening import require_run_name


@pytest.mark.parametrize("name", ["live", "2026-11 replay", "spam: narrow (2)", "été", "a.b"])
def test_a_name_that_people_give_is_taken(name):
    require_run_name(name)


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", "...", "../live", "a/b", "a\\b", "a\nb", "\0", "\udcff", "x" * 201],
)
def test_a_name_that_leads_elsewhere_or_cannot_be_written_is_refused(name):
    with pytest.raises(OptionError, match="--run"):
        require_run_name(name)
