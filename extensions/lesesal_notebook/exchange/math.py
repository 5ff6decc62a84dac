"""Formulas as MathML in nbgrader's two HTML pages of a notebook: the Formgrader's and the feedback.

`etc/jupyter/nbgrader_config.py` names `Formulas`; `templates/` has what it needs.
"""

from __future__ import annotations

from typing import Any

from jinja2 import PackageLoader, pass_context
from jinja2.runtime import Context
from nbconvert.filters.markdown_mistune import MarkdownWithMath
from nbconvert.preprocessors import Preprocessor
from traitlets.config import Configurable

from lesesal_nbgrader.formulas import in_latex
from lesesal_nbgrader.markdown import Renderer


class Formulas(Preprocessor):
    """What nbgrader's configuration names, since nbconvert makes one for each of its exporters.

    It changes no notebook. It gives its exporter the filters below, and the templates that go
    with them: folders for templates can't be configured, the Formgrader insists on its own.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        exporter = self.parent
        filters = {"markdown2html": MarkdownToHTML, "latex2html": in_latex}
        exporter.filters = filters | exporter.filters
        loaders = PackageLoader(__package__), PackageLoader("lesesal_nbgrader")
        exporter.extra_loaders = [*loaders, *exporter.extra_loaders]

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """nbconvert's protocol."""
        return nb, resources


@pass_context
class MarkdownToHTML(Configurable):
    """nbconvert's filter `markdown2html`, with `Renderer`; its parent is the exporter."""

    def __call__(self, context: Context, source: str) -> str:
        """The HTML of a cell, or of a comment."""
        exporter: Any = self.parent
        renderer = Renderer(
            escape=False,
            attachments=context.get("cell", {}).get("attachments", {}),
            embed_images=exporter.embed_images,
            path=context.get("resources", {}).get("metadata", {}).get("path", ""),
            anchor_link_text=exporter.anchor_link_text,
            exclude_anchor_links=exporter.exclude_anchor_links,
            **exporter.lexer_options,
        )
        return str(MarkdownWithMath(renderer=renderer).render(source))
