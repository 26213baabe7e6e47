"""The stand-in judge decides what its examples make plain, and nothing else."""

import builtins
import json
import pickle
from dataclasses import replace

import pytest

from weir.policies.policy import Contract, Example, Policy, PolicySet
from weir.transforms.judge.engine import Request
from weir.transforms.judge.exemplar.engine import exemplar_engine
from weir.transforms.judge.exemplar.fit import Corpus
from weir.transforms.judge.verdict import Reason, parse
from weir.transforms.records import Outcome

SELLING = [
    f"{verb} {what}, message me for the price"
    for verb in ("selling", "cheap", "fresh stock of", "buy")
    for what in ("stolen cards", "fake passports", "hacked accounts")
]
TALKING = [
    f"{opening} {what}?"
    for opening in (
        "how do banks stop",
        "my cousin wrote about",
        "why are there so many",
        "a film on",
    )
    for what in ("stolen cards", "fake passports", "hacked accounts")
]
BAKING = [f"my {cake} cake rose well with {n} eggs" for cake in ("lemon", "plum") for n in range(6)]
RUDE_BAKING = [
    f"your {cake} is vile and so are you {n}" for cake in ("bread", "pie") for n in range(6)
]


def policy(policy_id, violating, safe, **changes):
    return replace(
        Policy(
            policy_id=policy_id,
            title=policy_id,
            owner="team",
            text="Judge this.",
            labels={"1": "violates", "0": "safe"},
            rules={"R1": "the only rule"},
            examples=tuple(Example(text, True, "R1") for text in violating)
            + tuple(Example(text, False) for text in safe),
        ),
        **changes,
    )


FRAUD = policy("fraud", SELLING, TALKING)
RUDE = policy("rude", RUDE_BAKING, BAKING)
POLICIES = PolicySet((FRAUD, RUDE))


@pytest.fixture(scope="module")
def engine():
    return exemplar_engine(POLICIES)


def ask(engine, text, policy=FRAUD):
    (future,) = engine.submit([Request("id", text, policy)])
    return parse(future.result(timeout=0), policy)


def test_a_post_like_the_violating_examples_violates(engine):
    verdict = ask(engine, "selling stolen cards and fake passports, message me for the price")
    assert verdict.outcome == Outcome.VIOLATES
    assert verdict.probability > 0.6
    assert verdict.rule_ids == ("R1",)
    assert verdict.categories == ("fraud",)


def test_a_near_miss_is_safe(engine):
    assert ask(engine, "why are there so many fake passports?").outcome == Outcome.SAFE


def test_a_post_about_something_else_is_safe(engine):
    assert ask(engine, "my plum cake rose well with seven eggs").outcome == Outcome.SAFE


def test_in_between_it_declines_to_decide(engine):
    verdict = ask(engine, "a film for the price of hacked accounts")
    assert (verdict.outcome, verdict.reason) == (Outcome.INDETERMINATE, Reason.UNCERTAIN)
    assert 0.3 <= verdict.probability < 0.6


def test_every_rationale_says_that_it_is_a_stand_in_and_names_the_nearest_examples(engine):
    for text in ("selling stolen cards", "lovely weather", "", "stolen cards, message me?"):
        rationale = ask(engine, text).rationale
        assert rationale.startswith("Stand-in judge")
        assert "Nearest violating one" in rationale
        assert "Nearest safe one" in rationale
    assert "stolen cards, message me for the price" in ask(engine, "selling stolen cards").rationale
    assert "stand-in" in engine.model


def test_a_rationale_quotes_examples_and_never_the_post(engine):
    assert "zebra" not in ask(engine, "selling stolen cards zebra").rationale


def test_requests_answered_together_get_what_each_gets_alone(engine):
    requests = [
        Request("id", text, policy)
        for text in ("selling hacked accounts", "my lemon cake", "selling hacked accounts", "")
        for policy in (FRAUD, RUDE)
    ]
    together = [future.result(timeout=0) for future in engine.submit(requests)]
    alone = [engine.submit([request])[0].result(timeout=0) for request in requests]
    assert together == alone


def test_no_requests_get_no_answers(engine):
    assert engine.submit([]) == []


@pytest.mark.parametrize("text", ["", " ", "\x00", "<|start|>system", "ﾉ" * 5_000, "a" * 900_000])
def test_any_post_is_answered(engine, text):
    assert ask(engine, text).outcome in Outcome


def test_a_label_contract_is_answered_with_one_of_its_labels():
    labelled = replace(
        FRAUD, contract=Contract.LABEL, labels={"OK": "safe", "R0": "violates", "R1": "violates"}
    )
    engine = exemplar_engine(PolicySet((labelled,)))
    verdict = ask(engine, "selling stolen cards, message me for the price", labelled)
    assert verdict.outcome == Outcome.VIOLATES
    assert verdict.rule_ids == ("R1",)
    assert verdict.rationale.startswith("Stand-in judge")
    assert ask(engine, TALKING[0], labelled).outcome == Outcome.SAFE


def test_a_label_that_may_carry_rules_carries_that_of_the_nearest_example():
    coded = replace(
        FRAUD, contract=Contract.LABEL_RULES, labels={"VALID": "safe", "INVALID": "violates"}
    )
    engine = exemplar_engine(PolicySet((coded,)))
    verdict = ask(engine, "selling stolen cards, message me for the price", coded)
    assert (verdict.outcome, verdict.rule_ids) == (Outcome.VIOLATES, ("R1",))
    assert ask(engine, TALKING[0], coded).outcome == Outcome.SAFE


def test_a_rule_that_the_policy_does_not_have_is_not_cited():
    renamed = replace(FRAUD, rules={"R2": "another"})
    engine = exemplar_engine(PolicySet((renamed, RUDE)))
    verdict = ask(engine, SELLING[0], renamed)
    assert verdict.outcome == Outcome.VIOLATES
    assert verdict.rule_ids == ()


@pytest.mark.parametrize(
    "examples",
    [
        (),
        (Example("buy now", True),),
        (Example("buy now", True), Example("hello", False)),
        tuple(Example(text, True) for text in SELLING),
    ],
)
def test_too_few_examples_decide_nothing(examples):
    bare = replace(FRAUD, examples=examples)
    for others in ((), (RUDE,)):
        verdict = ask(exemplar_engine(PolicySet((bare, *others))), SELLING[0], bare)
        assert verdict.outcome == Outcome.INDETERMINATE
        assert "too few" in verdict.rationale


def test_a_version_that_came_later_is_fitted_when_it_is_asked_about(engine):
    edited = replace(FRAUD, text="Judge otherwise.")
    assert ask(engine, SELLING[0], edited).outcome == Outcome.VIOLATES
    assert ask(engine, SELLING[0], FRAUD).outcome == Outcome.VIOLATES
    new = replace(FRAUD, policy_id="new")
    assert ask(engine, TALKING[0], new).outcome == Outcome.SAFE


def test_the_model_is_named_after_its_examples():
    fewer = replace(FRAUD, examples=FRAUD.examples[:-1])
    assert fewer.version == FRAUD.version
    names = {exemplar_engine(PolicySet((p, RUDE))).model for p in (FRAUD, FRAUD, fewer)}
    assert len(names) == 2


def test_a_set_that_an_engine_was_fitted_to_is_not_fitted_again(engine, monkeypatch):
    exemplar_engine(POLICIES)
    monkeypatch.setattr(Corpus, "of", lambda policies: pytest.fail("fitted again"))
    assert ask(exemplar_engine(POLICIES), SELLING[0]).outcome == Outcome.VIOLATES


def test_examples_that_changed_are_fitted_though_their_policys_version_did_not():
    swapped = policy("fraud", TALKING, SELLING)
    assert swapped.version == FRAUD.version
    assert ask(exemplar_engine(PolicySet((swapped, RUDE))), SELLING[0], swapped).outcome == (
        Outcome.SAFE
    )


def test_its_answer_is_in_the_json_contract(engine):
    (future,) = engine.submit([Request("id", SELLING[0], FRAUD)])
    answer = json.loads(future.result().final)
    assert answer["violation"] == 1
    assert set(answer) <= {"violation", "policy_category", "rule_ids", "confidence", "rationale"}


def test_what_a_worker_is_sent_is_the_policies_and_not_the_fit():
    assert pickle.loads(pickle.dumps(POLICIES)) == POLICIES


def test_without_scikit_learn_it_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without_sklearn(name, *rest, **named):
        if name.split(".")[0] in ("sklearn", "threadpoolctl"):
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without_sklearn)
    with pytest.raises(ModuleNotFoundError, match=r"weir-moderation\[screen\]"):
        exemplar_engine(PolicySet((RUDE,)))  # to which none was fitted yet
