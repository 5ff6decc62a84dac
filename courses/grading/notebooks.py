"""A notebook from a stranger: read within bounds, and only what grading needs of it kept.

What comes out is valid by nbformat's schema, whatever came in: cells with their text, attachments
of text cells, tags, nbgrader's metadata (still unbelieved), the names of kernel and language.
Outputs are not read: grading makes them anew. A key that stands twice in an object has the value
that stands last, as everywhere in Python.
"""

from __future__ import annotations

import json
import re
from typing import Any

import nbformat
from nbformat import NotebookNode

from courses.language import gettext as _

MAX_CELLS = 5_000
# A million empty lists are three megabytes of JSON and a hundred of memory.
MAX_CONTAINERS = 1_000_000
MAX_VALUES = 3_000_000
_FORMAT, _MINOR = 4, 5
_TYPES = ("code", "markdown", "raw")
_CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_MAX_TAGS = 100


class UnreadableError(Exception):
    """It is no notebook that can be read; ``str()`` is a sentence that says why."""


def parse(raw: bytes) -> NotebookNode:
    """Read a notebook of any of nbformat's versions. Raises `UnreadableError`."""
    if raw.count(b"[") + raw.count(b"{") > MAX_CONTAINERS or raw.count(b",") > MAX_VALUES:
        raise UnreadableError(_("it has more in it than anybody writes."))
    try:
        found = json.loads(raw.decode("utf-8-sig"), parse_constant=lambda _constant: None)
    except RecursionError as error:
        raise UnreadableError(_("it is nested too deeply.")) from error
    except ValueError as error:  # also UnicodeDecodeError and JSONDecodeError
        raise UnreadableError(_("it is no JSON.")) from error
    try:
        return _notebook(_current(found))
    except RecursionError as error:
        raise UnreadableError(_("it is nested too deeply.")) from error


def compact(notebook: NotebookNode) -> bytes:
    """A notebook as JSON. Raises `UnreadableError` for what UTF-8 has no bytes for."""
    try:
        return json.dumps(notebook, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise UnreadableError(_("it has characters that cannot be written down.")) from error


def _current(found: Any) -> dict[str, Any]:
    """In the present format; older ones are brought up to it by nbformat."""
    if not isinstance(found, dict):
        raise UnreadableError(_("it is no notebook."))
    version = found.get("nbformat")
    if version == _FORMAT:
        return found
    if not isinstance(version, int) or version is True or not 1 <= version < _FORMAT:
        raise UnreadableError(_("it is in a format that this version cannot read."))
    try:
        return dict(nbformat.convert(nbformat.from_dict(found), _FORMAT))
    except Exception as error:  # whatever a stranger's values make nbformat's converters raise
        raise UnreadableError(_("it is in an old format, and not a whole one.")) from error


def _notebook(found: dict[str, Any]) -> NotebookNode:
    cells = found.get("cells")
    if not isinstance(cells, list):
        raise UnreadableError(_("it has no list of cells."))
    if len(cells) > MAX_CELLS:
        raise UnreadableError(_("it has {count} cells.", count=len(cells)))
    ids: set[str] = set()
    return NotebookNode(
        cells=[_cell(each, number, ids) for number, each in enumerate(cells)],
        metadata=_about(found.get("metadata")),
        nbformat=_FORMAT,
        nbformat_minor=_MINOR,
    )


def _cell(found: Any, number: int, ids: set[str]) -> NotebookNode:
    kind = found.get("cell_type") if isinstance(found, dict) else None
    if kind not in _TYPES:
        raise UnreadableError(_("its cell {number} is none.", number=number + 1))
    cell_id = found.get("id")
    if not isinstance(cell_id, str) or not _CELL_ID.fullmatch(cell_id) or cell_id in ids:
        cell_id = _free(f"cell-{number + 1}", ids)
    ids.add(cell_id)
    cell = NotebookNode(
        id=cell_id,
        cell_type=kind,
        metadata=_metadata(found.get("metadata")),
        source=_text(found.get("source"), number),
    )
    if kind == "code":
        cell.outputs, cell.execution_count = [], None
    elif attachments := _attachments(found.get("attachments")):
        cell.attachments = attachments
    return cell


def _free(wish: str, ids: set[str]) -> str:
    while wish in ids:
        wish += "-"
    return wish


def _text(found: Any, number: int) -> str:
    if isinstance(found, str):
        return found
    if isinstance(found, list) and all(isinstance(each, str) for each in found):
        return "".join(found)
    raise UnreadableError(_("its cell {number} has no text.", number=number + 1))


def _metadata(found: Any) -> NotebookNode:
    """Of a cell: what nbgrader and nbclient ask for."""
    kept = NotebookNode()
    if not isinstance(found, dict):
        return kept
    tags = found.get("tags")
    if isinstance(tags, list):
        kept.tags = list(dict.fromkeys(each for each in tags if isinstance(each, str)))[:_MAX_TAGS]
    if isinstance(found.get("nbgrader"), dict):
        kept.nbgrader = NotebookNode(found["nbgrader"])
    for key in ("deletable", "editable"):
        if isinstance(found.get(key), bool):
            kept[key] = found[key]
    return kept


def _about(found: Any) -> NotebookNode:
    """Of a notebook: its kernel and its language, where they are whole."""
    kept = NotebookNode()
    if not isinstance(found, dict):
        return kept
    kernel = _strings(found.get("kernelspec"), ("name", "display_name", "language"))
    if {"name", "display_name"} <= kernel.keys():
        kept.kernelspec = kernel
    language = _strings(found.get("language_info"), ("name", "version"))
    if "name" in language:
        kept.language_info = language
    return kept


def _strings(found: Any, keys: tuple[str, ...]) -> NotebookNode:
    if not isinstance(found, dict):
        return NotebookNode()
    return NotebookNode({key: found[key] for key in keys if isinstance(found.get(key), str)})


def _attachments(found: Any) -> NotebookNode:
    """Pictures that text cells show: names, kinds and base64."""
    kept = NotebookNode()
    for name, bundle in found.items() if isinstance(found, dict) else ():
        if isinstance(bundle, dict) and all(isinstance(each, str) for each in bundle.values()):
            kept[name] = NotebookNode(bundle)
    return kept
