"""What Weir leaves of vLLM's speed on a card, for gpt-oss-20b at full size, without its weights.

``python -m tests.engine.on_a_card [--posts N] [--minutes M] [--json FILE]``, on a machine with an
NVIDIA card and what ``tests/engine/requirements.txt`` or the extra ``engine`` installs. Nothing is
downloaded: vLLM fills the model with numbers of its own (``load_format=dummy``), so that it takes
the time of the real one and its verdicts mean nothing. It ends within the minutes: what has not
begun by then is left out, and named.

Each way to judge is measured as the judge's own bundles ask, and then with the same requests at
AsyncLLM itself, all of them at once and rendered before the clock starts.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from tests.benchmarks.corpus import messages
from tests.benchmarks.savings import Posts, Way, verdicts
from tests.benchmarks.vllm_ways import all_at_once
from tests.engine.checkpoint import FULL_SIZE, build
from weir.policies.loading import LIBRARY, load_policies
from weir.policies.policy import Contract, Effort, Policy, PolicySet
from weir.transforms.judge.budget import UNLIMITED, Allowance
from weir.transforms.judge.cache import VerdictCache
from weir.transforms.judge.engine import Completion, Request
from weir.transforms.judge.shared_engine import SharedEngine, Slots
from weir.transforms.judge.vllm.engine import VllmEngine
from weir.transforms.judge.vllm.settings import VllmSettings

POST_BYTES = 200
# With its label this is as much as gpt-oss-20b said on average in the published measurement, 194.
_REASONING_TOKENS = 180
_NO_CARD = (
    "no NVIDIA card is here: this measures gpt-oss-20b at full size, and a CPU would take days"
)


@dataclass
class Noted:
    """An engine that notes what it was asked."""

    engine: VllmEngine
    asked: list[Request] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def submit(self, requests: Sequence[Request]) -> "list[Future[Completion]]":
        """Pass the requests on."""
        self.asked += requests
        return self.engine.submit(requests)


@dataclass(frozen=True)
class Speed:
    """How one way to judge did, beside AsyncLLM with the same requests."""

    verdicts: int
    requests: int
    verdicts_per_s: float
    requests_per_s: float
    raw_requests_per_s: float
    of_raw: float
    policy_share_cached: float  # of the policies' tokens, those found in the prefix cache
    tokens_in: float  # of a request, on average, as are those out
    tokens_out: float


def posts(count: int, under: Sequence[str]) -> Posts:
    """Return so many posts of 200 bytes, no two alike, each under all the policies named."""
    of = (ascii(json.loads(value)["text"]) for _, value in messages(count))
    texts = (f"{number} {text} " for number, text in enumerate(of))
    return [((text * 9)[:POST_BYTES], list(under)) for text in texts]


def ways() -> dict[str, tuple[Way, tuple[str, ...]]]:
    """Return each way to judge, and the policies that a post is judged under."""
    library = load_policies(LIBRARY)
    # A label is the shortest answer there is, so what Weir costs weighs most.
    spam, *others = (_short(library[name]) for name in ("spam", "harassment", "violence"))
    both = replace(spam, second_effort=Effort.HIGH, effort_band=(0.0, 1.0))
    group = PolicySet(tuple(sorted((spam, *others), key=lambda policy: policy.policy_id)))
    return {
        "one policy, low effort": (Way(PolicySet((spam,))), ("spam",)),
        "every post at two efforts": (Way(PolicySet((both,))), ("spam",)),
        "three policies in one request": (
            Way(group, together=True),
            tuple(policy.policy_id for policy in group.policies),
        ),
    }


def _short(policy: Policy) -> Policy:
    return replace(policy, contract=Contract.LABEL, effort=Effort.LOW)


def speed(engine: VllmEngine, way: Way, of: Posts) -> Speed:
    """Return how fast posts are judged in a way, their prefixes cached before the clock starts."""
    noted = Noted(engine)
    shared = SharedEngine(
        noted,
        Slots(lambda: engine.capacity),
        VerdictCache(0, engine.model),
        Allowance(UNLIMITED),
        Allowance(UNLIMITED),
    )
    verdicts(shared, way, of[:1])
    noted.asked.clear()
    began = time.monotonic()
    table = verdicts(shared, way, of)
    seconds = time.monotonic() - began
    raw = all_at_once(engine, noted.asked)
    policy = pc.sum(table["tokens_policy"]).as_py()
    cached = pc.sum(pc.min_element_wise(table["tokens_cached"], table["tokens_policy"])).as_py()
    count = len(noted.asked)
    return Speed(
        verdicts=table.num_rows,
        requests=count,
        verdicts_per_s=table.num_rows / seconds,
        requests_per_s=count / seconds,
        raw_requests_per_s=raw.per_s,
        of_raw=count / seconds / raw.per_s,
        policy_share_cached=cached / policy,
        tokens_in=pc.sum(table["tokens_in"]).as_py() / count,
        tokens_out=pc.sum(table["tokens_out"]).as_py() / count,
    )


def measure(engine: VllmEngine, count: int, until: float) -> dict[str, Speed | None]:
    """Return the speed of each way over so many posts; None of one not begun by ``until``."""
    found: dict[str, Speed | None] = {}
    for name, (way, under) in ways().items():
        if time.monotonic() > until:
            found[name] = None
            continue
        found[name] = speed(engine, way, posts(count, under))
        _say(name, found[name])
    return found


def _say(name: str, found: Speed | None) -> None:
    if found is None:
        print(f"{name}: left out, there was no time", flush=True)
        return
    print(
        f"{name}: {found.verdicts_per_s:,.1f} verdicts/s, {found.requests_per_s:,.1f} requests/s, "
        f"{found.of_raw:.1%} of AsyncLLM alone ({found.raw_requests_per_s:,.1f}); "
        f"{found.policy_share_cached:.1%} of the policies' tokens cached; a request has "
        f"{found.tokens_in:,.0f} tokens in, {found.tokens_out:,.0f} out",
        flush=True,
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print a line a way, and write all of it as JSON. SystemExit without a card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=1000, help="that each way judges")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--json", type=Path, default=Path("bench-card.json"))
    parser.add_argument("--engine-settings", default="", help="as weir run takes them")
    options = parser.parse_args(argv)
    until = time.monotonic() + 60 * options.minutes / 2  # the longest way takes a third of all
    _require_card()
    with tempfile.TemporaryDirectory(prefix="weir-") as folder:
        model = build(Path(folder) / "gpt-oss-20b", **FULL_SIZE)
        settings = VllmSettings.parse(
            f"load_format=dummy,temperature=1,{options.engine_settings}",
            model=str(model),
            reasoning_tokens=_REASONING_TOKENS,
        )
        engine = VllmEngine(settings)
        try:
            found = measure(engine, options.posts, until)
        finally:
            engine.close()
    for name, each in found.items():
        if each is None:
            _say(name, each)
    report = {"card": _card(), "ways": {n: e and asdict(e) for n, e in found.items()}}
    options.json.write_text(json.dumps(report, indent=2) + "\n")


def _require_card() -> None:
    if find_spec("vllm") is None:
        sys.exit("vLLM is not installed here: pip install 'weir-moderation[engine]'")
    from vllm.platforms import current_platform

    if not current_platform.is_cuda():
        sys.exit(_NO_CARD)


def _card() -> str:
    from vllm.platforms import current_platform

    return str(current_platform.get_device_name())


if __name__ == "__main__":
    main()
