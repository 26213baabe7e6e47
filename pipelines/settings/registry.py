"""The schema registry, from the options, and the schema of the flagged topic in it."""

from weir.pipelines.errors import OptionError
from weir.pipelines.options.content import RegistryOptions
from weir.pipelines.options.sinks import TopicOptions
from weir.transforms.registry import (
    AwayError,
    RegistryClient,
    RegistryError,
    RegistrySettings,
    UnknownSchemaError,
)
from weir.transforms.secret import REGISTRY_LOGIN, Secret, secret
from weir.transforms.write.flagged_forms import FlaggedForm, Form, schema_of_form, subject_of


def registry_settings(said: RegistryOptions) -> RegistrySettings | None:
    """Return where the registry is, None where there is none; its login is of the environment.

    RegistryError for what is not understood, and for a login in the clear.
    """
    if said.schema_registry is None:
        return None
    return registry_of(said, secret(REGISTRY_LOGIN))


def registry_of(said: RegistryOptions, login: Secret | None) -> RegistrySettings | None:
    """Return where the registry is, None where there is none; RegistryError as above."""
    return RegistrySettings(said.schema_registry, login) if said.schema_registry else None


def check_form(topics: TopicOptions, registry: RegistryOptions) -> None:
    """Raise OptionError where the flagged topic's form needs a registry and has none."""
    if Form(topics.flagged_format).registered and registry.schema_registry is None:
        raise OptionError(
            f"--flagged-format={topics.flagged_format} needs --schema-registry, whose ids its "
            "messages begin with"
        )


def flagged_form(topics: TopicOptions, registry: RegistrySettings | None) -> FlaggedForm:
    """Return the flagged topic's form, with its schema's id as the registry has it.

    RegistryError where the schema is not registered, or the registry does not answer.
    """
    form = Form(topics.flagged_format)
    if registry is None or not form.registered:
        return FlaggedForm.of(form)
    subject = subject_of(topics.flagged_topic)
    try:
        number = RegistryClient(registry).registered(subject, schema_of_form(form))
    except UnknownSchemaError:
        raise RegistryError(
            f"the schema of --flagged-format={form} is not registered as {subject}: "
            f"run weir tables --register --flagged-format={form} once"
        ) from None
    except AwayError as error:
        raise RegistryError(f"--schema-registry {registry.url}: {error}") from None
    return FlaggedForm.of(form, number)


def register(topics: TopicOptions, registry: RegistrySettings | None) -> tuple[str, int]:
    """Register the schema of the flagged topic; return its subject and id.

    OptionError without a registry, RegistryError where it refuses or does not answer.
    """
    if registry is None:
        raise OptionError("--register needs --schema-registry")
    subject = subject_of(topics.flagged_topic)
    schema = schema_of_form(Form(topics.flagged_format))
    try:
        return subject, RegistryClient(registry).register(subject, schema)
    except AwayError as error:
        raise RegistryError(f"--schema-registry {registry.url}: {error}") from None
