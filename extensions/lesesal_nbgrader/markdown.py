"""nbconvert's HTML of Markdown, with formulas."""

from __future__ import annotations

from nbconvert.filters.markdown_mistune import IPythonRenderer

from .formulas import in_html, mathml


class Renderer(IPythonRenderer):
    """nbconvert's own, but for the formulas."""

    def formula(self, latex: str, display: bool) -> str:
        """HTML of a formula without its delimiters; ``display``: on lines of its own."""
        return mathml(latex, display)

    def block_math(self, body: str) -> str:
        """A formula on lines of its own."""
        return self.formula(body, True)

    def inline_math(self, body: str) -> str:
        """A formula in the text."""
        return self.formula(body, False)

    def latex_environment(self, name: str, body: str) -> str:
        """A formula that is a LaTeX environment, without dollars around it."""
        return self.formula(f"\\begin{{{name}}}{body}\\end{{{name}}}", True)

    def block_html(self, html: str) -> str:
        """HTML stays as it is; formulas in its text are formulas."""
        return in_html(super().block_html(html), self.formula)
