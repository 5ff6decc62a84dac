"""The hub's pages and its API answer in the language that their reader chose, as all pages do."""

from __future__ import annotations

from typing import Any

from jupyterhub.handlers.base import BaseHandler

from ..language import COOKIE, choose, set_current
from .rendering import TEXTS

_prepare = BaseHandler.prepare
_namespace = BaseHandler.template_namespace.fget


async def _prepare_in_language(handler: Any) -> None:
    accept = handler.request.headers.get("Accept-Language", "")
    set_current(choose(handler.get_cookie(COOKIE, "") or "", accept))
    await _prepare(handler)


def _namespace_with_texts(handler: Any) -> dict[str, Any]:
    return {**TEXTS, **_namespace(handler)}


def install() -> None:
    """Let each of the hub's requests have its language, and its templates our texts. Idempotent."""
    BaseHandler.prepare = _prepare_in_language
    BaseHandler.template_namespace = property(_namespace_with_texts)
