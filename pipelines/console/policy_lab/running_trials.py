"""Trials that run in this process: few at once, each stopped when asked, kept for an hour."""

import hashlib
import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus

from weir.pipelines.console.engine_trouble import problem_of
from weir.pipelines.console.policy_lab.trial_results import Post, Results, cases_of
from weir.pipelines.console.visit import RefusedError
from weir.pipelines.evaluate.judging import Answer, Judgements, Patience, held_out, judge_cases
from weir.pipelines.settings.engines import EngineLater, drawing, stand_in
from weir.policies.policy import Policy, PolicySet
from weir.transforms.judge.engine import Completion, Engine, EngineError, Request
from weir.transforms.judge.in_flight import Failed
from weir.transforms.judge.shared_engine import Engines

MOST_AT_ONCE = 3
KEPT = timedelta(hours=1)
_PATIENCE = Patience(max_in_flight=16, timeout_seconds=120.0)
_MOST_KEPT = 50
_SILENT_AFTER = 16  # requests in a row without an answer


@dataclass(frozen=True)
class Asked:
    """What is to be tried: posts, so often each, under a text and the one in force."""

    policy: Policy
    before: Policy | None  # None where the text is the one in force
    others: tuple[Policy, ...]  # of the folder; a stand-in learns from these, too
    posts: tuple[Post, ...]
    repeats: int

    @property
    def key(self) -> str:
        """Return what two trials of the same have in common."""
        texts = [(each.version, each.examples) for each in (self.policy, self.before) if each]
        said = [repr(texts), str(self.repeats), *(post.text for post in self.posts)]
        return hashlib.sha256("\0".join(said).encode()).hexdigest()


@dataclass(eq=False)
class Trial:
    """One trial, on its way or ended; a thread of its own writes it, and any may read."""

    asked: Asked
    person: str
    started: datetime
    trial_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    engine: str = ""
    model: str = ""
    stand_in: bool = False
    total: int = 0
    done: int = 0
    results: Results | None = None
    problem: str | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    _silent: int = 0
    _outstanding: "set[Future[Completion]]" = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def address(self) -> str:
        """Return where it is looked at."""
        return f"/policies/{self.asked.policy.policy_id}/trials/{self.trial_id}"

    def stop(self) -> None:
        """Give up what is outstanding."""
        self.stopped.set()
        with self._lock:
            left = list(self._outstanding)
        for each in left:
            each.cancel()

    def run(self, factory: Callable[[], Engine]) -> None:
        """Ask, and keep what is said; whatever goes wrong is said in ``problem``."""
        try:
            problem = problem_of("a trial of a policy", lambda: self._run(factory))
            self.problem = problem or self.problem  # it may have been given up with one
        finally:
            self.ended.set()

    def _run(self, factory: Callable[[], Engine]) -> None:
        asked = self.asked
        policies = [asked.policy, *([asked.before] if asked.before else [])]
        teach = stand_in(factory)
        self.stand_in = teach is not None
        if isinstance(factory, EngineLater):
            factory = factory.factory  # looked for once, whatever is then made of it
        rounds = 1 if teach else asked.repeats
        self.total = len(asked.posts) * rounds * len(policies)
        if teach:
            judged = [self._held_out(teach, policy) for policy in policies]
        else:
            firsts = self._judge(factory, policies, 1)
            again = self._judge(drawing(factory), policies, rounds - 1)
            judged = [_joined(*each) for each in zip(firsts, again, strict=True)]
        self.engine, self.model = judged[0].engine, judged[0].model
        self.results = Results(
            asked.posts,
            asked.policy,
            judged[0],
            asked.before,
            judged[1] if asked.before else None,
            held_out=self.stand_in,
        )

    def _judge(
        self, factory: Callable[[], Engine], policies: Sequence[Policy], repeats: int
    ) -> list[Judgements]:
        engines, cases = Engines(), cases_of(self.asked.posts)
        watched = partial(_Stoppable, factory, self)
        try:
            return [
                judge_cases(watched, policy, cases, repeats, _PATIENCE, self._heard, None, engines)
                for policy in policies
            ]
        finally:
            engines.close()

    def _held_out(
        self, teach: Callable[[PolicySet], Callable[[], Engine]], policy: Policy
    ) -> Judgements:
        others = [each for each in self.asked.others if each.policy_id != policy.policy_id]
        return held_out(
            lambda policies: partial(_Stoppable, teach(policies), self),
            PolicySet((policy, *others)),
            policy,
            cases_of(self.asked.posts),
            1,
            _PATIENCE,
            self._heard,
        )

    def _heard(self, answer: Answer) -> None:
        if self.stopped.is_set():
            return  # of what was given up
        self.done += 1
        if not isinstance(answer.said, Failed):
            self._silent = 0
            return
        self._silent += 1
        if self._silent >= _SILENT_AFTER:
            self.problem = f"The engine does not answer: {answer.said.error}"
            self.stop()

    def hold(self, futures: Sequence["Future[Completion]"]) -> None:
        """Keep futures, so that they can be given up."""
        with self._lock:
            self._outstanding = {each for each in self._outstanding if not each.done()}
            self._outstanding |= set(futures)
        if self.stopped.is_set():
            self.stop()


class _Stoppable:
    """An engine whose requests a trial gives up when it is stopped."""

    def __init__(self, factory: Callable[[], Engine], trial: Trial) -> None:
        self._engine, self._trial = factory(), trial
        self.name, self.model = self._engine.name, self._engine.model
        self.content_tokens = self._engine.content_tokens

    @property
    def capacity(self) -> int:
        """Return the engine's own."""
        return self._engine.capacity

    def submit(self, requests: Sequence[Request]) -> list["Future[Completion]"]:
        """Ask the engine, or nobody any more."""
        if self._trial.stopped.is_set():
            return [_stopped() for _ in requests]
        futures = self._engine.submit(requests)
        self._trial.hold(futures)
        return futures

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()


@dataclass
class Trials:
    """The trials of this process."""

    _trials: dict[str, Trial] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(
        self, asked: Asked, factory: Callable[[], Engine], person: str, now: datetime
    ) -> Trial:
        """Start a trial, or return the one of the same that runs; RefusedError of too many.

        It is ``asked`` of the one that was started, and equal to that of the other.
        """
        with self._lock:
            self._forget(now)
            running = [each for each in self._trials.values() if not each.ended.is_set()]
            own = [each for each in running if each.person == person]
            for each in own:
                if each.asked.key == asked.key:
                    return each
                raise RefusedError(
                    f"You have a trial of {each.asked.policy.policy_id} running: wait for it, or "
                    "stop it",
                    HTTPStatus.TOO_MANY_REQUESTS,
                    {"Look at it": each.address},
                )
            if len(running) >= MOST_AT_ONCE:
                raise RefusedError(
                    f"{MOST_AT_ONCE} trials run already: try again once one has ended",
                    HTTPStatus.TOO_MANY_REQUESTS,
                )
            trial = Trial(asked, person, now)
            self._trials[trial.trial_id] = trial
        threading.Thread(target=trial.run, args=(factory,), name="weir-trial", daemon=True).start()
        return trial

    def find(self, trial_id: str, now: datetime) -> Trial:
        """Return a trial; RefusedError where it is not kept, or not any more."""
        with self._lock:
            self._forget(now)
            found = self._trials.get(trial_id)
        if found is None:
            raise RefusedError(
                "That trial is no longer here: results are kept in the console's memory for an "
                "hour, and not over a restart. Run it again",
                HTTPStatus.NOT_FOUND,
            )
        return found

    def of(self, person: str) -> list[Trial]:
        """Return a person's trials, the newest first."""
        with self._lock:
            mine = [each for each in self._trials.values() if each.person == person]
        return sorted(mine, key=lambda each: each.started, reverse=True)

    def _forget(self, now: datetime) -> None:
        ended = [each for each in self._trials.values() if each.ended.is_set()]
        newest = sorted(ended, key=lambda each: each.started)[-_MOST_KEPT:]
        for trial in ended:
            if trial not in newest or now - trial.started > KEPT:
                del self._trials[trial.trial_id]


TRIALS = Trials()


def _joined(first: Judgements, again: Judgements) -> Judgements:
    answers, stopped = first.answers + again.answers, first.stopped or again.stopped
    return Judgements(first.engine, first.model, answers, stopped)


def _stopped() -> "Future[Completion]":
    future: Future[Completion] = Future()
    future.set_exception(EngineError("stopped", "the trial was stopped"))
    return future
