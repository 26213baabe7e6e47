"""A worker with an engine: it says which processes hold the model, and has work for them.

``python -m tests.engine.worker MODEL stay|leave``: stay until killed, or leave with work undone.
"""

import sys
import time

from tests.engine.conftest import REASONING_TOKENS, SETTINGS
from tests.engine.policies import JSON
from weir.transforms.judge.engine import Request
from weir.transforms.judge.vllm.engine import VllmEngine
from weir.transforms.judge.vllm.settings import VllmSettings


def main(model: str, then: str) -> None:
    engine = VllmEngine(
        VllmSettings.parse(SETTINGS, model=model, reasoning_tokens=REASONING_TOKENS)
    )
    engine.submit([Request(str(n), f"post {n}", JSON) for n in range(64)])
    print(*engine.process_ids, flush=True)
    if then == "stay":
        time.sleep(900)


if __name__ == "__main__":
    main(*sys.argv[1:])
