"""Which language somebody reads, and what stands in it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from courses import language, words

DUE = datetime(2026, 11, 27, 22, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cookie", "accept", "chosen"),
    [
        ("nn", "en", "nn"),
        ("xx", "nb-NO,nb;q=0.9", "nb"),
        ("", "no", "nb"),
        ("", "nn-NO,nn;q=0.9,no;q=0.8,en;q=0.5", "nn"),
        ("", "en;q=0.5, nn;q=0.8", "nn"),
        ("", "de,fr;q=0.9,en-US;q=0.3", "en"),
        ("", "nb;q=0", "en"),
        ("", "nb;q=x, *", "en"),
        ("", "", "en"),
        ("../../etc", ";;;,,q=", "en"),
    ],
)
def test_the_choice(cookie: str, accept: str, chosen: str) -> None:
    assert language.choose(cookie, accept) == chosen


async def test_everybody_has_a_language_of_their_own() -> None:
    async def reads(code: str) -> str:
        with language.use(code):
            await asyncio.sleep(0)
            return await asyncio.to_thread(language.gettext, "tomorrow at {time}", time="09:00")

    assert await asyncio.gather(*(reads(code) for code in ("nb", "nn", "en"))) == [
        "i morgen kl. 09:00",
        "i morgon kl. 09:00",
        "tomorrow at 09:00",
    ]
    assert language.current() == "en"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("nb", ["fredag 27. november 2026 kl. 23:59", "for 2 dager siden", "1,5 GB", "6,67"]),
        ("nn", ["fredag 27. november 2026 kl. 23:59", "for 2 dagar sidan", "1,5 GB", "6,67"]),
        ("en", ["Friday 27 November 2026, 23:59", "2 days ago", "1.5 GB", "6.67"]),
    ],
)
def test_dates_and_numbers(code: str, said: list[str]) -> None:
    with language.use(code):
        assert [
            words.date(DUE, "Europe/Oslo"),
            words.distance(DUE - timedelta(days=2), DUE),
            words.size(1_500_000_000),
            words.number(20 / 3),
        ] == said
