"""How much does sgexec add to the start of a process?

From the spawn to the end of a static program that does nothing, as 1000:3000 with groups 3000 and
4000, started by posix_spawn from here and awaited. The floor is the least that a launcher can do:
a static C program with setgroups, setresgid, setresuid and execve, and nothing that is checked,
proved or looked up. sgexec's program is to take at most 1.5 times that.

Each peer first starts a witness, a program that prints the ids it really has. Run it as root.
"""

from __future__ import annotations

import os
import pwd
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter_ns
from types import SimpleNamespace

from interleave import Peer, arguments, exit_code, measure, report

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
IMAGE = ROOT / "examples" / "implicit-groups" / "rootfs"
BIN = Path(sys.executable).parent
FLOOR = "floor: three system calls, execve"
DECLARED = "1000 3000 3000,4000"
TARGET = 1.5

# A user of every system, for the launchers that take nobody without a passwd line.
SOMEBODY = "nobody"
NOTHING = "int main(void) { return 0; }\n"

# The same for everyone. Short, so that copying it does not count.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


def compiled(scratch: Path, name: str, source: Path) -> str:
    """Compile a small static program, with the compiler of the real one."""
    build = SimpleNamespace(**runpy.run_path(str(ROOT / "csrc" / "build.py")))
    out = scratch / name
    subprocess.run([*build.program_compiler(), "-static", "-Os", "-s", "-o", str(out), str(source)], check=True)
    return str(out)


def spawned(argv: list[str]) -> float:
    """Start a command, wait for its end, and give the nanoseconds between."""
    begin = perf_counter_ns()
    pid = os.posix_spawn(argv[0], argv, ENVIRONMENT)
    done = os.waitid(os.P_PID, pid, os.WEXITED)
    took = perf_counter_ns() - begin
    if done is None or (done.si_code, done.si_status) != (os.CLD_EXITED, 0):
        raise SystemExit(f"{argv}: {done}")
    return took


def answer_of(argv: list[str], expected: str) -> str:
    """Let the witness run: "", or what it says instead of what is expected."""
    done = subprocess.run(argv, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode == 0 and done.stdout.strip() == expected:
        return ""
    said = " ".join((done.stdout + done.stderr).split())
    return f"expected {expected!r}, got {said!r}, exit {done.returncode}"


def launcher(
    name: str,
    program: str | os.PathLike[str],
    *options: str,
    expected: str = DECLARED,
    command: Callable[[str], str] = lambda name: name,
    target: float | None = None,
    note: str = "",
) -> Peer:
    """Make a peer of a launcher and its options; the command comes behind them.

    `program` is a path, or a name that is sought in PATH. `expected` is what the witness must say.
    """
    found = shutil.which(os.fspath(program))
    argv = [found or "", *options]
    return Peer(
        name=name,
        sample=partial(spawned, [*argv, command("nothing")]),
        check=partial(answer_of, [*argv, command("witness")], expected),
        missing="" if found else f"{os.fspath(program)} is not installed",
        target=target,
        ours="sgexec" in name,
        note=note,
    )


def peers(scratch: Path) -> list[Peer]:
    """List who is compared."""
    source = scratch / "nothing.c"
    source.write_text(NOTHING, encoding="ascii")
    nothing = compiled(scratch, "nothing", source)
    witness = compiled(scratch, "witness", HERE / "witness.c")
    floor = compiled(scratch, "floor", HERE / "floor_launch.c")
    sgexec = BIN / "sgexec"
    if sgexec.exists() and sgexec.read_bytes()[:4] == b"\x7fELF":
        # Beside the floor: the same file system and the same depth of path.
        sgexec = Path(shutil.copy(sgexec, scratch / "sgexec"))

    def resolving(policy: str) -> list[str]:
        who = ["--run-as-user=1000", "--run-as-group=3000", "--supplemental-groups=4000"]
        return [f"--rootfs={IMAGE}", *who, f"--policy={policy}", "--"]

    exact = ["--exact=1000:3000:4000", "--"]
    merged = f"{DECLARED},50000"
    somebody = pwd.getpwnam(SOMEBODY)
    theirs = sorted(set(os.getgrouplist(SOMEBODY, somebody.pw_gid)))
    hosts = f"{somebody.pw_uid} {somebody.pw_gid} {','.join(map(str, theirs))}"
    peer = partial(launcher, command={"nothing": nothing, "witness": witness}.__getitem__)
    own = f"{os.getuid()} {os.getgid()} {','.join(map(str, sorted(os.getgroups())))}".strip()
    return [
        Peer(
            name="no launcher",
            sample=partial(spawned, [nothing]),
            check=partial(answer_of, [witness], own),
            note="the command alone: what the machine takes for one spawn and one exec",
        ),
        peer(FLOOR, floor),
        peer("sgexec --exact", sgexec, *exact, target=TARGET),
        peer("sgexec --policy=Merge", sgexec, *resolving("Merge"), expected=merged, target=TARGET),
        peer("sgexec --policy=Strict", sgexec, *resolving("Strict"), target=TARGET),
        peer("sgexec-py --exact", BIN / "sgexec-py", *exact),
        peer("su-exec", "su-exec", "1000:3000", expected="1000 3000 3000", note="cannot add groups"),
        peer("gosu", "gosu", "1000:3000", expected="1000 3000", note="cannot add groups"),
        peer("chpst", "chpst", "-u", ":1000:3000:4000", expected="1000 3000 3000,4000"),
        peer("s6-applyuidgid", "s6-applyuidgid", "-u1000", "-g3000", "-G3000,4000"),
        peer(
            "s6-setuidgid",
            "s6-setuidgid",
            "1000:3000",
            expected="1000 3000",
            note="cannot add groups",
        ),
        peer("setpriv", "setpriv", "--reuid=1000", "--regid=3000", "--groups=3000,4000", "--"),
        peer("chroot", "chroot", "--userspec=1000:3000", "--groups=3000,4000", "/"),
        peer(f"runuser -u {SOMEBODY}", "runuser", "-u", SOMEBODY, "--", expected=hosts),
        peer(f"sudo -u {SOMEBODY}", "sudo", "-n", "-u", SOMEBODY, "--", expected=hosts),
    ]


def main() -> int:
    """Do what the command line says."""
    said = arguments(__doc__ or "", rounds=300).parse_args()
    if os.geteuid() != 0:
        raise SystemExit("bench/launch.py changes ids: run it as root")
    with tempfile.TemporaryDirectory(prefix="sgexec-bench.") as name:
        scratch = Path(name)
        scratch.chmod(0o755)  # the command in it runs as 1000
        result = measure(peers(scratch), floor=FLOOR, rounds=said.rounds)
    title = f"Launch, {said.rounds} interleaved rounds"
    print(report(result, title=title, unit="ms", markdown=said.markdown))
    return exit_code([result], enforce=said.enforce)


if __name__ == "__main__":
    sys.exit(main())
