"""The command line in Python: words and exit codes only. Launch and resolve are the C core's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

FAILED = 125


def main() -> int:
    """Do what sys.argv says and give the exit code; a launch replaces the process."""
    from sgexec import _native

    code = _native.command([os.fsencode(word) for word in sys.argv], _first_environment())
    if code != _native.PYTHON_VERB:
        return code
    other = os.environ.pop("SGEXEC_STAMP", _native.stamp())
    if other != _native.stamp():
        return complain(f"the program is of build {other!a}, its Python part of {_native.stamp()}: install again")
    return _verb(sys.argv[1], sys.argv[2:])


def _verb(name: str, arguments: Sequence[str]) -> int:
    from importlib import import_module

    run = import_module(f"sgexec.cli.{name}").main
    return int(run(arguments))


def _first_environment() -> list[bytes] | None:
    """The environment as it was handed over: Python itself may set LC_CTYPE before we see it."""
    try:
        with open("/proc/self/environ", "rb") as file:
            return file.read().split(b"\0")[:-1]
    except OSError:
        return None


def complain(message: str) -> int:
    """Say one line on stderr; gives the exit code of sgexec's own failures."""
    print(f"sgexec: {message}", file=sys.stderr)
    return FAILED
