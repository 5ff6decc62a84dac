"""Start the Formgrader of a course directory: ``python -m courses.formgrader DIRECTORY SOCKET``."""

import sys
from pathlib import Path

from courses.formgrader.app import serve

if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]))
