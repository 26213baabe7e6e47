"""What a model reads of a policy, as it reads it, and how many tokens each part of that takes."""

from dataclasses import astuple, dataclass

from weir.policies.policy import Policy
from weir.transforms.judge.harmony.messages import decode
from weir.transforms.judge.harmony.prompt import CONTENT_TOKENS, Parts, parts, render

__all__ = ["CONTENT_TOKENS", "PARTS", "AsRead", "as_read"]

_POST = "[the post]"
PARTS = {
    "system": "system message",
    "developer": "developer message: the policy as it is written",
    "contract": "the form of the answer, added where the policy does not state it twice",
    "frame": "around the post",
}


@dataclass(frozen=True)
class AsRead:
    """A prompt with a stand-in for the post, and its tokens without one."""

    text: str
    parts: Parts

    @property
    def tokens(self) -> int:
        """Return how many tokens it has beside the post's."""
        return sum(astuple(self.parts))


def as_read(policy: Policy) -> AsRead:
    """Return the prompt of a policy."""
    return AsRead(decode(render(policy, _POST).tokens), parts(policy))
