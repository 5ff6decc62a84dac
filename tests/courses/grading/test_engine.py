"""The engine, with workers that pretend: what is graded, recorded, kept and tried again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import engine_kit as kit
import nbformat
import pytest
from bench.gradebooks import differences
from engine_kit import Pretend, hand_in, result
from nbgrader.api import Gradebook

from courses.errors import GradeError
from courses.grades import State
from courses.grading.engine import grade
from courses.grading.place import Place
from courses.grading.report import Graded, Report


@pytest.fixture
def directory(made_with_deadline: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made_with_deadline, tmp_path / "course"))


def run(directory: Path, workers: Any = None, **more: Any) -> Report:
    return grade(directory, kit.NAME, workers=workers or Pretend(), **more)


def points(directory: Path, student: str) -> dict[str, tuple[Any, Any, bool]]:
    """By cell: the automatic and the manual score, and whether somebody has to look."""
    with Gradebook(f"sqlite:///{directory}/gradebook.db") as book:
        notebook = book.find_submission_notebook(kit.NAME, kit.NAME, student)
        return {
            each.name: (each.auto_score, each.manual_score, each.needs_manual_grade)
            for each in notebook.grades
        }


def of(report: Report, student: str) -> Graded:
    return next(each for each in report.submissions if each.outcome.student == student)


def change(directory: Path, edit: Callable[[dict[str, Any], list[Any]], None]) -> Any:
    """The released notebook, with a wrong answer and something else done to it."""
    notebook = kit.released(directory)
    cells = kit.by_name(notebook)
    cells["squares"].source = "def squares(n):\n    return []"
    edit(cells, notebook.cells)
    return notebook


def test_scores_go_to_the_gradebook_and_notebooks_to_autograded(directory: Path) -> None:
    hand_in(directory, "student2", answer="def squares(n):\n    return []")
    hand_in(directory, "student1", files={"notes/mine.txt": "my own", "data.csv": "not mine"})
    told: list[str] = []

    report = run(directory, on_outcome=lambda each: told.append(each.outcome.student))

    assert told == ["student1", "student2"]
    assert [each.outcome.score for each in report.submissions] == [3.0, 0.0]
    assert {each.outcome.max_score for each in report.submissions} == {kit.MAX_SCORE}
    assert points(directory, "student1") == {
        "test_squares": (2.0, None, False),
        "test_partial": (1.0, None, False),
        "why": (0.0, None, False),
        "task": (None, None, True),
    }
    folder = directory / "autograded" / "student1" / kit.NAME
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) == [
        f"{kit.NAME}.ipynb",
        "notes",
        "notes/mine.txt",
        "timestamp.txt",
    ]
    nbformat.validate(nbformat.read(folder / f"{kit.NAME}.ipynb", as_version=4))
    assert not (directory / ".lesesal" / "grading" / kit.NAME / "run").exists()


def test_the_assignments_own_files_are_there_once_and_its_solutions_are_not(
    directory: Path,
) -> None:
    hand_in(directory, "student1", files={"data.csv": "not mine"})

    class Looks(Pretend):
        def run(self, run: Path, keys: Any) -> Any:
            files = Path(json.loads((run / "run.json").read_text())["files"])
            self.files = {path.name: path.read_text() for path in files.rglob("*")}
            for key, ended in super().run(run, keys):
                theirs = run / "tasks" / key / "files"
                self.theirs = sorted(path.name for path in theirs.rglob("*"))
                yield key, ended

    workers = Looks()
    run(directory, workers)
    assert workers.files == {"data.csv": "1,2\n"}
    assert workers.theirs == ["timestamp.txt"]


def test_only_what_is_new_is_graded(directory: Path) -> None:
    for student in ("student1", "student2"):
        hand_in(directory, student)
    run(directory)
    hand_in(directory, "student2", at=kit.LATE)
    again = Pretend()
    told: list[tuple[str, bool]] = []
    report = run(
        directory, again, on_outcome=lambda each: told.append((each.outcome.student, each.new))
    )
    # Also of what is known: who was told of it before may not have lived to write it down.
    assert told == [("student2", True), ("student1", False)]
    assert [(each.outcome.student, each.new) for each in report.submissions] == [
        ("student1", False),
        ("student2", True),
    ]
    assert report.submissions[0].outcome.score == 3.0
    assert len(again.executed) == 1
    everything = Pretend()
    run(directory, everything, force=True)
    assert len(everything.executed) == 2
    one = Pretend()
    report = run(directory, one, force=True, students=["student1"])
    assert ([each.outcome.student for each in report.submissions], len(one.executed)) == (
        ["student1"],
        1,
    )


@pytest.mark.parametrize(
    "edit",
    [
        lambda cells, every: every.remove(cells["test_squares"]),
        lambda cells, every: cells["test_squares"].update(source="pass"),
        lambda cells, every: cells["test_squares"].metadata.nbgrader.update(
            grade=False, locked=False, solution=True, points=1000
        ),
        lambda cells, every: cells["test_squares"].metadata.update(tags=["skip-execution"]),
        lambda cells, every: cells["test_squares"].metadata.nbgrader.update(grade_id=["a"]),
        lambda cells, every: cells["test_squares"].metadata.nbgrader.update(schema_version="no"),
        lambda cells, every: cells["test_squares"].update(cell_type="markdown"),
        lambda cells, every: every.append(
            nbformat.v4.new_code_cell("pass", metadata=cells["test_squares"].metadata)
        ),
        lambda cells, every: every.append(
            nbformat.v4.new_code_cell(
                "pass", metadata={"nbgrader": {"grade": True, "grade_id": "x", "points": 9}}
            )
        ),
    ],
    ids="deleted emptied unlocked skipped id schema type twice unknown".split(),
)
def test_a_test_is_the_courses_whatever_was_done_to_it(directory: Path, edit: Any) -> None:
    hand_in(directory, "student1")
    run(directory)
    assert points(directory, "student1")["test_squares"] == (2.0, None, False)

    notebook = change(directory, edit)
    for each in notebook.cells:
        if each.cell_type != "code":
            each.pop("outputs", None)
            each.pop("execution_count", None)
    raw = json.dumps(notebook).encode()
    hand_in(directory, "student1", raw, at=kit.LATE)
    workers = Pretend()
    report = run(directory, workers)

    assert of(report, "student1").outcome.state is State.GRADED
    assert points(directory, "student1")["test_squares"] == (0.0, None, False)
    ran = workers.seen[0]
    test = kit.by_name(ran)["test_squares"]
    assert "squares(5)[-1] == 25" in test.source
    assert "tags" not in test.metadata
    assert kit.by_name(ran)["test_partial"].metadata.tags == ["slow"]
    names = [name for name in kit.by_name(ran) if name]
    assert (
        names[:4] == ["setup", "squares", "test_squares", "test_partial"]
        or "twice" in str(names)
        or len(names) == 6
    )
    nbformat.validate(ran)


def test_a_cell_that_was_put_back_stands_where_it_was_and_is_told_of(directory: Path) -> None:
    notebook = change(
        directory,
        lambda cells, every: [every.remove(cells[name]) for name in ("test_squares", "why")],
    )
    hand_in(directory, "student1", notebook)
    workers = Pretend()
    report = run(directory, workers)
    assert list(kit.by_name(workers.seen[0])) == [
        *("setup", "squares", "test_squares", "test_partial", "why", "task")
    ]
    assert len(of(report, "student1").notes) == 2
    assert points(directory, "student1")["why"] == (0.0, None, False)


def test_what_people_gave_stays(directory: Path) -> None:
    hand_in(directory, "student1")
    run(directory)
    with Gradebook(f"sqlite:///{directory}/gradebook.db") as book:
        book.find_grade("why", kit.NAME, kit.NAME, "student1").manual_score = 3.5
        book.db.commit()
    hand_in(directory, "student1", at=kit.LATE)
    report = run(directory)
    assert points(directory, "student1")["why"] == (0.0, 3.5, True)
    assert of(report, "student1").outcome.score == 6.5


def test_one_that_is_refused_has_no_points_and_does_not_stop_others(directory: Path) -> None:
    for student in ("student1", "student2", "student3"):
        hand_in(directory, student)
    run(directory)
    hand_in(directory, "student1", b"[" * 100_000, at=kit.LATE)
    folder = hand_in(directory, "student2", at=kit.LATE)
    (folder / "data.txt").symlink_to("/etc/hostname")
    hand_in(directory, "student3", at=kit.LATE)

    report = run(directory)

    assert [
        (each.outcome.state, each.outcome.reason.kind, each.outcome.score)
        for each in report.submissions
    ] == [
        (State.REFUSED, "notebook", 0.0),
        (State.REFUSED, "link", 0.0),
        (State.GRADED, "", 3.0),
    ]
    assert points(directory, "student2")["test_squares"] == (0.0, None, False)
    assert not (directory / "autograded" / "student2" / kit.NAME).exists()


def test_states_of_the_workers_are_recorded(directory: Path) -> None:
    words = ("suspect", "failed", "retry")
    for number, word in enumerate(words, 1):
        hand_in(directory, f"student{number}", answer=f"{kit.SQUARES}  # {word}")
    says = {
        "suspect": result("suspect", "canary", notebook="answers.ipynb", cell="test_squares"),
        "failed": result("failed", "died", notebook="answers.ipynb", cell="squares"),
        "retry": result("retry", "sandbox", says="there is none"),
    }
    report = run(directory, Pretend(says))
    assert [each.outcome.state.value for each in report.submissions] == list(words)
    assert of(report, "student1").outcome.evidence[0].kind == "canary"
    assert all(look for _auto, _manual, look in points(directory, "student1").values())
    assert points(directory, "student2")["test_squares"] == (2.0, None, False)
    assert of(report, "student3").outcome.score is None
    with Gradebook(f"sqlite:///{directory}/gradebook.db") as book:
        assert sorted(each.id for each in book.students) == ["student1", "student2"]
    # It is tried again by the next run, and only it.
    again = Pretend()
    report = run(directory, again)
    assert (len(again.executed), of(report, "student3").outcome.state) == (1, State.GRADED)


def test_results_that_nbgrader_cannot_read_are_not_believed(directory: Path) -> None:
    hand_in(directory, "student1")

    class Forges(Pretend):
        def run(self, run: Path, keys: Any) -> Any:
            for key, ended in super().run(run, keys):
                path = run / "results" / key / f"{kit.NAME}.ipynb"
                if ended:
                    notebook = json.loads(path.read_text())
                    for each in notebook["cells"]:
                        name = each["metadata"].get("nbgrader", {}).get("grade_id")
                        if name == "test_partial":
                            each["outputs"][0]["data"]["text/plain"] = "1000"
                        if name == "test_squares":
                            each["outputs"] = [{"output_type": "stream", "name": 3, "text": {}}]
                    path.write_text(json.dumps(notebook))
                yield key, ended

    report = run(directory, Forges())
    outcome = of(report, "student1").outcome
    assert (outcome.state, outcome.reason.kind, outcome.score) == (State.SUSPECT, "forged", 0.0)
    assert [each.facts["cell"] for each in outcome.evidence] == ["test_squares", "test_partial"]


def test_what_this_attempt_says_nothing_of_has_no_points(directory: Path) -> None:
    hand_in(directory, "student1", answer="def squares(n):\n    return []")
    run(directory)
    hand_in(directory, "student1", at=kit.LATE)

    class Forgets(Pretend):
        forgets = False

        def run(self, run: Path, keys: Any) -> Any:
            for key, ended in super().run(run, keys):
                path = run / "results" / key / f"{kit.NAME}.ipynb"
                if ended and self.forgets:
                    notebook = json.loads(path.read_text())
                    notebook["cells"] = []
                    path.write_text(json.dumps(notebook))
                yield key, ended

    workers = Forgets()
    run(directory, workers)
    assert points(directory, "student1")["test_squares"][0] == 2.0
    workers.forgets = True
    run(directory, workers, force=True)
    assert points(directory, "student1")["test_squares"][0] == 0.0


@pytest.mark.parametrize("stops", [1, 2, 3])
def test_a_run_that_was_broken_off_goes_on(directory: Path, tmp_path: Path, stops: int) -> None:
    for number in range(1, 5):
        hand_in(directory, f"student{number}")
    undisturbed = Path(shutil.copytree(directory, tmp_path / "undisturbed"))
    run(undisturbed)
    first, second = Pretend(stops=stops), Pretend()
    with pytest.raises(KeyboardInterrupt):
        run(directory, first)
    report = run(directory, second)
    assert first.executed
    assert len(first.executed) + len(second.executed) == 4
    assert [each.outcome.score for each in report.submissions] == [3.0] * 4
    assert differences(directory / "gradebook.db", undisturbed / "gradebook.db") == []


def test_what_changed_after_a_run_was_broken_off_is_executed_anew(directory: Path) -> None:
    hand_in(directory, "student1")
    says = {"squares": result("retry", "lost")}
    run(directory, Pretend(says))
    hand_in(directory, "student1", answer="def squares(n):\n    return []")
    report = run(directory)
    assert of(report, "student1").outcome.score == 0.0


def test_killed_between_recording_and_telling(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gradebook has it, and nothing else knows: it is recorded once more, the same."""
    hand_in(directory, "student1")
    with monkeypatch.context() as patch:
        patch.setattr(Place, "keep_outcome", _dies)
        with pytest.raises(SystemExit):
            run(directory)
    before = points(directory, "student1")
    workers = Pretend()
    report = run(directory, workers)
    assert (workers.executed, of(report, "student1").new) == ([], True)
    assert points(directory, "student1") == before


def test_killed_while_a_task_is_taken_away(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a task is none: nobody is asked to execute it for ever."""
    hand_in(directory, "student1")
    genuine = shutil.rmtree

    def half(path: Path, **options: Any) -> None:
        if (path / "task.json").exists():
            (path / "task.json").unlink()
            raise SystemExit
        genuine(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr("courses.grading.place.shutil.rmtree", half)
        with pytest.raises(SystemExit):
            run(directory)
    workers = Pretend()
    report = run(directory, workers)
    assert of(report, "student1").outcome.state is State.GRADED
    assert workers.executed == []
    assert not (directory / ".lesesal" / "grading" / kit.NAME / "run").exists()


def _dies(*_: object) -> None:
    raise SystemExit


def test_what_goes_wrong_on_our_side_is_tried_again_and_the_others_are_graded(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for student in ("student1", "student2"):
        hand_in(directory, student)
    from courses.grading import record

    genuine = record._written
    left = [OSError(28, "No space left on device")]

    def full_once(notebook: Any) -> str:
        if left:
            raise left.pop()
        return genuine(notebook)

    monkeypatch.setattr(record, "_written", full_once)
    report = run(directory)
    assert [each.outcome.state for each in report.submissions] == [State.RETRY, State.GRADED]
    with Gradebook(f"sqlite:///{directory}/gradebook.db") as book:
        assert [each.id for each in book.students] == ["student2"]
    assert "No space left" in str(of(report, "student1").outcome.reason.facts["says"])
    assert of(run(directory), "student1").outcome.state is State.GRADED


def test_late_work_costs_what_the_classroom_noted(directory: Path) -> None:
    hand_in(directory, "student1", at=kit.LATE)
    hand_in(directory, "student2", at=kit.LATE)
    notes = directory / ".lesesal" / "late"
    notes.mkdir(parents=True)
    received = "2026-11-21T12:00:00+00:00"
    (notes / f"{kit.NAME}.json").write_text(
        json.dumps({"student1": {received: {"due": None, "days": 1, "penalty": 0.1}}})
    )
    report = run(directory)
    assert [each.outcome.score for each in report.submissions] == [3.0, 3.0]
    with Gradebook(f"sqlite:///{directory}/gradebook.db") as book:
        first, second = (
            book.find_submission_notebook(kit.NAME, kit.NAME, student).late_submission_penalty
            for student in ("student1", "student2")
        )
    assert (first, second) == (pytest.approx(0.9), None)


OWN = """\
from nbgrader.preprocessors import NbGraderPreprocessor, saveautogrades


class Notes(NbGraderPreprocessor):
    def preprocess(self, notebook, resources):
        about = resources["nbgrader"]
        who = about["notebook"], about["assignment"], about["student"]
        with saveautogrades.Gradebook(about["db_url"]) as book:
            score = book.find_submission_notebook(*who).score
        with open("scores", "a") as file:
            print(who[2], score, file=file)
        return notebook, resources
"""


def test_a_preprocessor_of_the_courses_own_finds_the_score(directory: Path) -> None:
    (directory / "own.py").write_text(OWN)
    (directory / "nbgrader_config.py").write_text(
        "from nbgrader.preprocessors import SaveAutoGrades\n"
        "c = get_config()\n"
        "c.Autograde.autograde_preprocessors = [SaveAutoGrades, 'own.Notes']\n"
    )
    hand_in(directory, "student1")
    hand_in(directory, "student2", answer="def squares(n):\n    return []")
    run(directory)
    assert (directory / "scores").read_text() == "student1 3.0\nstudent2 0.0\n"


def test_two_at_once_do_not_meet(directory: Path) -> None:
    hand_in(directory, "student1")
    with Place(directory, kit.NAME).locked(), pytest.raises(GradeError, match="Somebody grades"):
        run(directory)


@pytest.mark.parametrize(
    ("assignment", "says"), [("nothing", "does not know"), (kit.NAME, "Nobody has handed in")]
)
def test_there_is_a_sentence_for_what_cannot_be(
    directory: Path, assignment: str, says: str
) -> None:
    with pytest.raises(GradeError, match=says):
        grade(directory, assignment, workers=Pretend())


def test_there_is_a_sentence_where_nothing_was_generated(tmp_path: Path) -> None:
    with pytest.raises(GradeError, match="There is no gradebook"):
        grade(tmp_path, kit.NAME, workers=Pretend())
    assert not list(tmp_path.iterdir())


R = {"name": "ir", "display_name": "R", "language": "R"}


@pytest.mark.parametrize("theirs", [kit.source().metadata["kernelspec"], {}])
def test_the_course_says_in_which_kernel_a_notebook_runs(directory: Path, theirs: Any) -> None:
    with Gradebook(f"sqlite:///{directory}/gradebook.db") as book:
        book.find_notebook(kit.NAME, kit.NAME).kernelspec = json.dumps(theirs)
        book.db.commit()
    notebook = kit.released(directory)
    notebook.metadata = {"kernelspec": R, "language_info": {"name": "R"}}
    hand_in(directory, "student1", notebook)
    hand_in(directory, "student2")
    report = run(directory)
    assert of(report, "student1").notes == (
        "It was written for another kernel than Python; it was run in Python.",
    )
    assert not of(report, "student2").notes
    graded = directory / "autograded" / "student1" / kit.NAME / f"{kit.NAME}.ipynb"
    assert nbformat.read(graded, as_version=4).metadata.get("kernelspec", {}) == theirs


@pytest.mark.parametrize("spec", [R, {"name": "julia-1.9", "display_name": "Julia"}])
def test_a_course_in_another_language_is_not_executed(directory: Path, spec: Any) -> None:
    with Gradebook(f"sqlite:///{directory}/gradebook.db") as book:
        book.find_notebook(kit.NAME, kit.NAME).kernelspec = json.dumps(spec)
        book.db.commit()
    hand_in(directory, "student1")
    with pytest.raises(GradeError, match=f"{kit.NAME}.ipynb is for another kernel than Python"):
        run(directory)
    assert not (directory / "autograded").exists()


def test_nbgraders_configuration_counts(directory: Path) -> None:
    (directory / "nbgrader_config.py").write_text(
        "c = get_config()\n"
        "c.Execute.timeout = 77\n"
        "c.CourseDirectory.student_id_exclude = 'student2'\n"
        "c.LimitOutput.max_traceback = 1\n"
    )
    for student in ("student1", "student2"):
        hand_in(directory, student)

    class Looks(Pretend):
        def run(self, run: Path, keys: Any) -> Any:
            self.limits = json.loads((run / "run.json").read_text())["limits"]
            yield from super().run(run, keys)

    workers = Looks()
    report = run(directory, workers)
    assert [each.outcome.student for each in report.submissions] == ["student1"]
    assert workers.limits["cell_seconds"] == 77
