"""Changes to the front matter of a document that leave everything else of it as it is written."""

import json
import re

from weir.policies import yaml_nodes
from weir.policies.loading import parse_policy
from weir.policies.policy import EFFORT_BAND, Policy, PolicyError, Status

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def with_status(document: str, status: Status) -> str:
    """Return a document with another status; PolicyError where it cannot be read, or be given one.

    A comment beside the old one stays.
    """
    return _checked(with_lines(document, {"status": f"status: {status}"}), status=status)


def with_version(document: str, earlier: Policy) -> str:
    """Return a document that says what an earlier version said, under the status that it has.

    Title, owner and grounds, which no version covers, stay as they are. PolicyError where the
    document cannot be read.
    """
    present = parse_policy(document.encode())
    wanted = {
        "labels": (present.labels, earlier.labels, _mapping("labels", earlier.labels)),
        "rules": (present.rules, earlier.rules, _mapping("rules", earlier.rules)),
        "contract": (present.contract, earlier.contract, f"contract: {earlier.contract}"),
        "effort": (_efforts(present), _efforts(earlier), f"effort: {_efforts(earlier)}"),
        "effort_band": (present.effort_band, earlier.effort_band, _band(earlier)),
    }
    changes = {key: line for key, (now, then, line) in wanted.items() if now != then}
    front, _ = _halves(with_lines(document, changes))
    changed = f"---\n{front}\n---\n{earlier.text}\n"
    if parse_policy(changed.encode()).version != earlier.version:
        raise PolicyError(
            "policy.md:1: this document cannot be changed into the earlier version by itself: "
            "copy its text by hand"
        )
    return changed


def with_lines(document: str, changes: dict[str, str]) -> str:
    """Return a document in whose front matter some keys are written anew, each as these lines.

    An empty one leaves its key out.
    """
    front, text = _halves(document)
    for key, line in changes.items():
        front = _with_line(front, key, line)
    return f"---\n{front}\n---\n{text}"


def _with_line(front: str, key: str, line: str) -> str:
    try:
        nodes = yaml_nodes.mapping(front)
    except yaml_nodes.YamlError as error:
        raise PolicyError(f"policy.md:{error.line + 1}: the front matter {error}") from error
    lines = front.split("\n")
    new = line.split("\n") if line else []
    if key not in nodes:
        return "\n".join([*lines, *new])
    start = nodes[key][0] - 1
    later = [number - 1 for number, _ in nodes.values() if number - 1 > start]
    end = min(later, default=len(lines))
    while end > start + 1 and lines[end - 1].lstrip().startswith(("#", "\n")):
        end -= 1
    comment = re.search(r"\s+#.*$", lines[start])
    if comment and len(new) == 1 and end == start + 1:
        new = [new[0] + comment[0]]
    return "\n".join([*lines[:start], *new, *lines[end:]])


def _halves(document: str) -> tuple[str, str]:
    lines = document.split("\n")
    ends = [number for number, line in enumerate(lines) if line.rstrip() == "---"]
    if len(ends) < 2 or ends[0]:
        raise PolicyError(
            "policy.md:1: there is no front matter; begin with a line `---`, and end it with a "
            "second one"
        )
    return "\n".join(lines[1 : ends[1]]), "\n".join(lines[ends[1] + 1 :])


def _checked(document: str, *, status: Status) -> str:
    if parse_policy(document.encode()).status is not status:
        raise PolicyError(f"policy.md:2: write `status: {status}` here by hand")
    return document


def _efforts(policy: Policy) -> str:
    return ", ".join(rung.effort for rung in policy.rungs)


def _band(policy: Policy) -> str:
    if policy.effort_band == EFFORT_BAND:
        return ""
    low, high = policy.effort_band
    return f"effort_band: {low:g}, {high:g}"


def _mapping(name: str, values: object) -> str:
    assert isinstance(values, dict)
    if not values:
        return ""
    return "\n".join(
        [f"{name}:", *(f"  {_key(key)}: {_said(each)}" for key, each in values.items())]
    )


def _key(text: str) -> str:
    return text if _WORD.fullmatch(text) else _said(text)


def _said(text: str) -> str:
    """Return a text as YAML that is on one line whatever it holds: JSON is YAML."""
    return text if _WORD.fullmatch(text) else json.dumps(text, ensure_ascii=False)
