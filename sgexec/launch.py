"""Start a command with an identity that was resolved. Nothing is looked up here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from sgexec import _native
from sgexec.errors import SpecError
from sgexec.model import Identity

# What `run` starts: the static program of the same wheel, or the wrapper where there is none.
_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sgexec-static")

# MAX_ARG_STRLEN is 128 KiB: this many ids of at most 11 bytes fit into one argument.
_IDS_PER_ARGUMENT = 10_000

# What subprocess would do to credentials or descriptors before the launcher could see it.
_NOT_FOR_RUN = frozenset(
    [
        "args",
        "shell",
        "executable",
        "user",
        "group",
        "extra_groups",
        "preexec_fn",
        "umask",
        "pass_fds",
        "close_fds",
        "env",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Say what is to run, as whom. Still only a value.

    `command` is argv, its first element sought in PATH where it has no slash. `environment` None is the
    caller's. `root` is the command's root directory (chroot), None the caller's.

    Raises:
        SpecError: the identity is another runtime's prediction, or a string cannot be an argument.
    """

    identity: Identity
    command: tuple[str | bytes, ...]
    environment: Mapping[str, str] | None = None
    root: str | None = None
    no_new_privs: bool = False

    def __post_init__(self) -> None:
        groups = self.identity.groups
        if tuple(sorted(set(groups))) != groups or self.identity.gid not in groups:
            raise SpecError("groups must be unique, ascending and hold the gid: other flavours only predict")
        if not self.command:
            raise SpecError("the command is empty")
        strings = [*self.command, self.root or "", *_items(self.environment)]
        if any("\0" in s if isinstance(s, str) else b"\0" in s for s in strings):
            raise SpecError("an argument cannot hold a NUL")

    def argv(self) -> list[str | bytes]:
        """Give the command line that does this plan, for subprocess, asyncio and anything else.

        It names ids alone (`--exact`), so that nothing is resolved a second time. The environment is not
        in it: hand it over as you start it.
        """
        identity = self.identity
        others = [str(gid) for gid in identity.groups if gid != identity.gid]
        chunks = [",".join(others[i : i + _IDS_PER_ARGUMENT]) for i in range(0, len(others), _IDS_PER_ARGUMENT)]
        exact = ":".join([str(identity.uid), str(identity.gid), *chunks[:1]])
        options = [f"--exact={exact}", *(f"--supplemental-groups={chunk}" for chunk in chunks[1:])]
        if self.no_new_privs:
            options.append("--no-new-privs")
        if self.root is not None:
            options += [f"--rootfs={self.root}", "--chroot"]
        return [*_program(), *options, "--", *self.command]


def _items(environment: Mapping[str, str] | None) -> list[str]:
    if environment is None:
        return []
    for name in environment:
        if not name or "=" in name:
            raise SpecError(f"not a name of a variable: {name!r}")
    return [f"{name}={value}" for name, value in environment.items()]


def _program() -> list[str]:
    if os.path.exists(_PROGRAM):
        return [_PROGRAM]
    return [sys.executable, "-P", "-m", "sgexec"]


def run(plan: Plan, **options: Any) -> subprocess.CompletedProcess[Any]:
    """Run a plan and wait, as subprocess.run does, through the static program.

    Takes what subprocess.run takes: input, stdin, stdout, stderr, capture_output, timeout, check, cwd,
    text, encoding and so on; not what would change ids or descriptors first. The return code is the
    command's, or sgexec's own with one line on stderr: 125 nothing was run, 126 it cannot be executed,
    127 it was not found.

    Raises:
        SpecError: an option that is not for run.
        OSError, subprocess.SubprocessError: as subprocess.run.
    """
    refused = _NOT_FOR_RUN & options.keys()
    if refused:
        raise SpecError(f"not for run: {', '.join(sorted(refused))}")
    environment = None if plan.environment is None else dict(plan.environment)
    return subprocess.run(plan.argv(), env=environment, **options)


def execute(plan: Plan) -> NoReturn:
    """Replace this process by the plan's command, in one call of the C core.

    Nothing of Python runs after the first effect: from there on a failure is one line on stderr and exit
    with 125, 126 or 127. Buffers of Python are not flushed. Other threads end with the old program.

    Raises:
        LaunchError: a capability is missing, setgroups is denied, or the process was started with
            more than its caller had; nothing was changed.
        RootfsError: the root cannot be opened.
    """
    environment = plan.environment
    root = None if plan.root is None else _native.rootfs_open(os.fsencode(plan.root))
    try:
        _native.execute(
            uid=plan.identity.uid,
            gid=plan.identity.gid,
            groups=plan.identity.groups,
            command=[os.fsencode(part) for part in plan.command],
            environment=None if environment is None else [*map(os.fsencode, _items(environment))],
            root=root,
            no_new_privs=plan.no_new_privs,
        )
    finally:
        if root is not None:
            _native.rootfs_close(root)
    raise AssertionError("sg_execute returned")
