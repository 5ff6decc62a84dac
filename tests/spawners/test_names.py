"""Safe names keep what the module states: bounds, alphabet, no two alike."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spawners.names import UNIX_ACCOUNT, folder_name


@given(st.text(min_size=1))
def test_a_folder_name_is_safe(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", folder_name(name))


@given(st.text(min_size=1), st.text(min_size=1))
def test_two_names_never_share_a_folder(one: str, other: str) -> None:
    assert (folder_name(one) == folder_name(other)) == (one == other)


def test_a_plain_name_stays_and_a_changed_one_can_be_read() -> None:
    assert folder_name("kari-2") == "kari-2"
    assert re.fullmatch(r"kari-nordmann-uio-no--[0-9a-f]{16}", folder_name("Kari.Nordmann@uio.no"))


def test_a_name_that_looks_like_a_changed_one_is_changed() -> None:
    made = folder_name("A")
    assert folder_name(made) != made


@pytest.mark.parametrize("name", ["kari", "Kari_N", "kari@uio.no", "_x", "k" * 64])
def test_what_can_be_an_account_is_one(name: str) -> None:
    assert UNIX_ACCOUNT.fullmatch(name)


# As sudo's -u, some of these would be a number, a group, or another option.
@pytest.mark.parametrize(
    "name",
    ["", "-u", "#0", "0", "%staff", "+group", "a b", "a/b", "a\n", "a:b", "\u212aari", "k" * 65],
)
def test_what_can_be_none_is_none(name: str) -> None:
    assert not UNIX_ACCOUNT.fullmatch(name)
