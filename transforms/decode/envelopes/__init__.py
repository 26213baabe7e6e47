"""Envelopes: what other systems put around a post, each as its paths and its rules."""

from weir.transforms.decode.envelopes import activitypub, cloudevents, debezium, jetstream, osprey
from weir.transforms.decode.envelopes.envelope import PLAIN, Envelope

ENVELOPES: dict[str, Envelope] = {
    "none": PLAIN,
    "debezium": debezium.ENVELOPE,
    "cloudevents": cloudevents.ENVELOPE,
    "jetstream": jetstream.ENVELOPE,
    "activitypub": activitypub.ENVELOPE,
    "osprey": osprey.ENVELOPE,
}
