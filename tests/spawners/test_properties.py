"""No text of anybody's reaches a shell, a job's options, a path or a page as anything but text.

Whatever the text: of options, users, courses, offers, environments, refusals and logs.
"""

import re
import string
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from places import spec

from spawners import hub as hub_package
from spawners.errors import Refused
from spawners.hub import wish
from spawners.hub.form import RANK, Choice
from spawners.hub.rendering import render
from spawners.jobs import JobSpec, SessionKey, read_comment, write_comment
from spawners.offers import Limits, Offer, Terms
from spawners.slurm.argv import FIELDS, sbatch_options
from spawners.slurm.cluster import job_script
from spawners.slurm.parse import parse_squeue
from spawners.unix import files, launcher

# Without NUL, which no argument and no header can have, and surrogates, which are no text.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
EVIL = (
    "'\"; $(id) `id` \\ ${IFS} && id |\n#SBATCH --uid=0\n--wrap=id",
    "</script><script>alert(1)</script><img src=x onerror=alert(1)>",
    '"><b onclick="alert(1)">&lt;&#60;&amp;lt;',
    "{{ 7 * 7 }}{% raw %}{# #}",
    "../../../etc/cron.d/x",
    "-1 --uid=0",
)
SPEC = replace(spec("kim"), argv=("/bin/true",))
WORDS = ("partition", "account", "qos", "reservation", "constraint")


def evil(test: Callable[..., None]) -> Callable[..., None]:
    """A test of one text, also with what an attacker would write."""
    for text in EVIL:
        test = example(text)(test)
    return test


# A job's options


def offered(text: str) -> JobSpec:
    """A session of which every text is this one."""
    offer = Offer(text, text, text, Limits(1, 64, {text: 1}), text, *[text] * len(WORDS))
    assert [getattr(offer, word) for word in WORDS] == [text] * len(WORDS)
    key = SessionKey("uio", text, text, text)
    return replace(SPEC, key=key, offer=offer, environment={text: text}, token=text)


@evil
@given(TEXT)
def test_a_text_is_one_option_of_sbatch_and_its_value(text: str) -> None:
    options = sbatch_options(offered(text))
    plain = sbatch_options(offered("x"))
    assert [option.split("=")[0] for option in options] == [
        option.split("=")[0] for option in plain
    ]
    for word in WORDS:
        assert f"--{word}={text}" in options
    assert f"--gres=gpu:{text}:1" in options
    # The launcher, which reads each as an option again, finds the same.
    assert launcher._options({"options": options}) == options


@evil
@given(TEXT)
def test_a_comment_is_one_plain_word_and_is_read_as_it_was_written(text: str) -> None:
    key = SessionKey(text, text, text, text)
    comment = write_comment(key, 7)
    assert set(comment) <= set(string.ascii_letters + string.digits + "_.-~%+=&")
    assert read_comment(comment) == (key, 7)


@evil
@given(TEXT)
def test_nothing_of_users_offers_or_environments_is_in_a_job_script(text: str) -> None:
    assert job_script(offered(text)) == job_script(SPEC)
    assert repr(replace(SPEC, token=text)) == repr(SPEC)
    assert sbatch_options(replace(SPEC, environment={text: text}, token=text)) == sbatch_options(
        SPEC
    )


@settings(max_examples=150)
@example(list(EVIL))
@given(st.lists(TEXT | st.just(""), min_size=1, max_size=5))
def test_a_program_gets_its_arguments_from_the_real_bash_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, arguments: list[str]
) -> None:
    script = job_script(replace(SPEC, argv=("/usr/bin/printf", "%s\\0", *arguments)))
    # sbatch reads its own directives up to the first line that is a command.
    head, _, _ = script.partition("exec ")
    assert re.sub(r"^#(?!SBATCH).*\n", "", head, flags=re.MULTILINE) == 'trap "" USR1\n'
    file = tmp_path_factory.getbasetemp() / "script"
    file.write_text(script, encoding="utf-8", newline="")
    done = subprocess.run(
        ["/bin/bash", file],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=60,
        cwd=file.parent,
        env={"LANG": "C.UTF-8"},
    )
    assert done.stdout.decode("utf-8").split("\0") == [*arguments, ""]


# Paths

PLAIN = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")  # what JupyterHub lets a server be called


@evil
@example("..")
@example("a/b")
@example("ai\n")
@given(TEXT)
def test_a_sessions_paths_stay_in_its_state_folder_or_are_refused(text: str) -> None:
    state = Path("/home/kim/state")
    for hub, server in ((text, "ai"), ("uio", text), (text, text)):
        try:
            session = files.session_directory(state, hub, server)
        except ValueError:
            assert not PLAIN.fullmatch(text)
            continue
        assert (session.parent.parent, session.parent.name, session.name) == (
            state / "sessions",
            hub,
            server,
        )
        assert files.attempt_directory(state, hub, server, 7) == session / "7"
        assert files.log_file(state, hub, server, 7) == state / "logs" / hub / f"{server}.7.log"


@settings(max_examples=50)
@evil
@given(TEXT)
def test_a_files_name_is_plain_or_refused(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    state = tmp_path_factory.mktemp("state")
    try:
        folder = files.prepare(state, "uio", "ai", 1, {text: "secret"})
    except ValueError:
        assert not PLAIN.fullmatch(text)
    else:
        assert [path.name for path in folder.iterdir()] == [text]
    assert all("sessions/uio/ai/1/" in str(path) for path in state.rglob("*") if path.is_file())


# What is asked for and what is answered

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OFFERS = {
    name: Offer(name, name.upper(), "here", Limits(1, 64, hours=hours))
    for name, hours in (("cpu", 8), ("gpu", 2), ("secret", 99))
}
TERMS = Terms("ai", "AI", ("gpu", "cpu"), "student")
WISHES = st.dictionaries(
    st.sampled_from(["offer", "hours", "cmd"]),
    JSON | st.sampled_from(["cpu", "gpu", "secret", 1, 2, 1e-9, 10**400]),
)


@given(WISHES | st.dictionaries(st.text(), JSON, max_size=3))
def test_any_wish_is_granted_out_of_the_offers_or_refused(options: dict[str, Any]) -> None:
    try:
        plan = wish.resolve(options, TERMS, OFFERS, "ai")
    except Refused:
        return
    assert plan.offer in (OFFERS["gpu"], OFFERS["cpu"])
    assert 0 < plan.hours <= plan.offer.limits.hours
    assert plan.terms == TERMS
    assert set(options) <= {"offer", "hours"}


@given(st.dictionaries(st.sampled_from(["offer", "hours", "cmd"]), st.lists(st.text())))
def test_any_form_gives_options_or_is_refused(form: dict[str, list[str]]) -> None:
    try:
        options = wish.from_form(form)
    except Refused:
        return
    assert set(options) <= {"offer", "hours"}


OURS = write_comment(SessionKey("uio", "kim", "ai"), 1)
COLUMNS = st.lists(
    st.text(max_size=8) | st.sampled_from(["RUNNING", "²", "N/A", "1", "9" * 20]),
    min_size=len(FIELDS) - 1,
    max_size=len(FIELDS) + 1,
)


@given(st.text() | COLUMNS.map(lambda columns: "|".join([*columns, OURS, ""])))
def test_any_answer_of_squeue_is_read_as_jobs_of_this_hub(text: str) -> None:
    for id_, job in parse_squeue(text, "uio").items():
        assert (job.id, job.key.hub) == (id_, "uio")


# Pages


class Shape(HTMLParser):
    """What a page is made of: tags with their attributes, and the texts between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[tuple[Any, ...]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append(("tag", tag, *attrs))

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(("end", tag))

    def handle_data(self, data: str) -> None:
        inside = self.parts[-1][1] if self.parts and self.parts[-1][0] == "tag" else ""
        self.parts.append((inside if inside in {"script", "style"} else "text", data))

    def handle_comment(self, data: str) -> None:
        self.parts.append(("comment", data))

    def handle_decl(self, decl: str) -> None:
        self.parts.append(("declaration", decl))


# Where a text would be code, however well it is escaped.
CODE = re.compile(r"on.*|style|href|src|action|formaction")
MARK = "xMARKx"


def pages(text: str) -> Iterator[str]:
    """Every template, with this text wherever it shows one."""
    yield render("failure.html", sentence=text, detail=text)
    yield render("refused.html", sentence=text)
    limits = Limits(1, 64, {text: 1}, shards=2)
    choices = [
        Choice(
            Offer(text, text, text, limits, text),
            state,
            ((text, 1, 2),),
            1.0,
            text,
            (text,),
            i == 0,
        )
        for i, state in enumerate(RANK)
    ]
    assert {field.name for field in fields(Choice)} == {
        "offer", "state", "gpus", "starts", "sentence", "notes", "chosen"
    }  # fmt: skip
    yield render(
        "offers.html", course=Terms(text, text, (text,), text), choices=choices, notes=[text, text]
    )


TEMPLATES = {"failure.html", "refused.html", "offers.html"}


def test_every_template_is_looked_at() -> None:
    folder = hub_package.PAGES.parent / "templates"
    assert {path.name for path in folder.glob("*.html")} == TEMPLATES


@evil
@given(TEXT)
def test_a_text_on_a_page_is_that_text_and_no_markup(text: str) -> None:
    for page, marked in zip(pages(text), pages(MARK), strict=True):
        expected = Shape(marked).parts
        for part in expected:
            if part[0] in {"script", "style", "comment", "declaration"}:
                assert MARK not in part[1]
            elif part[0] == "tag":
                assert not [a for a in part[2:] if CODE.fullmatch(a[0]) and MARK in (a[1] or "")]
        assert MARK in marked
        assert Shape(page).parts == [_with(part, text) for part in expected]


def _with(part: tuple[Any, ...], text: str) -> tuple[Any, ...]:
    return tuple(
        _with(each, text)
        if isinstance(each, tuple)
        else each.replace(MARK, text)
        if isinstance(each, str)
        else each
        for each in part
    )


def test_a_template_that_does_not_escape_would_be_seen() -> None:
    def unsafe(values: Mapping[str, str]) -> str:
        return "<p title='{t}'>{t}</p>".format(t=values["t"])

    for text in EVIL[1:3]:
        broken = Shape(unsafe({"t": text})).parts
        assert broken != [_with(part, text) for part in Shape(unsafe({"t": MARK})).parts]
