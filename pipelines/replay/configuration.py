"""What decides the rows of a replay: recorded when it is first started, compared ever after."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from weir.pipelines.bigquery.dataset import open_dataset
from weir.pipelines.bigquery.errors import explain_errors
from weir.pipelines.bigquery.folding import open_days
from weir.pipelines.bigquery.rows import insert_once
from weir.pipelines.errors import OptionError
from weir.pipelines.options.job import JobOptions
from weir.pipelines.replay.options import Request
from weir.pipelines.settings import ModerationSettings
from weir.transforms.read.find_slices import Slice
from weir.transforms.select import Selection
from weir.transforms.write.bigquery.sink import BigQuerySettings


@dataclass(frozen=True)
class Configuration:
    """Two replays of equal configuration write the same rows; each field's name is for people."""

    cluster: str
    topics: tuple[str, ...]
    slice: tuple[str, str]  # as it was written
    sample: float
    selection: str  # digest of the ids
    policies: str
    screen: str
    shadow_screen: str
    audit_rate: float
    engine: Mapping[str, str]
    decoding: Mapping[str, str]
    budget: str = "off"  # of the heads

    @classmethod
    def of(
        cls,
        request: Request,
        settings: ModerationSettings,
        selection: Selection,
    ) -> "Configuration":
        """Return the configuration of a replay."""
        return cls(
            settings.kafka.cluster,
            request.topics,
            request.bounds,
            selection.share,
            selection.digest,
            settings.policies.version,
            settings.screen.version,
            settings.shadow_screen.version if settings.shadow_screen else "",
            settings.audit_rate,
            _engine(settings.said),
            {name: str(value) for name, value in asdict(settings.decode).items()},
            str(settings.shares.asked) if settings.shares else "off",
        )

    def to_json(self) -> str:
        """Return it as JSON, the same for equal ones."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def digest(self) -> str:
        """Return its hash."""
        return hashlib.sha256(self.to_json().encode("utf-8")).hexdigest()[:16]


def _engine(said: JobOptions) -> Mapping[str, str]:
    return {
        "engine": said.judge.engine,
        "model": said.judge.model or said.endpoint.endpoint_model or "",
        "reasoning tokens": str(said.judge.reasoning_tokens or ""),
        "url": said.endpoint.endpoint_url or "",
    }


@dataclass(frozen=True)
class Recorded:
    """A replay that was begun before."""

    configuration: str
    digest: str
    slices: tuple[Slice, ...]

    def require(self, run: str, configuration: Configuration) -> None:
        """Raise OptionError where it was another one, and say what differs."""
        if self.digest == configuration.digest:
            return
        before, now = json.loads(self.configuration), json.loads(configuration.to_json())
        names = [name.replace("_", " ") for name in now if before.get(name) != now[name]]
        raise OptionError(
            f"--run {run} is the name of a replay with other settings ({', '.join(names)}): give "
            "what it had, to go on with it, or another name"
        )


def find_replay(settings: BigQuerySettings, run: str) -> Recorded | None:
    """Return the replay that was begun under a name, if any.

    OptionError where the name is that of a run that was no replay.
    """
    with open_dataset(settings) as dataset:
        found = dataset.rows(_REPLAY, run=run)
        if not found and dataset.rows(_USED, run=run):
            raise OptionError(
                f"--run {run} is the name of a run that was no replay; give another name"
            )
    if not found:
        return None
    (first, *_) = found
    return Recorded(
        first["configuration"],
        first["digest"],
        tuple(Slice(*each) for each in json.loads(first["slices"])),
    )


def record(
    settings: BigQuerySettings, run: str, configuration: Configuration, slices: tuple[Slice, ...]
) -> None:
    """Take a name for a configuration; OptionError where another has taken it meanwhile."""
    row: dict[str, Any] = {
        "run": run,
        "configuration": configuration.to_json(),
        "digest": configuration.digest,
        "slices": json.dumps(slices),
        "sample": float(configuration.sample),
        "begun_at": datetime.now(UTC),
    }
    with explain_errors(settings):
        insert_once(settings, "replays", "run", row)
    open_days(settings)  # of which days its posts are is not known
    found = find_replay(settings, run)
    if found is not None:
        found.require(run, configuration)


_REPLAY = """
SELECT configuration, digest, slices FROM `{dataset}.replays`
WHERE run = @run ORDER BY begun_at LIMIT 1
"""
_USED = """
SELECT run FROM `{dataset}.runs` WHERE run = @run
UNION ALL (SELECT run FROM `{dataset}.screenings` WHERE run = @run LIMIT 1)
"""
