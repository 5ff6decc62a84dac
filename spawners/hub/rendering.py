"""Our own templates of the hub's pages, with everything in them escaped."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..language import DEFAULT, Sentence, current, told

_HERE = Path(__file__).parent
# The texts of scripts: _("…").
_TEXT = re.compile(r'\b_\(\s*("(?:[^"\\]|\\.)*")')

_templates = Environment(
    loader=PackageLoader("spawners.hub"), autoescape=True, undefined=StrictUndefined
)


def gettext(text: str, **values: object) -> str:
    """A template's text in the language of the request being answered."""
    return told(Sentence(text, **values))


def ngettext(one: str, many: str, count: int, **values: object) -> str:
    """The same for a count, which both texts may have as ``{count}``."""
    return told(Sentence.plural(one, many, count, **values))


def script_words() -> dict[str, str]:
    """The translations of what the pages' scripts say."""
    if current() == DEFAULT:
        return {}
    return {text: gettext(text) for text in _script_texts()}


@cache
def _script_texts() -> tuple[str, ...]:
    scripts = [*_HERE.glob("pages/*.js"), *_HERE.glob("templates/*.js")]
    found = (_TEXT.findall(script.read_text("utf-8")) for script in sorted(scripts))
    return tuple(json.loads(text) for texts in found for text in texts)


# What templates may call, ours and those that the hub renders. `gettext` is for the page that
# all extend: one of another package has its own `_`.
TEXTS = {
    "_": gettext,
    "gettext": gettext,
    "ngettext": ngettext,
    "language_code": current,
    "script_words": script_words,
}
_templates.globals.update(TEXTS)


def render(template: str, **values: object) -> str:
    """The HTML of one of ``templates/``."""
    return _templates.get_template(template).render(**values)
