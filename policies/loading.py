"""Read policies from a folder of ``<name>/policy.md`` documents, on disk or in an object store."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import NoReturn, TypeVar

import yaml

from weir.policies import storage, yaml_nodes
from weir.policies.examples import VERDICTS, read_examples
from weir.policies.grounds import Grounds, GroundsError, parse_grounds
from weir.policies.policy import (
    EFFORT_BAND,
    Contract,
    Effort,
    Policy,
    PolicyError,
    PolicySet,
    Status,
    is_policy_id,
)

LIBRARY = Path(__file__).parent / "library"
POLICIES_OF_SETS = Path(__file__).parent / "published_sets"  # a folder of policies for each set

_REQUIRED = ("id", "title", "owner", "labels")
_OPTIONAL = ("status", "effort", "effort_band", "contract", "rules", "grounds")
DOCUMENT, EXAMPLES = "policy.md", "examples.csv"
_CONTRACTS = (Contract.LABEL, Contract.LABEL_RULES, Contract.JSON)
_RULE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LABEL = re.compile(r"\S(?:[^\n\t]{0,62}\S)?")

# 60,000 words, six times the longest text that models follow; every post's prompt holds it.
MOST_DOCUMENT = 512 << 10
_MOST_EXAMPLES = 64 << 20
# A worker tries every label and rule on every line, and every piece of a label as a token.
_MOST_LABELS, _MOST_RULES = 32, 256
# The tokenizer takes time in the square of what it cannot split.
_UNSPLIT = re.compile(r"\w{4097}|\s{4097}|[^\w\s]{4097}")

Choice = TypeVar("Choice", bound=StrEnum)


def load_policies(path: str | Path) -> PolicySet:
    """Return the policies under ``path``, a local folder or any prefix Beam's filesystems read.

    Retired policies are checked like the others and left out. PolicyError says what is wrong,
    where, and what to do.
    """
    root = str(path).rstrip("/")
    found: list[tuple[str, Policy]] = []
    sources = {source for source, _ in policy_stamps(root)}
    for source in sorted(each for each in sources if each.endswith(DOCUMENT)):
        examples = source.removesuffix(DOCUMENT) + EXAMPLES
        table = _read(examples, _MOST_EXAMPLES) if examples in sources else None
        policy = parse_policy(_read(source, MOST_DOCUMENT), source, table, examples)
        found.append((source, policy))
    if not found:
        raise PolicyError(f"{root}: no policy here; put each in a folder of its own, as policy.md")
    return in_force(root, found)


def in_force(root: str, documents: Iterable[tuple[str, Policy]]) -> PolicySet:
    """Return what a job takes of a folder's policies, each of which comes with its source.

    PolicyError where two have one id, or none is left to decide.
    """
    found: dict[str, tuple[str, Policy]] = {}
    for source, policy in documents:
        if policy.policy_id in found:
            raise PolicyError(
                f"{source}: the id {policy.policy_id!r} is already that of "
                f"{found[policy.policy_id][0]}; give each policy an id of its own"
            )
        found[policy.policy_id] = (source, policy)
    taken = [found[i][1] for i in sorted(found) if found[i][1].status is not Status.RETIRED]
    if not taken:
        raise PolicyError(f"{root}: every policy is retired; set `status: active` in one of them")
    return PolicySet(tuple(taken))


def policy_stamps(path: str | Path) -> tuple[tuple[str, str], ...]:
    """Return the files of the policies under ``path``, each with a stamp of when it was written.

    Reads none of them. PolicyError where they cannot be listed, or a folder lost its document: a
    policy is taken out of force by ``status: retired``, or with its whole folder.
    """
    root = str(path).rstrip("/")
    found = [*_listed(root, DOCUMENT), *_listed(root, EXAMPLES)]
    documents = {source for source, _ in found if source.endswith(DOCUMENT)}
    folders = {source.rpartition("/")[0] for source, _ in found}
    for folder in sorted(folders | _bare_folders(root)):
        if f"{folder}/{DOCUMENT}" not in documents:
            raise PolicyError(
                f"{folder}/{DOCUMENT}:1: the document is missing; put it back, or remove its "
                "folder, too"
            )
    return tuple(sorted(found))


def parse_policy(
    document: bytes,
    source: str = "policy.md",
    examples: bytes | None = None,
    examples_source: str = "examples.csv",
) -> Policy:
    """Return the policy of a document and, where there is one, its file of examples.

    The sources only name the files in errors. CRLF becomes LF, so that a checkout on
    Windows gives the same version. Raises PolicyError.
    """
    if len(document) > MOST_DOCUMENT:
        raise PolicyError(f"{source}:1: it is larger than {MOST_DOCUMENT >> 10} KiB; cut it")
    whole = _decode(document, source)
    _require_splittable(whole, source)
    front, text, text_line = _split(whole, source)
    fields = _FrontMatter(front, source)
    policy_id = fields.text("id")
    if not is_policy_id(policy_id):
        fields.fail("id", f"{policy_id!r} is no id; use lower-case letters, digits and hyphens")
    contract = fields.choice("contract", _CONTRACTS, Contract.JSON)
    rules = fields.mapping("rules")
    if len(rules) > _MOST_RULES:
        fields.fail("rules", f"there are {len(rules)} rules; {_MOST_RULES} is the most")
    for rule_id in rules:
        if not _RULE_ID.fullmatch(rule_id):
            fields.fail("rules", f"the rule id {rule_id!r} is not one word; write one like HATE1")
    if contract is Contract.LABEL_RULES and not rules:
        fields.fail("contract", "label-rules needs rules; write them, or set `contract: label`")
    effort, second_effort = _efforts(fields)
    policy = Policy(
        policy_id=policy_id,
        title=fields.text("title"),
        owner=fields.text("owner"),
        text=text.strip("\n"),
        labels=_labels(fields, contract),
        rules=rules,
        status=fields.choice("status", Status, Status.ACTIVE),
        effort=effort,
        second_effort=second_effort,
        effort_band=_effort_band(fields, second_effort),
        contract=contract,
        grounds=_grounds(fields),
        examples=()
        if examples is None
        else tuple(read_examples(_decode(examples, examples_source), examples_source, rules)),
        text_line=text_line + len(text) - len(text.lstrip("\n")),
    )
    if not text.strip():
        raise PolicyError(
            f"{source}:{text_line}: the policy has no text; write what the model should read "
            "under the second `---`"
        )
    return policy


class _FrontMatter:
    """The YAML above a policy's text, read as nodes: they know their lines and keep their quotes.

    Every value is text, so `0`, `no` and `1.0` mean what they say.
    """

    def __init__(self, front: str, source: str) -> None:
        self._source = source
        try:
            self._nodes = yaml_nodes.mapping(front)
        except yaml_nodes.YamlError as error:
            raise self._error(error.line, f"the front matter {error}") from error
        known = (*_REQUIRED, *_OPTIONAL)
        for key, (line, _) in self._nodes.items():
            if key not in known:
                raise self._error(line, f"unknown key {key!r}; the keys are {', '.join(known)}")
        for key in _REQUIRED:
            if key not in self._nodes:
                raise PolicyError(f"{source}:2: the front matter has no {key!r}; add a line for it")

    def has(self, key: str) -> bool:
        """Return whether the key is written."""
        return key in self._nodes

    def fail(self, key: str, problem: str) -> NoReturn:
        """Raise PolicyError at the line of ``key``."""
        raise self._error(self._nodes[key][0], problem)

    def text(self, key: str) -> str:
        """Return a value that is one piece of text and not empty."""
        line, node = self._nodes[key]
        return self._scalar(key, line, node)

    def choice(self, key: str, choices: Iterable[Choice], default: Choice) -> Choice:
        """Return the member of ``choices`` that is written, or the default."""
        if key not in self._nodes:
            return default
        written = self.text(key)
        for choice in choices:
            if choice.value == written:
                return choice
        names = ", ".join(choice.value for choice in choices)
        raise self._error(self._nodes[key][0], f"{key} is {written!r}; it is one of {names}")

    def mapping(self, key: str) -> dict[str, str]:
        """Return a mapping from text to text; empty where it is not written."""
        if key not in self._nodes:
            return {}
        line, node = self._nodes[key]
        if not isinstance(node, yaml.MappingNode):
            raise self._error(
                line, f"{key} is no mapping; under it, write one indented `key: value` a line"
            )
        try:
            pairs = yaml_nodes.pairs(node)
        except yaml_nodes.YamlError as error:
            raise self._error(error.line, f"{key} {error}") from error
        return {k: self._scalar(k, n, value) for k, (n, value) in pairs.items()}

    def _scalar(self, key: str, line: int, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            raise self._error(line, f"{key!r} has no text; write some after it")
        if problem := yaml_nodes.unwritable(node.value):
            raise self._error(line, f"{key!a} {problem}")
        return str(node.value).strip()

    def _error(self, line: int, problem: str) -> PolicyError:
        # The front matter starts on the document's second line.
        return PolicyError(f"{self._source}:{line + 1}: {problem}")


def _efforts(fields: _FrontMatter) -> tuple[Effort, Effort | None]:
    """Return the effort that is written, and the second one behind a comma where there is one."""
    if not fields.has("effort") or "," not in fields.text("effort"):
        return fields.choice("effort", Effort, Effort.LOW), None
    order = [each.value for each in Effort]
    written = [each.strip() for each in fields.text("effort").split(",")]
    if not (len(written) == 2 and set(written) <= set(order)) or (
        order.index(written[0]) >= order.index(written[1])
    ):
        fields.fail(
            "effort",
            f"effort is {fields.text('effort')!r}; write one of {', '.join(order)}, or two of "
            "them, the lower first: low, high",
        )
    return Effort(written[0]), Effort(written[1])


def _grounds(fields: _FrontMatter) -> Grounds:
    try:
        return parse_grounds(fields.mapping("grounds"))
    except GroundsError as error:
        fields.fail("grounds", f"of the grounds, {error}")


def _effort_band(fields: _FrontMatter, second: Effort | None) -> tuple[float, float]:
    if not fields.has("effort_band"):
        return EFFORT_BAND
    if second is None:
        fields.fail("effort_band", "effort_band is for two efforts; write `effort: low, high`")
    written = fields.text("effort_band")
    found = re.fullmatch(r"([01](?:\.[0-9]{1,6})?) *, *([01](?:\.[0-9]{1,6})?)", written)
    low, high = map(float, found.groups()) if found else (1.0, 0.0)
    if not 0 <= low <= high <= 1:
        fields.fail(
            "effort_band",
            f"effort_band is {written!r}; write two probabilities, the lower first: 0.2, 0.8",
        )
    return low, high


def _labels(fields: _FrontMatter, contract: Contract) -> Mapping[str, str]:
    labels = fields.mapping("labels")
    if len(labels) > _MOST_LABELS:
        fields.fail("labels", f"there are {len(labels)} labels; {_MOST_LABELS} is the most")
    for label, verdict in labels.items():
        if not _LABEL.fullmatch(label):
            fields.fail(
                "labels", f"the label {label!r} is not 1 to 64 characters on one line; shorten it"
            )
        if verdict not in VERDICTS:
            fields.fail("labels", f"the label {label!r} means {verdict!r}; write violates or safe")
    if set(labels.values()) != set(VERDICTS):
        fields.fail("labels", "labels needs at least one that violates and one that is safe")
    if contract is Contract.JSON and labels != {"1": "violates", "0": "safe"}:
        fields.fail(
            "labels",
            'with `contract: json` the labels are "1": violates and "0": safe; '
            "for other labels set `contract: label`",
        )
    return labels


def _require_splittable(document: str, source: str) -> None:
    if found := _UNSPLIT.search(document):
        line = document.count("\n", 0, found.start()) + 1
        raise PolicyError(
            f"{source}:{line}: more than 4,096 characters without a break begin here; a model "
            "cannot read them, so leave them out"
        )


def _split(document: str, source: str) -> tuple[str, str, int]:
    lines = document.split("\n")
    if lines[0].rstrip() != "---":
        raise PolicyError(
            f"{source}:1: there is no front matter; begin with a line `---`, then `id:`, "
            "`title:`, `owner:`, `labels:`, and a second `---`"
        )
    for number, line in enumerate(lines[1:], start=2):
        if line.rstrip() == "---":
            return "\n".join(lines[1 : number - 1]), "\n".join(lines[number:]), number + 1
    raise PolicyError(
        f"{source}:{len(lines)}: the front matter never ends; put a line `---` above the text"
    )


def _decode(content: bytes, source: str) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PolicyError(f"{source}:{line}: this is not UTF-8; save the file as UTF-8") from error
    return text.replace("\r\n", "\n")


def _listed(root: str, name: str) -> list[tuple[str, str]]:
    if not storage.is_remote(root):
        if not Path(root).is_dir():
            raise PolicyError(f"{root}: there is no such folder; name one that holds policies")
        with _readable(root):
            return storage.stamps(root, f"*/{name}")
    # Beam takes a second to import, and a local folder needs none of it.
    from apache_beam.io.filesystem import BeamIOError

    try:
        return storage.stamps(root, f"*/{name}")
    except (BeamIOError, ValueError) as error:
        raise PolicyError(
            f"{root}: the policies cannot be listed; check the prefix and the credentials, and "
            "for gs:// install the extra dataflow"
        ) from error


def _bare_folders(root: str) -> set[str]:
    """Return the folders that hold nothing, or a link for a document; a bucket has none."""
    if storage.is_remote(root):
        return set()
    with _readable(root):
        folders = [each for each in Path(root).iterdir() if each.is_dir() and each.name[0] != "."]
        return {
            str(each)
            for each in folders
            if (each / DOCUMENT).is_symlink() or not any(each.iterdir())
        }


def _read(source: str, most_bytes: int) -> bytes:
    with _readable(source):
        return storage.read(source, most_bytes)


@contextmanager
def _readable(source: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PolicyError(
            f"{error.filename or source}: it cannot be read "
            f"({error.strerror or type(error).__name__}); check the path and its permissions"
        ) from error
