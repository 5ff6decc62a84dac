"""A job carries the key of its session, and nothing but ours is read as one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spawners.jobs import SessionKey


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_a_key_survives_its_comment(hub: str, user: str, server: str) -> None:
    key = SessionKey(hub, user, server)
    comment = key.comment()
    assert SessionKey.from_comment(comment) == key
    assert not set(comment) & set("| \n\t,;'\"")


@pytest.mark.parametrize(
    "comment",
    ["", "(null)", "somebody's own", "hub=a&user=b", "hub=a&hub=b&user=c&server=d"],
)
def test_other_comments_are_no_keys(comment: str) -> None:
    assert SessionKey.from_comment(comment) is None
