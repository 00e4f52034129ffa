"""How much does a resolution cost beside reading the two files that it needs?

In process: a C program does each thing some hundred times in a row, and Python the same through
the extension. The floor opens etc/passwd and etc/group inside the rootfs (the type first), asks for
their size, reads them to the end, closes them, and looks at no byte; plain opens, which would follow
a link out of it and open a device, are beside it. A resolution through a rootfs that is held
open is to take at most 1.5 times that on an image of 40 lines a file. libc's getpwnam and
getgrouplist are beside it, in a chroot, for which this must be root.
"""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter_ns
from types import SimpleNamespace

from interleave import Peer, Result, arguments, exit_code, measure, report

import sgexec

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
FLOOR = "floor: the same opens, read both"
PLAIN = "plain opens, read both"
USER = "app"
TARGET = 1.5

# What Debian's base image has, in its order.
BASE_USERS = (
    "root:0:0 daemon:1:1 bin:2:2 sys:3:3 sync:4:65534 games:5:60 man:6:12 lp:7:7 mail:8:8"
    " news:9:9 uucp:10:10 proxy:13:13 www-data:33:33 backup:34:34 list:38:38 irc:39:39"
    " _apt:42:65534 nobody:65534:65534"
)
BASE_GROUPS = (
    "root:0 daemon:1 bin:2 sys:3 adm:4 tty:5 disk:6 lp:7 mail:8 news:9 uucp:10 man:12 proxy:13"
    " kmem:15 dialout:20 fax:21 voice:22 cdrom:24 floppy:25 tape:26 sudo:27 audio:29 dip:30"
    " www-data:33 backup:34 operator:37 list:38 irc:39 src:40 shadow:42 utmp:43 video:44 sasl:45"
    " plugdev:46 staff:50 games:60 users:100 nogroup:65534"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """Hold two files, and what USER is by them. `calls`: how many resolutions make one sample."""

    name: str
    passwd: str
    group: str
    answer: str
    calls: int
    target: float | None = None


def small() -> Image:
    """Make an image as there are many: Debian's users, some packages', and one more."""
    users = [entry.split(":") for entry in BASE_USERS.split()]
    users += [[f"_package{i}", str(100 + i), str(100 + i)] for i in range(40 - len(users) - 1)]
    users += [[USER, "1000", "1000"]]
    passwd = [f"{name}:x:{uid}:{gid}:{name}:/var/lib/{name}:/usr/sbin/nologin" for name, uid, gid in users]
    members = {"tty": "root", "audio": f"games,{USER}", "video": USER}
    group = [f"{entry.replace(':', ':x:')}" for entry in BASE_GROUPS.split()]
    group = [f"{line}:{members.get(line.split(':')[0], '')}" for line in group]
    group += [f"{USER}:x:1000:", f"data:x:50000:www-data,{USER}"]
    return Image(
        name=f"{len(passwd)} and {len(group)} lines",
        passwd="\n".join(passwd) + "\n",
        group="\n".join(group) + "\n",
        answer="1000 1000 29,44,1000,50000",
        calls=500,
        target=TARGET,
    )


def large(groups: int = 10_000, members: int = 20) -> Image:
    """Make what a directory of a company becomes when it is written into two files."""
    passwd = [f"user{i:05}:x:{10000 + i}:100:User {i}:/home/user{i:05}:/bin/bash" for i in range(groups)]
    passwd += [f"{USER}:x:1000:1000::/home/{USER}:/bin/sh"]
    mine = {0, groups // 2, groups - 1}
    group = [
        f"team{i:05}:x:{20000 + i}:"
        + ",".join(
            USER if k == members // 2 and i in mine else f"user{(i * 7919 + k * 104729) % groups:05}"
            for k in range(members)
        )
        for i in range(groups)
    ]
    gids = ",".join(map(str, [1000, *sorted(20000 + i for i in mine)]))
    return Image(
        name=f"{groups:,} groups of {members}",
        passwd="\n".join(passwd) + "\n",
        group="\n".join(group) + "\n",
        answer=f"1000 1000 {gids}",
        calls=10,
    )


def compiled(scratch: Path) -> dict[str, Path]:
    """Compile the loops: ours as it is shipped, libc's with each libc that is here."""
    build = SimpleNamespace(**runpy.run_path(str(ROOT / "csrc" / "build.py")))
    made = {name: scratch / name for name in ("ours", "glibc", "musl")}
    ours = [
        *map(str, (HERE / "resolve_loop.c", HERE / "floor_read.c")),
        *build.sources(program=False),
    ]
    flags = [*build.compile_flags(), *ours, *build.link_flags()]
    subprocess.run(["gcc", *flags, "-o", str(made["ours"])], cwd=ROOT, check=True)
    libc = ["-O2", str(HERE / "libc_loop.c"), "-o"]
    subprocess.run(["gcc", *libc, str(made["glibc"])], check=True)
    if shutil.which("musl-gcc"):
        subprocess.run(["musl-gcc", "-static", *libc, str(made["musl"])], check=True)
    return made


def said_by(loop: list[str]) -> tuple[float, str]:
    """Run a loop: the nanoseconds of all its calls, and its answer."""
    done = subprocess.run(loop, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{loop}: exit {done.returncode} {done.stderr}")
    took, _, answer = done.stdout.strip().partition(" ")
    return float(took), answer


def compare(expected: str, answer: str) -> str:
    """Give "" or the difference."""
    return "" if answer == expected else f"expected {expected!r}, got {answer!r}"


def peers(image: Image, rootfs: Path, programs: dict[str, Path]) -> list[Peer]:
    """List who is compared."""
    calls = image.calls

    def ours(name: str, way: str, *, expected: str = image.answer, target: float | None = None) -> Peer:
        def loop(n: int) -> list[str]:
            return [str(programs["ours"]), way, str(n), str(rootfs), USER]

        return Peer(
            name=name,
            sample=lambda: said_by(loop(calls))[0] / calls,
            check=lambda: compare(expected, said_by(loop(1))[1]),
            target=target,
            ours=True,
        )

    def libc(name: str) -> Peer:
        def loop(n: int) -> list[str]:
            return [str(programs[name]), str(n), str(rootfs), USER]

        there = programs[name].exists()
        return Peer(
            name=f"{name}: getpwnam, getgrouplist",
            sample=lambda: said_by(loop(calls))[0] / calls,
            check=lambda: compare(image.answer, said_by(loop(1))[1]),
            missing=(f"no {name} here" if not there else "" if os.geteuid() == 0 else "chroot needs root"),
        )

    def python(name: str, call: Callable[[], object], answer: Callable[[], str]) -> Peer:
        def sample() -> float:
            begin = perf_counter_ns()
            for _ in range(calls):
                call()
            return (perf_counter_ns() - begin) / calls

        return Peer(name=name, sample=sample, check=lambda: compare(image.answer, answer()), ours=True)

    def resolving(*, explain: bool, held: bool) -> Peer:
        context = sgexec.SecurityContext(user=USER)
        where = sgexec.Rootfs(rootfs) if held else rootfs
        call = partial(sgexec.resolve, context, rootfs=where, explain=explain)

        def answer() -> str:
            identity = call()
            return f"{identity.uid} {identity.gid} {','.join(map(str, identity.groups))}"

        how = f"{'held' if held else 'path'}{', explain' if explain else ''}"
        return python(f"Python: sgexec.resolve, {how}", call, answer)

    def listing() -> Peer:
        call = partial(sgexec.getgrouplist, USER, 1000, rootfs=sgexec.Rootfs(rootfs))
        return python(
            "Python: sgexec.getgrouplist, held",
            call,
            lambda: f"1000 1000 {','.join(map(str, call()))}",
        )

    size = sum(len(text.encode()) for text in (image.passwd, image.group))
    return [
        ours(FLOOR, "floor", expected=str(size)),
        ours(PLAIN, "plain", expected=str(size)),
        ours("sg_resolve, held", "held", target=image.target),
        ours("sg_resolve, path opened each time", "path"),
        ours("sg_resolve, held, explain", "explain"),
        ours("sg_resolve, held, Strict", "strict", expected="1000 1000 1000"),
        ours("of it: parsing both, in memory", "scan"),
        libc("glibc"),
        libc("musl"),
        resolving(explain=False, held=True),
        resolving(explain=False, held=False),
        resolving(explain=True, held=True),
        listing(),
    ]


def bench(image: Image, scratch: Path, programs: dict[str, Path], rounds: int) -> Result:
    """Write the image's files and measure on them."""
    etc = Path(tempfile.mkdtemp(dir=scratch), "etc")
    etc.mkdir()
    (etc / "passwd").write_text(image.passwd, encoding="ascii")
    (etc / "group").write_text(image.group, encoding="ascii")
    return measure(peers(image, etc.parent, programs), floor=FLOOR, rounds=rounds)


def main() -> int:
    """Do what the command line says."""
    parser = arguments(__doc__ or "", rounds=61)
    parser.add_argument("--large", action="store_true", help="also 10,000 groups of 20 members")
    said = parser.parse_args()
    images = [small(), *([large()] if said.large else [])]
    results = []
    with tempfile.TemporaryDirectory(prefix="sgexec-bench.") as name:
        scratch = Path(name)
        programs = compiled(scratch)
        for image in images:
            results.append(bench(image, scratch, programs, said.rounds))
            title = f"Resolve, {image.name}, {said.rounds} rounds of {image.calls} calls, interleaved"
            print(report(results[-1], title=title, unit="us", markdown=said.markdown), end="\n\n")
    return exit_code(results, enforce=said.enforce)


if __name__ == "__main__":
    sys.exit(main())
