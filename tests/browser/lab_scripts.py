"""The scripts of JupyterLab's extension, as modules that a page without JupyterLab can import."""

from __future__ import annotations

from deployed import CHECKOUT
from playwright.sync_api import Browser, Page, Route

STATIC = CHECKOUT / "extensions/share/jupyter/labextensions/lesesal/static"


def page_with_scripts(browser: Browser, locale: str, zone: str) -> Page:
    """A page that finds each script at its name, ``import("/clock.js")``."""
    page = browser.new_page(locale=locale, timezone_id=zone)
    page.route("http://lab.invalid/*", _serve)
    page.goto("http://lab.invalid/")
    return page


def _serve(route: Route) -> None:
    name = route.request.url.rsplit("/", 1)[1]
    body = (STATIC / name).read_text() if name else ""
    route.fulfill(body=body, content_type="text/javascript" if name else "text/html")
