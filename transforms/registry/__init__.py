"""A schema registry that speaks Confluent's API: asked once an id, waited for while it is away."""

from weir.transforms.registry.client import RegistryClient, check_registry
from weir.transforms.registry.schemas import Schemas, process_schemas
from weir.transforms.registry.settings import (
    AwayError,
    RegistryError,
    RegistrySettings,
    Schema,
    SchemaType,
    UnknownSchemaError,
)

__all__ = [
    "AwayError",
    "RegistryClient",
    "RegistryError",
    "RegistrySettings",
    "Schema",
    "SchemaType",
    "Schemas",
    "UnknownSchemaError",
    "check_registry",
    "process_schemas",
]
