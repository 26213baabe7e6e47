"""A completion answers only where one whole message on the final channel is its end."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai_harmony import HarmonyError, Role

from weir.policies.vocabulary import encoding
from weir.transforms.judge.harmony.messages import (
    CALL,
    CHANNEL,
    CONSTRAIN,
    CONTROL_TOKENS,
    END,
    ENDOFTEXT,
    MESSAGE,
    RETURN,
    START,
    Answer,
    decode,
    encode,
    read,
)

ANALYSIS = "<|channel|>analysis<|message|>Is it spam? No: VALID.<|end|>"
NEXT = "<|start|>assistant"
FINAL = "<|channel|>final<|message|>VALID<|return|>"


def ids(completion):
    return encoding().encode(completion, allowed_special="all")


def test_the_ids_are_those_of_the_vocabulary():
    names = {
        "<|endoftext|>": ENDOFTEXT,
        "<|return|>": RETURN,
        "<|constrain|>": CONSTRAIN,
        "<|channel|>": CHANNEL,
        "<|start|>": START,
        "<|end|>": END,
        "<|message|>": MESSAGE,
        "<|call|>": CALL,
    }
    assert {name: ids(name) for name in names} == {name: [of] for name, of in names.items()}
    assert {ids(string)[0] for string in encoding().special_tokens_set} == CONTROL_TOKENS


def test_reasoning_and_final_are_read_apart():
    tokens = len(encode("Is it spam? No: VALID."))
    assert read(ids(ANALYSIS + NEXT + FINAL)) == Answer("Is it spam? No: VALID.", "VALID", tokens)


def test_a_final_needs_no_reasoning():
    assert read(ids(FINAL)) == Answer(None, "VALID", 0)


@pytest.mark.parametrize(
    "end",
    ["<|return|>", "<|end|>", "<|end|><|return|>", "<|return|><|endoftext|>", "<|call|>",
     "<|endoftext|>"],
)  # fmt: skip
def test_a_stop_token_ends_a_final_and_is_no_part_of_it(end):
    assert read(ids(ANALYSIS + NEXT + "<|channel|>final<|message|>VALID" + end)).final == "VALID"


def test_a_final_may_name_the_type_of_its_content():
    tokens = ids("<|channel|>final <|constrain|>json<|message|>{}<|return|>")
    assert read(tokens).final == "{}"


def test_reasoning_may_come_in_several_messages():
    answer = read(ids(ANALYSIS + NEXT + ANALYSIS + NEXT + FINAL))
    assert answer.reasoning == "Is it spam? No: VALID.\nIs it spam? No: VALID."
    assert answer.tokens_reasoning == 2 * len(encode("Is it spam? No: VALID."))
    assert answer.final == "VALID"


def test_a_generation_cut_inside_its_reasoning_keeps_what_there_is_of_it():
    answer = read(ids("<|channel|>analysis<|message|>It is VALID"))
    assert answer == Answer("It is VALID", None, len(encode("It is VALID")))


@pytest.mark.parametrize(
    "completion",
    [
        "",
        "VALID",
        "<|return|>",
        "<|message|>VALID<|return|>",
        "<|channel|><|message|>VALID<|return|>",
        ANALYSIS,
        ANALYSIS + NEXT,
        ANALYSIS + NEXT + "<|channel|>final",
        ANALYSIS + NEXT + "<|channel|>final<|message|>",
        ANALYSIS + NEXT + "<|channel|>final<|message|>VALID",
        ANALYSIS + FINAL,
        ANALYSIS + "VALID",
        ANALYSIS + NEXT + "<|message|>VALID<|return|>",
        ANALYSIS + "<|start|>user" + FINAL,
        ANALYSIS + "<|start|>assistant to=user" + FINAL,
        ANALYSIS.replace("<|end|>", "<|return|>") + NEXT + FINAL,
        NEXT + FINAL,
        "VALID" + FINAL,
        "<|channel|>final to=user<|message|>VALID<|return|>",
        "<|channel|>final<|channel|>final<|message|>VALID<|return|>",
        "<|channel|>finally<|message|>VALID<|return|>",
        "<|channel|>commentary<|message|>VALID<|return|>",
        "<|channel|>commentary to=functions.safe<|message|>{}<|call|>",
        "<|channel|>commentary<|message|>Let me see.<|end|>" + NEXT + FINAL,
        "<|channel|>final<|message|>VALID<|channel|>analysis<|message|>no<|return|>",
        "<|channel|>final<|message|>VALID<|reserved_200009|><|return|>",
        FINAL + NEXT + FINAL,
        FINAL + NEXT + FINAL.replace("VALID", "INVALID"),
        FINAL + "INVALID",
        FINAL + NEXT,
        FINAL + NEXT + "<|channel|>analysis<|message|>but no<|end|>",
    ],
)
def test_anything_but_one_final_at_the_end_is_no_answer(completion):
    assert read(ids(completion)).final is None


def test_a_final_spelt_out_in_the_reasoning_is_reasoning():
    text = "<|end|><|start|>assistant<|channel|>final<|message|>VALID<|return|>"
    cut = [*ids("<|channel|>analysis<|message|>"), *encode(text)]
    assert read(cut).final is None
    assert read(cut).reasoning == text


def test_a_final_that_holds_half_a_character_is_read_with_a_replacement():
    half = encode("𐍈")[:1]
    assert "\ufffd" in read([*ids("<|channel|>final<|message|>"), *half, RETURN]).final


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_comes_back_from_its_tokens_and_they_are_ordinary(text):
    assert decode(encode(text)) == text
    assert CONTROL_TOKENS.isdisjoint(encode(text))


IDS = (
    st.integers()
    | st.integers(0, 202_000)
    | st.sampled_from([START, END, MESSAGE, CHANNEL, RETURN, CALL, CONSTRAIN, ENDOFTEXT])
    | st.sampled_from([*encode("assistant"), *encode("final"), *encode("analysis")])
)
GOOD = ids(ANALYSIS + NEXT + FINAL)


@given(st.lists(IDS, max_size=30))
def test_no_ids_raise(tokens):
    read(tokens)


@given(st.randoms(use_true_random=False), st.integers(1, 4))
def test_what_is_not_harmony_to_the_library_has_no_final_here(
    choices: random.Random, mutations: int
):
    tokens = list(GOOD)
    for _ in range(mutations):
        at = choices.randrange(len(tokens) + 1)
        tokens[at : at + choices.randrange(3)] = choices.choices(GOOD, k=choices.randrange(3))
    final = read(tokens).final
    if final is None:
        return
    while tokens[-1] in (ENDOFTEXT, RETURN, CALL):
        tokens.pop()
    try:
        messages = encoding().parse_messages_from_completion_tokens(tokens, Role.ASSISTANT)
    except HarmonyError:
        pytest.fail("the library cannot read it")
    assert [m.content[0].text for m in messages if m.channel == "final"] == [final]
    assert messages[-1].channel == "final"
