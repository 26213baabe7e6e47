"""What a check of a policy found."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning"]
Source = Literal["policy.md", "examples.csv"]


@dataclass(frozen=True, order=True)
class Finding:
    """One thing to mend.

    ``line`` counts from 1: in the policy's text, or in the examples file as it stands on disk; 0 is
    the whole of it. Errors make verdicts unreliable; warnings make them worse than they could be.
    """

    line: int
    level: Level
    message: str
    source: Source = "policy.md"
