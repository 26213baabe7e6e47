"""HTML pages of one look, each of them a file that loads nothing and runs nothing."""

import base64
import hashlib
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from weir.transforms.text.hidden import visible


def render(package: str, name: str, filters: dict[str, Callable[..., Any]], **values: Any) -> str:
    """Return a template of a package, filled in; every value is escaped.

    The template has ``style`` and ``style_hash``, for its Content-Security-Policy, and the filter
    ``visible``.
    """
    style = files("weir.pipelines").joinpath("page.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters |= {"visible": visible} | filters
    template = environment.from_string(files(package).joinpath(name).read_text("utf-8"))
    return template.render(
        style=Markup(style),  # noqa: S704 - our own file
        style_hash=Markup(f"sha256-{digest}"),  # noqa: S704 - hexadecimal digits
        **values,
    )
