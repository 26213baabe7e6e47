"""What decides whether a post is judged: policies, the screen, and what it may ask."""

from dataclasses import dataclass
from typing import Literal

from weir.pipelines.errors import OptionError
from weir.pipelines.options.concern import Concern
from weir.pipelines.options.option import Allowed, above, between, option, share
from weir.policies.loading import LIBRARY

STARTER = "starter"  # the screen that ships with Weir
_LEAST_SECONDS, _MOST_SECONDS = 0.5, 86_400
_LONGEST_NAME = 200  # characters; a group's name, with a prefix, may have 255 bytes in some tools


@dataclass(frozen=True)
class DecidingOptions(Concern, title="Policies and screen"):
    """What decides, and under which name."""

    policies: str = option(
        str(LIBRARY),
        metavar="FOLDER",
        help="folder or gs:// prefix of policy documents",
        default_said="those that ship with Weir",
    )
    screen: str = option(
        STARTER,
        metavar="FOLDER",
        help="folder or gs:// prefix of a trained screen; starter ships with Weir",
    )
    shadow_screen: str | None = option(
        None,
        metavar="FOLDER",
        help="a second screen to compare with: it only records what it would have decided, at "
        "about a quarter more of the first one's cost",
    )
    audit_rate: float = option(
        0.01,
        between(0, 1, "a share"),
        metavar="S",
        help="share of cleared posts that is judged all the same, to measure what is missed",
    )
    run: str = option("live", metavar="NAME", old=("run-name",), help="stands on every row")
    mode: Literal["enforce", "shadow", "replay"] = option(
        "enforce", help="what verdicts are for; only enforce reaches the flagged topic"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        require_run_name(self.run)


def require_run_name(name: str) -> None:
    """Raise OptionError for a run name that cannot stand in rows, headers, groups and paths."""
    if not name:
        raise OptionError("--run is empty; every row carries it, so give it a name")
    if len(name) > _LONGEST_NAME or not name.isprintable() or set(name) & set("/\\"):
        raise OptionError(
            f"--run {name!r}: give at most {_LONGEST_NAME} printable characters, / and \\ "
            "not among them"
        )
    if not name.strip(". "):
        raise OptionError(f"--run {name!r} is the name of a folder; give it another")


@dataclass(frozen=True)
class ReadingOptions(
    Concern,
    title="The second stage of the screen",
    about="Linear heads clear what they can in microseconds; what they cannot is read by a small "
    "sentence encoder, at about 10 ms of a core for a post of 200 bytes, so that the judge "
    "gets far less. docs/screen.md has the figures.",
):
    """Whether the screen's second stage reads what the first does not clear."""

    reading: Literal["auto", "on", "off"] = option(
        "auto",
        help="auto: where the screen has a second stage and the encoder is installed (a run "
        "without it says how); on: refuse to start without; off: linear heads alone, for streams "
        "of more posts than the cores read",
    )


@dataclass(frozen=True)
class ProvisionalOptions(Concern, title="Provisional flags"):
    """Whether posts are flagged before they are judged."""

    provisional: bool = option(
        False,
        help="send a flag as soon as a post is screened, where its score reaches the "
        "threshold that weir screen train --precision certified: an event "
        "org.weir.provisional.v1 on the flagged topic. The verdict follows under the same id, "
        "as the violation or as org.weir.withdrawal.v1. Who reads the topic has to tell them "
        "apart by ce_type",
    )


@dataclass(frozen=True)
class ReloadOptions(
    Concern,
    title="Edits",
    about="A job without a --stop reads --policies, --screen and --shadow-screen again: an edit "
    "is in force on every worker within 10 seconds, unless it is broken. Those that ship "
    "with Weir stay as they are.",
):
    """How often a job looks at its policies and its screen."""

    policy_seconds: float = option(
        4.0,
        Allowed(
            f"give {_LEAST_SECONDS} to {_MOST_SECONDS}, or 0 for never",
            lambda seconds: seconds == 0 or _LEAST_SECONDS <= seconds <= _MOST_SECONDS,
            {"anyOf": [{"const": 0}, {"minimum": _LEAST_SECONDS, "maximum": _MOST_SECONDS}]},
        ),
        metavar="N",
        help="between two looks at the files; 0 keeps what the job began with",
    )


@dataclass(frozen=True)
class ShareOptions(
    Concern,
    title="What the screen may ask",
    about="A head that no labels of your own have certified is open for a share of the stream, "
    "in each language by itself: the cost is chosen, and the audits say what is missed. "
    "Thresholds are taken from the last posts of the topics as the job starts and follow "
    "the stream slowly. What an attack brings beyond three times the share goes to "
    "--deferred-topic. `weir screen measure` says beforehand what that comes to.",
):
    """What a head may ask of the judge that the user's own labels have not certified."""

    budget_per_head: float | Literal["off"] | None = option(
        None,
        share(),
        metavar="SHARE|off",
        help="share of the posts that each head may have judged, its audits included (default "
        "0.1); off: the thresholds are those of the screen's file, whatever they cost",
    )
    requests_per_1000: float | None = option(
        None,
        above(0, "a number of requests"),
        metavar="N",
        help="instead: requests for 1,000 posts, of all heads together, divided where they buy "
        "most recall as far as the screen says, else equally",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.budget_per_head is not None and self.requests_per_1000 is not None:
            raise OptionError("--budget-per-head and --requests-per-1000 say the same; give one")


@dataclass(frozen=True)
class ColdStartOptions(
    Concern,
    title="Cold start",
    about="A policy that the screen has no head for gets one as the job starts, from its "
    "labelled examples and the last posts of the topics. What it misses is not certified; "
    "`weir screen add` writes such a screen to a folder.",
):
    """What becomes of a policy without a head."""

    cold_start: float | Literal["off"] = option(
        0.1,
        share(),
        metavar="SHARE|off",
        help="share of the posts that may be judged for such a policy, the audit sample "
        "included, where it is to be another than that of the other heads; off: all of them",
    )
    encoder: Literal["off", "teach", "rerank"] = option(
        "off",
        help="a sentence encoder, where it is installed (a run without it says how). teach: the "
        "head learns from it as the job starts, which takes up to a minute; rerank: it also reads "
        "30 % of the posts, at 10 to 40 ms of a core each, for streams of at most some hundred "
        "posts a second",
    )

    @property
    def share(self) -> float | None:
        """Return the share that was chosen; None where that of the other heads holds."""
        usual = self.cold_start in ("off", type(self).cold_start)
        return None if usual else float(self.cold_start)
