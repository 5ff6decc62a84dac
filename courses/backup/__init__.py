"""The classroom's memory as files, and back: what it is made of is the same for all databases.

A backup folder holds one folder for each backup, named by its time, and the blobs of all of them::

    blobs/ab/cdef…                    as in the state folder
    2026-11-22T021500Z/rows.gz        all tables' rows (`courses.backup.rows`)
    2026-11-22T021500Z/blobs.gz       the blobs that belong to it
    2026-11-22T021500Z/receipt-key.pem, receipt-keys.json
    2026-11-22T021500Z/manifest.json  written last: what has one is whole
"""
