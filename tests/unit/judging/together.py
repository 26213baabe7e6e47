"""Posts that say what a judge answers about each policy, asked alone or together."""

import json
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from tests.fakes import ScriptedEngine
from tests.unit.judging.cases import FRAUD, POLICY, escalations
from weir.policies.group import Group, groups_of
from weir.transforms.judge.bundle import Bundle, Escalated
from weir.transforms.judge.engine import Completion, EngineError, Request
from weir.transforms.judge.rows import Dead, Deferred, Judged, Row
from weir.transforms.judge.shared_engine import Engines

HATE = replace(POLICY, policy_id="hate")
POLICIES = (FRAUD, HATE, POLICY)
_VALUES = {
    "violates": '{"violation": 1, "rule_ids": ["R1"], "rationale": "it does"}',
    "safe": '{"violation": 0}',
    "prose": '"I am sorry"',
}


@dataclass
class Judge(ScriptedEngine):
    """Reads ``spam:violates hate:prose``; a policy that is not named is safe.

    ``together:cut``, ``together:prose``, ``together:fail`` befall what is asked about several;
    ``spam:missing``, ``spam:twice`` their member; ``spam:0.5`` is safe with that probability at
    the first effort.
    """

    asked: list[Request] = field(default_factory=list)

    @property
    def names(self):
        return [request.policy.policy_id for request in self.asked]

    def submit(self, requests):
        self.calls.append(len(requests))
        return [self._future(request) for request in requests]

    def _future(self, request):
        policy = request.policy
        self.asked.append(request)
        words = dict(word.split(":") for word in request.text.split() if ":" in word)
        future: Future[Completion] = Future()
        said = words.get(policy.policy_id, "safe")
        if said == "fail":
            future.set_exception(EngineError("too_long", "policy and post take too many tokens"))
        elif isinstance(policy, Group):
            future.set_result(_of_group(policy, words, said))
        else:
            future.set_result(_of_policy(policy, said))
        return future


def _of_group(group, words, said):
    written, probabilities = [], {}
    for member in group.members:
        word = words.get(member.policy_id, "safe")
        if word == "missing":
            continue
        chance = _chance(word)
        probabilities[member.policy_id] = 0.0 if chance is None else chance
        pair = f"{json.dumps(member.policy_id)}: {_VALUES.get(word, _VALUES['safe'])}"
        written += [pair, pair] if word == "twice" else [pair]
    final = "I am sorry" if said == "prose" else "{" + ", ".join(written) + "}"
    return Completion(
        final,
        reasoning="hmm",
        probabilities=probabilities,
        tokens_in=100,
        tokens_cached=80,
        tokens_out=10,
        finish_reason="length" if said == "cut" else "stop",
    )


def _of_policy(policy, said):
    chance = _chance(said)
    violates = said == "violates" or (chance is not None and policy.effort == "high")
    return Completion(
        _VALUES.get(said, _VALUES["violates" if violates else "safe"]),
        probability=chance if chance is not None and policy.effort == "low" else float(violates),
        tokens_in=30,
        tokens_out=5,
    )


def _chance(word):
    try:
        return float(word)
    except ValueError:
        return None


def judged(*texts, policies=POLICIES, asked_of=None, batches=1, **more):
    """Return what became of posts under the policies (or those ``asked_of``), and the judge."""
    engine = Judge(content_tokens=more.pop("content_tokens", 4096))
    changes = more.pop("changes", {})
    shared = Engines().acquire("k", lambda: engine, 4, **more)
    bundle = Bundle(shared, timeout_seconds=20)
    results: list = []
    groups = groups_of(policies)
    ids = asked_of or [policy.policy_id for policy in policies]
    known = {policy.policy_id: policy for policy in policies}
    for number in range(batches):
        first = number * len(texts)
        batch = escalations(*texts, policy_ids=ids, first=first, **changes)
        names = batch["policy_id"].to_pylist()
        rows = [
            Escalated(Row(batch, n), known[name], groups.get(known[name].version))
            for n, name in enumerate(names)
        ]
        results += bundle.take(batch, rows)
    return [*results, *bundle.finish()], engine


def verdicts(results):
    """Return outcome and reason by post and policy."""
    assert all(isinstance(each, Judged) for each in results)
    return {
        (of(each, "content_id"), of(each, "policy_id")): (
            str(each.verdict.outcome),
            each.verdict.reason and str(each.verdict.reason),
        )
        for each in results
    }


def of(each: Judged | Dead | Deferred, column):
    return each.row.batch[column][each.row.number].as_py()
