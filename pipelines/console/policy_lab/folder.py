"""The folder of policies as people edit it: what each one's files hold, and how they are written.

A draft stands beside the document that is in force, under names that no job reads.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from pathlib import Path

from weir.pipelines.console.policy_lab.text_area import Written, written
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.visit import RefusedError
from weir.policies import storage
from weir.policies.loading import (
    DOCUMENT,
    EXAMPLES,
    LIBRARY,
    MOST_DOCUMENT,
    POLICIES_OF_SETS,
    in_force,
    parse_policy,
)
from weir.policies.policy import Policy, PolicyError, Status, is_policy_id

DRAFT, DRAFT_EXAMPLES = "policy.draft.md", "examples.draft.csv"
FILES = (DOCUMENT, EXAMPLES, DRAFT, DRAFT_EXAMPLES)
_MOST_BYTES = {DOCUMENT: MOST_DOCUMENT, DRAFT: MOST_DOCUMENT}
_MOST_EXAMPLES = 512 << 10  # of examples that a text area takes; longer ones stay as they are


class ConflictError(RefusedError):
    """The files are no longer those that were opened; ``now`` is what they are."""

    def __init__(self, now: "Entry") -> None:
        super().__init__("somebody changed this policy meanwhile", HTTPStatus.CONFLICT)
        self.now = now


@dataclass(frozen=True)
class Entry:
    """What stands of one policy; ``files`` has the content of each file that is there.

    ``unread`` says of a file why its content is not among them.
    """

    name: str  # of its folder
    files: Mapping[str, bytes]
    unread: Mapping[str, str]

    @cached_property
    def parsed(self) -> Policy | PolicyError | None:
        """Return the document that jobs read, what is wrong with it, or None without one."""
        return self._parsed(DOCUMENT, EXAMPLES)

    @cached_property
    def parsed_draft(self) -> Policy | PolicyError | None:
        """Return the draft likewise."""
        return self._parsed(DRAFT, DRAFT_EXAMPLES)

    @property
    def policy(self) -> Policy | None:
        """Return the policy that jobs read, where they can."""
        return self.parsed if isinstance(self.parsed, Policy) else None

    @property
    def policy_id(self) -> str:
        """Return the id, or the folder's name where the document says none."""
        for each in (self.parsed, self.parsed_draft):
            if isinstance(each, Policy):
                return each.policy_id
        return self.name

    @property
    def has_draft(self) -> bool:
        """Return whether a draft stands beside the document, or alone."""
        return DRAFT in self.files or DRAFT in self.unread

    @property
    def gone(self) -> bool:
        """Return whether nothing stands of it."""
        return not self.files and not self.unread

    @property
    def stamp(self) -> str:
        """Return what changes with any byte of any of its files."""
        digest = hashlib.sha256()
        for name in FILES:
            content = self.files.get(name)
            digest.update(f"{name} {-1 if content is None else len(content)}\n".encode())
            digest.update(content or self.unread.get(name, "").encode())
        return digest.hexdigest()

    def text(self, name: str) -> Written:
        """Return the text of a file; of one that is not there, an empty one."""
        return written(self.files.get(name, b""))

    def _parsed(self, document: str, examples: str) -> Policy | PolicyError | None:
        if document in self.unread:
            return PolicyError(f"{document}:1: {self.unread[document]}")
        if document not in self.files:
            return None
        try:
            table = self.files.get(examples)
            return parse_policy(self.files[document], DOCUMENT, table, EXAMPLES)
        except PolicyError as error:
            return error


@dataclass(frozen=True)
class Folder:
    """A folder of policies."""

    path: str

    @classmethod
    def of(cls, setup: Setup) -> "Folder":
        """Return that of a console; RefusedError where it was given none."""
        if setup.policies is None:
            raise RefusedError("No folder of policies is known: start it with --policies FOLDER")
        return cls(setup.policies.rstrip("/"))

    @property
    def why_read_only(self) -> str | None:
        """Return why nothing can be written here; None where it can."""
        if storage.is_remote(self.path):
            return "it is in an object store, which keeps no two writers apart"
        here = Path(self.path).resolve()
        if here.is_relative_to(LIBRARY.resolve()) or here.is_relative_to(
            POLICIES_OF_SETS.resolve()
        ):
            return "these are the policies that ship with Weir"
        if not os.access(here, os.W_OK | os.X_OK):
            return "this machine does not let the console write there"
        return None

    def entries(self) -> list[Entry]:
        """Return every policy, by the name of its folder; RefusedError where none can be listed."""
        names: set[str] = set()
        try:
            for file in FILES:
                for path, _ in storage.stamps(self.path, f"*/{file}"):
                    names.add(path.rsplit("/", 2)[-2])
        except Exception as error:  # whatever a bucket's client raises
            raise RefusedError(
                f"The policies in {self.path} cannot be listed ({type(error).__name__}): check the "
                "path, its permissions and the credentials",
                HTTPStatus.SERVICE_UNAVAILABLE,
            ) from error
        return [self._entry(name) for name in sorted(names) if not name.startswith(".")]

    def find(self, policy_id: str) -> Entry:
        """Return a policy by its id, or by the name of its folder; RefusedError without one."""
        found = self._find(policy_id)
        if found is None:
            raise RefusedError("There is no such policy in the folder", HTTPStatus.NOT_FOUND)
        return found

    def find_or_gone(self, policy_id: str) -> Entry:
        """Return a policy, or nothing by its name: one that was deleted meanwhile."""
        if is_policy_id(policy_id):
            return self._find(policy_id) or Entry(policy_id, {}, {})
        return self.find(policy_id)

    def _find(self, policy_id: str) -> Entry | None:
        found = self.entries()
        by_id = [each for each in found if each.policy_id == policy_id]
        return next(iter([*by_id, *(each for each in found if each.name == policy_id)]), None)

    def require_sound(self, name: str, policy: Policy) -> None:
        """Raise PolicyError where a job could not take the folder with this policy in it."""
        others = [
            (f"{each.name}/{DOCUMENT}", each.policy)
            for each in self.entries()
            if each.name != name and each.policy
        ]
        in_force(self.path, [*others, (DOCUMENT, policy)])

    def require_writable(self, name: str, stamp: str) -> None:
        """Raise what ``write`` would refuse such an edit with: ConflictError, RefusedError."""
        if why := self.why_read_only:
            raise RefusedError(f"{self.path} is read only: {why}", HTTPStatus.FORBIDDEN)
        before = self._entry(name)
        if before.stamp != stamp:
            raise ConflictError(before)
        place = Path(self.path, name)
        with _explained(self.path):
            for each in (place, *(place / file for file in FILES)):
                if each.is_symlink():
                    raise RefusedError(f"{each} is a link: edit what it leads to")

    def write(self, name: str, stamp: str, changes: Mapping[str, bytes | None]) -> Entry:
        """Write files of a policy, all or none, unless it is no longer what the stamp is of.

        None removes a file. Returns what then stands there. ConflictError, or RefusedError where
        it cannot be written.
        """
        self.require_writable(name, stamp)
        with _explained(self.path), self._alone():
            self.require_writable(name, stamp)  # somebody else may have written before its turn
            place = Path(self.path, name)
            if place.is_dir():
                _replace(place, changes)
            else:
                self._make(place, changes)
            return self._entry(name)

    def _make(self, place: Path, changes: Mapping[str, bytes | None]) -> None:
        # No job may see a folder without its files.
        beside = place.with_name(f".{place.name}.{os.getpid()}")
        try:
            beside.mkdir()
            _replace(beside, changes)
            beside.rename(place)
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep the other writers of this console, and of others on this machine, waiting."""
        held = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield
        finally:
            os.close(held)

    def _entry(self, name: str) -> Entry:
        files: dict[str, bytes] = {}
        unread: dict[str, str] = {}
        for file in FILES:
            path = f"{self.path}/{name}/{file}"
            try:
                if storage.exists(path):
                    files[file] = storage.read(path, _MOST_BYTES.get(file, _MOST_EXAMPLES))
            except FileNotFoundError:
                continue  # it is gone since
            except OSError as error:
                unread[file] = (
                    f"it cannot be opened here ({error.strerror or type(error).__name__})"
                )
        return Entry(name, files, unread)


def _replace(place: Path, changes: Mapping[str, bytes | None]) -> None:
    """Write every file beside its place first: a full disk is met before anything is changed."""
    beside = {name: place / f".{name}.{os.getpid()}" for name in changes}
    try:
        for name, content in changes.items():
            if content is not None:
                with beside[name].open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                with suppress(FileNotFoundError):
                    shutil.copymode(place / name, beside[name])
        for name, content in changes.items():
            if content is None:
                (place / name).unlink(missing_ok=True)
            else:
                beside[name].replace(place / name)
    finally:
        for each in beside.values():
            each.unlink(missing_ok=True)


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RefusedError(
            f"{path} cannot be written ({error.strerror or type(error).__name__}): nothing was "
            "changed; mend it, and send this again",
            HTTPStatus.INSUFFICIENT_STORAGE,
        ) from error


def title_of(entry: Entry) -> str:
    """Return what a policy is called."""
    for each in (entry.parsed, entry.parsed_draft):
        if isinstance(each, Policy):
            return each.title
    return entry.name


def status_of(entry: Entry) -> str:
    """Return in a word what becomes of a policy's verdicts."""
    if isinstance(entry.parsed, PolicyError):
        return "broken"
    if entry.policy is None:
        return "draft"
    return word_of(entry.policy)


def word_of(policy: Policy) -> str:
    """Return in a word what a policy's own status makes of its verdicts."""
    return "in force" if policy.status is Status.ACTIVE else str(policy.status)
