"""Answers that are nearly well formed, in every form: none may raise, or be safe by mistake.

    python -m tests.fuzz_verdicts --count 1000000 --seed 7

What may be safe is decided here by other means than the parser's: see ``may_be_safe``.
"""

import json
import random
import re
import time
from collections import Counter
from dataclasses import dataclass

from tests import forms
from tests.fuzz_options import parse_options
from tests.hostile_posts import INSTRUCTIONS, POSTS
from weir.policies.policy import Contract, Policy
from weir.transforms.judge.engine import Completion
from weir.transforms.judge.harmony.messages import (
    CALL,
    CHANNEL,
    CONSTRAIN,
    END,
    ENDOFTEXT,
    MESSAGE,
    RETURN,
    START,
    encode,
    read,
)
from weir.transforms.judge.verdict import parse
from weir.transforms.records import Outcome

ODD_CHARACTERS = "\x00\x1c \u00a0\u2028\u200b\u200d\u202e\ufeff\ufffd０１٠²ΙОΑ\ud800\udfff🦊e\u0301"
SYNTAX = "{}[]:,\"'\\/.-+eE01 \n\t"
WORDS = [
    *["VALID", "INVALID", "NO0", "NO1", "NO2", "NO9", "valid", "Invalid", "0", "1", "safe", "SAFE"],
    *["violates", "yes", "no", "true", "false", "null", "violation", "because", "is", "not"],
    *["I'm sorry, but I can't help with that.", "The post is VALID.", "Answer: 0", "0/1", "D-NO0"],
]
CONTROL = ["<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|return|>", "assistant", "final"]
KEYS = [
    *["violation", "policy_category", "rule_ids", "confidence", "rationale"],
    *["Violation", "violation ", "\\u0076iolation", "label", "verdict", "safe", ""],
]
VALUES = [
    *["0", "1", "true", "false", "null", "0.0", "1.0", "-0", "0e0", "00", "2", "NaN", "Infinity"],
    *['"0"', '"1"', '"safe"', '"noise"', '""', '"\\ud800"', '"NO1"', "[]", "{}", "[0]", '["NO1"]'],
    *['["NO1", "NO2"]', '["NO9"]', "[null]", '"low"', '"high"', "0.9", '{"violation": 0}', "False"],
    *["None", "'0'", "9" * 400, "[" * 60 + "]" * 60, '"' + "x" * 300 + '"'],
]
SHORT_POSTS = [post[:200] for post in POSTS.values()] + list(INSTRUCTIONS.values())


@dataclass(frozen=True)
class Tried:
    """What came of the answers that were tried."""

    outcomes: Counter[str]
    reasons: Counter[str]
    seconds: float


def fuzz(count: int, seed: int) -> Tried:
    """Try ``count`` answers; AssertionError, with the answer, where one is safe and may not be."""
    choices = random.Random(seed)
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    started = time.perf_counter()
    for _ in range(count):
        policy = choices.choice(forms.FORMS)
        final, finish = _final(choices, policy), _finish(choices)
        verdict = parse(Completion(final, reasoning=final, finish_reason=finish), policy)
        assert (verdict.reason is None) == (verdict.outcome != Outcome.INDETERMINATE)
        if verdict.outcome == Outcome.SAFE:
            assert finish == "stop"
            assert may_be_safe(final, policy), (policy.policy_id, final)
        outcomes[verdict.outcome] += 1
        reasons[str(verdict.reason)] += 1
    return Tried(outcomes, reasons, time.perf_counter() - started)


def may_be_safe(final: str | None, policy: Policy) -> bool:
    """Return whether a final text says safe in the policy's form, by other means than ``parse``."""
    if final is None:
        return False
    if policy.contract is not Contract.JSON:
        codes = _SAFE_LABELS[policy.policy_id]
        dressed = rf"{codes}\.?|`\s*{codes}\s*`|```\s*{codes}\s*```"
        return re.fullmatch(dressed, final.strip()) is not None
    fenced = re.fullmatch("(`|```)(?i:json)?([^`]*)\\1", final.strip())
    try:  # objects only are tuples
        pairs = json.loads((fenced[2] if fenced else final).strip(), object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return False
    if not isinstance(pairs, tuple):
        return False
    said = [value for key, value in pairs if key == "violation"]
    cited = [value for key, value in pairs if key == "rule_ids"]
    return said in ([0], [False]) and type(said[0]) is not float and cited in ([], [None], [[]])


_SAFE_LABELS = {
    "bare": "0",
    "levels": "NO0",
    "label-and-codes": "(?:(?:VALID|NO0)(?:(?:, |,| )(?:VALID|NO0))*)",
}


_ENDS = ["length", "abort", "", "STOP", "content_filter", "prompt_cut"]


def _finish(choices: random.Random) -> str:
    return "stop" if choices.random() < 0.95 else choices.choice(_ENDS)


def _final(choices: random.Random, policy: Policy) -> str | None:
    """Return the final text of an answer; one in ten went through tokens and was read back."""
    kind = choices.random()
    if kind < 0.02:
        return None
    if kind < 0.75:
        in_form = kind < 0.65
        text = (
            _object(choices)
            if (policy.contract is Contract.JSON) == in_form
            else _labels(choices, policy)
        )
    elif kind < 0.85:
        text = " ".join(choices.choices(WORDS + SHORT_POSTS, k=choices.randrange(1, 6)))
    elif kind < 0.9:
        text = "".join(choices.choices(CONTROL + WORDS, k=choices.randrange(1, 12)))
    else:
        text = "".join(map(chr, choices.choices(range(0x3000), k=choices.randrange(12))))
    if choices.random() < 0.5:
        text = _mutated(choices, text)
    return _through_tokens(choices, text) if choices.random() < 0.1 else text


def _object(choices: random.Random) -> str:
    if choices.random() < 0.6:  # one that is well formed to begin with
        fields = [("violation", choices.choice(["0", "1", "false", "true"]))]
        fields += [("policy_category", choices.choice(["null", '"noise"']))]
        fields += [("rule_ids", choices.choice(["[]", "[]", '["NO1"]']))][: choices.randrange(2)]
    else:
        fields = [
            (choices.choice(KEYS), choices.choice(VALUES)) for _ in range(choices.randrange(5))
        ]
    if choices.random() < 0.2:
        fields.append((choices.choice(KEYS), choices.choice(VALUES)))
    choices.shuffle(fields)
    space = choices.choice(["", " ", "\n", "  "])
    body = ("," + space).join(f'"{key}":{space}{value}' for key, value in fields)
    text = "{" + space + body + space + "}"
    match choices.randrange(12):
        case 0:
            opening, closing = choices.choices(["```json\n", "```", "```\n", "`", "``` {}\n"], k=2)
            return opening + text + closing
        case 1:
            return text + choices.choice([text, " done", "}", ",", "\x00", "// no", "<|return|>"])
        case 2:
            return choices.choice(["[", "Here it is: ", "\ufeff", "<|message|>", "\n"]) + text
    return text


def _labels(choices: random.Random, policy: Policy) -> str:
    words = [*policy.labels, *policy.rules] if choices.random() < 0.7 else WORDS[:12]
    between = choices.choice([" ", " ", ", ", ",", "\n", "; ", "\u00a0", ""])
    return between.join(choices.choices(words, k=choices.choice([1, 1, 1, 2, 2, 3])))


def _mutated(choices: random.Random, text: str) -> str:
    for _ in range(choices.choice([1, 1, 1, 2, 3, 6])):
        start = choices.randrange(len(text) + 1)
        stop = start + choices.choice([0, 0, 1, 1, 2, 20])
        match choices.randrange(5):
            case 0:
                put = choices.choice(ODD_CHARACTERS)
            case 1:
                put = choices.choice(SYNTAX)
            case 2:
                put = choices.choice(WORDS + CONTROL)
            case 3:
                put = text[start:stop] * 2
            case _:
                put = ""
        text = text[:start] + put + text[stop:]
    return text


def _through_tokens(choices: random.Random, text: str) -> str | None:
    """Return what is read of a completion that holds the text, its structure mutated as well."""
    answer = encode(text)
    reasoning = [CHANNEL, *_ANALYSIS, MESSAGE, *encode(choices.choice(WORDS)), END]
    final = [CHANNEL, *_FINAL, MESSAGE, *answer, RETURN]
    tokens = [*reasoning, START, *_ASSISTANT, *final]
    for _ in range(choices.choice([0, 0, 1, 2])):
        at = choices.randrange(len(tokens) + 1)
        put = choices.choice(
            [[], [choices.choice(_STRUCTURE)], final, [START, *_ASSISTANT], answer]
        )
        tokens[at : at + choices.randrange(3)] = put
    said = read(tokens).final
    if said is not None:
        marked = "".join(_MARKS.get(token, "x") for token in tokens)
        assert _WELL_FORMED.fullmatch(marked), tokens
    return said


_ASSISTANT, _ANALYSIS, _FINAL = encode("assistant"), encode("analysis"), encode("final")
_STRUCTURE = [START, END, MESSAGE, CHANNEL, RETURN, CALL, CONSTRAIN, ENDOFTEXT, 200009, 300000, -1]
_MARKS = {
    **dict.fromkeys(_STRUCTURE, "?"),
    **dict.fromkeys([RETURN, CALL, ENDOFTEXT], "R"),
    **dict(zip([START, END, MESSAGE, CHANNEL, CONSTRAIN], "SEMCT", strict=True)),
    **dict(zip([*_ASSISTANT, *_ANALYSIS, *_FINAL], "raf", strict=True)),
}
_WELL_FORMED = re.compile("(CaM[rafx]*ESr)*Cf(T[rafx]*)?M[rafx]*[ER]R*")


def main() -> None:
    options = parse_options(__doc__)
    tried = fuzz(options.count, options.seed)
    print(f"{options.count:,} answers in {tried.seconds:.1f} s, seed {options.seed}")
    for name, count in (*tried.outcomes.most_common(), *tried.reasons.most_common()):
        print(f"{count:>10,} {name}")


if __name__ == "__main__":
    main()
