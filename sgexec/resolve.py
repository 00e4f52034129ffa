"""Resolve what was declared against a rootfs. Needs no privilege and changes nothing."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any

from sgexec import _native
from sgexec.errors import SpecError
from sgexec.model import Flavour, Identity, SecurityContext

FILE_LIMIT = 1 << 30


class Rootfs:
    """Hold the descriptor of a directory whose etc/passwd and etc/group are read.

    Once it is open, only the descriptor is used: what happens to the path no longer matters. A path of
    slashes alone is this process's own root; any other needs openat2 (Linux 5.6).

    Raises:
        RootfsError: the directory cannot be opened.
    """

    def __init__(self, path: str | bytes | os.PathLike[str] = "/") -> None:
        self.path = os.fsencode(path)
        self._handle: Any = _native.rootfs_open(self.path)

    @property
    def handle(self) -> Any:
        """The open rootfs, for the core.

        Raises:
            SpecError: it is closed.
        """
        if self._handle is None:
            raise SpecError("this Rootfs is closed")
        return self._handle

    def close(self) -> None:
        """Close the descriptor. A second time does nothing."""
        handle, self._handle = self._handle, None
        if handle is not None:
            _native.rootfs_close(handle)

    def __enter__(self) -> Rootfs:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.close()


type_of_rootfs = Rootfs | str | bytes | os.PathLike[str]


def resolve(
    context: SecurityContext,
    *,
    rootfs: type_of_rootfs = "/",
    flavour: Flavour = Flavour.OCI,
    file_limit: int = FILE_LIMIT,
    explain: bool = True,
) -> Identity:
    """Decide uid, gid and groups, with the reason for each group.

    Args:
        context: what was declared.
        rootfs: whose etc/passwd and etc/group are read.
        flavour: predict that runtime instead of following the OCI rules.
        file_limit: bytes; a larger file is an error, never an early end.
        explain: also name groups, read what Strict withholds, and note malformed lines that were
            skipped. Without it, Strict does not read etc/group unless a group is given by name.

    Raises:
        SpecError: the context is malformed, or contradicts itself.
        UserNotFound, GroupNotFound: the rootfs has no such name.
        DatabaseError: a line that is sought is malformed.
        RootfsError: a file cannot be read.
    """
    if type(file_limit) is not int or not 0 <= file_limit < 1 << 63:
        raise SpecError(f"not a number of bytes: {file_limit!r}")
    if isinstance(rootfs, Rootfs):
        return _native.resolve(
            rootfs.handle,
            rootfs.path,
            context,
            flavour=flavour,
            file_limit=file_limit,
            explain=explain,
        )
    with Rootfs(rootfs) as opened:
        return resolve(context, rootfs=opened, flavour=flavour, file_limit=file_limit, explain=explain)


def getgrouplist(user: str, gid: int, *, rootfs: type_of_rootfs = "/", file_limit: int = FILE_LIMIT) -> list[int]:
    """List the groups that a rootfs's etc/group gives to a user, and `gid`, as os.getgrouplist does.

    The user need not be in etc/passwd. The list is unique and ascending. NSS is never asked.

    Raises:
        SpecError, DatabaseError, RootfsError: as `resolve`.
    """
    if isinstance(rootfs, Rootfs):
        return _native.getgrouplist(rootfs.handle, rootfs.path, user, gid, file_limit)
    with Rootfs(rootfs) as opened:
        return getgrouplist(user, gid, rootfs=opened, file_limit=file_limit)
