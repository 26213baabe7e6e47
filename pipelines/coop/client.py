"""Items sent to Coop's API until it takes them, or says that it never will.

Its documents (roostorg/coop, docs/api/items.md and errors.md, read on 2026-11-28) have it so: 202
is taken; 400 says that an item is wrong; 401 and 403 that the key is; 429 and what begins with 5
are to be tried again.
"""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from weir.pipelines.errors import OptionError
from weir.transforms.secret import Secret
from weir.transforms.secret_http import opener, sends_in_the_clear

Item = dict[str, Any]
Refused = tuple[Item, str]  # an item that Coop does not take, and why: nothing of the item

PATH = "/api/v1/items/async/"
_SECONDS = 30.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_LONGEST_ASKED = 300.0  # of what Coop itself asks to be waited for
_OF_ITEMS = (400, 413, 422)  # wrong is what was sent
_OF_THE_KEY = (401, 403)
# A failure that comes back so often, with the same items, may be the items'.
_TRIES = 5


class CoopError(OptionError):
    """Coop cannot be used as it was named; the message says what to change."""


@dataclass(frozen=True)
class Answer:
    """What came of a request: its status, None where there was none, and the pause it asks for."""

    status: int | None
    after: float | None = None  # seconds


@dataclass(frozen=True)
class Coop:
    """Where Coop is, and the key that it is asked with."""

    url: str
    key: Secret = field(repr=False)

    def __post_init__(self) -> None:
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.username:
            raise CoopError("--coop-url is no address; give https://HOST, without a login")
        if sends_in_the_clear(self.url):
            raise CoopError("--coop-url would send the key and posts in the clear; give https://")

    def post(self, items: Sequence[Item]) -> Answer:
        """Send items in one request, once."""
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            self.url.rstrip("/") + PATH,
            data=json.dumps({"items": list(items)}).encode(),
            headers={"X-API-KEY": str(self.key), "Content-Type": "application/json"},
        )
        try:
            with opener(self.url).open(request, timeout=_SECONDS) as answer:
                return Answer(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return Answer(error.code, _seconds(error.headers.get("Retry-After")))
        except (OSError, ValueError):
            return Answer(None)


def deliver(
    post: Callable[[Sequence[Item]], Answer],
    items: Sequence[Item],
    *,
    pause: Callable[[float], None] = time.sleep,
    waiting: Callable[[Answer, float], None] = lambda _answer, _seconds: None,
) -> list[Refused]:
    """Send items until each is taken or refused; return those that are refused. CoopError.

    Coop that is away, or says that it is asked too often, is waited for as long as that takes:
    nothing is lost meanwhile, since what waits is in Kafka. Where items are wrong the batch is cut
    in two until the wrong ones stand alone.
    """
    failures, wait = 0, _FIRST_PAUSE
    while True:
        answer = post(items)
        status = answer.status
        if status is not None and 200 <= status < 300:
            return []
        if status in _OF_THE_KEY:
            raise CoopError(
                f"Coop refuses the key in $WEIR_COOP_KEY (HTTP {status}): Settings, API Keys has it"
            )
        if status is not None and 300 <= status < 400:
            raise CoopError(f"--coop-url answers from another place (HTTP {status}); name that one")
        if status is not None and status != 429 and status < 500 and status not in _OF_ITEMS:
            raise CoopError(
                f"--coop-url answers HTTP {status}, as Coop does not; check the address"
            )
        failures += status is not None and status >= 500 and status not in (502, 503, 504)
        if status in _OF_ITEMS or failures >= _TRIES:
            return _apart(post, items, f"HTTP {status}", pause, waiting)
        seconds = min(answer.after, _LONGEST_ASKED) if answer.after is not None else wait
        waiting(answer, seconds)
        pause(seconds)
        wait = min(wait * 2, _LONGEST_PAUSE)


def _apart(
    post: Callable[[Sequence[Item]], Answer],
    items: Sequence[Item],
    why: str,
    pause: Callable[[float], None],
    waiting: Callable[[Answer, float], None],
) -> list[Refused]:
    if len(items) == 1:
        return [(items[0], why)]
    middle = len(items) // 2
    halves = (items[:middle], items[middle:])
    return [
        refused for half in halves for refused in deliver(post, half, pause=pause, waiting=waiting)
    ]


def _seconds(written: str | None) -> float | None:
    try:
        seconds = float(written) if written else -1.0
    except ValueError:  # a date, which needs clocks that agree
        return None
    return seconds if seconds >= 0 else None
