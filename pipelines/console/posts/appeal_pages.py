"""A verdict that the judge is asked for again: beside the page, since it may take a while."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

from weir.pipelines.console.actions import id_of, record
from weir.pipelines.console.engine_trouble import problem_of
from weir.pipelines.console.posts.post_pages import day_of, post_address
from weir.pipelines.console.visit import Moved, RefusedError, Shown, Visit
from weir.pipelines.reviews.appeal import Compared, judge_again, recorded_verdict

_SECONDS = 120.0  # that an answer may take
_MOST_KEPT = 100
_MOST_AT_ONCE = 3


@dataclass(eq=False)
class Asking:
    """One verdict that is asked for; a thread of its own writes it, and any may read."""

    person: str
    decision_id: str
    started: datetime
    row: dict[str, Any] = field(repr=False)
    compared: Compared | None = None
    problem: str | None = None
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def key(self) -> str:
        """Return its name in addresses."""
        return id_of(self.person, self.decision_id, self.started.isoformat())

    def run(self, visit: Visit) -> None:
        """Ask, and keep what is said; whatever goes wrong is said in ``problem``."""
        try:
            self.problem = problem_of("an appeal", lambda: self._run(visit))
        finally:
            self.ended.set()

    def _run(self, visit: Visit) -> None:
        assert visit.setup.engine is not None  # as it was checked
        self.compared = judge_again(self.row, visit.setup.bigquery, visit.setup.engine, _SECONDS)
        outcome = {"same": self.compared.same, "now": self.compared.now["verdict"]}
        record(visit, "appeal", self.decision_id, detail=outcome, action_id=self.key)


_KEPT: OrderedDict[str, Asking] = OrderedDict()
_LOCK = threading.Lock()


def begin(visit: Visit) -> Moved:
    """Ask the judge again, and go to where its answer will be. RefusedError, TablesError."""
    if visit.setup.engine is None:
        raise RefusedError("The console was given no judge (weir console --engine)")
    decision_id = visit.path["decision_id"]
    row = recorded_verdict(decision_id, visit.setup.bigquery, day_of(visit))
    with _LOCK:
        running = [each for each in _KEPT.values() if not each.ended.is_set()]
        asking = next(
            (
                each
                for each in running
                if (each.person, each.decision_id) == (visit.person.name, decision_id)
            ),
            None,
        )
        if asking is None:
            if len(running) >= _MOST_AT_ONCE:
                raise RefusedError(
                    f"{len(running)} verdicts are asked for already: wait for one of them",
                    HTTPStatus.TOO_MANY_REQUESTS,
                )
            asking = Asking(visit.person.name, decision_id, visit.now, row)
            _KEPT[asking.key] = asking
            while len(_KEPT) > _MOST_KEPT:
                _KEPT.popitem(last=False)
            threading.Thread(target=asking.run, args=(visit,), daemon=True).start()
    return Moved(_at(asking, asking.key))


def show(visit: Visit) -> Shown:
    """Return what was said then and is said now, or how long that has been asked for."""
    asking = _KEPT.get(visit.path["asked"])
    if asking is None or asking.decision_id != visit.path["decision_id"]:
        raise RefusedError(
            "Nothing is kept of this answer: ask again on the page of the post",
            HTTPStatus.NOT_FOUND,
        )
    values = {
        "asking": asking,
        "seconds": (visit.now - asking.started).total_seconds(),
        "at": _at(asking, asking.key),
        "post_at": _at(asking),
    }
    return Shown("posts/again.html.j2", values)


def _at(asking: Asking, key: str = "") -> str:
    day = asking.row["created_at"].date()
    part = f"/again/{key}" if key else ""
    return post_address(asking.decision_id, day, asking.row["run"], part)
