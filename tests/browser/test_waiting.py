"""Waiting in Slurm's queue, and being refused, as a person sees it."""

import re

import pytest
from classrooms import Classroom
from people import COURSE, Person, arrive
from playwright.sync_api import Browser, expect
from slurm_site import SlurmSite

pytestmark = [pytest.mark.browser, pytest.mark.slurm]
GPU_NODES = ("gpu1", "gpu2", "gpu3")


def choose(person: Person, offer: str) -> None:
    person.page.goto(f"{person.classroom.url}/hub/spawn/{person.name}/{COURSE}")
    person.page.get_by_label(re.compile(offer)).check()
    person.page.get_by_role("button", name="Start").click()


def test_the_queue_is_told_and_can_be_left(
    browser: Browser, slurm_classroom: Classroom, slurm_site: SlurmSite
) -> None:
    student = arrive(browser, slurm_classroom, "student2")
    page = student.page
    for node in GPU_NODES:
        slurm_site.machine.drain(node)
    try:
        choose(student, "A whole GPU")
        expect(page.get_by_role("heading", name="Your session is on its way")).to_be_visible()
        expect(page.locator("#progress-message")).to_have_text(
            "In the queue: the machines it needs are closed for maintenance, or others need them "
            "first"
        )
        page.get_by_role("button", name="Stop waiting").click()
        expect(page.get_by_role("link", name="Start session")).to_be_visible()
    finally:
        for node in GPU_NODES:
            slurm_site.machine.resume(node)
    left = slurm_site.machine.command("squeue", "--noheader", "--user=student2").stdout
    assert left == ""


def test_a_refusal_is_a_page_with_slurms_words_and_a_way_on(
    browser: Browser, slurm_classroom: Classroom, slurm_site: SlurmSite
) -> None:
    student = arrive(browser, slurm_classroom, "student3")
    page = student.page
    partition = "PartitionName=gpu"
    slurm_site.machine.command("scontrol", "update", partition, "State=INACTIVE")
    try:
        choose(student, "A whole GPU")
        expect(page.get_by_role("heading")).to_have_text(["The session did not start"])
        expect(page.locator(".lesesal-failure")).to_have_text(
            "This part of the cluster is closed at the moment. Choose another offer, or try later."
        )
        expect(page.locator(".lesesal-detail")).to_contain_text("Required partition not available")
    finally:
        slurm_site.machine.command("scontrol", "update", partition, "State=UP")
    page.get_by_role("link", name="Choose again").click()
    expect(page.get_by_role("heading")).to_have_text(["Start a session"])
