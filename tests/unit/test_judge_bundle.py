"""Whatever cache, budget and engine do to a bundle, each of its escalations ends once."""

from dataclasses import replace

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import ScriptedEngine
from tests.unit.judging.cases import POLICY, escalations
from weir.policies.policy import Status
from weir.transforms.judge.budget import Budget
from weir.transforms.judge.bundle import Bundle, Escalated
from weir.transforms.judge.reuse import ReuseSettings
from weir.transforms.judge.rows import Deferred, Judged, Provenance, Row
from weir.transforms.judge.shared_engine import Engines
from weir.transforms.records import Mode

TEXTS = st.sampled_from(["safe", "violates", "prose", "cut", "fail", "crash", "drop", "refuse"])
ROUTES = st.sampled_from(["escalate", "audit", "forced", "deferred"])
BATCHES = st.lists(st.lists(st.tuples(TEXTS, ROUTES), max_size=12), max_size=5)
BUDGETS = st.sampled_from([None, 0.0, 0.3, 0.9])


PROVENANCE = Provenance("r", "c", Mode.ENFORCE, "scripted", "scripted-1")


def ended(batches, cache_bytes, share, third=POLICY, shadow_share=None):
    """Return what became of the batches; every third row is judged under another policy."""
    budgets = Budget(share=share), Budget(share=shadow_share)
    # Half of what is alike is checked, and the rest is trusted once a few checks agreed.
    reuse = ReuseSettings(1 << 20, check_share=0.5, agreement=0.5)
    shared = Engines().acquire("k", ScriptedEngine, 4, cache_bytes, *budgets, reuse)
    results: list = []
    bundle = Bundle(shared, 20, PROVENANCE)
    for batch in batches:
        if batch.num_rows:
            rows = [
                Escalated(Row(batch, n), POLICY if n % 3 else third) for n in range(batch.num_rows)
            ]
            results += bundle.take(batch, rows)
    return [*results, *bundle.finish()], shared.engine


def batches_of(drawn):
    first = 0
    for rows in drawn:
        batch = escalations(*(text for text, _ in rows), first=first)
        routes = pa.array([route for _, route in rows], pa.string())
        at = batch.schema.get_field_index("route")
        yield batch.set_column(at, batch.schema.field(at), routes)
        first += len(rows)


def place(each):
    return each.row.batch["offset"][each.row.number].as_py()


@settings(deadline=None)
@given(BATCHES, st.sampled_from([0, 1 << 20]), BUDGETS, st.sampled_from(Status), BUDGETS)
def test_every_escalation_ends_once(drawn, cache_bytes, share, status, shadow_share):
    batches = list(batches_of(drawn))
    third = replace(POLICY, status=status)
    results, engine = ended(batches, cache_bytes, share, third, shadow_share)
    assert sorted(map(place, results)) == list(range(sum(map(len, drawn))))
    assert engine.in_flight == 0
    copies = [each for each in results if isinstance(each, Judged) and each.cached]
    assert all(each.row.batch["route"][each.row.number].as_py() != "audit" for each in copies)


@settings(deadline=None)
@given(BATCHES, st.sampled_from([0, 1 << 20]), BUDGETS)
def test_audits_that_are_judged_carry_the_chance_that_was_left_to_them(drawn, cache_bytes, share):
    results, _ = ended(list(batches_of(drawn)), cache_bytes, share)
    audits = sum(route == "audit" for rows in drawn for _, route in rows)
    left = [each for each in results if isinstance(each, Deferred) and each.route == "deferred"]
    for each in results:
        if isinstance(each, Judged) and each.kept < 1:
            assert each.row.batch["route"][each.row.number].as_py() == "audit"
            assert 1 / audits <= each.kept
            assert left
