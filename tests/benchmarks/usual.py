"""What a user would write without Weir: a plain loop with a scikit-learn classifier, one head."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from kafka import TopicPartition
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline

from tests.benchmarks.corpus import FLAGGED_SHARE, messages
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.kafka.settings import KafkaSettings


def classifier() -> Pipeline:
    """Return the usual choice, fitted to the golden examples of one policy."""
    examples = [e for p in load_policies(LIBRARY).policies for e in p.examples]
    features = FeatureUnion(
        [
            ("word", HashingVectorizer(ngram_range=(1, 2), n_features=2**18)),
            ("char", HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), n_features=2**18)),
        ]
    )
    model = Pipeline([("features", features), ("head", LogisticRegression(max_iter=500))])
    model.fit([e.text for e in examples], [e.violates for e in examples])
    return model


def main(argv: Sequence[str] | None = None) -> None:
    """Score a topic: arguments are the brokers, the topic, its length, partitions, result file."""
    bootstrap, topic, length, partitions, result = sys.argv[1:] if argv is None else argv
    kafka = KafkaSettings(bootstrap)
    model = classifier()
    sample = [json.loads(value)["text"] for _, value in messages(4000, seed=11)]
    # Sending costs, so it flags as many posts as Weir does.
    threshold = float(np.quantile(model.predict_proba(sample)[:, 1], 1 - FLAGGED_SHARE))
    consumer, producer = kafka.consumer(), kafka.producer()
    assigned = [TopicPartition(topic, p) for p in range(int(partitions))]
    consumer.assign(assigned)
    for partition in assigned:
        consumer.seek(partition, 0)
    read = flagged = 0
    started, wall = time.process_time(), time.time()
    while read < int(length):
        for records in consumer.poll(500, max_records=500).values():
            posts = [json.loads(record.value) for record in records]
            scores = model.predict_proba([post["text"] for post in posts])[:, 1]
            for post, score in zip(posts, scores.tolist(), strict=True):
                if score > threshold:
                    producer.send("usual-flagged", json.dumps(post | {"score": score}).encode())
                    flagged += 1
            read += len(records)
    producer.flush()
    producer.close()
    consumer.close()
    Path(result).write_text(
        json.dumps(
            {
                "messages": read,
                "flagged": flagged,
                "cpu_us": (time.process_time() - started) / read * 1e6,
                "wall_s": time.time() - wall,
            }
        )
    )


if __name__ == "__main__":
    main()
