"""Sentences that are made once and told in anybody's language."""

from __future__ import annotations

import copy
import json
from types import SimpleNamespace

import messages
import pytest
from jupyterhub.handlers.base import BaseHandler

from spawners import limits
from spawners.errors import LimitReached, Refused
from spawners.hub import rendering
from spawners.hub.failures import exception
from spawners.hub.state import SessionState
from spawners.language import Sentence, heard, kept, set_current, told, use
from spawners.limits import Quota, Quotas, Use
from spawners.offers import Limits, Offer
from spawners.slurm import words
from spawners.slurm.parse import refusal

OFFER = Offer("gpu", "GPU", "olivia", Limits(1, 1024, gpus={"h100": 1}))


def in_all(text: str) -> list[str]:
    found = []
    for language in ("en", "nb", "nn"):
        with use(language):
            found.append(told(text))
    return found


def test_why_a_job_waits() -> None:
    assert in_all(words.waiting("QOSMaxGRESPerUser")) == [
        "you may not use more GPUs at once; end another session first, or choose a smaller offer",
        "du kan ikke bruke flere GPU-er samtidig; avslutt en annen økt først, eller velg et "
        "mindre tilbud",
        "du kan ikkje bruke fleire GPU-ar samtidig; avslutt ei anna økt først, eller vel eit "
        "mindre tilbod",
    ]


def test_a_refusal_begins_with_a_capital_letter() -> None:
    text = refusal("sbatch: error: QOSMaxMemoryPerNode", words.REFUSALS, words.REFUSED)
    assert in_all(text)[:2] == [
        "This is more memory than one session may have here. Choose a smaller offer.",
        "Dette er mer minne enn én økt kan ha her. Velg et mindre tilbud.",
    ]


@pytest.mark.parametrize(
    ("count", "says"),
    [
        (1, "Du har 1 økt samtidig, så mange som er lov. Avslutt den først."),
        (2, "Du har 2 økter samtidig, så mange som er lov. Avslutt en av dem først."),
    ],
)
def test_a_count(count: int, says: str) -> None:
    uses = [Use("student1", "optics", 0)] * count
    with pytest.raises(LimitReached) as caught:
        limits.check(OFFER, "student1", "waves", uses, Quotas(person=Quota(sessions=count)))
    with use("nb"):
        assert told(caught.value.sentence) == says


def test_numbers_are_written_as_people_do() -> None:
    text = Sentence("at most {hours:g} h", hours=1.5)
    assert [text, *in_all(text)] == [*["at most 1.5 h"] * 2, "høyst 1,5 t", "høgst 1,5 t"]


def test_others_words_stay_as_they_are() -> None:
    # "now" is one of ours too; an offer may be called so.
    with use("nb"):
        assert told("now") == "now"
        assert told(Sentence("The session ended: {why}.", why="now {x}")) == (
            "Økten ble avsluttet: now {x}."
        )


def test_it_comes_through_the_hubs_database() -> None:
    state = SessionState(notes=["an old one"])
    state.notes.append(Sentence("{why!c}.", why=words.ENDED["TIMEOUT"]))
    state.fails(Refused(words.waiting("QOSMaxGRESPerUser"), "Reason=…"))
    again = SessionState.model_validate(json.loads(json.dumps(state.model_dump())))
    assert again == state
    assert again.last is not None
    assert in_all(again.last.sentence) == in_all(words.waiting("QOSMaxGRESPerUser"))
    assert [in_all(note)[1] for note in again.notes] == ["an old one", "Tiden var ute."]
    assert heard(kept("plain")) == "plain"
    assert in_all(copy.deepcopy(state.notes[1]))[1] == "Tiden var ute."


def test_a_failure_is_told_to_whoever_asks() -> None:
    """The hub keeps what a start raised, and shows it when the person looks."""
    raised = exception(Refused(words.WAITING["Resources"], "<b>"))
    with use("nn"):
        assert raised.jupyterhub_message == "ventar på at ei maskin blir ledig"
        assert "ventar på at ei maskin blir ledig" in raised.jupyterhub_html_message
        assert "&lt;b&gt;" in raised.jupyterhub_html_message
    assert raised.jupyterhub_message == "waiting for a machine to become free"


def test_scripts_get_all_their_words() -> None:
    with use("nb"):
        given = rendering.script_words()
    found = messages.PACKAGES["spawners"].extracted()
    texts = {each.id for each in found if any(name.endswith(".js") for name, _ in each.locations)}
    assert set(given) == texts
    assert given["about {count} hours"] == "omtrent {count} timer"


async def test_the_hubs_requests_have_their_readers_language(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from spawners.hub import languages

    class Handler:
        request = SimpleNamespace(headers={"Accept-Language": "nn;q=0.5, de"})
        cookie = ""

        def get_cookie(self, name: str, default: str) -> str:
            return self.cookie if name == "lesesal-language" else default

    async def prepared(handler: Handler) -> None:
        assert handler.request

    monkeypatch.setattr(languages, "_prepare", prepared)
    handler = Handler()
    await BaseHandler.prepare(handler)
    assert rendering.gettext("Start a session") == "Start ei økt"
    handler.cookie = "nb"
    await BaseHandler.prepare(handler)
    assert rendering.gettext("Start a session") == "Start en økt"
    set_current("en")
