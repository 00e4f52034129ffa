"""Past incidents that no other test is about: docs/hazards.md names the test for each."""

from __future__ import annotations

import re
import subprocess
import threading

import pytest
from conftest import CANONICAL_PASSWD, FRONTS, PROJECT, Rootfs
from sgexec._sgexec import ffi, lib

import sgexec
from sgexec import SecurityContext


def test_every_test_that_the_table_of_hazards_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", (PROJECT / "docs" / "hazards.md").read_text()))
    there: set[str] = set()
    for file in (PROJECT / "tests").rglob("test_*.py"):
        there |= set(re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE))
    assert len(named) > 20
    assert named - there == set()


def test_a_number_that_is_too_large_is_never_a_name(rootfs: Rootfs) -> None:
    path = rootfs(passwd=b"4294967296:x:0:0::/:\n99999999999999999999:x:0:0::/:\n")
    for spec in ("4294967296", "99999999999999999999"):
        with pytest.raises(sgexec.SpecError, match="too large"):
            sgexec.resolve(SecurityContext(user=spec), rootfs=path)
        with pytest.raises(sgexec.SpecError, match="too large"):
            sgexec.resolve(SecurityContext(run_as_user_name=spec), rootfs=path)


def test_a_name_that_begins_with_a_digit_is_a_name_and_not_a_number(rootfs: Rootfs) -> None:
    path = rootfs(passwd=b"0day:x:1001:1001::/:\n")
    assert sgexec.resolve(SecurityContext(user="0day"), rootfs=path).uid == 1001
    with pytest.raises(sgexec.UserNotFound):
        sgexec.resolve(SecurityContext(user="0week"), rootfs=path)


def test_a_failed_resolution_writes_no_result(rootfs: Rootfs) -> None:
    root, err = ffi.new("struct sg_rootfs *"), ffi.new("struct sg_error *")
    assert lib.sg_rootfs_open(bytes(rootfs()), root, err) == 0
    workspace = ffi.new_allocator(should_clear_after_alloc=False)("struct sg_workspace *")
    found, context = ffi.new("struct sg_identity *"), ffi.new("struct sg_context *")
    ffi.buffer(found)[:] = b"\xa5" * ffi.sizeof(found[0])
    name = ffi.new("char[]", b"nobody-of-that-name")
    context.user.ptr, context.user.len = name, 19
    context.file_limit = 1 << 30
    # A context of zeros is no policy and no flavour, and never Merge by accident.
    assert lib.sg_resolve(root, context, workspace, found, err) < 0
    assert err.step == lib.SG_STEP_POLICY
    context.policy, context.flavour = lib.SG_POLICY_MERGE, lib.SG_FLAVOUR_OCI
    assert lib.sg_resolve(root, context, workspace, found, err) < 0
    assert err.step == lib.SG_STEP_USER
    assert ffi.buffer(found)[:] == b"\xa5" * ffi.sizeof(found[0])
    lib.sg_rootfs_close(root)


def test_memory_does_not_grow_with_the_file(rootfs: Rootfs) -> None:
    path = rootfs()
    with open(path / "etc" / "group", "ab") as group:
        group.write(b"huge:x:5:" + b"member," * 6_000_000 + b"\n")
    program = (
        "import resource, subprocess, sys; r = subprocess.run(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(r.returncode)"
    )
    done = subprocess.run(
        ["/usr/bin/python3", "-c", program, *FRONTS["static"], "resolve", "--rootfs", path,
         "--run-as-user", "1000", "--format", "id"],
        capture_output=True, check=True,
    )  # fmt: skip
    # The interpreter's own fork counts until exec: what matters is that 42 MB are not in it.
    assert int(done.stdout.split()[-1]) < 30_000


def test_an_open_rootfs_stays_the_same_when_its_path_is_replaced(rootfs: Rootfs) -> None:
    path, other = rootfs(), rootfs(passwd=b"user-defined-in-image:x:0:0::/:\n")
    context = SecurityContext(user="user-defined-in-image")
    with sgexec.Rootfs(path) as held:
        away = path.with_name(path.name + "-away")
        path.rename(away)
        path.symlink_to(other)
        assert sgexec.resolve(context, rootfs=held).uid == 1000
        assert sgexec.resolve(context, rootfs=path).uid == 0
        path.unlink()
        away.rename(path)


def test_a_file_that_changes_while_it_is_read_is_an_error(rootfs: Rootfs) -> None:
    path = rootfs(passwd=b"bob:x:1:1::/:\n" * 400_000 + CANONICAL_PASSWD)
    over = threading.Event()

    def write() -> None:
        with open(path / "etc" / "passwd", "ab", buffering=0) as file:
            while not over.is_set():
                file.write(b"#\n")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with pytest.raises(sgexec.RootfsError, match="changed while it was read"):
            for _ in range(200):
                sgexec.resolve(SecurityContext(run_as_user=1000), rootfs=path)
    finally:
        over.set()
        writer.join()


def test_the_core_calls_no_name_service_and_no_loader() -> None:
    extension = next((PROJECT / "sgexec").glob("_sgexec*.so"))
    done = subprocess.run(["nm", "-D", "-u", extension], capture_output=True, text=True, check=True)
    asked = re.findall(r"\b(?:get(?:pw|gr|grouplist)|initgroups|dlopen|__nss)\w*", done.stdout)
    assert asked == []


def test_an_option_given_twice_is_refused_and_none_is_abbreviated(rootfs: Rootfs) -> None:
    for words in (["-u", "1", "--user", "0"], ["--us", "0"], ["--run-as-use=0"]):
        done = subprocess.run([*FRONTS["static"], *words, "--", "id"], capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (125, b"")


def test_the_header_and_the_extension_agree_on_sizes() -> None:
    """What crosses has no pointer where it is said to have none."""
    assert ffi.sizeof("struct sg_error") == 16
    assert ffi.sizeof("struct sg_grant") == 32
