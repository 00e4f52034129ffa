"""What every test can ask for: a rootfs in one line, both front ends, and honest skips."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("sgexec", deadline=None, database=None, print_blob=True)
settings.load_profile("sgexec")

PROJECT = Path(__file__).resolve().parent.parent
MUST_WORK = set(os.environ.get("SGEXEC_MUST_WORK", "").replace(",", " ").split())

CANONICAL_PASSWD = (
    b"root:x:0:0:root:/root:/bin/sh\nuser-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh\n"
)
CANONICAL_GROUP = b"root:x:0:\nuser-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n"

Rootfs = Callable[..., Path]
Run = subprocess.CompletedProcess[bytes]


def need(name: str, works: bool, why: str) -> None:
    """Skip where something is missing; fail where SGEXEC_MUST_WORK promises that it is not."""
    if works:
        return
    if name in MUST_WORK:
        pytest.fail(f"SGEXEC_MUST_WORK has {name}: {why}")
    pytest.skip(f"{name}: {why}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "privileged" in item.path.parts:
            item.add_marker(pytest.mark.root)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("shipping") and "-fsanitize" in os.environ.get("SGEXEC_CFLAGS", ""):
        pytest.skip("asan: the program is dynamic, and its runtime needs a place of its own")
    if item.get_closest_marker("root"):
        need("root", os.geteuid() == 0, "this test sets real credentials")


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A directory that a dropped process can reach, unlike a checkout in a private home."""
    path = Path(tempfile.mkdtemp(prefix="sgexec-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def rootfs(place: Path) -> Iterator[Rootfs]:
    """Make a rootfs: rootfs(passwd=b"...", group=b"..."); None is an absent file."""
    made: list[Path] = []

    def make(passwd: bytes | None = CANONICAL_PASSWD, group: bytes | None = CANONICAL_GROUP) -> Path:
        path = Path(tempfile.mkdtemp(prefix="rootfs-", dir=place))
        path.chmod(0o755)
        made.append(path)
        (path / "etc").mkdir()
        for name, content in (("passwd", passwd), ("group", group)):
            if content is not None:
                (path / "etc" / name).write_bytes(content)
        return path

    yield make
    for path in made:
        shutil.rmtree(path)


FRONTS = {
    "static": [str(PROJECT / "sgexec" / "sgexec-static")],
    "python": [sys.executable, "-P", "-m", "sgexec"],
}


class Front:
    """One of the two front ends, as a user starts it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.argv = FRONTS[name]

    def __call__(self, *args: object, **options: object) -> Run:
        words = [a if isinstance(a, bytes) else str(a) for a in args]
        options.setdefault("stdin", subprocess.DEVNULL)
        if "stdout" not in options:
            options["capture_output"] = True
        return subprocess.run([*self.argv, *words], timeout=60, **options)  # type: ignore[call-overload]


@pytest.fixture(params=sorted(FRONTS))
def front(request: pytest.FixtureRequest) -> Front:
    """Both front ends: the test runs once over each."""
    return Front(request.param)


@pytest.fixture(scope="session")
def witness(place: Path) -> Path:
    """A static program that says what it is from inside, without /proc and without Python."""
    compiler = shutil.which("musl-gcc") or shutil.which("gcc")
    assert compiler
    out = place / "witness"
    source = PROJECT / "tests" / "witness.c"
    subprocess.run([compiler, "-O1", "-static", "-o", out, source], check=True)
    out.chmod(0o755)
    return out


def said_by(output: bytes) -> dict[str, list[int]]:
    """Read what the witness said."""
    rows = (line.split() for line in output.decode().splitlines())
    return {row[0]: [int(word) for word in row[1:]] for row in rows}


def refused(done: Run, *words: str) -> None:
    """One clear line on stderr, exit 125, nothing on stdout."""
    assert (done.returncode, done.stdout) == (125, b""), done
    assert done.stderr.startswith(b"sgexec: ") and done.stderr.count(b"\n") == 1, done.stderr
    assert done.stderr.endswith(b"\n")
    assert all(0x20 <= byte < 0x7F for byte in done.stderr[:-1]), done.stderr
    for word in words:
        assert word in done.stderr.decode(), done.stderr
