"""The wire format of gpt-oss models, as token ids: to write text, and to read what came back.

Text is encoded without its control strings being understood, so nothing that a person writes can
open or close a message. What comes back is read more strictly than the library does: it takes the
end of a cut-off message, a second answer and a tool call for whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from weir.policies.vocabulary import encoding

ENDOFTEXT = 199999
RETURN = 200002
CONSTRAIN = 200003
CHANNEL = 200005
START = 200006
END = 200007
MESSAGE = 200008
CALL = 200012

_FIRST_CONTROL = 199998
CONTROL_TOKENS = frozenset(range(_FIRST_CONTROL, 201089))  # reserved ones included
_STOPS = frozenset({ENDOFTEXT, RETURN, CALL})  # an engine may leave one, or two, behind the end


@dataclass(frozen=True)
class Answer:
    """What a completion says."""

    reasoning: str | None  # of the analysis channel, even where it was cut off
    final: str | None  # None unless there is a complete message on the final channel
    tokens_reasoning: int


def encode(text: str) -> list[int]:
    """Return ordinary tokens, whatever the text: a control string in it is text like any other."""
    tokens: list[int] = encoding().encode(text, disallowed_special=())
    return tokens


def decode(tokens: Sequence[int]) -> str:
    """Return the text of tokens of the vocabulary; bytes that are no UTF-8 become U+FFFD."""
    text: str = encoding().decode(tokens)
    return text


def read(tokens: Sequence[int]) -> Answer:
    """Return what a completion says, given the ids that came after ``<|start|>assistant``.

    There is a final text only where the whole of it is reasoning, in any number of messages, then
    one message on the final channel, ended. Anything else leaves ``final`` None: a generation cut
    off, a second final, a tool call, another channel or role, control tokens inside a message.
    Never raises.
    """
    reasoning: list[str] = []
    count = 0
    position = 0
    while True:
        message = _message(tokens, position)
        if message is None:
            return Answer("\n".join(reasoning) or None, None, count)
        if message.channel == "analysis":
            count += len(message.body)
            reasoning.append(decode(message.body))
        if message.channel == "final":
            ended = message.end in _STOPS or message.end == END
            alone = all(token in _STOPS for token in tokens[message.next :])
            final = decode(message.body) if ended and alone else None
            return Answer("\n".join(reasoning) or None, final, count)
        if message.channel != "analysis" or message.end != END:
            return Answer("\n".join(reasoning) or None, None, count)
        position = message.next


@dataclass(frozen=True)
class _Message:
    channel: str | None
    body: Sequence[int]  # ordinary tokens
    end: int | None  # the control token that followed; None where the tokens ran out
    next: int  # where the next message would begin


def _message(tokens: Sequence[int], start: int) -> _Message | None:
    """Return the message whose header begins there; None where there is none that can be read."""
    position = start
    if start > 0:  # only the first message's header began in the prompt
        if _at(tokens, position) != START:
            return None
        role, position = _text(tokens, position + 1)
        if decode(role) != "assistant":
            return None
    if _at(tokens, position) != CHANNEL:
        return None
    name, position = _text(tokens, position + 1)
    channel = decode(name)
    if channel.rstrip() == "final" and _at(tokens, position) == CONSTRAIN:
        channel = "final"  # names the type of its content, such as json
        _, position = _text(tokens, position + 1)
    if _at(tokens, position) != MESSAGE:
        return None
    body, position = _text(tokens, position + 1)
    return _Message(channel, body, _at(tokens, position), position + 1)


def _at(tokens: Sequence[int], position: int) -> int | None:
    return tokens[position] if position < len(tokens) else None


def _text(tokens: Sequence[int], start: int) -> tuple[Sequence[int], int]:
    """Return the run of ordinary tokens that begins there, and where it ends."""
    end = start
    while end < len(tokens) and 0 <= tokens[end] < _FIRST_CONTROL:
        end += 1
    return tokens[start:end], end
