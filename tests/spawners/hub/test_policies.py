"""What a site configures as callables, in a real hub: offers, limits, accounts, terms.

Each is enforced on every way in: the form, the address of the spawn page, and the REST API.
"""

import contextlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psutil
import pytest
from deployed import CHECKOUT
from hubs import SECONDS, Hub, running_hub, until

CONFIG = """
import time
from spawners.hub import PAGES, ClusterSpawner
from spawners.offers import Account, ClassTime, Person, Terms

def offers(person):
    found = {{
        "small": {{"title": "Small", "cluster": "here", "hours": 2, "more_hours": 1}},
        "far": {{"title": "Far away", "cluster": "moon"}},
    }}
    if person.role == "instructor":
        found["large"] = {{"title": "Large", "cluster": "here", "shards": 2}}
    if "researchers" in person.groups:
        found["long"] = {{"title": "Long", "cluster": "here", "hours": 48}}
    return found

def terms(user, course):
    role = "instructor" if user.startswith("teacher") else "student"
    classes = ()
    if course == "monday":
        classes = (ClassTime(time.time() - 60, time.time() + 3600, reservation="ai-monday"),)
    own = ("/usr/bin/env", "COURSE=optics", "/usr/bin/python3") if course == "optics" else ()
    refusal = "Not built yet." if course == "unbuilt" else ""
    offers = ("small", "large", "long", "far")
    return Terms(course, course.title(), offers, role, classes, own, refusal)

def limits(person):
    most = {{"sessions": 1}} if person.role == "student" else {{"gpus": 3}}
    return {{"person": most, "course": {{"hours": 24}}}}

def account(user, cluster):
    return Account(user) if cluster == "here" else None

c.JupyterHub.spawner_class = ClusterSpawner
c.JupyterHub.template_paths = [str(PAGES)]
c.JupyterHub.load_groups = {{"researchers": {{"users": ["student-r"]}}}}
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
c.ClusterSpawner.hub_id = "policies"
c.ClusterSpawner.clusters = {{
    "here": {{"type": "local", "root": "{root}"}},
    "moon": {{"type": "local", "root": "{root}/moon"}},
}}
c.ClusterSpawner.offers = offers
c.ClusterSpawner.terms = terms
c.ClusterSpawner.limits = limits
c.ClusterSpawner.account = account
c.ClusterSpawner.account_help = "Apply for one at the help desk."
c.ClusterSpawner.cmd = ["/usr/bin/python3", "{stub}"]
"""
NO_ACCOUNT = "You have no account on moon yet. Apply for one at the help desk."
ONE = "You have 1 session at once, as many as allowed. End one of them first."


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("hub")
    stub = CHECKOUT / "tests" / "stub_session.py"
    with running_hub(folder, CONFIG.format(root=folder / "local", stub=stub)) as running:
        yield running


@pytest.fixture(params=["student", "teacher", "student-r"])
def person(hub: Hub, request: pytest.FixtureRequest) -> Iterator[str]:
    """A person without sessions."""
    name: str = request.param
    hub.api("POST", f"users/{name}")
    yield name
    for server in hub.api("GET", f"users/{name}").json()["servers"]:
        end(hub, name, server)


def start(hub: Hub, user: str, server: str, **options: Any) -> httpx.Response:
    return hub.api("POST", f"users/{user}/servers/{server}", json={"user_options": options})


def end(hub: Hub, user: str, server: str) -> None:
    """The hub may answer before it has ended."""
    hub.api("DELETE", f"users/{user}/servers/{server}")
    until(lambda: hub.server(user, server) is None, "the session has ended")


@contextlib.contextmanager
def browser(hub: Hub, user: str) -> Iterator[httpx.Client]:
    """Somebody who has logged in."""
    with httpx.Client(base_url=f"{hub.url}/hub/", follow_redirects=True, timeout=60) as client:
        client.get("login")
        form = {"username": user, "password": "x", "_xsrf": client.cookies["_xsrf"]}
        client.post("login", data=form)
        yield client


OFFERED = {"student": {"small"}, "teacher": {"small", "large"}, "student-r": {"small", "long"}}


def test_offers_depend_on_role_and_group_and_say_so_when_they_refuse(hub: Hub, person: str) -> None:
    with browser(hub, person) as client:
        page = client.get(f"spawn/{person}/ai").text
        live = client.get(f"api/offers/ai?_xsrf={client.cookies['_xsrf']}").json()
    shown = set(re.findall(r'name="offer"\s+value="([a-z]+)"', page))
    assert shown == OFFERED[person] | {"far"}
    assert {each["name"] for each in live["choices"]} == shown
    [far] = [each for each in live["choices"] if each["name"] == "far"]
    assert (far["state"], far["sentence"]) == ("refused", NO_ACCOUNT)
    assert live["choices"][-1] == far
    for offer in {"large", "long"} - OFFERED[person]:
        answer = start(hub, person, "ai", offer=offer)
        assert (answer.status_code, offer in answer.json()["message"]) == (403, True)
    refused = start(hub, person, "ai", offer="far")
    assert (refused.status_code, refused.json()["message"]) == (403, NO_ACCOUNT)
    # The course's limit is shorter than the offer of 48 hours.
    if person == "student-r":
        answer = start(hub, person, "ai", offer="long", hours=25)
        assert answer.json()["message"] == "Long runs for at most 24 hours. Ask for fewer."


@pytest.mark.parametrize("person", ["student"], indirect=True)
def test_a_limit_is_kept_on_every_way_in(hub: Hub, person: str) -> None:
    assert start(hub, person, "ai", offer="small").status_code in {201, 202}
    hub.until_ready(person, "ai")
    by_api = start(hub, person, "bio", offer="small")
    assert (by_api.status_code, by_api.json()["message"]) == (403, ONE)
    with browser(hub, person) as client:
        shown = client.get(f"spawn/{person}/bio").text
        by_form = client.post(
            f"spawn/{person}/bio?_xsrf={client.cookies['_xsrf']}", data={"offer": "small"}
        ).text
        by_address = client.get(f"spawn/{person}/bio?offer=small").text
    for page in (shown, by_form, by_address):
        assert ONE in page
    assert hub.server(person, "bio") is None
    # With the session it ends.
    end(hub, person, "ai")
    assert start(hub, person, "bio", offer="small").status_code in {201, 202}
    hub.until_ready(person, "bio")


@pytest.mark.parametrize("person", ["teacher"], indirect=True)
def test_gpus_of_all_sessions_count_together(hub: Hub, person: str) -> None:
    assert start(hub, person, "ai", offer="large").status_code in {201, 202}
    hub.until_ready(person, "ai")
    answer = start(hub, person, "bio", offer="large")
    assert answer.json()["message"] == (
        "You have 2 of 3 GPUs in use, and this session asks for 2. Choose an offer with fewer "
        "GPUs, or wait until a session has ended."
    )
    assert start(hub, person, "bio", offer="small").status_code in {201, 202}
    hub.until_ready(person, "bio")


@pytest.mark.parametrize("person", ["student"], indirect=True)
def test_a_session_is_lengthened_once_for_as_long_as_the_offer_allows(
    hub: Hub, person: str
) -> None:
    start(hub, person, "ai", offer="small", hours=1)
    hub.until_ready(person, "ai")
    before = hub.api("GET", f"session/{person}/ai").json()
    assert before["more"] == {"hours": 1.0, "how": "extend"}
    after = hub.api("POST", f"session/{person}/ai/more", json={}).json()
    assert (after["ends"] - before["ends"], after["more"]) == (3600, None)
    assert after["news"] == "Your session goes on for longer."
    again = hub.api("POST", f"session/{person}/ai/more", json={})
    assert (again.status_code, again.json()["message"]) == (
        403,
        "This session can't be lengthened any more. Save your work before it ends.",
    )


@pytest.mark.parametrize("person", ["student"], indirect=True)
def test_two_clicks_at_once_are_one_hour(hub: Hub, person: str) -> None:
    start(hub, person, "ai", offer="small", hours=1)
    hub.until_ready(person, "ai")
    before = hub.api("GET", f"session/{person}/ai").json()["ends"]

    def click(_: int) -> int:
        return hub.api("POST", f"session/{person}/ai/more", json={}).status_code

    with ThreadPoolExecutor(4) as clicks:
        assert sorted(clicks.map(click, range(4))) == [200, 403, 403, 403]
    assert hub.api("GET", f"session/{person}/ai").json()["ends"] - before == 3600


@pytest.mark.parametrize("person", ["student"], indirect=True)
def test_a_class_without_its_reservation_falls_back_and_says_so(hub: Hub, person: str) -> None:
    start(hub, person, "monday", offer="small")
    hub.until_ready(person, "monday")
    assert "ordinary queue" in str(hub.api("GET", f"session/{person}/monday").json()["notes"])


@pytest.mark.parametrize("person", ["student"], indirect=True)
def test_metrics_count_sessions_waits_boots_and_refusals(hub: Hub, person: str) -> None:
    start(hub, person, "ai", offer="small")
    hub.until_ready(person, "ai")
    start(hub, person, "bio", offer="small")
    metrics = httpx.get(
        f"{hub.url}/hub/metrics",
        headers={"Authorization": f"token {hub.token}"},
        timeout=SECONDS,
    ).text
    for line in (
        r'lesesal_sessions\{course="ai",offer="small",state="running"\} 1\.0',
        r'lesesal_queue_wait_seconds_count\{course="ai",offer="small"\} [1-9]',
        r'lesesal_boot_seconds_count\{course="ai",offer="small"\} [1-9]',
        r'lesesal_watcher_age_seconds\{cluster="here"\} [0-9.]+',
        r'lesesal_watcher_failures_total\{cluster="here"\} 0\.0',
        r'lesesal_launches_refused_total\{reason="limit_reached"\} [1-9]',
    ):
        assert re.search(f"^{line}", metrics, re.MULTILINE), line


@pytest.mark.parametrize("person", ["student"], indirect=True)
def test_a_course_has_an_interpreter_of_its_own_or_none_yet(hub: Hub, person: str) -> None:
    refused = start(hub, person, "unbuilt", offer="small")
    assert (refused.status_code, refused.json()["message"]) == (403, "Not built yet.")
    with browser(hub, person) as client:
        assert "Not built yet." in client.get(f"spawn/{person}/unbuilt").text
    assert start(hub, person, "optics", offer="small").status_code in {201, 202}
    job = str(hub.until_ready(person, "optics")["state"]["job_id"])
    session = psutil.Process(int(job.partition("-")[0]))
    stub = str(CHECKOUT / "tests" / "stub_session.py")
    assert session.cmdline() == ["/usr/bin/python3", stub]
    assert session.environ()["COURSE"] == "optics"
