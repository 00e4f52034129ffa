"""The library's edges: values, errors, lazy names, the layers."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT, Rootfs

import sgexec
from sgexec import Identity, Plan, SecurityContext

# The diagram: who may import whom. A module imports of the package only what stands in its row.
LAYERS = {
    "errors": set(),
    "model": {"errors"},
    "_native": {"errors", "model"},
    "resolve": {"errors", "model", "_native"},
    "launch": {"errors", "model", "_native"},
    "observe": {"errors", "model"},
    "cli": {"errors", "model", "_native", "resolve", "launch", "observe", "cli"},
    "__main__": {"cli"},
    "__init__": {"errors", "model", "resolve", "launch", "observe"},
}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sgexec":
            parts = (node.module or "").split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("sgexec.")}
    return found


@pytest.mark.parametrize("path", sorted((PROJECT / "sgexec").rglob("*.py")), ids=lambda p: p.stem)
def test_imports_go_downward_only(path: Path) -> None:
    package = path.relative_to(PROJECT / "sgexec")
    layer = package.parts[0].removesuffix(".py")
    extension = {"_sgexec"} if layer == "_native" else set()
    assert imports(path) <= LAYERS[layer] | extension


def test_importing_the_package_loads_nothing_else() -> None:
    program = (
        "import sys; before = set(sys.modules); import sgexec;"
        " print(sorted(m for m in set(sys.modules) - before if m not in ('typing', '__future__')))"
    )
    done = subprocess.run([sys.executable, "-S", "-P", "-c",
                           f"import sys; sys.path.insert(0, {str(PROJECT)!r}); {program}"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    loaded = {m for m in ast.literal_eval(done.stdout) if m.split(".")[0] == "sgexec"}
    assert loaded == {"sgexec"}


def test_every_public_name_loads() -> None:
    for name in sgexec.__all__:
        assert getattr(sgexec, name) is not None
    assert callable(sgexec.resolve) and callable(sgexec.observe)
    with pytest.raises(AttributeError):
        sgexec.no_such_name  # noqa: B018


def test_errors_are_also_the_builtins_that_callers_expect(rootfs: Rootfs) -> None:
    path = rootfs()
    with pytest.raises(LookupError):
        sgexec.resolve(SecurityContext(user="bogus"), rootfs=path)
    with pytest.raises(ValueError):
        sgexec.resolve(SecurityContext(run_as_user=-1), rootfs=path)
    with pytest.raises(OSError) as caught:
        sgexec.Rootfs("/no/such")
    assert caught.value.errno == 2
    assert str(caught.value) == "rootfs '/no/such': no such file or directory"


@pytest.mark.parametrize("bad", [-1, 2147483648, 4294967295, 4294967296, True, 1.0, "5", b"5"])
@pytest.mark.parametrize("field", ["run_as_user", "run_as_group", "fs_group", "supplemental_groups"])
def test_the_library_takes_ids_in_range_and_nothing_else(rootfs: Rootfs, field: str, bad: object) -> None:
    value = (5, bad) if field == "supplemental_groups" else bad
    context = SecurityContext(**{"run_as_user": 0, field: value})  # type: ignore[arg-type]
    with pytest.raises(sgexec.SpecError):
        sgexec.resolve(context, rootfs=rootfs())


def test_an_empty_list_of_groups_is_empty_not_unchanged() -> None:
    plan = Plan(identity=Identity(uid=1, gid=2, groups=(2,)), command=("id",))
    assert plan.argv()[1:] == ["--exact=1:2", "--", "id"]
    for groups in ((), (3,), (2, 2), (3, 2)):
        with pytest.raises(sgexec.SpecError):
            Plan(identity=Identity(uid=1, gid=2, groups=groups), command=("id",))


def test_a_plan_is_an_argv_of_ids_alone() -> None:
    identity = Identity(uid=1, gid=2, groups=(1, 2, 3))
    plan = Plan(identity=identity, command=("a", b"\xff"), root="/r", no_new_privs=True)
    assert plan.argv()[1:] == [
        "--exact=1:2:1,3", "--no-new-privs", "--rootfs=/r", "--chroot", "--", "a", b"\xff",
    ]  # fmt: skip
    for bad in ((), ("a\0",)):
        with pytest.raises(sgexec.SpecError):
            Plan(identity=identity, command=bad)
    with pytest.raises(sgexec.SpecError):
        Plan(identity=identity, command=("a",), environment={"A=B": "c"})


@pytest.mark.parametrize("option", ["user", "preexec_fn", "shell", "pass_fds", "env"])
def test_run_refuses_what_would_act_before_the_launcher(option: str) -> None:
    plan = Plan(identity=Identity(uid=0, gid=0, groups=(0,)), command=("true",))
    with pytest.raises(sgexec.SpecError, match=option):
        sgexec.run(plan, **{option: None})


def test_execute_raises_while_nothing_has_been_changed() -> None:
    if os.geteuid() == 0:
        pytest.skip("root: nothing stands in the way")
    plan = Plan(identity=Identity(uid=0, gid=0, groups=(0,)), command=("true",))
    with pytest.raises(sgexec.LaunchError, match="CAP_SETGID"):
        sgexec.execute(plan)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"schema": "other"}',
             '{"schema": "sgexec/identity/v1", "uid": 4294967295}',
             '{"schema": "sgexec/identity/v1", "uid": true}'],
)  # fmt: skip
def test_a_document_that_is_no_identity_is_refused(text: str) -> None:
    with pytest.raises(sgexec.SpecError):
        Identity.from_json(text)


def test_a_process_observes_itself() -> None:
    seen = sgexec.observe(os.getpid())
    assert seen.own is not None
    assert seen.own.uids == (*os.getresuid(), os.geteuid())
    assert seen.own.gids == (*os.getresgid(), os.getegid())
    assert seen.own.groups == tuple(sorted(set(os.getgroups())))
    with pytest.raises(sgexec.ObserveError, match="there is none"):
        sgexec.observe(2**22 + 1)


def test_a_closed_rootfs_is_no_rootfs(rootfs: Rootfs) -> None:
    with sgexec.Rootfs(rootfs()) as held:
        pass
    held.close()
    with pytest.raises(sgexec.SpecError):
        sgexec.resolve(SecurityContext(), rootfs=held)


def test_observe_on_the_command_line(tmp_path: Path) -> None:
    def observe(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "sgexec", "observe", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    pid = str(os.getpid())
    groups = tuple(sorted(set(os.getgroups())))
    mine = Identity(uid=os.getuid(), gid=os.getgid(), groups=groups)
    same, other = tmp_path / "same", tmp_path / "other"
    same.write_text(mine.to_json())
    other.write_text(Identity(uid=4242, gid=os.getgid(), groups=groups).to_json())
    assert observe(pid, "--against", str(same)).returncode == 0
    found = observe(pid, "--against", str(other))
    assert (found.returncode, "planned 4242" in found.stdout) == (1, True)
    assert '"schema": "sgexec/observed/v1"' in observe(pid, "--format", "json").stdout
    assert observe(pid, "--format", "status").stdout.startswith('{"linux": {"gid": ')
    assert observe("4194305").returncode == 2
    assert observe("0").returncode == observe("x").returncode == observe().returncode == 125
    assert observe(pid, "--against", "/no/such").returncode == 2


def test_a_signal_handler_that_resolves_does_not_change_the_answer(rootfs: Rootfs) -> None:
    """The workspace is lent: what runs in between gets another."""
    one, other = rootfs(), rootfs(group=b"x:x:7:user-defined-in-image\n")
    context = SecurityContext(run_as_user=1000)
    wanted = sgexec.resolve(context, rootfs=one)
    signal.signal(signal.SIGALRM, lambda *_: sgexec.resolve(context, rootfs=other))
    try:
        for i in range(2000):
            signal.setitimer(signal.ITIMER_REAL, (10 + i % 300) / 1_000_000)  # once: it must not nest without end
            assert sgexec.resolve(context, rootfs=one) == wanted
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
