"""What was handed in, file by file: each content is one blob, however often it is handed in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from courses import archives
from courses.archives import Limits
from courses.errors import BadArchive, Lost
from courses.language import gettext as _
from courses.store.blobs import BlobStore, no_space
from courses.submissions import PackedFile


class Contents:
    """The files of submissions, over the blobs."""

    def __init__(self, blobs: BlobStore) -> None:
        self.blobs = blobs

    def keep(self, archive: Path, files: Sequence[PackedFile], limits: Limits) -> None:
        """Store the files of an archive that `archives.inspect` has accepted as ``files``.

        When it returns, all of them survive a loss of power; a content that is there already is not
        written again. Raises `NoSpace`; then what was stored so far belongs to nothing.
        """
        digests = {file.path: file for file in files}
        wanted = {file.sha256 for file in files}
        wanted -= {sha256 for sha256 in wanted if self.blobs.touch(sha256)}
        if not wanted:
            return
        with archives.reading(archive, limits) as members:
            for name, content in members:
                file = digests[name]
                if file.sha256 not in wanted:
                    continue
                with self.blobs.incoming(file.bytes) as incoming:
                    for chunk in content:
                        incoming.write(chunk)
                    if incoming.keep().sha256 != file.sha256:
                        raise BadArchive(_("The archive changed while it was read. Send it again."))
                wanted.discard(file.sha256)

    def packed(self, files: Sequence[PackedFile]) -> IO[bytes]:
        """The files as an archive, at its begin: an open file that has no name and is gone when it
        is closed. The same files give the same bytes. Raises `Lost` and `NoSpace`.
        """
        with no_space():
            out = TemporaryFile(dir=self.blobs.incoming_folder)  # noqa: SIM115  the caller closes it
            try:
                archives.write(out, ((file.path, self.blobs.path(file.sha256)) for file in files))
                out.seek(0)
            except FileNotFoundError as error:
                out.close()
                raise Lost(
                    _(
                        "A file of this submission is not on the classroom's disk any more. "
                        "Tell the people who run this service."
                    )
                ) from error
            except BaseException:
                out.close()
                raise
            return out
