"""The rules of resolution, written to be obvious: what the C core is compared with. Never shipped.

It works on the bytes of the two files and shares nothing with the package: no code, no constant,
no way of reading. Each line is split, each field is looked at; nothing is fast or saves memory.

"Rule 7" is rule 7 of the chapter "Resolution" of the semantics, "Lines" and "Flavours" are its
sections of these names. Where several things are wrong, the first in this order is refused:

1. texts, before any file is read: policy, flavour, a policy that the flavour does not have, user,
   its group, run_as_user, run_as_user_name, run_as_group, fs_group, supplemental_groups; then a
   run_as_group without a user;
2. the user's line in etc/passwd; then the uid 0 that run_as_non_root forbids;
3. groups given by name: the user's, run_as_group, fs_group, supplemental_groups;
4. the image's memberships; then the number of groups.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

ID_MAX = 2147483647  # of a text: the limit of Kubernetes and of image USER strings
FILE_ID_MAX = 4294967294  # of a file: one more is (uid_t)-1, which means "leave it" to the kernel
NAME_MAX = 255
HOME_MAX = 4095
GROUPS_MAX = 65536  # the kernel's NGROUPS_MAX
GRANTS_MAX = 131072
NAMES_MAX = 16711680  # bytes of all group names of one explained identity

FLAVOURS = ("oci", "containerd", "crio", "docker", "podman")
ORIGINS = ("user", "passwd", "runAsGroup", "default", "fsGroup", "supplementalGroups", "image")
DECLARED = {  # origin: the field that asks for it, and how the command line calls that
    "user": ("user_group", "--user"),
    "runAsGroup": ("run_as_group", "--run-as-group"),
    "fsGroup": ("fs_group", "--fs-group"),
    "supplementalGroups": ("supplemental_groups", "--supplemental-groups"),
}

IdOrName = int | bytes


class Refused(Exception):
    """No identity.

    kind: malformed, signed, too-large, unknown-policy, unknown-flavour, no-policy (the flavour has
    none), needs-user, unknown-user, unknown-group, malformed-line, root, too-many, too-many-names.
    about: the input (a field of Context, "user_group", "flavour"), "passwd_line", "group_line" or
    "groups". In capitals it is the name of the step in the C contract.
    at: the number of the line, the index in supplemental_groups, or the limit; else 0.
    """

    def __init__(self, kind: str, about: str, at: int = 0) -> None:
        super().__init__(kind, about, at)
        self.kind, self.about, self.at = kind, about, at


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What was declared; every text as somebody typed it. None: not given."""

    user: bytes | None = None
    run_as_user: bytes | None = None
    run_as_user_name: bytes | None = None
    run_as_group: bytes | None = None
    fs_group: bytes | None = None
    supplemental_groups: tuple[bytes, ...] = ()
    policy: str | None = None
    run_as_non_root: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A group and why it is there. group: its name, where a name or the image chose it."""

    gid: int
    origin: str
    where: str
    group: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The answer. withheld: what Strict leaves out; None: not looked for, or withheld_error."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    grants: tuple[Grant, ...]
    withheld: tuple[Grant, ...] | None
    withheld_error: bool
    user: bytes | None
    home: bytes
    user_ignored: bool


# ---- Texts --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A context whose texts have been read. user, user_group: those in effect (rule 1)."""

    strict: bool
    user: IdOrName | None
    user_from: str
    user_group: IdOrName | None
    user_ignored: bool
    run_as_group: IdOrName | None
    fs_group: IdOrName | None
    supplemental_groups: tuple[IdOrName, ...]


def value_of(digits: bytes) -> int:
    """The number that a string of digits is; one of more than 20 digits is only large."""
    significant = digits.lstrip(b"0") or b"0"
    return int(significant) if len(significant) <= 20 else 10**20


def read_part(text: bytes, about: str, at: int = 0) -> IdOrName:
    """An id (all digits, never a name) or a name (rule 2; CVE-2016-3697, CVE-2026-46680)."""
    if re.fullmatch(rb"[0-9]+", text):
        if value_of(text) > ID_MAX:
            raise Refused("too-large", about, at)
        return value_of(text)
    if re.fullmatch(rb"[+-][0-9]+", text):
        raise Refused("signed", about, at)
    if not 1 <= len(text) <= NAME_MAX or re.search(rb"[:,\n\0]", text):
        raise Refused("malformed", about, at)
    return text


def read_optional(text: bytes | None, about: str) -> IdOrName | None:
    """The same of a text that may be absent; an empty one is malformed, not absent."""
    return None if text is None else read_part(text, about)


def read_user(text: bytes) -> tuple[IdOrName, IdOrName | None]:
    """USER[:GROUP]; no part may be empty, and there is no third (rule 4)."""
    user, colon, group = text.partition(b":")
    return read_part(user, "user"), read_part(group, "user_group") if colon else None


def read_context(context: Context, flavour: str) -> Asked:
    """Reads every text, also those that another one overrides; opens no file."""
    if context.policy not in (None, "Merge", "Strict"):  # rule 10
        raise Refused("unknown-policy", "policy")
    if flavour not in FLAVOURS:
        raise Refused("unknown-flavour", "flavour")
    if context.policy == "Strict" and flavour in ("docker", "podman"):
        raise Refused("no-policy", "policy")
    user: IdOrName | None = None
    user_group: IdOrName | None = None
    if context.user is not None:
        user, user_group = read_user(context.user)
    run_as_user = read_optional(context.run_as_user, "run_as_user")
    if isinstance(run_as_user, bytes):
        raise Refused("malformed", "run_as_user")
    run_as_user_name = read_optional(context.run_as_user_name, "run_as_user_name")
    run_as_group = read_optional(context.run_as_group, "run_as_group")
    fs_group = read_optional(context.fs_group, "fs_group")
    elements = [element for text in context.supplemental_groups for element in text.split(b",")]
    supplemental_groups = tuple(
        read_part(element, "supplemental_groups", index) for index, element in enumerate(elements)
    )
    has_cri_user = run_as_user is not None or run_as_user_name is not None
    counts_as_user = has_cri_user or (user is not None and flavour not in ("containerd", "crio"))
    if run_as_group is not None and not counts_as_user:  # rule 5
        raise Refused("needs-user", "run_as_group")
    effective, user_from = user, "user"  # rule 1: the last of these three wins
    if run_as_user is not None:
        effective, user_from = run_as_user, "run_as_user"
    if run_as_user_name is not None:
        effective, user_from = run_as_user_name, "run_as_user_name"
    return Asked(
        strict=context.policy == "Strict",
        user=effective,
        user_from=user_from,
        user_group=None if has_cri_user else user_group,
        user_ignored=has_cri_user and user is not None,
        run_as_group=run_as_group,
        fs_group=fs_group,
        supplemental_groups=supplemental_groups,
    )


# ---- Files --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line that is neither blank nor skipped."""

    number: int
    fields: tuple[bytes, ...]
    has_nul: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A well-formed line of etc/passwd."""

    line: int
    name: bytes
    uid: int
    gid: int
    home: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A well-formed line of etc/group, without its members."""

    line: int
    name: bytes
    gid: int


def lines(content: bytes | None) -> Iterator[Line]:
    """The lines of a file (None: absent) without blank lines, comments and NIS lines ("Lines").

    Every line has a number, the last one with or without a newline. The blanks at both ends go
    first, so that an indented comment is one.
    """
    for number, whole in enumerate((content or b"").split(b"\n"), start=1):
        text = whole.strip(b" \t\r")
        if text and text[0] not in b"#+-":
            yield Line(number=number, fields=tuple(text.split(b":")), has_nul=b"\0" in text)


def read_file_id(field: bytes) -> int | None:
    """An id of a file; None: it is none. Compared as a number: 01000 is 1000 (rule 3)."""
    if re.fullmatch(rb"[0-9]+", field) and value_of(field) <= FILE_ID_MAX:
        return value_of(field)
    return None


def read_passwd_line(line: Line) -> User | None:
    """The user of a line; None: malformed ("Lines"; moby/sys makes the line `alice` root)."""
    name, _, uid_field, gid_field, _, home = (*line.fields, b"", b"", b"", b"", b"")[:6]
    uid, gid = read_file_id(uid_field), read_file_id(gid_field)
    if uid is None or gid is None or line.has_nul:
        return None
    if not 1 <= len(name) <= NAME_MAX or len(home) > HOME_MAX:
        return None
    return User(line=line.number, name=name, uid=uid, gid=gid, home=home)


def read_group_line(line: Line) -> Group | None:
    """The group of a line; None: malformed ("Lines"; moby/sys: `grp:x:abc:alice` is gid 0)."""
    name, _, gid_field = (*line.fields, b"", b"")[:3]
    gid = read_file_id(gid_field)
    if gid is None or line.has_nul or not 1 <= len(name) <= NAME_MAX:
        return None
    return Group(line=line.number, name=name, gid=gid)


def malformed_passwd_lines(passwd: bytes | None) -> tuple[int, ...]:
    """The numbers of all malformed lines, whether they concern anybody or not."""
    return tuple(line.number for line in lines(passwd) if read_passwd_line(line) is None)


def malformed_group_lines(group: bytes | None) -> tuple[int, ...]:
    """The numbers of all malformed lines, whether they concern anybody or not."""
    return tuple(line.number for line in lines(group) if read_group_line(line) is None)


def find_user(passwd: bytes | None, sought: IdOrName) -> User | None:
    """The first line that concerns the look-up ends it; malformed, it is an error (rule 3)."""
    for line in lines(passwd):
        if isinstance(sought, bytes):
            concerns = line.fields[0] == sought
        else:
            concerns = len(line.fields) >= 3 and read_file_id(line.fields[2]) == sought
        if concerns:
            user = read_passwd_line(line)
            if user is None:
                raise Refused("malformed-line", "passwd_line", line.number)
            return user
    return None


def find_group(group: bytes | None, name: bytes) -> Group | None:
    """The first line of that name (rule 4)."""
    for line in lines(group):
        if line.fields[0] == name:
            found = read_group_line(line)
            if found is None:
                raise Refused("malformed-line", "group_line", line.number)
            return found
    return None


def find_memberships(group: bytes | None, name: bytes) -> list[Group]:
    """Every line with the name as an element of its fourth field, byte for byte (rule 7)."""
    found = []
    for line in lines(group):
        if len(line.fields) >= 4 and name in line.fields[3].split(b","):
            entry = read_group_line(line)
            if entry is None:
                raise Refused("malformed-line", "group_line", line.number)
            found.append(entry)
    return found


# ---- Grants -------------------------------------------------------------------------------------


def declared_grant(part: IdOrName, origin: str, group: bytes | None, index: int = 0) -> Grant:
    """A group that was asked for: an id as it is, a name by etc/group, under any policy."""
    about, option = DECLARED[origin]
    if origin == "supplementalGroups":
        option = f"{option}[{index}]"
    if isinstance(part, int):
        return Grant(gid=part, origin=origin, where=option)
    found = find_group(group, part)
    if found is None:
        raise Refused("unknown-group", about, index)
    where = f"{option} -> /etc/group:{found.line}"
    return Grant(gid=found.gid, origin=origin, where=where, group=part)


def primary_grant(asked: Asked, user: User | None, flavour: str, group: bytes | None) -> Grant:
    """The primary gid: runAsGroup, GROUP of the user, the passwd line, else 0 (rules 3, 4, 5).

    GROUP is looked up even where run_as_group takes its place: an unknown name is an error.
    """
    grant = Grant(gid=0, origin="default", where="/etc/passwd: no line")
    if user is not None and not (flavour == "containerd" and asked.user is None):
        grant = Grant(gid=user.gid, origin="passwd", where=f"/etc/passwd:{user.line}")
    if asked.user_group is not None:
        grant = declared_grant(asked.user_group, "user", group)
    if asked.run_as_group is not None:
        grant = declared_grant(asked.run_as_group, "runAsGroup", group)
    return grant


def declared_grants(asked: Asked, group: bytes | None) -> list[Grant]:
    """fsGroup, then supplementalGroups as they were given (rule 9)."""
    first = [] if asked.fs_group is None else [declared_grant(asked.fs_group, "fsGroup", group)]
    return first + [
        declared_grant(part, "supplementalGroups", group, index) for index, part in enumerate(asked.supplemental_groups)
    ]


def image_grants(asked: Asked, user: User | None, flavour: str, group: bytes | None) -> list[Grant]:
    """What Merge adds (rule 7).

    Nothing for a uid without a line, for a name with a comma, or beside an explicit GROUP.
    containerd adds them beside a GROUP too, but leaves out groups named like the user
    (containerd#11937).
    """
    if user is None or b"," in user.name:
        return []
    if asked.user_group is not None and flavour != "containerd":
        return []
    return [
        Grant(gid=found.gid, origin="image", where=f"/etc/group:{found.line}", group=found.name)
        for found in find_memberships(group, user.name)
        if not (flavour == "containerd" and found.name == user.name)
    ]


def check_limits(grants: list[Grant], explain: bool) -> None:
    """Too many is an error, never a truncation (rule 11). Names are only kept to explain."""
    if len(grants) > GRANTS_MAX:
        raise Refused("too-many", "groups", GRANTS_MAX)
    if explain and sum(len(grant.group or b"") for grant in grants) > NAMES_MAX:
        raise Refused("too-many-names", "groups", NAMES_MAX)
    if len({grant.gid for grant in grants}) > GROUPS_MAX:
        raise Refused("too-many", "groups", GROUPS_MAX)


def unique(gids: Iterable[int]) -> tuple[int, ...]:
    """Without repetition, in the order of the first of each."""
    return tuple(dict.fromkeys(gids))


def in_order(flavour: str, primary: list[Grant], image: list[Grant], declared: list[Grant]) -> tuple[int, ...]:
    """The list as that runtime reports it (rule 11, "Flavours"); ours is ascending and unique."""
    first, added, given = ([grant.gid for grant in part] for part in (primary, image, declared))
    match flavour:
        case "crio":
            return unique(first + added + given)
        case "podman":
            return unique(first + given + added)
        case "docker":
            return (*first, *added, *unique(given))
        case _:
            return tuple(sorted({*first, *given, *added}))


def in_print(grants: list[Grant], explain: bool) -> tuple[Grant, ...]:
    """By gid, then origin; by index and line they come already. Names are kept to explain."""
    ordered = sorted(grants, key=lambda grant: (grant.gid, ORIGINS.index(grant.origin)))
    return tuple(ordered if explain else (replace(grant, group=None) for grant in ordered))


# ---- Resolution ---------------------------------------------------------------------------------


def resolve(
    passwd: bytes | None,
    group: bytes | None,
    context: Context,
    *,
    flavour: str = "oci",
    explain: bool = True,
) -> Identity:
    """Resolve a context against the bytes of etc/passwd and etc/group (None: absent).

    Raises: Refused.
    """
    asked = read_context(context, flavour)
    sought = 0 if asked.user is None else asked.user  # rule 1
    user = find_user(passwd, sought)
    if isinstance(sought, int):
        uid = sought
    elif user is not None:
        uid = user.uid
    else:
        raise Refused("unknown-user", asked.user_from)
    if context.run_as_non_root and uid == 0:
        raise Refused("root", "run_as_non_root")

    gid_grant = primary_grant(asked, user, flavour, group)
    primary = [gid_grant]  # in the list under both policies (rule 6; CVE-2022-2989 and its kin)
    if flavour == "containerd" and asked.user is None and asked.strict:
        primary = []  # "Flavours": nothing set, Strict, no USER
    declared = declared_grants(asked, group)
    image = [] if asked.strict else image_grants(asked, user, flavour, group)
    check_limits(primary + declared + image, explain)
    withheld: tuple[Grant, ...] | None = None if asked.strict else ()
    withheld_error = False
    if asked.strict and explain:  # rule 8: an unusable etc/group does not matter to Strict
        try:
            would_be = image_grants(asked, user, flavour, group)
            check_limits(primary + declared + would_be, explain)
            withheld = in_print(would_be, explain)
        except Refused:
            withheld_error = True

    return Identity(
        uid=uid,
        gid=gid_grant.gid,
        groups=in_order(flavour, primary, image, declared),
        grants=in_print(primary + declared + image, explain),
        withheld=withheld,
        withheld_error=withheld_error,
        user=None if user is None else user.name,
        home=user.home if user is not None and user.home.startswith(b"/") else b"/",
        user_ignored=asked.user_ignored,
    )
