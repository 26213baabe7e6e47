"""Messages to measure with: about 200 bytes each, assembled from this project's own sample."""

import json
import random
from collections.abc import Iterator

from pipelines.posts import SAMPLE


def messages(count: int, seed: int = 7) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values of ``count`` distinct posts of 120 to 280 bytes as JSON."""
    rng = random.Random(seed)
    words = [
        word
        for line in SAMPLE.read_text("utf-8").splitlines()
        for word in json.loads(line)["text"].split()
    ]
    for number in range(count):
        start = rng.randrange(len(words) - 40)
        text = " ".join(words[start : start + rng.randint(8, 30)])[: rng.randint(60, 200)]
        post = {
            "id": f"p{number:07d}",
            "text": text,
            "created_at": f"2026-11-{1 + number % 28:02d}T12:00:00Z",
            "lang": "en",
        }
        yield post["id"].encode(), json.dumps(post, ensure_ascii=False).encode()
