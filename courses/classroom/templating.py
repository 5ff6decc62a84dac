"""The pages' templates, and how text gets into them."""

from __future__ import annotations

from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from courses import language
from courses.classroom import session_views

_TEMPLATES = Path(__file__).parent / "templates"


def gettext(text: str, **values: object) -> Markup:
    """`courses.language.gettext` for HTML: a macro's HTML may be a value, all else is escaped."""
    found = escape(language.gettext(text))
    return found.format(**values) if values else found


def ngettext(one: str, many: str, count: int, **values: object) -> Markup:
    """The same for a count, which both texts may have as ``{count}``."""
    return escape(language.plural(one, many, count)).format(count=count, **values)


def strong(text: object) -> Markup:
    """What stands out in a sentence: ``_("{name} is due", name=strong(title))``."""
    return Markup("<strong>{}</strong>").format(text)


def code(text: object) -> Markup:
    """What is typed, or stands in a file."""
    return Markup("<code>{}</code>").format(text)


def link(address: str, text: object) -> Markup:
    """A link inside a sentence."""
    return Markup('<a href="{}">{}</a>').format(address, text)


def environment() -> jinja2.Environment:
    """What all pages come from."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals.update(
        _=gettext,
        ngettext=ngettext,
        strong=strong,
        code=code,
        link=link,
        language=language.current,
        languages=language.LANGUAGES,
        script_words=session_views.script_words,
    )
    return found
