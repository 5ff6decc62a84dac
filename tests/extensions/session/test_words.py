"""What our scripts say, and what the hub is asked, is in the person's language."""

from __future__ import annotations

from pathlib import Path

import messages
from extensions.session.stand_in import StandInHub, running_session

from lesesal_notebook import language

PACKAGE = messages.PACKAGES["lesesal_notebook"]


def test_the_language_that_was_chosen_else_the_browsers(tmp_path: Path) -> None:
    hub = StandInHub()
    with running_session(tmp_path, hub) as session, session.client() as client:
        assert client.get("lesesal/words").json() == {"language": "en", "words": {}}
        client.headers["Accept-Language"] = "de, no;q=0.5"
        answer = client.get("lesesal/words").json()
        assert answer["language"] == "nb"
        assert answer["words"]["extended for you"] == "utsatt for deg"
        client.cookies.set("lesesal-language", "nn")
        assert client.get("lesesal/words").json()["words"]["just now"] == "akkurat no"
        # The hub is asked each time; of the end it may have been asked before.
        client.post("lesesal/more").raise_for_status()
        assert "nn" in hub.languages
        page = client.get("lesesal/session").text
        assert '<html lang="nn">' in page
        assert "Kva denne økta fekk" in page
        client.headers.pop("Authorization")
        client.cookies.clear()
        assert client.get("lesesal/words", follow_redirects=False).status_code in {302, 403}


def test_scripts_get_all_their_words() -> None:
    found = PACKAGE.extracted()
    texts = {each.id for each in found if any(name.endswith(".js") for name, _ in each.locations)}
    for code in messages.TRANSLATED:
        assert set(language.script_words(code)) == texts
    assert language.gettext("partition {name}", "nn", name="gpu") == "partisjon gpu"
    assert language.gettext("partition {name}", "en", name="gpu") == "partition gpu"
