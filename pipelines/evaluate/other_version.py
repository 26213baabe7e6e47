"""The other version that a policy is tested against: a folder of policies, or one from BigQuery."""

import json
import re
from pathlib import Path

from weir.pipelines.bigquery.dataset import open_dataset
from weir.pipelines.errors import OptionError
from weir.policies import storage
from weir.policies.loading import load_policies
from weir.policies.policy import EFFORT_BAND, Contract, Effort, Policy, PolicyError
from weir.transforms.write.bigquery.sink import BigQuerySettings

_VERSION = re.compile("[0-9a-f]{16}")
_POLICY = "SELECT * FROM `{dataset}.policies` WHERE policy_version = @version LIMIT 1"


def other_version(named: str, policy: Policy, recorded: BigQuerySettings | None) -> Policy:
    """Return the policy of that id in a folder, or the recorded one of that version.

    Raises OptionError, PolicyError or TablesError.
    """
    if storage.is_remote(named) or Path(named).is_dir():
        return _checked(_of_folder(named, policy.policy_id), policy)
    if not _VERSION.fullmatch(named):
        raise OptionError(
            f"--against {named} is neither a folder of policies nor a version of 16 hex digits, "
            "as `weir policy list` prints them"
        )
    if recorded is None:
        raise OptionError(
            f"--against {named} is a version, and past versions are in BigQuery; give its "
            "--bigquery-project"
        )
    try:
        return _checked(recorded_policy(named, recorded), policy)
    except PolicyError as error:
        raise OptionError(f"--against {named}: {error}") from error


def _checked(other: Policy, policy: Policy) -> Policy:
    if other.policy_id != policy.policy_id:
        raise OptionError(
            f"--against: version {other.version} is one of {other.policy_id}, not of "
            f"{policy.policy_id}"
        )
    if other.version == policy.version:
        raise OptionError(
            f"--against: both are version {policy.version}, so there is nothing to compare"
        )
    return other


def _of_folder(folder: str, policy_id: str) -> Policy:
    loaded = load_policies(folder)
    try:
        return loaded[policy_id]
    except KeyError:
        known = ", ".join(p.policy_id for p in loaded.policies)
        raise PolicyError(
            f"{folder}: there is no policy {policy_id!r}; there are: {known}"
        ) from None


def recorded_policy(version: str, settings: BigQuerySettings) -> Policy:
    """Return the policy that a run has decided by, without examples; PolicyError, TablesError."""
    with open_dataset(settings) as dataset:
        rows = dataset.rows(_POLICY, version=version)
    if not rows:
        raise PolicyError(f"no run in {settings.full_name} has used such a version of a policy")
    row = rows[0]
    policy = Policy(
        policy_id=row["policy_id"],
        title=row["title"],
        owner=row["owner"],
        text=row["text"],
        labels=json.loads(row["labels"]),
        rules=json.loads(row["rules"]),
        effort=Effort(row["effort"]),
        second_effort=row["second_effort"] and Effort(row["second_effort"]),
        effort_band=tuple(json.loads(row["effort_band"])) if row["effort_band"] else EFFORT_BAND,
        contract=Contract(row["contract"]),
    )
    if policy.version != version:
        raise PolicyError(
            "it was judged by another version of Weir, whose prompts cannot be made again; give a "
            "folder with the old policy.md, or ask that version of Weir"
        )
    return policy
