"""Whether the judge's verdicts teach the screen, how often, and where what has learned lies."""

from dataclasses import dataclass
from typing import Literal

from weir.pipelines.errors import OptionError
from weir.pipelines.options.concern import Concern
from weir.pipelines.options.option import between, option
from weir.pipelines.options.screening import STARTER


@dataclass(frozen=True)
class TeachingOptions(
    Concern,
    title="The judge teaches the screen",
    about="A job without a --stop looks at the judge's verdicts every hour, in a process of its "
    "own on this machine. A screen that has learned from them runs in shadow until it is proven "
    "better, and then decides; the former one is kept, and comes back if it proves better. Each "
    "such thing is a row of the table promotions. Not with --shadow-screen, nor without audits.",
):
    """How the screen learns from the judge."""

    teach_every: float | Literal["off"] = option(
        60.0,
        between(1, 10_080, "minutes"),
        metavar="MINUTES|off",
        help="between two looks; off: the screen stays as it is",
    )
    taught_screen: str | None = option(
        None,
        metavar="FOLDER",
        help="folder or gs:// prefix that the workers read and this machine writes",
        default_said="for a job of one process with tables of Google's, a folder for each dataset "
        "and run below $XDG_STATE_HOME/weir/screens; else none, and nothing is taught",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.taught_screen == STARTER:
            raise OptionError("--taught-screen starter is what ships with Weir; name a folder")

    @property
    def seconds(self) -> float:
        """Return how long it is between two looks; 0 for never."""
        return 0.0 if self.teach_every == "off" else 60 * float(self.teach_every)
