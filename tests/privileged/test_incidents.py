"""Past incidents, with real system calls: docs/hazards.md names the test for each."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import FRONTS, Front, Rootfs, refused, said_by

import sgexec
from sgexec import SecurityContext


def test_user_1_without_a_passwd_line_runs_as_uid_1(front: Front, rootfs: Rootfs, witness: Path) -> None:
    for passwd in (None, b"", b"root:x:0:0::/:\n"):
        done = front("-u", "1", "--rootfs", rootfs(passwd=passwd), "--", witness)
        said = said_by(done.stdout)
        assert (said["uids"], said["gids"], said["groups"]) == ([1] * 3, [0] * 3, [0])


@pytest.mark.parametrize("name", ["bogus", "0day", "root ", "Root", "0x0", "+root", "-root"])
def test_an_unknown_user_name_runs_nothing(front: Front, place: Path, name: str) -> None:
    ran = place / "ran"
    refused(front("-u", name, "--", "touch", ran), "no such user")
    assert not ran.exists()


def test_the_callers_groups_are_gone_where_no_group_is_declared(front: Front, witness: Path) -> None:
    done = subprocess.run(
        [*front.argv, "--exact", "0:0", "--", witness],
        extra_groups=[4, 27, 999], capture_output=True, check=True,
    )  # fmt: skip
    assert said_by(done.stdout)["groups"] == [0]


def test_a_database_that_cannot_be_read_is_never_an_empty_one(rootfs: Rootfs, place: Path) -> None:
    path, program = rootfs(), place / "readable"
    shutil.copy(FRONTS["static"][0], program)
    program.chmod(0o755)
    for name in ("passwd", "group"):
        (path / "etc" / name).chmod(0o600)
        done = subprocess.run(
            [program, "resolve", "--rootfs", path, "--run-as-user", "1000"],
            user=1000, group=1000, extra_groups=[1000], capture_output=True, check=False,
        )  # fmt: skip
        refused(done, f"/etc/{name}: permission denied")
        (path / "etc" / name).chmod(0o644)


def mounted(*arguments: object) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


def test_a_file_that_is_not_as_long_as_it_says_is_an_error(front: Front, rootfs: Rootfs) -> None:
    """A file of /proc is "regular", has size 0, and may block for ever."""
    path = rootfs()
    mounted("--bind", "/proc/version", path / "etc" / "passwd")
    try:
        refused(front("resolve", "--rootfs", path), "/etc/passwd was changed while it was read")
    finally:
        subprocess.run(["umount", path / "etc" / "passwd"], check=True)


def test_a_magic_link_of_a_proc_inside_of_the_rootfs_is_not_followed(rootfs: Rootfs) -> None:
    path = rootfs()
    shutil.rmtree(path / "etc")
    (path / "proc").mkdir()
    mounted("-t", "proc", "proc", path / "proc")
    try:
        (path / "etc").symlink_to("/proc/self/root/etc")
        with pytest.raises(sgexec.RootfsError, match="too many symbolic links"):
            sgexec.resolve(SecurityContext(user="root"), rootfs=path)
    finally:
        subprocess.run(["umount", path / "proc"], check=True)
