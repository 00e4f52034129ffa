"""Real denials: user namespaces and seccomp filters. No mock of the kernel."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import _cffi_backend
import pytest
from conftest import FRONTS, PROJECT, Front, need, refused, said_by

import sgexec


@pytest.fixture(scope="module")
def reachable(place: Path) -> Path:
    """The static program where a dropped process can execute it."""
    copy = place / "reachable"
    shutil.copy(FRONTS["static"][0], copy)
    copy.chmod(0o755)
    return copy


@pytest.fixture
def anywhere(front: Front, reachable: Path, place: Path) -> list[str]:
    """A front end out of private homes: uid 0 of a user namespace may not search those."""
    if front.name == "static":
        return [str(reachable)]
    packages = place / "packages"
    if not packages.exists():
        shutil.copytree(Path(sgexec.__file__).parent, packages / "sgexec", copy_function=shutil.copy)
        shutil.copy(_cffi_backend.__file__, packages)
    return ["/usr/bin/env", f"PYTHONPATH={packages}", "/usr/bin/python3", "-B", "-P", "-m", "sgexec"]


def unshared(
    *words: object, options: tuple[str, ...] = ("-U", "-r"), **more: object
) -> subprocess.CompletedProcess[bytes]:
    probe = subprocess.run(["unshare", "-U", "-r", "true"], capture_output=True, check=False)
    need("userns", probe.returncode == 0, "user namespaces are not allowed here")
    return subprocess.run(["unshare", *options, *map(str, words)], capture_output=True, check=False, **more)  # type: ignore[call-overload]


def test_denied_setgroups_is_fatal_and_named(anywhere: list[str]) -> None:
    """Runtimes skip it: the process then keeps its inherited groups."""
    refused(unshared(*anywhere, "--exact", "0:0:5", "id"), "setgroups is denied", "user namespace")


def test_denied_setgroups_does_not_matter_to_who_is_there_already(reachable: Path, witness: Path) -> None:
    done = unshared(reachable, "--exact", "0:0", witness, options=("-U", "-r"), extra_groups=[0])
    said = said_by(done.stdout)
    assert (said["uids"], said["groups"]) == ([0] * 3, [0])


def test_an_overflow_id_never_makes_already_there_true(reachable: Path) -> None:
    """A group that is not mapped is shown as 65534, and still opens the files of the real one."""
    done = unshared(reachable, "--exact", "0:0:65534", "id", options=("-U", "-r"), extra_groups=[0, 999])
    refused(done, "setgroups is denied")
    seen = unshared("id", "-G", options=("-U", "-r"), extra_groups=[0, 999])
    assert seen.stdout.split() == [b"0", b"65534"]  # it is what is wanted, and not known


def test_65534_is_an_id_like_any_other_in_the_initial_namespace(reachable: Path, witness: Path) -> None:
    done = subprocess.run(
        [reachable, "--exact", "65534:65534", witness],
        capture_output=True, check=True, user=65534, group=65534, extra_groups=[65534],
    )  # fmt: skip
    assert said_by(done.stdout)["groups"] == [65534]


@pytest.mark.parametrize(
    ("exact", "call"),
    [("5000:0:0", "setresuid"), ("0:5000", "setgroups"), ("0:0:5000", "setgroups")],
)
def test_an_id_that_is_not_mapped_is_refused(anywhere: list[str], exact: str, call: str) -> None:
    """In a user namespace with 1000 ids and setgroups allowed."""
    unshared("true")
    child = subprocess.Popen(
        ["unshare", "-U", "sh", "-c", 'read x; exec "$@"', "sh", *anywhere, "--exact", exact, "id"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    while Path(f"/proc/{child.pid}/comm").read_text() != "sh\n":
        pass
    for name in ("uid_map", "gid_map"):
        Path(f"/proc/{child.pid}/{name}").write_text("0 0 1000")
    out, error = child.communicate(b"go\n")
    done = subprocess.CompletedProcess(child.args, child.returncode, out, error)
    refused(done, call, "not mapped")


def test_observe_translates_to_the_processs_own_view() -> None:
    with subprocess.Popen(["unshare", "-U", "-r", "sleep", "60"], extra_groups=[0, 999]) as child:
        try:
            while Path(f"/proc/{child.pid}/comm").read_text() != "sleep\n":
                pass
            seen = sgexec.observe(child.pid)
            assert seen.own is not None
            assert seen.reader.uids == (0, 0, 0, 0) == seen.own.uids
            assert seen.reader.groups == (0, 999)
            assert seen.own.groups == (0, None)
        finally:
            child.kill()


# ---- seccomp ---------------------------------------------------------------------------------------

LIAR = r"""
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
/* liar NUMBER ERRNO COMMAND...: the system call answers ERRNO (0: success) and does nothing. */
int main(int argc, char **argv)
{
    unsigned number = (unsigned)atoi(argv[1]), answer = (unsigned)atoi(argv[2]);
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | answer),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { 4, code };
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        return 99;
    execv(argv[3], argv + 3);
    return 98;
}
"""

NUMBERS = {
    "x86_64": {"setgroups": 116, "setresgid": 119, "setresuid": 117, "capset": 126, "keyctl": 250,
               "openat2": 437, "close_range": 436, "prctl": 157, "chroot": 161},
    "aarch64": {"setgroups": 159, "setresgid": 149, "setresuid": 147, "capset": 91, "keyctl": 219,
                "openat2": 437, "close_range": 436, "prctl": 167, "chroot": 51},
}  # fmt: skip


@pytest.fixture(scope="module")
def liar(place: Path) -> Path:
    numbers = NUMBERS.get(os.uname().machine)
    need("seccomp", numbers is not None, "no numbers for this architecture")
    source, program = place / "liar.c", place / "liar"
    source.write_text(LIAR)
    subprocess.run(["gcc", "-w", "-O1", "-o", program, source], check=True)
    probe = subprocess.run([program, "9999", "0", "/bin/true"], check=False)
    need("seccomp", probe.returncode == 0, "seccomp filters are not allowed here")
    return program


def filtered(liar: Path, call: str, answer: int, *words: object) -> subprocess.CompletedProcess[bytes]:
    number = NUMBERS[os.uname().machine][call]
    command = [liar, str(number), str(answer), *map(str, words)]
    return subprocess.run(command, capture_output=True, check=False)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("setgroups", "the list of groups"),
        ("setresgid", "gid"),
        ("setresuid", "former"),
        ("capset", "the capabilities"),
    ],
)
def test_a_call_that_lies_about_success_is_found_out(
    front: Front, liar: Path, call: str, words: str, place: Path
) -> None:
    ran = place / f"ran-{front.name}-{call}"
    number = NUMBERS[os.uname().machine][call]
    # An inheritable capability to begin with: a change of ids leaves it, so a capset that lies leaves it too.
    started = ["setpriv", "--inh-caps=+chown", liar, str(number), "0", *front.argv, "--exact", "1000:1000:5"]
    done = subprocess.run([*started, "--", "touch", ran], capture_output=True, check=False)
    refused(done, words)
    assert not ran.exists()


def test_no_new_privs_that_was_not_set_is_found_out(front: Front, liar: Path) -> None:
    """prctl as a whole lies: the first thing read back through it is an ambient set."""
    done = filtered(liar, "prctl", 0, *front.argv, "--exact", "1000:1000", "--no-new-privs", "id")
    refused(done, "not executed", "no_new_privs")


def test_a_chroot_that_was_not_done_is_found_out(front: Front, liar: Path, place: Path) -> None:
    done = filtered(liar, "chroot", 0, *front.argv, "--rootfs", place, "--chroot", "--exact", "1:1", "/bin/id")
    refused(done, "the root directory read back")


@pytest.mark.parametrize("call", ["setgroups", "setresgid", "setresuid"])
def test_a_refused_call_is_fatal(front: Front, liar: Path, call: str) -> None:
    refused(filtered(liar, call, 1, *front.argv, "--exact", "1000:1000", "id"), call)


@pytest.mark.parametrize(("answer", "passes"), [(38, True), (1, True), (122, False)])
def test_a_keyring_that_cannot_be_left_is_fatal_unless_there_are_none(
    front: Front, liar: Path, answer: int, passes: bool
) -> None:
    done = filtered(liar, "keyctl", answer, *front.argv, "--exact", "1000:1000", "true")
    assert done.returncode == (0 if passes else 125)
    assert passes or b"keyring" in done.stderr


@pytest.mark.parametrize(("answer", "words"), [(38, "Linux 5.6"), (1, "seccomp")])
def test_a_missing_openat2_is_named_and_the_own_root_does_without(
    front: Front, liar: Path, answer: int, words: str
) -> None:
    example = PROJECT / "examples" / "implicit-groups" / "rootfs"
    refused(filtered(liar, "openat2", answer, *front.argv, "resolve", "--rootfs", example), words)
    done = filtered(liar, "openat2", answer, *front.argv, "resolve", "--format", "id")
    assert done.stdout.startswith(b"uid=0 ")


@pytest.mark.parametrize("answer", [38, 22, 0])
def test_descriptors_are_closed_on_kernels_without_close_range(
    front: Front, liar: Path, witness: Path, answer: int
) -> None:
    script = 'exec 9</dev/null; exec "$@"'
    number = NUMBERS[os.uname().machine]["close_range"]
    done = subprocess.run(
        ["sh", "-c", script, "sh", liar, str(number), str(answer), *front.argv,
         "--exact", "1000:1000", witness],
        capture_output=True, check=True,
    )  # fmt: skip
    assert said_by(done.stdout)["descriptors"] == [0, 1, 2]


# ---- i386 ------------------------------------------------------------------------------------------


@pytest.mark.shipping
def test_an_i386_build_has_32_bit_ids(place: Path) -> None:
    """Its plain system calls have 16: 65536 would be root, and 65537 would be 1."""
    source, probe = place / "probe.c", place / "probe32"
    source.write_text("int main(void) { return 0; }\n")
    built = subprocess.run(["gcc", "-m32", "-static", "-o", probe, source], capture_output=True, check=False)
    works = built.returncode == 0 and subprocess.run([probe], check=False).returncode == 0
    need("i386", works, "no 32-bit compiler, libc or kernel support")
    program, witness = place / "sgexec32", place / "witness32"
    build = [os.sys.executable, PROJECT / "csrc" / "build.py", "static"]  # type: ignore[attr-defined]
    subprocess.run([*build, program, "--cc", "gcc -m32", "--link", "static"], check=True)
    subprocess.run(["gcc", "-m32", "-static", "-o", witness, PROJECT / "tests" / "witness.c"], check=True)
    for file in (program, witness):
        file.chmod(0o755)
    done = subprocess.run(
        [program, "--exact", "65536:65537:65538,131072", "--", witness],
        capture_output=True,
        check=True,
    )
    said = said_by(done.stdout)
    assert said["uids"] == [65536] * 3
    assert said["gids"] == [65537] * 3
    assert said["groups"] == [65537, 65538, 131072]
