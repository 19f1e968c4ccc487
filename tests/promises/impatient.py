"""The server with another patience for who does not read: `python impatient.py SECONDS serve …`."""

import runpy
import sys

from tests.promises.fault import SERVER
from web import wires

if __name__ == "__main__":
    wires.SEND_SECONDS = int(sys.argv.pop(1))  # type: ignore[misc]  # that is the point
    runpy.run_path(str(SERVER), run_name="__main__")
