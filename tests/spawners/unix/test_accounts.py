"""Whose sessions the launcher starts."""

import grp
import os
import pwd

import pytest

from spawners.unix import accounts


def account(name: str, uid: int, gid: int = 1000) -> pwd.struct_passwd:
    return pwd.struct_passwd((name, "x", uid, gid, "", "/nowhere", "/usr/sbin/nologin"))


@pytest.mark.parametrize(
    ("uid", "uid_min", "refused"),
    [
        (0, 1000, True),
        (0, 0, True),
        (1, 1000, True),
        (999, 1000, True),
        (1000, 1000, False),
        (500, 500, False),
        (65534, 1000, True),
        (1_200_000_001, 1000, False),
    ],
)
def test_the_systems_accounts_get_no_session(uid: int, uid_min: int, refused: bool) -> None:
    sentence = (
        "kim is an account of the system, and sessions are for people's. Please tell the operators."
    )
    assert accounts.refusal(account("kim", uid), uid_min, None) == (sentence if refused else "")


def test_only_members_of_the_group_get_one() -> None:
    own = grp.getgrgid(os.getgid()).gr_name
    assert accounts.refusal(account("kim", 1000, os.getgid()), 1000, own) == ""
    outsider = account("kim", 1000, os.getgid() + 54321)
    assert accounts.refusal(outsider, 1000, own) == (
        f"The account kim may not have sessions on this cluster yet: it is not in the group {own}. "
        "Please ask the operators."
    )


def test_a_group_that_is_not_there_lets_nobody_in() -> None:
    assert accounts.refusal(account("kim", 1000), 1000, "no-such-group") == (
        "The launcher's rule names the group no-such-group, which this machine does not have. "
        "Please tell the operators."
    )


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 1000),
        ("#UID_MIN 5\nSYS_UID_MIN 100\n", 1000),
        ("UID_MIN\t\t\t 1000\nUID_MAX 60000\n", 1000),
        ("  UID_MIN 500\n", 500),
        ("UID_MIN 500\nUID_MIN 2000\n", 2000),
    ],
)
def test_the_lowest_number_of_a_person_is_read_from_login_defs(text: str, number: int) -> None:
    assert accounts.read_uid_min(text) == number
