"""Provisional flags: what has to be there for them."""

from weir.pipelines.errors import OptionError
from weir.policies.policy import PolicySet
from weir.transforms.records import Mode
from weir.transforms.screen import ScreenSource
from weir.transforms.screen.provisional import any_flags


def require_enforcing(screens: bool, mode: str) -> None:
    """Raise OptionError where a job sends no flags; ``screens`` says whether it reads posts."""
    if not screens:
        raise OptionError(
            "--provisional is for the job that screens; the one that judges answers its flags "
            "without it"
        )
    if mode != Mode.ENFORCE:
        raise OptionError(f"--provisional flags nothing with --mode={mode}; leave it out")


def require_flags(screen: ScreenSource, policies: PolicySet, mode: Mode) -> None:
    """Raise OptionError where no head could ever send a provisional flag."""
    if not any_flags(screen.screen(), policies, mode):
        raise OptionError(
            f"--provisional: no head of the screen {screen.path} is certified for a precision, "
            "or its policy is in shadow; train one with weir screen train --precision 0.95"
        )
