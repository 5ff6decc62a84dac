"""Names, titles and logs that are markup and script stay texts, in a real hub and browser."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hubs import Hub, running_hub
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

# A user's name has no slash and no capitals.
USER = """kim'"><img src=x onerror=window.evil=1>";window.evil=1;'{{7*7}}"""
EVIL = """</script><script>window.evil=1</script><img src=x onerror=window.evil=1>"'{{7*7}}&lt;b>"""
CONFIG = """
from spawners.hub import PAGES, ClusterSpawner
from spawners.offers import Terms
EVIL = {evil!r}
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = "one for a test"
c.Authenticator.allow_all = True
c.JupyterHub.template_paths = [str(PAGES)]
c.JupyterHub.spawner_class = ClusterSpawner
c.ClusterSpawner.hub_id = "hostile"
c.ClusterSpawner.clusters = {{"here": {{"type": "local", "root": "{root}"}}}}
c.ClusterSpawner.offers = {{
    EVIL: {{"title": EVIL, "description": EVIL, "cluster": "here"}},
    EVIL + "2": {{"title": EVIL + "2", "cluster": "here", "gpus": {{EVIL: 1}}}},
}}
c.ClusterSpawner.terms = lambda user, server: Terms(server, EVIL, (EVIL, EVIL + "2"), "student")
c.ClusterSpawner.cmd = [
    "/bin/sh", "-c", 'echo "$0"; while [ ! -e "$1" ]; do sleep 0.1; done; exit 3', EVIL, "{go}"
]
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module")
def hub(folder: Path) -> Iterator[Hub]:
    config = CONFIG.format(evil=EVIL, root=folder / "local", go=folder / "go")
    with running_hub(folder, config) as running:
        yield running
    (folder / "go").touch()  # a session outlives its hub


@pytest.fixture(scope="module")
def page(browser: Browser, hub: Hub) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(f"{hub.url}/hub/login")
    page.get_by_label("Username").fill(USER)
    page.get_by_label("Password", exact=False).first.fill("one for a test")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Logout")).to_be_visible()
    yield page
    context.close()


def only_text(page: Page) -> None:
    """Nothing of the texts became an element or ran."""
    assert page.evaluate("window.evil") is None
    assert page.locator("img[src=x]").count() == 0


def test_whatever_people_write_is_text_on_every_page(hub: Hub, folder: Path, page: Page) -> None:
    page.goto(f"{hub.url}/hub/spawn/{quote(USER, safe='')}/ai")
    expect(page.locator("#spawn_form strong")).to_have_text([EVIL, EVIL + "2"])
    only_text(page)

    page.locator("input[name=offer]").first.check()
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/hub/spawn-pending/**")
    # The script has got the news and put it in.
    expect(page.locator("[data-part=offer]")).to_contain_text(EVIL)
    only_text(page)

    (folder / "go").touch()
    expect(page.locator(".lesesal-detail")).to_contain_text(EVIL)
    only_text(page)

    page.goto(f"{hub.url}/hub/user/{quote(USER, safe='')}/ai/")
    expect(page.locator("body")).to_contain_text("session")
    expect(page.locator(".lesesal-detail")).to_contain_text(EVIL)
    only_text(page)


@pytest.mark.parametrize("path", ["hub/spawn", "hub/spawn-pending", "hub/user", "user"])
@pytest.mark.parametrize("user", [USER, "nobody-else"])
def test_an_address_that_is_markup_is_no_markup_on_the_page(
    hub: Hub, page: Page, path: str, user: str
) -> None:
    for server in (EVIL, EVIL.replace("/", "")):
        page.goto(f"{hub.url}/{path}/{quote(user, safe='')}/{quote(server, safe='')}")
        assert page.locator("body").inner_text()
        only_text(page)
