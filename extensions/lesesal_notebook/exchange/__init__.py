"""nbgrader's exchange over HTTP, instead of a directory that everybody can write to.

`etc/jupyter/nbgrader_config.py` of this distribution names the classes below as nbgrader's
`ExchangeFactory.*`; nbgrader's commands and its JupyterLab pages then work as they do elsewhere.

- `values`, `errors`: what travels, and what can go wrong, as sentences
- `client`: the classroom's HTTP API (docs/exchange-api.md)
- `archives`: folders to zip files and back, nothing half-written
- `base`, `student`, `staff`, `listing`: the eight classes that nbgrader asks for
- `notes`: what is noted beside a student's work
- `late`: what late work costs, through nbgrader's own hook
- `pages`: nbgrader's Assignment List page, with sentences where it shows tracebacks
- `prepare`: the instructor's course directory, fetched once

Importing this package imports none of them: nbgrader alone costs seconds.
"""
