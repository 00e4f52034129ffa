"""The values that pass between the stages: frozen, printable, without any I/O.

Names of users and groups come from strangers. As `str` they are what os.fsdecode makes of their bytes;
in JSON and in text they are escaped: printable ASCII as it is, backslash doubled, any other byte \\xNN.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NewType

from sgexec.errors import SpecError

Uid = NewType("Uid", int)
Gid = NewType("Gid", int)

SCHEMA = "sgexec/identity/v1"


class Policy(StrEnum):
    """Kubernetes' supplementalGroupsPolicy."""

    MERGE = "Merge"
    STRICT = "Strict"


class Flavour(StrEnum):
    """Whose rules a resolution predicts. Launching always follows OCI."""

    OCI = "oci"
    CONTAINERD = "containerd"
    CRIO = "crio"
    DOCKER = "docker"
    PODMAN = "podman"


class Origin(StrEnum):
    """Why a gid is there."""

    USER = "user"
    PASSWD = "passwd"
    RUN_AS_GROUP = "runAsGroup"
    DEFAULT = "default"
    FS_GROUP = "fsGroup"
    SUPPLEMENTAL_GROUPS = "supplementalGroups"
    IMAGE = "image"
    EXACT = "exact"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityContext:
    """Say what was declared. None is "not said"; ids are 0 to 2147483647.

    `user` is USER[:GROUP] as an image has it, ids or names; beside `run_as_user` or `run_as_user_name`
    it is ignored with its group. No policy is Merge, as in Kubernetes.
    """

    user: str | None = None
    run_as_user: int | None = None
    run_as_user_name: str | None = None
    run_as_group: int | None = None
    run_as_non_root: bool = False
    fs_group: int | None = None
    supplemental_groups: tuple[int, ...] = ()
    policy: Policy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One reason for one gid. `where` is the field, or the file and line, that gave it."""

    gid: int
    origin: Origin
    where: str
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a process shall be, and why.

    `groups` are unique, ascending and hold `gid` (in another flavour than oci: as that runtime has them).
    `withheld` are the image's grants that Strict leaves out; None: they could not be read, and
    `withheld_error` says why. `user` is None where etc/passwd has no line for the uid.
    """

    uid: int
    gid: int
    groups: tuple[int, ...]
    policy: Policy | None = None
    home: str = "/"
    user: str | None = None
    grants: tuple[Grant, ...] = ()
    withheld: tuple[Grant, ...] | None = ()
    withheld_error: str | None = None
    notes: tuple[str, ...] = ()

    def escapes(self, *, no_new_privs: bool = False) -> tuple[str, ...]:
        """Name the ways in which a process with this identity can leave it."""
        programs = () if no_new_privs else ("setIdPrograms",)
        return programs + (("capSetgid",) if self.uid == 0 else ())

    def to_status(self) -> dict[str, Any]:
        """Give the shape of Kubernetes' containerStatuses[].user."""
        return status(self.uid, self.gid, self.groups)

    def to_json(self, *, no_new_privs: bool = False) -> str:
        """Give the document that `sgexec resolve --format json` prints, on one line."""
        document: dict[str, Any] = {
            "schema": SCHEMA,
            "uid": self.uid,
            "gid": self.gid,
            "supplementalGroups": list(self.groups),
            "policy": None if self.policy is None else str(self.policy),
            "home": escape(self.home),
            "user": None if self.user is None else escape(self.user),
            "grants": [_grant_document(grant) for grant in self.grants],
            "withheld": None,
        }
        if self.withheld is not None:
            document["withheld"] = [_grant_document(grant) for grant in self.withheld]
        elif self.withheld_error is not None:
            document["withheldError"] = self.withheld_error
        document["escapes"] = list(self.escapes(no_new_privs=no_new_privs))
        if self.notes:
            document["notes"] = list(self.notes)
        return json.dumps(document)

    @classmethod
    def from_json(cls, text: str | bytes) -> Identity:
        """Read such a document.

        Raises:
            SpecError: it is not JSON, of another schema, or lacks a part.
        """
        try:
            document = json.loads(text)
            if document["schema"] != SCHEMA:
                raise SpecError(f"the schema is {document['schema']!r}, not {SCHEMA}")
            withheld = document["withheld"]
            return cls(
                uid=_id(document["uid"]),
                gid=_id(document["gid"]),
                groups=tuple(_id(gid) for gid in document["supplementalGroups"]),
                policy=None if document["policy"] is None else Policy(document["policy"]),
                home=unescape(document["home"]),
                user=None if document["user"] is None else unescape(document["user"]),
                grants=tuple(_grant(grant) for grant in document["grants"]),
                withheld=None if withheld is None else tuple(_grant(grant) for grant in withheld),
                withheld_error=document.get("withheldError"),
                notes=tuple(document.get("notes", ())),
            )
        except SpecError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SpecError(f"not a document of {SCHEMA}: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """The ids of a process in one view. A tuple of four: real, effective, saved, filesystem.

    None is an id that the view cannot show: it is not mapped there.
    """

    uids: tuple[int | None, ...]
    gids: tuple[int | None, ...]
    groups: tuple[int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What /proc says of a process.

    `reader` are the ids as the reading process sees them, `own` as the process itself sees them, which
    differs in a user namespace; None: the reader may not know in which one it is. Capabilities are bit
    sets, as in capabilities(7).
    """

    pid: int
    reader: Ids
    own: Ids | None
    inheritable: int
    permitted: int
    effective: int
    bounding: int
    ambient: int
    no_new_privs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where a process is not what was planned."""

    field: str
    planned: str
    observed: str


def status(uid: int | None, gid: int | None, groups: tuple[int | None, ...]) -> dict[str, Any]:
    """Shape ids as status.containerStatuses[].user, keys sorted; groups are left out when empty."""
    linux: dict[str, Any] = {"gid": gid}
    if groups:
        linux["supplementalGroups"] = list(groups)
    linux["uid"] = uid
    return {"linux": linux}


def escape(name: str) -> str:
    """Make a stranger's name harmless and ASCII; `unescape` gives it back."""
    return "".join(
        "\\\\" if byte == 0x5C else chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in os.fsencode(name)
    )


def unescape(text: str) -> str:
    """Give back what `escape` was given."""
    coded = re.sub(
        rb"\\(\\|x[0-9a-f]{2})",
        lambda m: b"\\" if m[1] == b"\\" else bytes([int(m[1][1:], 16)]),
        text.encode("ascii"),
    )
    return os.fsdecode(coded)


def _id(value: object) -> int:
    if type(value) is not int or not 0 <= value <= 4294967294:
        raise SpecError(f"not an id: {value!r}")
    return value


def _grant_document(grant: Grant) -> dict[str, Any]:
    document: dict[str, Any] = {
        "gid": grant.gid,
        "origin": str(grant.origin),
        "where": grant.where,
    }
    if grant.group is not None:
        document["group"] = escape(grant.group)
    return document


def _grant(document: dict[str, Any]) -> Grant:
    group = document.get("group")
    return Grant(
        gid=_id(document["gid"]),
        origin=Origin(document["origin"]),
        where=document["where"],
        group=None if group is None else unescape(group),
    )
