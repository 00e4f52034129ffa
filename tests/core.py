"""Drives the C core with texts as they are typed, on files in a directory of its own."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from reference import Context, Grant, Identity
from sgexec._sgexec import ffi, lib

FLAVOURS = {
    "oci": lib.SG_FLAVOUR_OCI,
    "containerd": lib.SG_FLAVOUR_CONTAINERD,
    "crio": lib.SG_FLAVOUR_CRIO,
    "docker": lib.SG_FLAVOUR_DOCKER,
    "podman": lib.SG_FLAVOUR_PODMAN,
}
POLICIES = {None: lib.SG_POLICY_MERGE, "Merge": lib.SG_POLICY_MERGE, "Strict": lib.SG_POLICY_STRICT}
ORIGINS = {
    lib.SG_ORIGIN_USER: "user",
    lib.SG_ORIGIN_PASSWD: "passwd",
    lib.SG_ORIGIN_RUN_AS_GROUP: "runAsGroup",
    lib.SG_ORIGIN_DEFAULT: "default",
    lib.SG_ORIGIN_FS_GROUP: "fsGroup",
    lib.SG_ORIGIN_SUPPLEMENTAL_GROUPS: "supplementalGroups",
    lib.SG_ORIGIN_IMAGE: "image",
}
OPTIONS = {
    "user": "--user",
    "runAsGroup": "--run-as-group",
    "fsGroup": "--fs-group",
    "supplementalGroups": "--supplemental-groups",
}
WORKSPACE = ffi.new_allocator(should_clear_after_alloc=False)("struct sg_workspace *")


class Failed(Exception):
    """What the core reports: the three numbers."""

    def __init__(self, err: Any) -> None:
        super().__init__(err.code, err.step, err.at)
        self.code, self.step, self.at = err.code, err.step, err.at


class Files:
    """A rootfs whose two files are written anew for every world."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="sgexec-core-"))
        self.path.chmod(0o755)
        (self.path / "etc").mkdir()
        self.rootfs, err = ffi.new("struct sg_rootfs *"), ffi.new("struct sg_error *")
        assert lib.sg_rootfs_open(bytes(self.path), self.rootfs, err) == 0

    def write(self, passwd: bytes | None, group: bytes | None) -> None:
        for name, content in (("passwd", passwd), ("group", group)):
            file = self.path / "etc" / name
            if content is None:
                file.unlink(missing_ok=True)
            else:
                file.write_bytes(content)

    def close(self) -> None:
        lib.sg_rootfs_close(self.rootfs)
        shutil.rmtree(self.path)


def _text(text: Any, value: bytes | None, kept: list[Any]) -> None:
    if value is not None:
        held = ffi.new("char[]", value)
        kept.append(held)
        text.ptr, text.len = held, len(value)


def resolve(rootfs: Any, context: Context, flavour: str = "oci", explain: bool = True) -> Identity:
    """The core's answer in the reference's words.

    Raises: Failed.
    """
    kept: list[Any] = []
    c = ffi.new("struct sg_context *")
    c.policy = POLICIES.get(context.policy, 0)
    c.flavour = FLAVOURS.get(flavour, 0)
    c.run_as_non_root, c.explain, c.file_limit = context.run_as_non_root, explain, 1 << 30
    for name in ("user", "run_as_user", "run_as_user_name", "run_as_group", "fs_group"):
        _text(getattr(c, name), getattr(context, name), kept)
    texts = ffi.new("struct sg_text[]", max(1, len(context.supplemental_groups)))
    for i, value in enumerate(context.supplemental_groups):
        _text(texts[i], value, kept)
    c.supplemental_groups, c.supplemental_groups_len = texts, len(context.supplemental_groups)
    found, err = ffi.new("struct sg_identity *"), ffi.new("struct sg_error *")
    if lib.sg_resolve(rootfs, c, WORKSPACE, found, err) < 0:
        raise Failed(err)
    failed = found.withheld_error.code != 0
    return Identity(
        uid=found.uid,
        gid=found.gid,
        groups=tuple(WORKSPACE.groups[0 : found.groups_len]),
        grants=_grants(found, 0),
        withheld=None if failed or (not explain and context.policy == "Strict") else _grants(found, 1),
        withheld_error=failed,
        user=ffi.buffer(found.user, found.user_len)[:] or None,
        home=ffi.buffer(found.home, found.home_len)[:] or b"/",
        user_ignored=bool(found.user_ignored),
    )


def _grants(found: Any, withheld: int) -> tuple[Grant, ...]:
    grants = [WORKSPACE.grants[i] for i in range(found.grants_len)]
    return tuple(
        Grant(gid=g.gid, origin=ORIGINS[g.origin], where=_where(g), group=_name(g))
        for g in grants
        if g.withheld == withheld
    )


def _name(g: Any) -> bytes | None:
    return ffi.buffer(WORKSPACE.names)[g.name_at : g.name_at + g.name_len] if g.name_len else None


def _where(g: Any) -> str:
    origin = ORIGINS[g.origin]
    if origin == "passwd":
        return f"/etc/passwd:{g.line}"
    if origin == "image":
        return f"/etc/group:{g.line}"
    if origin == "default":
        return "/etc/passwd: no line"
    index = f"[{g.index}]" if origin == "supplementalGroups" else ""
    return OPTIONS[origin] + index + (f" -> /etc/group:{g.line}" if g.line else "")


# ---- the parser alone --------------------------------------------------------------------------

SOUGHT = {
    "passwd by name": lib.SG_PASSWD_BY_NAME,
    "passwd by uid": lib.SG_PASSWD_BY_UID,
    "group by name": lib.SG_GROUP_BY_NAME,
    "group by member": lib.SG_GROUP_BY_MEMBER,
}


def entries(blocks: list[bytes], sought: str, name: bytes, uid: int) -> list[tuple[Any, ...]]:
    """Every entry that one look-up finds in these blocks; ("malformed", line) ends it."""
    db, err, text = (
        ffi.new("struct sg_userdb *"),
        ffi.new("struct sg_error *"),
        ffi.new("struct sg_text *"),
    )
    held = ffi.new("char[]", name)
    text.ptr, text.len = held, len(name)
    lib.sg_userdb_begin(db, SOUGHT[sought], text[0], uid, 0)
    found: list[tuple[Any, ...]] = []

    def drain(step: Any) -> bool:
        while (rc := step(db, err)) == 1:
            e = db.entry
            home = ffi.buffer(e.home, e.home_len)[:] if sought.startswith("passwd") else b""
            found.append((e.id, e.gid, e.line, ffi.buffer(e.name, e.name_len)[:], home))
        if rc < 0:
            found.append(("malformed", err.at))
        return rc == 0

    for block in blocks:
        bytes_of = ffi.new("char[]", block)  # its own allocation: a sanitizer sees one byte too far
        lib.sg_userdb_block(db, bytes_of, len(block))
        if not drain(lib.sg_userdb_next):
            return found
    drain(lib.sg_userdb_end)
    return found
