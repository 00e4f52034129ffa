"""The only importer of the extension: bytes in, values out, one `check`.

What crosses is bytes, ints and arrays of them. Each thread has one workspace, whose pages are touched
only as far as a resolution needs them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sgexec._sgexec import ffi, lib
from sgexec.errors import (
    DatabaseError,
    GroupNotFound,
    LaunchError,
    RootfsError,
    SgexecError,
    SpecError,
    UserNotFound,
)
from sgexec.model import Flavour, Grant, Identity, Origin, Policy, SecurityContext

PYTHON_VERB: int = lib.SG_PYTHON_VERB

_POLICIES = {Policy.MERGE: lib.SG_POLICY_MERGE, Policy.STRICT: lib.SG_POLICY_STRICT}
_FLAVOURS = {
    Flavour.OCI: lib.SG_FLAVOUR_OCI,
    Flavour.CONTAINERD: lib.SG_FLAVOUR_CONTAINERD,
    Flavour.CRIO: lib.SG_FLAVOUR_CRIO,
    Flavour.DOCKER: lib.SG_FLAVOUR_DOCKER,
    Flavour.PODMAN: lib.SG_FLAVOUR_PODMAN,
}
_ORIGINS = {
    lib.SG_ORIGIN_USER: Origin.USER,
    lib.SG_ORIGIN_PASSWD: Origin.PASSWD,
    lib.SG_ORIGIN_RUN_AS_GROUP: Origin.RUN_AS_GROUP,
    lib.SG_ORIGIN_DEFAULT: Origin.DEFAULT,
    lib.SG_ORIGIN_FS_GROUP: Origin.FS_GROUP,
    lib.SG_ORIGIN_SUPPLEMENTAL_GROUPS: Origin.SUPPLEMENTAL_GROUPS,
    lib.SG_ORIGIN_IMAGE: Origin.IMAGE,
    lib.SG_ORIGIN_EXACT: Origin.EXACT,
}

_uncleared = ffi.new_allocator(should_clear_after_alloc=False)
_thread = threading.local()


@contextmanager
def _workspace() -> Iterator[Any]:
    """Lend this thread's workspace. A signal handler or finalizer that resolves meanwhile gets another."""
    workspace = _thread.__dict__.pop("workspace", None) or _uncleared("struct sg_workspace *")
    try:
        yield workspace
    finally:
        _thread.workspace = workspace


# ---- errors ------------------------------------------------------------------------------------


def _exception(step: int) -> type[SgexecError]:
    if step in (lib.SG_STEP_PASSWD_LINE, lib.SG_STEP_GROUP_LINE):
        return DatabaseError
    if lib.SG_STEP_ROOTFS <= step <= lib.SG_STEP_GROUP_READ:
        return RootfsError
    if step >= lib.SG_STEP_PRIVILEGED_START:
        return LaunchError
    return SpecError


def _not_found(step: int) -> type[SgexecError]:
    user = step in (lib.SG_STEP_USER, lib.SG_STEP_RUN_AS_USER_NAME)
    return UserNotFound if user else GroupNotFound


_ENOENT = 2


def check(rc: int, err: Any, subject: Any) -> int:
    """Give rc back, or raise what `err` says in the core's own words."""
    if rc >= 0:
        return rc
    words = ffi.new("char[4096]")
    message = ffi.buffer(words, lib.sg_error_words(err, subject, words, 4096))[:].decode("ascii")
    kind = _exception(err.step)
    if kind is SpecError and err.code == _ENOENT:
        kind = _not_found(err.step)
    raise kind(message, code=err.code, step=err.step, at=err.at)


# ---- texts -------------------------------------------------------------------------------------


class _Texts:
    """Builds sg_text values; the bytes live as long as this does."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def set(self, text: Any, value: bytes | None) -> None:
        """Point a struct sg_text to bytes. None stays NULL: not given."""
        if value is not None:
            held = ffi.from_buffer(value)
            self.kept.append(held)
            text.ptr = held
            text.len = len(value)

    def name(self, text: Any, value: str | None) -> None:
        if value is not None and not isinstance(value, str):
            raise SpecError(f"not a name: {value!r}")
        self.set(text, None if value is None else os.fsencode(value))

    def number(self, text: Any, value: int | None) -> None:
        self.set(text, None if value is None else _digits(value))


def _digits(value: int) -> bytes:
    if type(value) is not int:  # True is no id
        raise SpecError(f"not an id: {value!r}")
    return b"%d" % value


def _context(context: SecurityContext, flavour: Flavour, file_limit: int, explain: bool, texts: _Texts) -> Any:
    policy = Policy.MERGE if context.policy is None else context.policy
    c = ffi.new("struct sg_context *")
    c.policy = _POLICIES.get(policy, 0)
    c.flavour = _FLAVOURS.get(flavour, 0)
    c.run_as_non_root = bool(context.run_as_non_root)
    c.explain = explain
    c.file_limit = file_limit
    texts.name(c.user, context.user)
    texts.number(c.run_as_user, context.run_as_user)
    texts.name(c.run_as_user_name, context.run_as_user_name)
    texts.number(c.run_as_group, context.run_as_group)
    texts.number(c.fs_group, context.fs_group)
    if context.supplemental_groups:
        groups = ffi.new("struct sg_text *")
        texts.kept.append(groups)
        texts.set(groups[0], b",".join(map(_digits, context.supplemental_groups)))
        c.supplemental_groups = groups
        c.supplemental_groups_len = 1
    return c


def _subject(context: Any, rootfs: bytes, policy: object, texts: _Texts) -> Any:
    subject = ffi.new("struct sg_subject *")
    path = ffi.new("char[]", rootfs)
    texts.kept += [subject, path]
    subject.context = context
    subject.rootfs = path
    subject.fields = 1
    texts.set(subject.policy, str(policy).encode("utf-8", "surrogateescape"))
    return subject


# ---- the rootfs --------------------------------------------------------------------------------


def rootfs_open(path: bytes) -> Any:
    """Open a rootfs; the caller hands the result to rootfs_close."""
    if b"\0" in path:
        raise SpecError("a path has no NUL")
    rootfs, err = ffi.new("struct sg_rootfs *"), ffi.new("struct sg_error *")
    texts = _Texts()
    check(lib.sg_rootfs_open(path, rootfs, err), err, _subject(ffi.NULL, path, "", texts))
    return rootfs


def rootfs_close(rootfs: Any) -> None:
    """Close it; once."""
    lib.sg_rootfs_close(rootfs)


# ---- resolving ---------------------------------------------------------------------------------


def _where(grant: Any) -> str:
    origin = _ORIGINS[grant.origin]
    if origin is Origin.PASSWD:
        return f"/etc/passwd:{grant.line}"
    if origin is Origin.IMAGE:
        return f"/etc/group:{grant.line}"
    if origin is Origin.DEFAULT:
        return "/etc/passwd: no line"
    index = f"[{grant.index}]" if origin is Origin.SUPPLEMENTAL_GROUPS else ""
    return f"{origin}{index}" + (f" -> /etc/group:{grant.line}" if grant.line else "")


def _grants(workspace: Any, count: int, withheld: int) -> tuple[Grant, ...]:
    names = ffi.addressof(workspace, "names")

    def group(grant: Any) -> str | None:
        if not grant.name_len:
            return None
        return os.fsdecode(ffi.unpack(names[0] + grant.name_at, grant.name_len))

    return tuple(
        Grant(gid=g.gid, origin=_ORIGINS[g.origin], where=_where(g), group=group(g))
        for g in (workspace.grants[i] for i in range(count))
        if g.withheld == withheld
    )


def _notes(identity: Any) -> tuple[str, ...]:
    notes = []
    if identity.user_ignored:
        notes.append("user is ignored with its group: runAsUser or runAsUserName is given")
    for path, skipped in (
        ("/etc/passwd", identity.passwd_skipped),
        ("/etc/group", identity.group_skipped),
    ):
        if skipped.lines:
            more = f", and {skipped.lines - 1} more" if skipped.lines > 1 else ""
            notes.append(f"{path}:{skipped.first}: malformed and skipped{more}")
    return tuple(notes)


def resolve(
    rootfs: Any,
    path: bytes,
    context: SecurityContext,
    *,
    flavour: Flavour,
    file_limit: int,
    explain: bool,
) -> Identity:
    """Call sg_resolve, and make values of what it leaves in the workspace."""
    texts = _Texts()
    c = _context(context, flavour, file_limit, explain, texts)
    subject = _subject(c, path, context.policy, texts)
    found, err = _uncleared("struct sg_identity *"), ffi.new("struct sg_error *")
    with _workspace() as workspace:
        check(lib.sg_resolve(rootfs, c, workspace, found, err), err, subject)
        return _identity(found, workspace, subject)


def _identity(found: Any, workspace: Any, subject: Any) -> Identity:
    withheld: tuple[Grant, ...] | None = _grants(workspace, found.grants_len, 1)
    withheld_error = None
    if found.withheld_error.code:
        try:
            check(-1, ffi.addressof(found, "withheld_error"), subject)
        except SgexecError as error:
            withheld, withheld_error = None, str(error)
    return Identity(
        uid=found.uid,
        gid=found.gid,
        groups=tuple(ffi.unpack(workspace.groups, found.groups_len)) if found.groups_len else (),
        policy=Policy.STRICT if found.policy == lib.SG_POLICY_STRICT else Policy.MERGE,
        home=os.fsdecode(ffi.unpack(found.home, found.home_len)) if found.home_len else "/",
        user=os.fsdecode(ffi.unpack(found.user, found.user_len)) if found.user_len else None,
        grants=_grants(workspace, found.grants_len, 0),
        withheld=withheld,
        withheld_error=withheld_error,
        notes=_notes(found),
    )


def getgrouplist(rootfs: Any, path: bytes, user: str, gid: int, file_limit: int) -> list[int]:
    """Call sg_getgrouplist."""
    texts, err = _Texts(), ffi.new("struct sg_error *")
    if type(gid) is not int or not 0 <= gid <= 4294967294:
        raise SpecError(f"not an id: {gid!r}")
    c = ffi.new("struct sg_context *")
    texts.name(c.user, user)
    subject = _subject(c, path, "", texts)
    with _workspace() as workspace:
        rc = lib.sg_getgrouplist(rootfs, c.user, gid, file_limit, workspace, err)
        return list(ffi.unpack(workspace.groups, check(rc, err, subject)))


# ---- launching ---------------------------------------------------------------------------------


def _strings(values: Iterable[bytes]) -> tuple[Any, list[Any]]:
    held = [ffi.new("char[]", value) for value in values]
    return ffi.new("char *[]", [*held, ffi.NULL]), held


def execute(
    *,
    uid: int,
    gid: int,
    groups: Sequence[int],
    command: Sequence[bytes],
    environment: Sequence[bytes] | None,
    root: Any | None,
    no_new_privs: bool,
) -> None:
    """Call sg_execute, which replaces the process. It returns only by raising, before any effect."""
    err = ffi.new("struct sg_error *")
    plan, subject = ffi.new("struct sg_plan *"), ffi.new("struct sg_subject *")
    argv, held = _strings(command)
    held_ids = ffi.new("uint32_t[]", list(groups))
    plan.target.uid, plan.target.gid = uid, gid
    plan.target.groups, plan.target.groups_len = held_ids, len(groups)
    plan.no_new_privs = no_new_privs
    if root is not None:
        plan.has_root = 1
        plan.root = root[0]
    plan.argv = argv
    if environment is None:
        plan.envp = lib.sg_environment()
    else:
        envp, held_environment = _strings(environment)
        held += held_environment
        plan.envp = envp
    plan.in_python = 1
    subject.command = held[0]
    subject.fields = 1
    with _workspace() as workspace:
        plan.ws = workspace
        check(lib.sg_execute(plan, subject, err), err, subject)


def command(argv: Sequence[bytes], environment: Sequence[bytes] | None) -> int:
    """Call sg_command: the verbs that the static program has too. PYTHON_VERB: it is one of ours."""
    arguments, _held = _strings(argv)
    envp, _held_environment = (lib.sg_environment(), None) if environment is None else _strings(environment)
    with _workspace() as workspace:
        return int(lib.sg_command(len(argv), arguments, envp, workspace, 1))


def stamp() -> str:
    """Name the build that the extension is of: version and digest."""
    return bytes(ffi.string(lib.sg_stamp())).decode("ascii")
