"""A job carries the key of its session, and nothing but ours is read as one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spawners.jobs import SessionKey, read_comment, write_comment

TEXT = st.text(min_size=1)


@given(TEXT, TEXT, TEXT, st.integers(min_value=1), st.text())
def test_whose_a_job_is_survives_its_comment(
    hub: str, user: str, server: str, attempt: int, run: str
) -> None:
    key = SessionKey(hub, user, server, run)
    comment = write_comment(key, attempt)
    assert read_comment(comment) == (key, attempt)
    assert not set(comment) & set("| \n\t,;'\"")


@pytest.mark.parametrize(
    "comment",
    [
        "",
        "(null)",
        "somebody's own",
        "hub=a&user=b&server=c",
        "hub=a&hub=b&user=c&server=d&attempt=1",
        "hub=a&user=b&server=c&attempt=one",
        "hub=a&user=b&server=c&attempt=1&run=x&run=y",
    ],
)
def test_other_comments_are_no_keys(comment: str) -> None:
    assert read_comment(comment) is None
