"""Where answers cannot be read: the likely cause, by the reason of the verdict, and what to do."""

import threading
from collections import Counter
from collections.abc import Iterable

from weir.transforms.judge.verdict import Reason, Verdict

ENOUGH = 10  # verdicts, before anything is said of most of them
_OF_THE_POST = (Reason.UNCERTAIN, Reason.UNREAD)  # and not of what was said

_FORM = (
    "the model does not keep to the policy's form: take one that does, such as gpt-oss-safeguard, "
    "or a server that enforces a JSON Schema, such as vLLM, llama.cpp or Ollama"
)
_REMEDIES = {
    Reason.CUT_OFF: "its answers are longer than --endpoint-answer-tokens: raise that, lower the "
    "policy's effort, or take a model that comes to an end",
    Reason.MISSING_FINAL: "it reasons and then says nothing: raise --endpoint-answer-tokens, and "
    "see that the server's reasoning parser is the model's",
    Reason.PROMPT_CUT: "the server's context is shorter than policy, post and answer: serve the "
    "model with a longer one",
    Reason.CONTENT_FILTER: "the provider's content filter keeps posts from the model: have it "
    "turned off for moderation, or judge where there is none",
    Reason.UNFINISHED: "the server says that answers did not end by themselves: its log says why",
    Reason.UNCERTAIN: "the judge declines to decide",
    Reason.UNREAD: "posts are longer than what is read of them",
}


def is_unreadable(verdict: Verdict) -> bool:
    """Return whether what was said is no verdict, whatever the post is."""
    return verdict.reason is not None and not is_of_the_post(verdict.reason)


def is_of_the_post(reason: Reason) -> bool:
    """Return whether the reason lies in the post, and not in the form of what was said."""
    return reason in _OF_THE_POST


def remedy(reason: Reason | None) -> str:
    """Return why verdicts are indeterminate for that reason, most likely, and what to do."""
    return _REMEDIES.get(reason, _FORM) if reason else _FORM


class Unreadable:
    """Counts verdicts whose answers could not be read, and says once that most cannot.

    For many threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reasons: Counter[Reason] = Counter()
        self._heard = 0
        self._said = False

    def record(self, verdicts: Iterable[Verdict]) -> str | None:
        """Count the verdicts; return a warning the first time that most cannot be read."""
        with self._lock:
            for verdict in verdicts:
                self._heard += 1
                if verdict.reason is not None and is_unreadable(verdict):
                    self._reasons[verdict.reason] += 1
            if self._said or self._heard < ENOUGH:
                return None
            warning = self.warning
            self._said = warning is not None
            return warning

    @property
    def warning(self) -> str | None:
        """Return what is wrong where most of what was heard cannot be read; else None."""
        count = self._reasons.total()
        if 2 * count <= self._heard:
            return None
        ((reason, _),) = self._reasons.most_common(1)
        unread = f"{count} of {self._heard} answers cannot be read, most often {reason}"
        return f"{unread}: {remedy(reason)}"
