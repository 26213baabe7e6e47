"""What reviewers get to see, and what of their work others learn from."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from weir.pipelines.bigquery.dataset import open_dataset
from weir.pipelines.csv_cells import write_cells
from weir.pipelines.screening.recall import of_run
from weir.transforms.write.bigquery.sink import BigQuerySettings
from weir.transforms.write.redaction import is_kept

Rows = list[dict[str, Any]]

# What a reviewer fills in comes last.
COLUMNS = (
    *("decision_id", "run", "policy_id", "policy_version", "created_at", "stratum", "language"),
    *("text", "judge_says", "probability", "rule_ids", "rationale", "decision", "note", "reviewer"),
)
_OF_THE_JUDGE = ("judge_says", "probability", "rule_ids", "rationale", "stratum")
STRATUM_MOST = 50  # posts of a stratum that the view appeals_sample has
# What is put before people, whoever asks for it.
SAMPLED = """
FROM `{dataset}.appeals_sample`
WHERE run = @run AND day >= @since AND @policy IN ('', policy_id) AND place <= @most
  AND (@again OR human_verdict IS NULL)
"""
_SAMPLE = f"""
SELECT decision_id, run, policy_id, policy_version, created_at, stratum, language, text,
  verdict AS judge_says, probability, rule_ids, rationale, content_id
{SAMPLED}
ORDER BY policy_id, stratum, place, created_at, decision_id
"""
_DISAGREEMENTS = """
SELECT topic, `partition`, `offset`, policy_id, text, human_verdict, machine_label, rule_ids
FROM `{dataset}.disagreements`
WHERE run = @run AND day >= @since AND @policy IN ('', policy_id) AND text IS NOT NULL
ORDER BY topic, `partition`, `offset`, policy_id
"""


def sample(
    settings: BigQuerySettings,
    run: str,
    since: date | None,
    policy_id: str | None,
    *,
    most: int,
    again: bool,
) -> Rows:
    """Return at most ``most`` judged posts of every day, policy and stratum; TablesError.

    Those that a person has decided are left out, unless ``again``.
    """
    with open_dataset(settings) as dataset:
        return dataset.rows(_SAMPLE, **of_run(run, since, policy_id), most=most, again=again)


def disagreements(
    settings: BigQuerySettings, run: str, since: date | None, policy_id: str | None
) -> Rows:
    """Return the posts with their text on which people contradict the judge; TablesError."""
    with open_dataset(settings) as dataset:
        rows = dataset.rows(_DISAGREEMENTS, **of_run(run, since, policy_id))
    return [row for row in rows if row["text"].strip() and is_kept(row["text"])]


def write_sample(path: Path, rows: Rows, *, blind: bool) -> None:
    """Write the sample as CSV with empty cells for the decision; ``blind``: without the judge's."""
    hidden = _OF_THE_JUDGE if blind else ()
    columns = [column for column in COLUMNS if column not in hidden]
    write_cells(path, columns, (_as_text(row) for row in rows))


def write_items(path: Path, rows: Rows, item_type: str, *, blind: bool) -> None:
    """Write the sample as Coop takes items: ``{"items": [{"id", "typeId", "data"}]}``."""
    hidden = {"decision_id", *(_OF_THE_JUDGE if blind else ())}
    items = [
        {
            "id": row["decision_id"],
            "typeId": item_type,
            "data": {name: value for name, value in _as_text(row).items() if name not in hidden},
        }
        for row in rows
    ]
    # Escaped to ASCII, so that no character of a post is one of the file's own lines.
    path.write_text(json.dumps({"items": items}, indent=2) + "\n", "utf-8")


def write_labels(path: Path, rows: Rows) -> int:
    """Write what people decided as ``weir screen train --labels`` takes it; return how many posts.

    1 violates, 0 is safe, empty is not known.
    """
    posts: dict[Any, dict[str, str]] = {}
    for row in rows:
        post = posts.setdefault((row["topic"], row["partition"], row["offset"]), {})
        post["text"] = row["text"]
        post[row["policy_id"]] = "1" if row["human_verdict"] == "violates" else "0"
    write_cells(path, ["text", *sorted({row["policy_id"] for row in rows})], posts.values())
    return len(posts)


def write_examples(path: Path, rows: Rows, rules: Sequence[str]) -> int:
    """Write what people decided as a policy's examples.csv; return how many examples.

    The rule is the judge's, where the policy still has it; a reviewer names none.
    """
    examples = {
        row["text"]: {
            "text": row["text"],
            "label": row["human_verdict"],
            "rule_id": _rule(row, rules),
            "note": f"reviewed: {row['machine_label']} before",
        }
        for row in rows
    }
    write_cells(path, ["text", "label", "rule_id", "note"], examples.values())
    return len(examples)


def _rule(row: dict[str, Any], rules: Sequence[str]) -> str:
    known = [rule for rule in row["rule_ids"] or () if rule in rules]
    return known[0] if known and row["human_verdict"] == "violates" else ""


def _as_text(row: dict[str, Any]) -> dict[str, Any]:
    return row | {
        "created_at": row["created_at"].isoformat(),
        "rule_ids": " ".join(row["rule_ids"] or ()),
    }
