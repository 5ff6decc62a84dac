"""Choosing, waiting in Slurm's queue, being refused, and the end, as a person sees them."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from classrooms import Classroom
from people import COURSE, Person, arrive
from playwright.sync_api import Browser, Locator, Page, expect
from slurm_site import SlurmSite

pytestmark = [pytest.mark.browser, pytest.mark.slurm, pytest.mark.slow]
GPU_NODES = ("gpu1", "gpu2", "gpu3")
SCREENSHOTS = os.environ.get("LESESAL_SCREENSHOTS")
CLOCK = r"\d\d:\d\d"


@contextmanager
def closed(site: SlurmSite, *nodes: str) -> Iterator[None]:
    """Nodes that take no jobs meanwhile."""
    for node in nodes:
        site.machine.drain(node)
    try:
        yield
    finally:
        for node in nodes:
            site.machine.resume(node)


def person(browser: Browser, classroom: Classroom, name: str) -> Person:
    return arrive(browser, classroom, name, Path(SCREENSHOTS) if SCREENSHOTS else None)


def spawn_page(person: Person) -> None:
    person.page.goto(f"{person.classroom.url}/hub/spawn/{person.name}/{COURSE}")


def choose(person: Person, offer: str) -> None:
    spawn_page(person)
    person.page.get_by_label(re.compile(offer)).check()
    person.page.get_by_role("button", name="Start").click()


def part(page: Page | Locator, name: str) -> Locator:
    return page.locator(f'[data-part="{name}"]')


def jobs(site: SlurmSite, user: str) -> list[str]:
    return site.machine.command("squeue", "--noheader", "-o%i", f"--user={user}").stdout.split()


def until_requeued(site: SlurmSite, job: str) -> None:
    """Until the job is in the queue again, to begin in two minutes."""
    deadline = time.monotonic() + 60
    argv = ("squeue", "--noheader", "-o%r", f"--jobs={job}")
    while site.machine.command(*argv).stdout.strip() != "BeginTime":
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_the_spawn_page_counts_gpus_while_it_is_open(
    browser: Browser, slurm_classroom: Classroom, slurm_site: SlurmSite
) -> None:
    student = person(browser, slurm_classroom, "student1")
    spawn_page(student)
    offer = student.page.locator('[data-offer="gpu"]')
    expect(part(offer, "state")).to_have_text("starts at once")
    expect(part(offer, "count")).to_have_text("4 of 4 free")
    chosen = student.page.locator("input:checked").get_attribute("value")
    with closed(slurm_site, "gpu1"):
        expect(part(offer, "count")).not_to_have_text("4 of 4 free")
        student.look("offers-slurm")
        assert student.page.locator("input:checked").get_attribute("value") == chosen


def test_the_queue_is_told_and_can_be_left(
    browser: Browser, slurm_classroom: Classroom, slurm_site: SlurmSite
) -> None:
    student = person(browser, slurm_classroom, "student2")
    page = student.page
    with closed(slurm_site, *GPU_NODES):
        choose(student, "A whole GPU")
        expect(page.get_by_role("heading", level=1)).to_have_text("Your session is on its way")
        expect(part(page, "news")).to_have_text(re.compile("^In the queue: the machines it needs"))
        expect(part(page, "place")).to_have_text("1 of 1")
        expect(part(page, "course")).to_have_text("number 1 in your course")
        expect(part(page, "expected")).to_have_text("the cluster does not say yet")
        expect(page).to_have_title("1 in the queue · Lesesal")
        waited = part(page, "waited").inner_text()
        assert re.fullmatch(r"(\d+ min )?\d+ s", waited)
        expect(part(page, "waited")).not_to_have_text(waited)
        student.look("waiting")
        home = student.context.new_page()
        home.goto(slurm_classroom.url)
        expect(part(home, "line")).to_have_text(
            "Waiting: number 1 of 1 in the queue, the cluster does not say yet when it starts",
            use_inner_text=True,
        )
        page.get_by_role("button", name="Stop waiting").click()
        expect(page.get_by_role("link", name="Start session")).to_be_visible()
        # The other tab hears of it by itself.
        expect(home.get_by_role("link", name="Start session")).to_be_visible()
    assert jobs(slurm_site, "student2") == []


def test_a_cluster_that_is_silent_is_told_of(
    browser: Browser, slurm_classroom: Classroom, slurm_site: SlurmSite
) -> None:
    student = person(browser, slurm_classroom, "student2")
    page = student.page
    with closed(slurm_site, *GPU_NODES):
        choose(student, "A whole GPU")
        expect(part(page, "news")).to_have_text(re.compile("^In the queue: "))
        slurm_site.machine.stop_controller()
        try:
            expect(part(page, "news")).to_have_text(
                re.compile(
                    f"^The cluster has not answered since {CLOCK}. "
                    "Your place is kept; nothing is lost.$"
                )
            )
            student.look("silent")
        finally:
            slurm_site.machine.start_controller()
        expect(part(page, "news")).to_have_text(re.compile("^In the queue: "))
        page.get_by_role("button", name="Stop waiting").click()
        expect(page.get_by_role("link", name="Start session")).to_be_visible()
    assert jobs(slurm_site, "student2") == []


def test_another_offer_a_return_and_an_end(
    browser: Browser, slurm_classroom: Classroom, slurm_site: SlurmSite
) -> None:
    student = person(browser, slurm_classroom, "student1")
    page, session = student.page, f"**/user/student1/{COURSE}/lab**"
    with closed(slurm_site, *GPU_NODES):
        choose(student, "A whole GPU")
        page.get_by_role("button", name="Start “Two cores” instead").click()
        expect(part(page, "switching")).to_have_text(
            "“Two cores” is asked for too. You keep your place in the queue until it runs."
        )
        page.wait_for_url(session)
        student.course_page()
        expect(part(page, "line")).to_have_text(
            re.compile(rf"Running until (tomorrow )?{CLOCK}, \d+ (hours|minutes) left"),
            use_inner_text=True,
        )
        [job] = jobs(slurm_site, "student1")

    slurm_site.machine.requeue(job)
    expect(part(page, "line")).to_have_text(re.compile("^Your session is coming back"))
    page.get_by_role("link", name="See its progress").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your session is coming back")
    student.look("returning")
    until_requeued(slurm_site, job)
    slurm_site.machine.begin_now(job)
    page.wait_for_url(session)

    student.course_page()
    slurm_site.machine.command("scancel", job)
    expect(part(page, "line")).to_have_text(
        re.compile(f"^Your last session ended at {CLOCK}. .*cancelled"), use_inner_text=True
    )
    page.goto(f"{slurm_classroom.url}/user/student1/{COURSE}/")
    expect(part(page, "sentence")).to_have_text(
        re.compile(f"^Your last session ended at {CLOCK}. .*cancelled")
    )
    student.look("ended")
    page.get_by_role("link", name="Start again").click()
    expect(page.get_by_role("heading")).to_have_text(["Start a session"])


def test_a_refusal_is_told_on_the_form_and_after_it(
    browser: Browser, slurm_classroom: Classroom, slurm_site: SlurmSite
) -> None:
    student = person(browser, slurm_classroom, "student3")
    page = student.page
    partition = "PartitionName=gpu"
    told = "This part of the cluster is closed at the moment. Choose another offer, or try later."
    spawn_page(student)
    page.get_by_label(re.compile("A whole GPU")).check()
    slurm_site.machine.command("scontrol", "update", partition, "State=INACTIVE")
    try:
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("heading")).to_have_text(["The session did not start"])
        expect(page.locator(".lesesal-failure")).to_have_text(told)
        expect(page.locator(".lesesal-detail")).to_contain_text("Required partition not available")
        page.get_by_role("link", name="Choose again").click()
        expect(page.get_by_role("heading")).to_have_text(["Start a session"])
        expect(page.get_by_label(re.compile("A whole GPU"))).to_be_disabled()
        expect(part(page.locator('[data-offer="gpu"]'), "sentence")).to_have_text(told)
        expect(page.get_by_label(re.compile("Two cores"))).to_be_checked()
    finally:
        slurm_site.machine.command("scontrol", "update", partition, "State=UP")
