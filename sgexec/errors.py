"""The closed set of exceptions. Each is also the builtin that a caller expects.

Every one has a sentence (`str`), and the three numbers that the C core reports: `code` (an errno),
`step` (enum sg_step of sgexec.h) and `at` (where: a line, an index, an id; its meaning is the step's).
"""

from __future__ import annotations


class SgexecError(Exception):
    """Anything that sgexec refuses or cannot do."""

    def __init__(self, message: str, *, code: int = 0, step: int = 0, at: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.step = step
        self.at = at

    def __str__(self) -> str:
        return self.message


class SpecError(SgexecError, ValueError):
    """What was declared is malformed, out of range, or contradicts itself."""


class UserNotFound(SgexecError, LookupError):
    """No line of etc/passwd has the name. An id without a line is no error: it has gid 0."""


class GroupNotFound(SgexecError, LookupError):
    """No line of etc/group has the name."""


class DatabaseError(SgexecError, ValueError):
    """A line of etc/passwd or etc/group concerns the look-up and is malformed; `at` is its number."""


class _SystemError(SgexecError, OSError):
    def __init__(self, message: str, *, code: int = 0, step: int = 0, at: int = 0) -> None:
        super().__init__(message, code=code, step=step, at=at)
        self.errno = code
        self.strerror = message


class RootfsError(_SystemError):
    """The rootfs, or one of its two files, cannot be opened, is not a regular file, or changed."""


class LaunchError(_SystemError):
    """The command was not started, and nothing was changed."""


class ObserveError(_SystemError):
    """A process cannot be looked at."""
