"""Messages to measure with: about 200 bytes each, assembled from this project's own sample."""

import json
import random
from collections.abc import Iterator

from weir.pipelines.posts import SAMPLE

FLAGGED_SHARE = 0.05  # of the posts, by whoever is measured


def messages(count: int, seed: int = 7) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values of ``count`` distinct posts as JSON, 200 bytes each on average."""
    rng = random.Random(seed)
    words = [
        word
        for line in SAMPLE.read_text("utf-8").splitlines()
        for word in json.loads(line)["text"].split()
    ]
    for number in range(count):
        start = rng.randrange(len(words) - 50)
        text = " ".join(words[start : start + rng.randint(8, 36)])[: rng.randint(70, 240)]
        post = {
            "id": f"p{number:07d}",
            "text": text,
            "created_at": f"2026-11-{1 + number % 28:02d}T12:00:00Z",
            "lang": "en",
        }
        yield post["id"].encode(), json.dumps(post, ensure_ascii=False).encode()
