"""Our own templates of the hub's pages, with everything in them escaped."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

_templates = Environment(
    loader=PackageLoader("spawners.hub"), autoescape=True, undefined=StrictUndefined
)


def render(template: str, **values: object) -> str:
    """The HTML of one of ``templates/``."""
    return _templates.get_template(template).render(**values)
