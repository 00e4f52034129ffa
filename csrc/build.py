"""Build the C core: the cffi extension and the static program, from one list of sources and flags.

    python csrc/build.py check                  every file with all warnings and the analyser, as errors
    python csrc/build.py static OUT [--cc CC] [--cflags FLAGS] [--link dynamic]
    python csrc/build.py stamp                  what both parts of a build answer to `version`

setup.py loads this file; so does cffi, through `extension`. Read from the environment:

    SGEXEC_CFLAGS     more flags, for compiling and linking both parts (sanitizers)
    SGEXEC_STATIC_CC  compiler of the static program; else musl-gcc, else $CC, gcc or cc
    SGEXEC_LINK       `dynamic` links that program dynamically: sanitizers have no static form
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cffi import FFI

ROOT = Path(__file__).resolve().parent.parent
HEADER = ROOT / "csrc" / "sgexec.h"

SHIPPING = [
    "-std=gnu17", "-O2", "-fvisibility=hidden",
    "-fstack-protector-strong", "-fstack-clash-protection",
    # Some compilers predefine another level, and a second definition is a warning.
    "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2",
]  # fmt: skip
LINKING = ["-Wl,-z,relro,-z,now", "-Wl,-z,noexecstack"]
CHECKING = [
    "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wsign-conversion",
    "-Wstrict-prototypes", "-Wmissing-prototypes", "-Wcast-qual", "-Wvla", "-Wundef",
    "-Wswitch-enum", "-Wformat=2", "-Wnull-dereference", "-fanalyzer", "-Werror",
]  # fmt: skip


def sources(*, program: bool) -> list[str]:
    """List the C files, relative to the project: all of them, main.c for the program alone."""
    names = sorted(path.name for path in HEADER.parent.glob("*.c"))
    return [f"csrc/{name}" for name in names if program or name != "main.c"]


def depends() -> list[str]:
    """List what makes a build stale. The stamp covers every C file, so each part depends on all."""
    files = [*sorted(HEADER.parent.glob("*.[ch]")), HEADER.with_name("build.py")]
    return [f"csrc/{path.name}" for path in files] + ["pyproject.toml"]


def version() -> str:
    """Read the version from where it is stated."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def stamp() -> str:
    """Name this state of the C files: the version and a digest, the same in every part of one build."""
    digest = hashlib.sha256()
    for path in sorted(HEADER.parent.glob("*.[ch]")):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode())
        digest.update(content)
    return f"{version()}+{digest.hexdigest()[:12]}"


def more_flags() -> list[str]:
    """Flags from the environment, for compiling and for linking."""
    return shlex.split(os.environ.get("SGEXEC_CFLAGS", ""))


def compile_flags() -> list[str]:
    """Flags of the shipping build, for the extension and the program."""
    defines = [f'-DSG_VERSION="{version()}"', f'-DSG_STAMP="{stamp()}"']
    return [*SHIPPING, *defines, *more_flags()]


def link_flags() -> list[str]:
    """Flags for linking the extension and the program."""
    return [*LINKING, *more_flags()]


def extension() -> FFI:
    """Build cffi's description of the extension: its cdef is a slice of sgexec.h, never a copy."""
    from cffi import FFI

    text = HEADER.read_text(encoding="ascii")
    _, begin, rest = text.partition("/* cffi: begin */\n")
    cdef, end, _ = rest.partition("/* cffi: end */\n")
    if not begin or not end:
        raise SystemExit(f"{HEADER}: the marks `cffi: begin` and `cffi: end` are not there")
    ffi = FFI()
    ffi.cdef(cdef)
    ffi.set_source(
        "sgexec._sgexec",
        '#include "sgexec.h"\n',
        sources=sources(program=False),
        include_dirs=["csrc"],
        depends=depends(),
        extra_compile_args=compile_flags(),
        extra_link_args=link_flags(),
        py_limited_api=True,  # cffi itself leaves it off on a free-threaded Python
    )
    return ffi


# ---- The static program ------------------------------------------------------------------------


def linked_dynamically() -> bool:
    """Tell whether SGEXEC_LINK asks for a dynamic program."""
    link = os.environ.get("SGEXEC_LINK", "static")
    if link not in ("static", "dynamic"):
        raise SystemExit(f"SGEXEC_LINK is {link!r}: neither static nor dynamic")
    return link == "dynamic"


def program_compiler() -> list[str]:
    """Choose the compiler. musl where it is: a glibc static program starts in twice the time."""
    if given := os.environ.get("SGEXEC_STATIC_CC"):
        return shlex.split(given)
    if shutil.which("musl-gcc") and not linked_dynamically():
        return ["musl-gcc"]
    return shlex.split(os.environ.get("CC") or ("gcc" if shutil.which("gcc") else "cc"))


def can_build_program() -> bool:
    """Try whether a program of nothing can be linked; an error in our own files is not asked for here."""
    if linked_dynamically():
        return True
    with tempfile.TemporaryDirectory() as scratch:
        source, out = Path(scratch, "none.c"), Path(scratch, "none")
        source.write_text("int main(void) { return 0; }\n")
        command = [*program_compiler(), "-static", "-o", str(out), str(source)]
        try:
            done = subprocess.run(command, capture_output=True, check=False)
        except OSError:
            done = None
        if done is not None and done.returncode == 0 and not has_interpreter(out):
            return True
    if os.environ.get("SGEXEC_STATIC_CC"):
        raise SystemExit(f"SGEXEC_STATIC_CC cannot build a static program: {shlex.join(command)}")
    return False


def build_program(out: Path, compiler: list[str], flags: list[str], *, dynamic: bool) -> None:
    """Compile and link the program. It replaces `out` in one step: the old one may be running."""
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    form = ["-g"] if dynamic else ["-static", "-s"]  # not -static-pie: musl-gcc makes that dynamic
    command = [*compiler, *compile_flags(), *flags, *form, "-o", str(part.absolute())]
    subprocess.run([*command, *sources(program=True), *link_flags()], cwd=ROOT, check=True)
    if not dynamic and has_interpreter(part):
        raise SystemExit(f"{shlex.join(compiler)} -static made a dynamic program")
    os.replace(part, out)


def has_interpreter(path: Path) -> bool:
    """Tell whether an ELF file asks for a dynamic loader (PT_INTERP)."""
    elf = path.read_bytes()
    wide, order = elf[4] == 2, "<" if elf[5] == 1 else ">"
    table = struct.unpack_from(order + ("Q" if wide else "I"), elf, 32 if wide else 28)[0]
    size, count = struct.unpack_from(order + "HH", elf, 54 if wide else 42)
    types = (struct.unpack_from(order + "I", elf, table + i * size)[0] for i in range(count))
    return 3 in types


# ---- The checking build ------------------------------------------------------------------------


def check() -> int:
    """Compile every file with every compiler that is here, warnings as errors. Returns how many fail."""
    compilers = [["gcc"], ["musl-gcc"], ["gcc", "-m32"]]
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(os.cpu_count()) as pool:
        probe = Path(scratch, "probe.c")
        probe.write_text("#include <stdio.h>\n")

        def compiled(job: tuple[list[str], list[str], str]) -> bool:
            compiler, flags, source = job
            out = Path(scratch, "-".join([*compiler, Path(source).name]) + ".o")
            command = [*compiler, *flags, "-c", "-o", str(out), source]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode and source != str(probe):
                print(f"{shlex.join(compiler)} {source}\n{done.stderr}", flush=True)
            return done.returncode == 0

        here = [
            compiler for compiler in compilers if shutil.which(compiler[0]) and compiled((compiler, [], str(probe)))
        ]
        flags = [*compile_flags(), *CHECKING]
        files = sources(program=True)
        failed = list(pool.map(compiled, [(c, flags, f) for c in here for f in files])).count(False)
    names = ", ".join(shlex.join(compiler) for compiler in here)
    print(f"checking build: {len(files)} files with {names or 'no compiler'}: {failed} failed")
    return failed if here and files else 1


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="build.py", description="Build the C core.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("check", help="the checking build")
    verbs.add_parser("stamp", help="print version and digest")
    static = verbs.add_parser("static", help="build the static program")
    static.add_argument("out", type=Path)
    static.add_argument("--cc", type=shlex.split, help="compiler, as in --cc 'gcc -m32'")
    static.add_argument("--cflags", type=shlex.split, default=[], help="as in --cflags=-O0")
    static.add_argument("--link", choices=["static", "dynamic"])
    said = parser.parse_args()
    if said.verb == "check":
        return 1 if check() else 0
    if said.verb == "stamp":
        print(stamp())
        return 0
    dynamic = said.link == "dynamic" if said.link else linked_dynamically()
    try:
        build_program(said.out, said.cc or program_compiler(), said.cflags, dynamic=dynamic)
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
