"""The JSON Schema of a configuration file, for editors and checks elsewhere."""

from typing import Any

from weir.pipelines.options.file import BEAM, BEAM_NAME
from weir.pipelines.options.job import OPTIONS

_SCALARS = ["string", "number", "boolean"]


def schema() -> dict[str, Any]:
    """Return the schema, made from the options' own types and checks."""
    beam = {
        "description": "Options of Beam's own and of the runner, by their names with dashes.",
        "type": "object",
        "propertyNames": {"pattern": f"^{BEAM_NAME.pattern}$"},
        "additionalProperties": {
            "anyOf": [
                {"type": _SCALARS},
                {"type": "array", "items": {"type": _SCALARS}, "minItems": 1},
            ]
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A job of Weir",
        "description": "What weir run --config takes; each name is that of an option.",
        "type": "object",
        "properties": {name: each.schema() for name, each in OPTIONS.items()} | {BEAM: beam},
        "additionalProperties": False,
    }
