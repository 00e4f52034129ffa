"""Look at what a process really is, from /proc alone.

Shares no code with the C core: a witness is not the accused.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from sgexec.errors import ObserveError
from sgexec.model import Difference, Identity, Ids, Observed

_Map = tuple[tuple[int, int, int], ...]
_EVERYTHING: _Map = ((0, 0, 4294967295),)


def observe(pid: int) -> Observed:
    """Read the ids, capabilities and no_new_privs of a process, in both views.

    /proc/PID/status shows the reader's user namespace; the process's own view is translated through its
    uid_map and gid_map (user_namespaces(7)).

    Raises:
        ObserveError: there is no such process, or it may not be read.
    """
    try:
        directory = os.open(f"/proc/{int(pid)}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _failed(pid, error) from error
    try:
        return _observe(pid, directory)
    except OSError as error:
        raise _failed(pid, error) from error
    finally:
        os.close(directory)


def _failed(pid: int, error: OSError) -> ObserveError:
    gone = isinstance(error, (FileNotFoundError, ProcessLookupError))
    return ObserveError(f"process {pid}: {'there is none' if gone else error.strerror}", code=error.errno or 0)


def _observe(pid: int, directory: int) -> Observed:
    fields = dict(line.split(":", 1) for line in _read(directory, "status").splitlines() if ":" in line)

    def numbers(name: str, base: int = 10) -> tuple[int, ...]:
        return tuple(int(word, base) for word in fields[name].split())

    reader = Ids(
        uids=numbers("Uid"),
        gids=numbers("Gid"),
        groups=tuple(sorted(set(numbers("Groups")))),
    )
    return Observed(
        pid=pid,
        reader=reader,
        own=_own_view(directory, reader),
        inheritable=numbers("CapInh", 16)[0],
        permitted=numbers("CapPrm", 16)[0],
        effective=numbers("CapEff", 16)[0],
        bounding=numbers("CapBnd", 16)[0],
        ambient=numbers("CapAmb", 16)[0],
        no_new_privs=numbers("NoNewPrivs") == (1,),
    )


def _read(directory: int, name: str) -> str:
    descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory)
    with open(descriptor, "rb") as file:
        return file.read().decode("ascii", "backslashreplace")


# ---- user namespaces ---------------------------------------------------------------------------


def _own_view(directory: int, reader: Ids) -> Ids | None:
    uid_map, gid_map = _map(_read(directory, "uid_map")), _map(_read(directory, "gid_map"))
    same = _same_namespace(directory, uid_map, gid_map)
    if same is None:
        return None
    if same:
        return reader
    to_uid, to_gid = _translation(uid_map), _translation(gid_map)
    groups = {to_gid(gid) for gid in reader.groups}
    return Ids(
        uids=tuple(to_uid(uid) for uid in reader.uids),
        gids=tuple(to_gid(gid) for gid in reader.gids),
        groups=tuple(sorted(groups, key=lambda gid: (gid is None, gid))),
    )


def _map(text: str) -> _Map:
    rows = (line.split() for line in text.splitlines())
    return tuple((int(inside), int(outside), int(count)) for inside, outside, count in rows)


def _same_namespace(directory: int, uid_map: _Map, gid_map: _Map) -> bool | None:
    """Whether the process is in the reader's user namespace; None: it may not be known."""
    if uid_map == _EVERYTHING == gid_map:
        return True  # the views agree, whether or not it is the same one
    try:
        return os.stat("ns/user", dir_fd=directory).st_ino == os.stat("/proc/self/ns/user").st_ino
    except PermissionError:
        # Within one namespace a map is shown as the parent sees it: equal maps say nothing.
        own = os.open("/proc/self", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            mine = _map(_read(own, "uid_map")), _map(_read(own, "gid_map"))
        finally:
            os.close(own)
        return None if mine == (uid_map, gid_map) else False


def _translation(rows: _Map) -> Callable[[int | None], int | None]:
    def translate(shown: int | None) -> int | None:
        for inside, outside, count in rows:
            if shown is not None and outside <= shown < outside + count:
                return inside + shown - outside
        return None

    return translate


# ---- verify ------------------------------------------------------------------------------------


def verify(identity: Identity, observed: Observed) -> tuple[Difference, ...]:
    """Compare what was planned with what was observed, in the process's own view. () is verified."""
    own = observed.own
    if own is None:
        return (
            Difference(
                field="view",
                planned="the process's own ids",
                observed="may not be known to this reader",
            ),
        )
    planned: list[tuple[str, tuple[int | None, ...], tuple[int | None, ...]]] = [
        ("uid", (identity.uid,) * 4, own.uids),
        ("gid", (identity.gid,) * 4, own.gids),
        ("groups", tuple(sorted(set(identity.groups))), own.groups),
    ]
    return tuple(
        Difference(field=field, planned=_listed(wanted), observed=_listed(actual))
        for field, wanted, actual in planned
        if wanted != actual
    )


def _listed(ids: tuple[int | None, ...]) -> str:
    return ",".join("unmapped" if i is None else str(i) for i in ids)
