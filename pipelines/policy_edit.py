"""What the demo changes of one policy: a sentence, and the examples that say the same."""

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path

from weir.policies.loading import LIBRARY


@dataclass(frozen=True)
class PolicyEdit:
    """A sentence of a policy's text that takes the place of another.

    The stand-in judge learns from a policy's examples and reads no sentence, so those that rest on
    ``rule`` are labelled safe too. A model that reads the policy needs the sentence alone.
    """

    policy_id: str
    old: str
    new: str
    rule: str

    def write(self, folder: Path) -> int:
        """Write the edited policy below a folder of policies; return how many examples changed."""
        place = folder / self.policy_id
        shutil.copytree(LIBRARY / self.policy_id, place)
        document = place / "policy.md"
        text = document.read_text("utf-8")
        if self.old not in text:
            raise ValueError(f"{self.policy_id} does not say {self.old!r}")
        document.write_text(text.replace(self.old, self.new), "utf-8")
        return _relabel(place / "examples.csv", self.rule)


def _relabel(file: Path, rule: str) -> int:
    with file.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        columns, rows = list(reader.fieldnames or ()), list(reader)
    changed = [row for row in rows if row["rule_id"] == rule]
    for row in changed:
        row |= {"label": "safe", "rule_id": ""}
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, columns)
        writer.writeheader()
        writer.writerows(rows)
    return len(changed)


ACCOUNTS_MAY_BE_SOLD = PolicyEdit(
    policy_id="game-cheating",
    old="offers or seeks an account or a shared login, paid or free.",
    new="offers or seeks a shared login. Selling one's account is allowed.",
    rule="CHEAT3",
)
