"""The desk as a widget, in a real kernel and with a real classroom."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from extensions.widgets.desk_kit import World
from extensions.widgets.kernels import kernel

DESK = "from lesesal_notebook import desk\ndesk()"
# The desk's clock ticks quickly, and its ticks are counted.
TICKS = """
import time
from lesesal_notebook.widgets.desk import view
ticks = []
def tick(seconds):
    ticks.append(seconds)
    time.sleep(seconds)
view.time = type("Clock", (), {"sleep": tick, "monotonic": time.monotonic})
view.LOOK = view.TICK = 0.2
"""

pytestmark = pytest.mark.slow


def test_from_fetching_to_a_receipt_while_a_cell_runs(world: World, tmp_path: Path) -> None:
    with kernel(world.environment(tmp_path / "home", "student6")) as page:
        # Only now: what is left of it is shown in minutes.
        ends = time.time() + 3_600
        world.hub.told = {"ends": ends, "more": {"hours": 1, "how": "extend"}, "news": ""}
        page.run(DESK)
        page.until(lambda: page.shows("Not fetched yet"))
        page.until(lambda: page.shows("59 min left"))
        subshell = page.subshell()
        running = page.start("import time\nprint('begun')\ntime.sleep(600)", "begun")

        def enabled(description: str) -> bool:
            return bool(page.find("Button", description=description, disabled=False))

        page.click("Fetch", subshell)
        page.until(lambda: page.shows("Fetched, not handed in") and enabled("Submit"))
        page.click("Submit", subshell)
        page.until(lambda: page.shows("Fingerprint (SHA-256)"))
        page.until(lambda: page.shows("Handed in") and enabled("Submit"))
        page.click("Validate", subshell)
        page.until(lambda: page.shows("Cells that do not pass: 1.") and enabled("Submit"))
        later = time.time() + 7_200
        world.hub.more = 200, {"ends": later, "more": None, "news": "It ends later."}
        page.click("Give me another hour", subshell)
        page.until(lambda: page.shows("It ends later.") and page.shows("1 h 59 min left"))
        assert running not in page.idle


def test_what_goes_wrong_is_a_sentence_and_buttons_can_be_pressed_again(
    world: World, tmp_path: Path
) -> None:
    world.hub.told = {"ends": time.time() + 3_600, "more": {"hours": 1, "how": "extend"}}
    world.hub.more = 409, {"message": "The machine is booked from 15:00 on."}
    silent = "http://127.0.0.1:9/services/classroom/"
    with kernel(world.environment(tmp_path / "home", "student2")) as page:
        page.run(DESK)
        page.until(lambda: page.find("Button", description="Fetch", disabled=False))
        page.run(f"%env LESESAL_CLASSROOM_URL={silent}")
        page.click("Fetch")
        page.until(lambda: page.find("Button", description="Fetch", disabled=True))
        page.until(lambda: page.shows("The classroom can't be reached"))
        page.until(lambda: page.find("Button", description="Fetch", disabled=False))
        page.click("Give me another hour")
        page.until(lambda: page.shows("The machine is booked from 15:00 on."))
        page.run(f"%env LESESAL_CLASSROOM_URL={world.classroom.url}")
        page.click("Fetch")
        page.until(lambda: page.shows("Fetched, not handed in"))
        assert (tmp_path / "home" / "optics" / "lenses" / "nb.ipynb").exists()
        assert not any("Traceback" in text for text in page.texts)


def test_it_looks_again_only_while_it_is_shown(world: World, tmp_path: Path) -> None:
    world.hub.told = {"ends": time.time() + 3_600}
    with kernel(world.environment(tmp_path / "home", "student3")) as page:
        page.run(TICKS)
        page.run(DESK)
        page.until(lambda: page.shows("Not fetched yet"))
        asked = world.hub.asked
        page.run("import time\ntime.sleep(2)")
        assert world.hub.asked == asked
        [box] = [
            key
            for key, each in page.models.items()
            if "_view_count" in each and each["_view_count"] == 0
        ]
        page.send(box, {"method": "update", "state": {"_view_count": 1}, "buffer_paths": []})
        page.until(lambda: world.hub.asked >= asked + 2)
        page.send(box, {"method": "update", "state": {"_view_count": 0}, "buffer_paths": []})
        # A look that was under way has ended when the clock ticks again.
        page.run("seen = len(ticks)\nwhile len(ticks) == seen: time.sleep(0.05)")
        asked = world.hub.asked
        page.run("time.sleep(2)")
        assert world.hub.asked == asked


def test_elsewhere_there_is_a_sentence(world: World, tmp_path: Path) -> None:
    with kernel(world.environment(tmp_path / "home", LESESAL_COURSE="")) as page:
        page.run(DESK)
        page.run("desk().assignments")
        shown, raised = page.texts
        assert shown.startswith("desk() shows a course's assignments")
        assert raised == shown
        assert not page.models
