"""Reading the two files: each row of the table of malformed lines, and each kind of file."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from conftest import Front, Rootfs, refused

import sgexec
from sgexec import Policy, SecurityContext

ALICE = b"alice:x:1000:1000::/home/alice:/bin/sh\n"


def by_name(path: Path) -> tuple[int, int, tuple[int, ...]]:
    found = sgexec.resolve(SecurityContext(user="alice"), rootfs=path)
    return found.uid, found.gid, found.groups


@pytest.mark.parametrize(
    "line",
    [b"alice", b"alice:x::1000::/:", b"alice:x:4294967296:0::/:", b"alice:x:4294967295:0::/:",
     b"alice:x:-1:0::/:", b"alice:x:+5:0::/:", b"alice:x: 5:0::/:", b"alice:x:0x10:0::/:",
     b"alice:x:1000", b"alice:x:1000:", b"alice:x:1000:10\x000::/:", b"alice:x:18446744073709551616:0"],
)  # fmt: skip
def test_a_malformed_passwd_line_that_is_sought_is_an_error_never_root(rootfs: Rootfs, line: bytes) -> None:
    with pytest.raises(sgexec.DatabaseError) as caught:
        by_name(rootfs(passwd=b"# comment\n" + line + b"\n" + ALICE))
    assert caught.value.at == 2
    assert "/etc/passwd:2" in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [b"grp:x::alice", b"grp:x:+5000:alice", b"grp:x: 5000:alice", b"grp:x:abc:alice",
     b"grp:x:4294967295:alice", b"grp:x:4294967296:alice", b":x:5000:alice", b"grp:x:5000:alice:\0"],
)  # fmt: skip
def test_a_malformed_group_line_with_the_user_is_an_error_never_group_0(rootfs: Rootfs, line: bytes) -> None:
    with pytest.raises(sgexec.DatabaseError) as caught:
        by_name(rootfs(passwd=ALICE, group=b"ok:x:1:\n\n" + line + b"\n"))
    assert "/etc/group:3" in str(caught.value)


@pytest.mark.parametrize(
    ("group", "groups"),
    [
        (b"#grp:x:5000:alice\n", (1000,)),
        (b"+grp:x:5000:alice\n-grp:x:5001:alice\n", (1000,)),
        (b"grp:x:5000:bob, alice\n", (1000,)),
        (b"grp:x:5000:alicex,xalice\n", (1000,)),
        (b"grp:x:5000:,,alice,,\n", (1000, 5000)),
        (b"grp:x:5000:bob,alice", (1000, 5000)),
        (b"grp:x:05000:alice\n", (1000, 5000)),
        (b" \tgrp:x:5000:alice \t\r\n", (1000, 5000)),
        (b"grp:x:5000:bob:alice\n", (1000,)),
        (b"alice:x:5000:\n", (1000,)),
        (b"grp:x:5000:alice\ngrp:x:6000:alice\n", (1000, 5000, 6000)),
        (b"grp:x:4294967294:alice\n", (1000, 4294967294)),
        (b"bad\nbad:x:y:bob\ngrp:x:5000:alice\n", (1000, 5000)),
        (None, (1000,)),
        (b"", (1000,)),
    ],
)
def test_members_are_exact_elements(rootfs: Rootfs, group: bytes | None, groups: tuple[int, ...]) -> None:
    assert by_name(rootfs(passwd=ALICE, group=group)) == (1000, 1000, groups)


def test_a_commented_passwd_line_is_nobody(rootfs: Rootfs) -> None:
    path = rootfs(passwd=b"#alice:x:1000:1000::/home/alice:/bin/sh\n")
    found = sgexec.resolve(SecurityContext(run_as_user=1000), rootfs=path)
    assert (found.uid, found.gid, found.user) == (1000, 0, None)


def test_a_line_of_many_megabytes_has_no_limit(rootfs: Rootfs) -> None:
    members = b",".join(b"user%d" % i for i in range(200_000))
    group = b"huge:x:5000:" + members + b",alice\nnext:x:6000:alice\n"
    passwd = b"bob:" + b"x" * 300_000 + b":1:1:" + b"y" * 300_000 + b"::\n" + ALICE
    assert by_name(rootfs(passwd=passwd, group=group)) == (1000, 1000, (1000, 5000, 6000))


def test_malformed_lines_of_others_are_reported(rootfs: Rootfs) -> None:
    path = rootfs(passwd=b"bad\n" + ALICE, group=b"ok:x:1:\nbad:x:y:bob\nworse\n")
    found = sgexec.resolve(SecurityContext(user="alice"), rootfs=path)
    assert found.notes == (
        "/etc/passwd:1: malformed and skipped",
        "/etc/group:2: malformed and skipped, and 1 more",
    )


# ---- kinds of files ----------------------------------------------------------------------------


def make_fifo(file: Path) -> None:
    os.mkfifo(file)


def make_directory(file: Path) -> None:
    file.mkdir()


def make_socket(file: Path) -> None:
    directory = os.getcwd()
    os.chdir(file.parent)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(file.name)
    os.chdir(directory)


def make_loop(file: Path) -> None:
    file.symlink_to(file.name)


def make_link_to_device(file: Path) -> None:
    (file.parent.parent / "dev").mkdir()
    os.mknod(file.parent.parent / "dev" / "zero", 0o20666, os.makedev(1, 5))
    file.symlink_to("/dev/zero")


KINDS = {
    "a FIFO": make_fifo,
    "a directory": make_directory,
    "a socket": make_socket,
    "too many symbolic links": make_loop,
    "a device": make_link_to_device,
}


@pytest.mark.parametrize("words", KINDS)
@pytest.mark.parametrize("name", ["passwd", "group"])
def test_what_is_not_a_regular_file_is_refused_and_does_not_hang(
    rootfs: Rootfs, front: Front, name: str, words: str
) -> None:
    path = rootfs(passwd=ALICE)
    (path / "etc" / name).unlink()
    try:
        KINDS[words](path / "etc" / name)
    except PermissionError:
        pytest.skip("root: making a device needs it")
    refused(front("resolve", "--rootfs", path, "-u", "alice"), f"/etc/{name}", words)


def test_a_link_out_of_the_rootfs_is_clamped_into_it(rootfs: Rootfs) -> None:
    path = rootfs(passwd=ALICE)
    (path / "real").write_bytes(b"alice:x:1001:1001::/:\n")
    (path / "etc" / "passwd").unlink()
    for target in ("/real", "../../../../../../real", "/../real"):
        (path / "etc" / "passwd").unlink(missing_ok=True)
        (path / "etc" / "passwd").symlink_to(target)
        assert by_name(path)[0] == 1001
    (path / "etc" / "passwd").unlink()
    (path / "etc" / "passwd").symlink_to("/etc/hostname")
    with pytest.raises(sgexec.UserNotFound):
        by_name(path)  # the host's is not reached; there is none inside


def test_no_passwd_file_means_no_such_database(rootfs: Rootfs) -> None:
    path = rootfs(passwd=None, group=None)
    found = sgexec.resolve(SecurityContext(run_as_user=4242), rootfs=path)
    assert (found.uid, found.gid, found.groups, found.home) == (4242, 0, (0,), "/")
    assert [grant.origin for grant in found.grants] == ["default"]


def test_a_file_over_the_limit_is_an_error_not_an_early_end(rootfs: Rootfs, front: Front) -> None:
    path = rootfs(passwd=ALICE)
    done = front("resolve", "--rootfs", path, "-u", "alice", "--file-limit", len(ALICE) - 1)
    refused(done, "/etc/passwd", "larger than 38 bytes", "--file-limit")
    assert front("resolve", "--rootfs", path, "-u", "alice", "--file-limit", 1000).returncode == 0


def test_what_strict_cannot_read_it_does_not_need(rootfs: Rootfs) -> None:
    path = rootfs(passwd=ALICE, group=b"grp:x:bad:alice\n")
    found = sgexec.resolve(SecurityContext(user="alice", policy=Policy.STRICT), rootfs=path)
    assert (found.groups, found.withheld) == ((1000,), None)
    assert "/etc/group:1" in (found.withheld_error or "")


def test_what_was_skipped_is_said_of_the_right_file(front: Front, rootfs: Rootfs) -> None:
    path = rootfs(passwd=b"alice\nbob:x:1:1::/:/\n", group=b"bad\n")
    found = sgexec.resolve(SecurityContext(run_as_user=4242), rootfs=path)
    assert found.notes == ("/etc/passwd:1: malformed and skipped",)
    for _ in range(3):
        bare = sgexec.resolve(SecurityContext(run_as_user=4242), rootfs=rootfs(passwd=None, group=None))
        assert bare.notes == ()
    done = front("resolve", "--rootfs", path, "--run-as-user", "4242")
    assert done.stdout.endswith(b"note: /etc/passwd:1: malformed and skipped\n")
