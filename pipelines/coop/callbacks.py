"""What Coop says back: a moderator's action on an item, or the decision on an appeal.

The forms are those of roostorg/coop, docs/api/actions.md, and the signature that of
docs/development/api-auth.md (RSASSA-PKCS1-v1_5 with SHA-256 over the body as it came, in base64 in
the header Coop-Signature); both read on 2026-11-28.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from weir.pipelines.errors import OptionError

LONGEST_NAME = 1_024  # characters of an id or an address


class CallbackError(ValueError):
    """A callback that says nothing Weir can store; the message holds nothing of its values."""


@dataclass(frozen=True)
class Action:
    """A decision on an item: ``violates``, or not. ``reviewer`` is None where a rule took it."""

    decision_id: str
    human_verdict: str
    reviewer: str | None


@dataclass(frozen=True)
class AppealDecision:
    """What became of an appeal: ``granted`` where the decision was wrong."""

    decision_id: str
    appeal_id: str
    granted: bool


def public_key(file: Path) -> RSAPublicKey:
    """Return the key that Coop's signatures are checked with; OptionError."""
    try:
        key = load_pem_public_key(file.read_bytes())
    except ValueError as error:
        raise OptionError(f"--coop-public-key {file} is no public key in PEM") from error
    if not isinstance(key, RSAPublicKey):
        raise OptionError(f"--coop-public-key {file} is no RSA key, as Coop's are")
    return key


def is_signed(key: RSAPublicKey, body: bytes, signature: str | None) -> bool:
    """Return whether Coop signed this body."""
    try:
        told = base64.b64decode(signature or "", validate=True)
        key.verify(told, body, PKCS1v15(), hashes.SHA256())
    except (binascii.Error, ValueError, InvalidSignature):
        return False
    return True


def read_action(body: bytes, verdicts: Mapping[str, str]) -> Action:
    """Return the decision in an action callback; CallbackError.

    ``verdicts`` says of the ids of Coop's actions what each means: violates or safe.
    """
    told = _object(body)
    verdict = verdicts.get(_text(told, "action", "id"))
    if verdict is None:
        raise CallbackError("the action is none of --violates and --safe")
    who = told.get("actorEmail")
    if who is not None and not _is_name(who):
        raise CallbackError("actorEmail is no name")
    return Action(_text(told, "item", "id"), verdict, who)


def read_appeal(body: bytes) -> AppealDecision:
    """Return the decision in an appeal callback; CallbackError."""
    told = _object(body)
    decision = told.get("appealDecision")
    if decision not in ("ACCEPT", "REJECT"):
        raise CallbackError("appealDecision is neither ACCEPT nor REJECT")
    return AppealDecision(_text(told, "item", "id"), _text(told, "appealId"), decision == "ACCEPT")


def _object(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise CallbackError("the body is no JSON object")
    return told


def _text(told: Any, *path: str) -> str:
    for name in path:
        told = told.get(name) if isinstance(told, dict) else None
    if not _is_name(told):
        raise CallbackError(f"{'.'.join(path)} is missing, or no name")
    return str(told)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value.isprintable()
