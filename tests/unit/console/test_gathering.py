"""What takes longer than a page may is shown as far as it is known, and shared."""

import threading
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from tests.unit.console.visits import NOWHERE, page
from weir.pipelines.console import gathering
from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.gathering import SoFar, Span, gather, spans
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.runs import pages
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.visit import RefusedError, Shown, Visit

DAYS = [date(2026, 3, 4), date(2026, 3, 6)]


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    monkeypatch.setattr(gathering, "_PATIENCE", 60.0)


@pytest.fixture
def visit():
    return Visit(Setup(NOWHERE, OnLoopback()), Person("ada", Role.READER), "/now")


@pytest.fixture
def held_up(visit, request, monkeypatch):
    """What was asked for since, and a look at it: of two pieces the second waits to be let go."""
    asked, come, let_go = [], threading.Event(), threading.Event()

    def ask(piece):
        asked.append(piece)
        if len(asked) == 2:
            come.set()
            let_go.wait(60)
        return 10 * piece

    def look(patience=0.0):
        monkeypatch.setattr(gathering, "_PATIENCE", patience)
        return gather(visit, request.node.name, lambda: [1, 2], ask)

    look()
    come.wait(60)
    yield asked, look, let_go
    let_go.set()


def test_what_comes_in_time_is_whole_and_is_asked_for_anew_the_next_time(visit):
    asked = list[int]()

    def ask(piece):
        asked.append(piece)
        return 10 * piece

    for _ in range(2):
        so_far = gather(visit, "in time", lambda: [1, 2], ask)
        assert (so_far.found, so_far.is_whole) == ((10, 20), True)
    assert asked == [1, 2, 1, 2]


def test_what_takes_longer_is_shown_as_far_as_it_came_and_then_the_rest(held_up):
    _, look, let_go = held_up
    assert (look().found, look().is_whole) == ((10,), False)
    let_go.set()
    assert (look(60.0).found, look().is_whole) == ((10, 20), True)


def test_all_who_look_at_the_same_share_the_asking(held_up):
    asked, look, let_go = held_up
    let_go.set()
    assert [look(60.0).found for _ in range(3)] == [(10, 20)] * 3
    assert asked == [1, 2]


@pytest.mark.parametrize("show", [pages.show_accounts, pages.show_policies])
def test_the_days_of_posts_are_asked_for_once_however_often_one_looks(visit, monkeypatch, show):
    days_asked, asked, let_go = list[str](), threading.Event(), threading.Event()

    class Held:
        def rows(self, sql, **_):
            if sql.lstrip().startswith("SELECT DISTINCT"):
                days_asked.append(sql)
                return [{"day": DAYS[0]}]
            asked.set()
            let_go.wait(60)
            return []

    monkeypatch.setattr(Visit, "dataset", lambda _: nullcontext(Held()))
    monkeypatch.setattr(gathering, "narrowed", lambda _, sql, __: sql)
    monkeypatch.setattr(gathering, "_PATIENCE", 0.0)
    looked = replace(visit, query={"run": show.__name__})
    show(looked)
    asked.wait(60)
    show(looked)
    assert len(days_asked) == 1
    let_go.set()


def test_what_nobody_looks_at_any_more_is_not_asked_for(visit, monkeypatch):
    asked = list[int]()
    monkeypatch.setattr(gathering, "_KEPT", -1.0)
    assert gather(visit, "left", lambda: [1, 2], asked.append).found == ()
    assert asked == []


@pytest.fixture
def no_turn(monkeypatch):
    """Let no question have its turn, and nobody wait for it."""
    monkeypatch.setattr(gathering, "_TURNS", threading.Semaphore(0))
    monkeypatch.setattr(gathering, "_UNDER_WAY", {})
    monkeypatch.setattr(gathering, "_PATIENCE", 0.0)


def test_what_nobody_looks_at_any_more_does_not_wait_for_its_turn(visit, no_turn, monkeypatch):
    monkeypatch.setattr(gathering, "_KEPT", -1.0)
    monkeypatch.setattr(gathering, "_PATIENCE", 60.0)
    assert not gather(visit, "waits", lambda: [1], str).is_whole
    assert not gathering._UNDER_WAY, "it ended"


def test_where_many_questions_are_under_way_another_is_refused(visit, no_turn, monkeypatch):
    monkeypatch.setattr(gathering, "_MOST_UNDER_WAY", 1)
    for _ in range(2):  # the same one is looked at again
        assert not gather(visit, "first", lambda: [1], str).is_whole
    with pytest.raises(RefusedError, match="look again in a minute") as refused:
        gather(visit, "second", lambda: [1], str)
    assert refused.value.status == 503


def test_what_goes_wrong_is_raised_and_is_not_kept(visit):
    with pytest.raises(ZeroDivisionError):
        gather(visit, "wrong", lambda: [0], lambda piece: 1 / piece)
    assert gather(visit, "wrong", lambda: [1], lambda piece: 1 / piece).found == (1.0,)


def test_the_emulator_is_asked_for_one_day_after_another_and_the_last_one_first(visit):
    first, last = datetime(2026, 3, 6, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC)
    assert [span.begin for span in spans(visit, DAYS)] == [first, last]


def test_bigquery_is_asked_for_all_days_at_once(visit):
    of_google = replace(NOWHERE, rest_endpoint=None)
    seen = replace(visit, setup=replace(visit.setup, bigquery=of_google))
    whole = Span(datetime(2026, 3, 4, tzinfo=UTC), datetime(2026, 3, 7, tzinfo=UTC))
    assert spans(seen, DAYS) == [whole]


def test_a_part_that_is_not_whole_says_how_far_it_came_and_is_looked_at_again(visit):
    all_of_it = tuple(spans(visit, DAYS))
    for pieces, found, left in (
        (None, (), True),
        (all_of_it, ([],), True),
        (all_of_it, ([], []), False),
    ):
        values = {"rows": [], "so_far": SoFar(pieces, found, 3.0)}
        shown = page(Shown("runs/accounts.html.j2", values), visit)
        assert ('data-soon="1"' in shown) == left
        assert ("Being counted for 3 s" in shown) == left
