"""Properties under sudo: whatever is generated, the process is what the reference says."""

from __future__ import annotations

import json
import os
import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import core
import pytest
import reference
from conftest import Front, need, said_by
from hypothesis import HealthCheck, given, settings
from reference import Refused
from worlds import World, worlds

LAUNCHES = settings(
    max_examples=200 if os.environ.get("CI") else 20,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def files() -> Iterator[core.Files]:
    made = core.Files()
    yield made
    made.close()


def command_line(world: World) -> list[bytes] | None:
    """The world as somebody would type it; None where argv cannot carry it."""
    context, words = world.context, []
    for option, text in (
        (b"--user", context.user),
        (b"--run-as-user", context.run_as_user),
        (b"--run-as-user-name", context.run_as_user_name),
        (b"--run-as-group", context.run_as_group),
        (b"--fs-group", context.fs_group),
        *((b"--supplemental-groups", text) for text in context.supplemental_groups),
        (b"--policy", context.policy and context.policy.encode()),
    ):
        if text is not None:
            words.append(option + b"=" + text)
    if context.run_as_non_root:
        words.append(b"--run-as-non-root")
    named = context.user or context.run_as_user or context.run_as_user_name
    if any(b"\0" in word for word in words) or named is None:
        return None
    return words


def expected(world: World) -> reference.Identity | None:
    try:
        return reference.resolve(world.passwd, world.group, world.context, explain=False)
    except Refused:
        return None


@LAUNCHES
@given(worlds(flavours=("oci",)))
def test_the_process_is_what_the_reference_says(front: Front, files: core.Files, witness: Path, world: World) -> None:
    words = command_line(world)
    if words is None:
        return
    files.write(world.passwd, world.group)
    done = front("--rootfs", files.path, *words, "--", witness)
    wanted = expected(world)
    if wanted is None:
        assert (done.returncode, done.stdout) == (125, b"")
        assert done.stderr.startswith(b"sgexec: ") and done.stderr.count(b"\n") == 1
        return
    assert done.returncode == 0, done.stderr
    said = said_by(done.stdout)
    assert said["uids"] == [wanted.uid] * 3
    assert said["gids"] == [wanted.gid] * 3
    assert said["groups"] == list(wanted.groups)
    assert said["descriptors"] == [0, 1, 2]


# ---- python-prctl, the independent witness ---------------------------------------------------------

PROGRAM = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
import prctl
caps = {
    kind: sorted(name for name in prctl.ALL_CAP_NAMES if getattr(getattr(prctl, kind), name.lower()))
    for kind in ("cap_effective", "cap_permitted", "cap_inheritable")
} if hasattr(prctl, "ALL_CAP_NAMES") else {
    kind: sorted(name for name in vars(type(getattr(prctl, kind))) if name[0] != "_"
                 and getattr(getattr(prctl, kind), name) is True)
    for kind in ("cap_effective", "cap_permitted", "cap_inheritable")
}
print(json.dumps({
    "uids": os.getresuid(), "gids": os.getresgid(), "groups": os.getgroups(), "caps": caps,
    "no_new_privs": prctl.get_no_new_privs(), "keepcaps": prctl.get_keepcaps(),
    "securebits": {name: getattr(prctl.securebits, name)
                   for name in ("noroot", "no_setuid_fixup", "keep_caps")},
}))
"""


@pytest.fixture(scope="module")
def independent(place: Path) -> Path:
    """python-prctl where uid 1000 can import it: its two files, copied out of the environment."""
    packages = [Path(sysconfig.get_path(kind)) for kind in ("platlib", "purelib")]
    found = {file for path in packages for file in [*path.glob("prctl.py"), *path.glob("_prctl*.so")]}
    need("prctl", len(found) >= 2, "python-prctl is not installed")
    copy = place / "prctl"
    copy.mkdir(exist_ok=True)
    for file in found:
        shutil.copy(file, copy)
    (copy / "program.py").write_text(PROGRAM)
    for file in copy.iterdir():
        file.chmod(0o644)
    copy.chmod(0o755)
    return copy


@settings(LAUNCHES, max_examples=40 if os.environ.get("CI") else 8)
@given(worlds(flavours=("oci",)))
def test_python_prctl_sees_the_same_from_inside(
    front: Front, files: core.Files, independent: Path, world: World
) -> None:
    words, wanted = command_line(world), expected(world)
    if words is None or wanted is None:
        return
    files.write(world.passwd, world.group)
    done = front(
        "--rootfs", files.path, *words, "--no-new-privs", "--",
        "/usr/bin/python3", "-I", independent / "program.py", independent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["uids"] == [wanted.uid] * 3
    assert said["gids"] == [wanted.gid] * 3
    assert said["groups"] == list(wanted.groups)
    assert said["no_new_privs"] == 1 and said["keepcaps"] == 0
    assert not any(said["securebits"].values())
    assert said["caps"]["cap_inheritable"] == []
    if wanted.uid != 0:
        assert said["caps"]["cap_effective"] == said["caps"]["cap_permitted"] == []
    else:
        assert said["caps"]["cap_effective"]
