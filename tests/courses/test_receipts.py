"""What a signature is of, and what makes a receipt not genuine."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from courses import receipts
from courses.errors import BadReceipt
from courses.receipts import Signer
from courses.submissions import PackedFile, Receipt, content_of, receipt_json

SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))
KEYS = {receipts.key_id(SIGNER.public): SIGNER.public}
FILES = (PackedFile("a.ipynb", 2, "a" * 64), PackedFile("b/æ.csv", 3, "b" * 64))
RECEIPT = Receipt(
    id="0123456789abcdef",
    course="optics",
    assignment="lenses",
    user="ben",
    timestamp=datetime(2026, 11, 21, 12, 0, 0, 7, tzinfo=UTC),
    due=None,
    on_time=True,
    files=FILES,
    content=content_of(FILES),
)
TEXT = SIGNER.sign(receipt_json(RECEIPT))


def test_the_document() -> None:
    values = json.loads(TEXT)
    assert len(values.pop("signature")) == 88
    assert values == {
        "id": "0123456789abcdef",
        "course": "optics",
        "assignment": "lenses",
        "user": "ben",
        "timestamp": "2026-11-21T12:00:00.000007+00:00",
        "due": None,
        "on_time": True,
        "files": [
            {"path": "a.ipynb", "bytes": 2, "sha256": "a" * 64},
            {"path": "b/æ.csv", "bytes": 3, "sha256": "b" * 64},
        ],
        "content": content_of(FILES),
        "key": "139e3940e64b5491",
    }
    signed = receipts.read(TEXT)
    assert (signed.receipt, signed.genuine(KEYS)) == (RECEIPT, True)


def test_how_it_is_written_does_not_matter() -> None:
    values = json.loads(TEXT)
    backwards = json.dumps(dict(reversed(values.items())), ensure_ascii=True)
    assert receipts.read(backwards).genuine(KEYS)
    assert receipts.read(TEXT.encode()).genuine(KEYS)


def test_what_is_said_may_not_change() -> None:
    for name in json.loads(TEXT):
        values = json.loads(TEXT)
        changed = {"due": "2026-11-21T12:00:00+00:00", "on_time": False, "files": []}
        changed |= {"timestamp": "2026-11-21T11:00:00+00:00", "signature": "AAAA"}
        values[name] = changed.get(name, f"{values[name]}x")
        assert not receipts.read(json.dumps(values)).genuine(KEYS), name
    assert not receipts.read(json.dumps(json.loads(TEXT) | {"grade": "A"})).genuine(KEYS)


def test_a_content_that_is_not_the_files() -> None:
    wrong = receipt_json(replace(RECEIPT, content="0" * 64))
    assert not receipts.read(SIGNER.sign(wrong)).genuine(KEYS)


def test_another_key() -> None:
    other = Signer(Ed25519PrivateKey.from_private_bytes(b"x" * 32))
    own = receipts.key_id(SIGNER.public)
    assert not receipts.read(TEXT).genuine({})
    assert not receipts.read(TEXT).genuine({own: other.public})
    assert not receipts.read(other.sign(receipt_json(RECEIPT))).genuine(KEYS)


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", "null", "[" * 5000, '{"a": NaN}', "\udcff"),
        TEXT[:-5],
        TEXT.replace('"due"', '"due_"'),
        TEXT.replace('"on_time": true,', '"on_time": false, "on_time": true,'),
    ],
)
def test_what_is_no_receipt(text: str) -> None:
    with pytest.raises(BadReceipt, match=r"^This is no receipt of a classroom\. "):
        receipts.read(text)


def test_keys_are_written_and_read() -> None:
    assert receipts.read_keys(receipts.keys_json(KEYS)) == KEYS
    for text in (
        "",
        "{}",
        "[]",
        '{"keys": [{"id": "a"}]}',
        '{"keys": [{"id": "a", "public": "?"}]}',
    ):
        with pytest.raises(BadReceipt, match=r"^These are no public keys"):
            receipts.read_keys(text)


def test_the_content_is_by_the_bytes_of_the_paths() -> None:
    names = ["b", "B", "a/b", "a.b", "æ", "z"]
    files = [PackedFile(name, 0, "0" * 64) for name in names]
    assert content_of(files) == content_of(reversed(files))
    assert content_of(files) != content_of(files[1:])


def test_differences(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"work")
    (tmp_path / "other").write_bytes(b"does not matter")
    digest = "00e13ed784b9de3de1b5bf1bb0be2b5f5e8bbc0a2b4e5f2f0f7bfa4a4e9e0a1c"
    files = [PackedFile("a", 4, digest), PackedFile("b/c", 0, digest)]
    assert receipts.differences(files, tmp_path) == [
        "a is not what was handed in.",
        "b/c is not there.",
    ]
