"""Real launches as root: every effect, seen from inside the command and from /proc."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import CANONICAL_GROUP, Front, Rootfs, need, refused, said_by

import sgexec
from sgexec import Identity, Plan, SecurityContext

CANONICAL = ["--run-as-user", "1000", "-g", "3000", "-G", "4000"]


def test_the_canonical_example(front: Front, rootfs: Rootfs, witness: Path) -> None:
    path = rootfs()
    for policy, groups in (("Merge", [3000, 4000, 50000]), ("Strict", [3000, 4000])):
        done = front("-p", policy, "--rootfs", path, *CANONICAL, "--", witness)
        assert (done.returncode, done.stderr) == (0, b"")
        said = said_by(done.stdout)
        assert said["uids"] == [1000] * 3
        assert said["gids"] == [3000] * 3
        assert said["groups"] == groups


def test_a_file_of_the_volume_opens_under_merge_and_not_under_strict(front: Front, rootfs: Rootfs, place: Path) -> None:
    secret = place / "secret"
    secret.write_text("only group 50000\n")
    os.chown(secret, 0, 50000)
    secret.chmod(0o640)
    path = rootfs()
    merge = front("-p", "Merge", "--rootfs", path, *CANONICAL, "cat", secret)
    strict = front("-p", "Strict", "--rootfs", path, *CANONICAL, "cat", secret)
    assert (merge.returncode, merge.stdout) == (0, b"only group 50000\n")
    assert strict.returncode == 1 and b"Permission denied" in strict.stderr


def test_nothing_is_read_and_nobody_else_is_taken_with_exact(front: Front, witness: Path) -> None:
    said = said_by(front("--exact", "65536:65537:7,0,7", "-G", "9,4294967294", witness).stdout)
    assert said["uids"] == [65536] * 3
    assert said["gids"] == [65537] * 3
    assert said["groups"] == [0, 7, 9, 65537, 4294967294]


@pytest.mark.parametrize("uid", ["4294967295", "4294967296", "4294968296", "-1", "18446744073709551615"])
@pytest.mark.parametrize("form", ["-u{}", "--run-as-user={}", "--run-as-user-name={}", "-u0:{}", "--exact={}:0"])
def test_an_overflowing_id_runs_nothing(front: Front, form: str, uid: str, place: Path) -> None:
    ran = place / "ran"
    refused(front(form.format(uid), "--", "touch", ran))
    assert not ran.exists()


def test_65536_groups_fit_and_65537_are_refused(front: Front, witness: Path) -> None:
    def chunks(n: int) -> list[str]:
        return [
            "-G" + ",".join(str(100_000 + i) for i in range(start, min(start + 8000, n))) for start in range(0, n, 8000)
        ]

    said = said_by(front("-u", "1000:100000", *chunks(65536), "--", witness).stdout)
    assert said["groups"] == list(range(100_000, 165_536))
    refused(front("-u", "1000:100000", *chunks(65537), "--", witness), "65536 groups")


# ---- capabilities, no_new_privs, descriptors ----------------------------------------------------


def status_of(front: Front, *options: str) -> dict[str, str]:
    done = front(*options, "--", "cat", "/proc/self/status")
    assert done.returncode == 0, done
    return dict(line.split(":\t", 1) for line in done.stdout.decode().splitlines())


def test_a_dropped_process_has_no_capability_and_root_keeps_its_own(front: Front) -> None:
    dropped, root = status_of(front, "-u", "1000"), status_of(front, "-u", "0", "-G", "7")
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(dropped[name], 16) == 0
    assert int(root["CapEff"], 16) != 0
    assert int(root["CapInh"], 16) == int(root["CapAmb"], 16) == 0
    assert dropped["CapBnd"] == root["CapBnd"]


def test_ambient_and_inheritable_capabilities_do_not_get_through(front: Front) -> None:
    setpriv = shutil.which("setpriv")
    assert setpriv
    for target in ("0", "1000"):
        done = subprocess.run(
            [setpriv, "--inh-caps=+chown", "--ambient-caps=+chown", "--securebits=+no_setuid_fixup",
             *front.argv, "-u", target, "-G", "5", "--", "cat", "/proc/self/status"],
            capture_output=True, check=True,
        )  # fmt: skip
        seen = dict(line.split(":\t", 1) for line in done.stdout.decode().splitlines())
        assert int(seen["CapInh"], 16) == int(seen["CapAmb"], 16) == 0
        if target == "1000":
            assert int(seen["CapPrm"], 16) == int(seen["CapEff"], 16) == 0


@pytest.mark.parametrize("option", ["--no-new-privs", "--allow-privilege-escalation=false"])
def test_no_new_privs_is_set_where_it_is_asked_for(front: Front, option: str) -> None:
    assert status_of(front, "-u", "1000", option)["NoNewPrivs"] == "1"
    assert status_of(front, "-u", "1000")["NoNewPrivs"] == "0"


def test_descriptors_above_2_are_closed(front: Front, witness: Path) -> None:
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    done = front("-u", "1000", witness, pass_fds=(reading, 77 if False else reading))
    os.close(reading)
    os.close(writing)
    assert said_by(done.stdout)["descriptors"] == [0, 1, 2]


@pytest.mark.parametrize("closed", [(0,), (2,), (0, 2)])
def test_closed_descriptors_stay_closed(front: Front, witness: Path, closed: tuple[int, ...], place: Path) -> None:
    closing = " ".join(f"{fd}>&-" if fd else "0<&-" for fd in closed)
    words = " ".join([*front.argv, "--chroot", "--rootfs", "/", "-u", "1000", str(witness)])
    done = subprocess.run(["sh", "-c", f"exec {words} {closing}"], stdout=subprocess.PIPE, check=True)
    # A Python that starts with a closed descriptor leaves it closed, too.
    assert said_by(done.stdout)["descriptors"] == sorted({0, 1, 2} - set(closed))


def test_sockets_of_socket_activation_are_kept(front: Front, witness: Path) -> None:
    script = (
        'exec 3</dev/null 4</dev/null 5</dev/null; LISTEN_FDS=2 LISTEN_PID=$$; export LISTEN_FDS LISTEN_PID; exec "$@"'
    )
    for pid, kept in (("$$", [0, 1, 2, 3, 4]), ("1", [0, 1, 2])):
        done = subprocess.run(
            ["sh", "-c", script.replace("LISTEN_PID=$$", f"LISTEN_PID={pid}"), "sh",
             *front.argv, "-u", "1000", witness],
            capture_output=True, check=True, close_fds=True,
        )  # fmt: skip
        assert said_by(done.stdout)["descriptors"] == kept


# ---- the command ---------------------------------------------------------------------------------


@pytest.mark.shipping
def test_arguments_and_environment_go_through_untouched(front: Front) -> None:
    words = [b"\xff\xfe", b"", b"a b\n", "\u00e9".encode(), b"--user"]
    environment = {b"ODD": b"\xff\n\x01", b"EMPTY": b"", b"LC_ALL": b"C", b"PYTHONPATH": b"/x"}
    printf = front("-u", "1000", "--", "printf", "%s|", *words)
    assert printf.stdout == b"".join(word + b"|" for word in words)
    done = subprocess.run(
        [*front.argv, "-u", "1000", "--", "/usr/bin/env", "-0"],
        env={**environment, b"PYTHONPATH": b""}, capture_output=True, check=True,
    )  # fmt: skip
    seen = dict(v.split(b"=", 1) for v in done.stdout.rstrip(b"\0").split(b"\0"))
    assert seen == {**environment, b"PYTHONPATH": b""}


def test_exit_codes_are_the_commands_own_or_126_and_127(front: Front, place: Path) -> None:
    def code(*words: object) -> tuple[int, bytes]:
        done = front("-u", "1000", "--", *words)
        return done.returncode, done.stderr

    script = place / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    plain = place / "plain"
    plain.write_text("echo no interpreter line\n")
    plain.chmod(0o755)
    unreadable = place / "unreadable"
    unreadable.write_text("#!/bin/sh\n")
    unreadable.chmod(0o600)
    assert code("sh", "-c", "exit 42") == (42, b"")
    assert code("no-such-command") == (127, b"sgexec: 'no-such-command': not found in PATH\n")
    assert code("/no/such") == (127, b"sgexec: '/no/such': no such file or directory\n")
    assert code("/etc/passwd/x")[0] == 127
    assert code(script) == (
        127, f"sgexec: '{script}': the file is there, but its interpreter is not\n".encode(),
    )  # fmt: skip
    assert code(plain)[0] == 126 and b"#!" in code(plain)[1]
    assert code(unreadable) == (126, f"sgexec: '{unreadable}': permission denied\n".encode())
    assert code("/etc")[0] == 126
    assert code("")[0] == 127


def test_path_is_searched_with_the_targets_credentials_and_never_in_the_working_directory(
    front: Front, place: Path
) -> None:
    private, public, here = place / "private", place / "public", place / "here"
    for directory in (private, public, here):
        directory.mkdir(exist_ok=True)
        tool = directory / "tool"
        tool.write_text(f"#!/bin/sh\necho {directory.name}\n")
        tool.chmod(0o755)
    private.chmod(0o700)

    def which(path: str) -> tuple[int, bytes]:
        done = front("-u", "1000", "--", "tool", env={**os.environ, "PATH": path}, cwd=here)
        return done.returncode, done.stdout

    assert which(f"{private}:{public}") == (0, b"public\n")
    assert which(str(private))[0] == 127
    (public / "tool").chmod(0o644)
    assert which(str(public))[0] == 126
    (public / "tool").chmod(0o755)
    assert which("::") == (127, b"")
    assert which("") == (127, b"")
    assert which(f":{public}:") == (0, b"public\n")


def test_without_path_the_usual_directories_are_searched(front: Front) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "PATH"}
    assert front("-u", "1000", "--", "id", "-u", env=environment).stdout == b"1000\n"


def test_signals_reach_the_command_as_they_were(front: Front, place: Path) -> None:
    """SigIgn and SigBlk go through; what Python ignores for itself does not stay ignored."""
    script = 'trap "" USR1; exec "$@"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *front.argv, "-u", "1000", "--", "cat", "/proc/self/status"],
        capture_output=True, check=True, restore_signals=True,
    )  # fmt: skip
    seen = dict(line.split(":\t", 1) for line in done.stdout.decode().splitlines())
    assert int(seen["SigIgn"], 16) == 1 << (signal.SIGUSR1 - 1)


# ---- root -----------------------------------------------------------------------------------------


@pytest.mark.shipping
def test_the_static_program_alone_in_an_empty_root_launches_a_static_command(place: Path, witness: Path) -> None:
    """No /proc, no libc, no Python, no PATH: it needs only itself."""
    empty = place / "empty"
    (empty / "etc").mkdir(parents=True)
    (empty / "etc" / "group").write_bytes(CANONICAL_GROUP)
    (empty / "etc" / "passwd").write_bytes(b"user-defined-in-image:x:1000:1000::/:\n")
    program = Path(sgexec.__file__).parent / "sgexec-static"
    shutil.copy(program, empty / "sgexec")
    shutil.copy(witness, empty / "witness")
    done = subprocess.run(
        ["chroot", empty, "/sgexec", "-u", "user-defined-in-image", "--", "/witness"],
        capture_output=True, check=True,
    )  # fmt: skip
    assert said_by(done.stdout)["groups"] == [1000, 50000]


def test_chroot_goes_to_the_rootfs_whose_files_were_read(front: Front, rootfs: Rootfs, witness: Path) -> None:
    path = rootfs()
    shutil.copy(witness, path / "witness")
    done = front("--rootfs", path, "--chroot", *CANONICAL, "/witness", cwd="/")
    said = said_by(done.stdout)
    assert said["at_root"] == [1]
    assert said["groups"] == [3000, 4000, 50000]
    assert front("--rootfs", path, "--chroot", *CANONICAL, "witness").returncode == 127


def test_a_working_directory_that_is_gone_is_refused(front: Front, place: Path) -> None:
    gone = place / "gone"
    gone.mkdir()
    script = 'cd "$0" && rmdir "$0" && exec "$@"'
    done = subprocess.run(
        ["sh", "-c", script, gone, *front.argv, "-u", "1000", "--", "id"],
        capture_output=True, check=False,
    )  # fmt: skip
    refused(done, "working directory")


@pytest.mark.shipping
def test_a_working_directory_outside_of_the_root_is_refused(front: Front, place: Path) -> None:
    """As in CVE-2024-21626: the directory is reachable by a descriptor only."""
    program = (
        "import os, sys; os.chdir('/'); os.mkdir(sys.argv[1] + '/jail') if not"
        " os.path.isdir(sys.argv[1] + '/jail') else None\n"
        "fd = os.open('/', os.O_RDONLY); os.set_inheritable(fd, True)\n"
        "os.chroot(sys.argv[1] + '/jail'); os.fchdir(fd)\n"
        "os.execv(sys.argv[2].lstrip('/'), sys.argv[2:])\n"
    )
    if front.name == "python":
        pytest.skip("root: inside of the jail there is no Python")
    done = subprocess.run(
        [sys.executable, "-c", program, place, *front.argv, "--exact", "1:1", "--", "./bin/true"],
        capture_output=True, check=False,
    )  # fmt: skip
    refused(done, "working directory")


# ---- keyring, set-id ------------------------------------------------------------------------------


def test_a_dropped_process_does_not_hold_its_callers_session_keyring(front: Front, place: Path) -> None:
    """exec keeps the session keyring; a key in it could be read after every other drop."""
    libc = ctypes.CDLL(None, use_errno=True)
    keyctl = {"x86_64": 250, "aarch64": 219}.get(os.uname().machine)
    need("keyring", keyctl is not None and libc.syscall(keyctl, 1, None) >= 0, "no keyrings here")
    session = libc.syscall(keyctl, 0, -3, 0)
    program = place / "keyring.py"
    program.write_text(f"import ctypes; print(ctypes.CDLL(None).syscall({keyctl}, 0, -3, 0))\n")
    kept = subprocess.run(["/usr/bin/python3", program], capture_output=True, check=True)
    assert int(kept.stdout) == session
    left = front("-u", "1000", "--", "/usr/bin/python3", program)
    assert int(left.stdout) not in (session, -1)


@pytest.fixture
def setid(place: Path) -> Path:
    """A copy of the static program that root owns and anyone may run."""
    copy = place / "setid"
    shutil.copy(Path(sgexec.__file__).parent / "sgexec-static", copy)
    copy.chmod(0o755)
    return copy


@pytest.mark.shipping
@pytest.mark.parametrize("mode", [0o4755, 0o2755])
@pytest.mark.parametrize("verb", [["--exact", "0:0", "--", "id"], ["resolve"], ["help"]])
def test_a_set_id_start_is_refused(setid: Path, mode: int, verb: list[str]) -> None:
    setid.chmod(mode)
    done = subprocess.run([setid, *verb], capture_output=True, check=False, user=1000, group=1000, extra_groups=[])
    refused(done, "set-user-ID")


def test_a_start_with_file_capabilities_is_refused(setid: Path) -> None:
    setcap = shutil.which("setcap") or "/sbin/setcap"
    subprocess.run([setcap, "cap_setuid,cap_setgid+ep", setid], check=True)
    done = subprocess.run(
        [setid, "--exact", "0:0", "--", "id"],
        capture_output=True, check=False, user=1000, group=1000, extra_groups=[],
    )  # fmt: skip
    refused(done, "file capabilities")


def as_1000(setid: Path, *words: object, groups: list[int]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [setid, *map(str, words)], capture_output=True, check=False, user=1000, group=1000,
        extra_groups=groups,
    )  # fmt: skip


def test_a_missing_capability_is_named(setid: Path) -> None:
    refused(as_1000(setid, "-u", "1001", "id", groups=[1000]), "CAP_SETGID", "uid 1000")
    refused(as_1000(setid, "--exact", "1000:1000", "id", groups=[1000, 5]), "CAP_SETGID")
    done = as_1000(setid, "--exact", "1000:1000", "--rootfs", "/", "--chroot", "id", groups=[1000])
    refused(done, "CAP_SYS_CHROOT")


def test_already_there_needs_no_privilege(setid: Path, witness: Path) -> None:
    done = as_1000(setid, "--exact", "1000:1000:5,7", "--no-new-privs", "--", witness, groups=[7, 5, 1000, 5])
    said = said_by(done.stdout)
    assert said["uids"] == [1000] * 3
    assert sorted(set(said["groups"])) == [5, 7, 1000]
    assert said["no_new_privs"] == [1]
    # The primary gid is not in the list of the process: it is not there yet.
    refused(as_1000(setid, "--exact", "1000:1000", "id", groups=[]), "CAP_SETGID")


# ---- escapes --------------------------------------------------------------------------------------


def test_a_negative_permission_stays_denied(front: Front, rootfs: Rootfs, place: Path) -> None:
    """root:alice 0604: everybody but alice's group reads. Without the primary gid in the list, her own
    set-group-ID program would take her out of it."""
    file = place / "negative"
    file.write_text("not for alice\n")
    os.chown(file, 0, 1000)
    file.chmod(0o604)
    program = place / "cat-setgid"
    source = place / "cat.c"
    source.write_text(
        "#include <fcntl.h>\n#include <unistd.h>\nint main(int c, char **v) { char b[99]; int f ="
        " open(v[1], O_RDONLY); if (f < 0) return 1; write(1, b, (size_t)read(f, b, 99)); return 0; }\n"
    )
    subprocess.run(["gcc", "-w", "-static", "-o", program, source], check=True)
    os.chown(program, 1000, 2000)
    program.chmod(0o2755)
    path = rootfs(passwd=b"alice:x:1000:1000::/:\n", group=None)
    for policy in ("Merge", "Strict"):
        done = front("-p", policy, "--rootfs", path, "-u", "alice", "--", program, file)
        assert (done.returncode, done.stdout) == (1, b"")
    without = subprocess.run([program, file], user=1000, group=1000, extra_groups=[], capture_output=True, check=False)
    assert without.stdout == b"not for alice\n"  # what the incidents were about


def test_a_setuid_newgrp_undoes_strict_but_not_with_no_new_privs(front: Front, rootfs: Rootfs, place: Path) -> None:
    """Strict holds for the first process. The image's own set-user-ID program gives the group back."""
    path = rootfs()
    source = path / "newgrp.c"
    source.write_text(
        "#include <unistd.h>\n#include <grp.h>\nint main(int c, char **v) { gid_t g[] = {3000, 50000};"
        " setgroups(2, g); setgid(50000); setuid(getuid()); execv(v[1], v + 1); return 9; }\n"
    )
    newgrp = place / "newgrp"
    subprocess.run(["gcc", "-w", "-static", "-o", newgrp, source], check=True)
    newgrp.chmod(0o4755)
    strict = ["-p", "Strict", "--rootfs", path, *CANONICAL]
    undone = front(*strict, "--", newgrp, "/usr/bin/id", "-G")
    held = front(*strict, "--no-new-privs", "--", newgrp, "/usr/bin/id", "-G")
    assert b"50000" in undone.stdout.split()
    assert held.stdout.split() == [b"3000", b"4000"]
    for options, escapes in (([], ["setIdPrograms"]), (["--no-new-privs"], [])):
        done = front("resolve", *strict, *options, "--format", "json")
        assert json.loads(done.stdout)["escapes"] == escapes


# ---- the library ----------------------------------------------------------------------------------


def canonical(path: Path) -> Identity:
    context = SecurityContext(run_as_user=1000, run_as_group=3000, supplemental_groups=(4000,))
    return sgexec.resolve(context, rootfs=path)


def test_run_is_observed_and_verified(rootfs: Rootfs, witness: Path) -> None:
    identity = canonical(rootfs())
    done = sgexec.run(Plan(identity=identity, command=(str(witness),)), capture_output=True)
    assert said_by(done.stdout)["groups"] == [3000, 4000, 50000]
    plan = Plan(identity=identity, command=("sleep", "60"), no_new_privs=True)
    with subprocess.Popen(
        [
            *plan.argv(),
        ]
    ) as child:
        try:
            for _ in range(5000):
                if Path(f"/proc/{child.pid}/comm").read_text() == "sleep\n":
                    break
            seen = sgexec.observe(child.pid)
            assert sgexec.verify(identity, seen) == ()
            assert seen.no_new_privs and seen.permitted == 0
            other = sgexec.resolve(SecurityContext(run_as_user=1001), rootfs=rootfs())
            assert [d.field for d in sgexec.verify(other, seen)] == ["uid", "gid", "groups"]
        finally:
            child.kill()


def test_run_hands_over_input_environment_and_root(rootfs: Rootfs) -> None:
    identity = canonical(rootfs())
    plan = Plan(identity=identity, command=("/usr/bin/env",), environment={"A": "b"})
    assert sgexec.run(plan, capture_output=True, text=True).stdout == "A=b\n"
    plan = Plan(identity=identity, command=("/bin/cat",), root="/")
    assert sgexec.run(plan, input=b"x", capture_output=True).stdout == b"x"


def test_65536_groups_fit_into_a_plan(witness: Path) -> None:
    groups = tuple(range(4294900000, 4294900000 + 65536))
    identity = Identity(uid=1000, gid=groups[0], groups=groups)
    done = sgexec.run(Plan(identity=identity, command=(str(witness),)), capture_output=True)
    assert said_by(done.stdout)["groups"] == list(groups)


def test_execute_replaces_the_process(rootfs: Rootfs, witness: Path) -> None:
    path = rootfs()
    program = (
        "import sys, threading, time, sgexec\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "context = sgexec.SecurityContext(run_as_user=1000, run_as_group=3000, policy='Strict')\n"
        "identity = sgexec.resolve(context, rootfs=sys.argv[1])\n"
        "plan = sgexec.Plan(identity=identity, command=(sys.argv[2],), no_new_privs=True)\n"
        "sgexec.execute(plan)\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program, path, witness], capture_output=True, check=True)
    said = said_by(done.stdout)
    assert (said["uids"], said["gids"], said["groups"]) == ([1000] * 3, [3000] * 3, [3000])
    assert said["descriptors"] == [0, 1, 2] and said["no_new_privs"] == [1]


def test_execute_raises_where_it_can_be_known_before_any_effect(place: Path) -> None:
    program = (
        "import os, sys, sgexec\n"
        "os.mkdir(sys.argv[1]); os.chdir(sys.argv[1]); os.rmdir(sys.argv[1])\n"
        "identity = sgexec.Identity(uid=1000, gid=1000, groups=(1000,))\n"
        "try: sgexec.execute(sgexec.Plan(identity=identity, command=('id',)))\n"
        "except sgexec.LaunchError as error: print(os.getuid(), error)\n"
    )
    command = [sys.executable, "-P", "-c", program, place / "gone-too"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout.startswith(b"0 the working directory is gone")


def test_other_threads_do_not_see_the_new_root(rootfs: Rootfs, witness: Path) -> None:
    """They share it until exec, as uid 0: what they start there would be the image's."""
    path = rootfs()
    shutil.copy(witness, path / "witness")
    (path / "only-in-the-image").mkdir()
    program = (
        "import os, sys, threading, sgexec\n"
        "def look():\n"
        "    while True:\n"
        "        if os.path.exists('/only-in-the-image'): os.write(2, b'SEEN')\n"
        "for _ in range(3): threading.Thread(target=look, daemon=True).start()\n"
        "groups = tuple(range(100000, 160000))\n"
        "identity = sgexec.Identity(uid=1000, gid=100000, groups=groups)\n"
        "sgexec.execute(sgexec.Plan(identity=identity, command=('/witness',), root=sys.argv[1]))\n"
    )
    for _ in range(5):
        done = subprocess.run([sys.executable, "-P", "-c", program, path], capture_output=True, check=True)
        assert (said_by(done.stdout)["at_root"], done.stderr) == ([1], b"")


def test_execute_says_one_line_and_127_where_the_command_is_not_there(rootfs: Rootfs) -> None:
    program = (
        "import sys, sgexec\n"
        "identity = sgexec.Identity(uid=1000, gid=1000, groups=(1000,))\n"
        "try: sgexec.execute(sgexec.Plan(identity=identity, command=('no-such',)))\n"
        "finally: print('still here')\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (127, b"")
    assert done.stderr == b"sgexec: 'no-such': not found in PATH\n"
