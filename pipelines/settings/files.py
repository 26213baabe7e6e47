"""Whether what a job reads of this machine as it starts is there, and sound."""

from weir.pipelines.options.job import JobOptions
from weir.pipelines.settings.decoding import schema_text
from weir.pipelines.settings.kafka import kafka_of
from weir.policies.loading import load_policies
from weir.policies.storage import is_remote
from weir.transforms.screen import STARTER, ScreenSource
from weir.transforms.secret import SECRET_NOT_READ


def require_files(said: JobOptions) -> None:
    """Raise the WeirError of a folder or a file that is not there, or is not what it should be.

    What lies in an object store is not looked for.
    """
    deciding, kafka = said.deciding, said.kafka
    if not is_remote(deciding.policies):
        load_policies(deciding.policies)
    for screen in (deciding.screen, deciding.shadow_screen):
        if screen not in (None, STARTER) and not is_remote(screen):
            ScreenSource.of(screen)
    schema = said.decoding.schema_file
    if schema is not None and not is_remote(schema):
        schema_text(schema)
    certificates = (kafka.ssl_cafile, kafka.ssl_certfile, kafka.ssl_keyfile)
    if not any(is_remote(each) for each in certificates if each is not None):
        kafka_of(kafka, SECRET_NOT_READ if kafka.sasl_mechanism else None).tls()
