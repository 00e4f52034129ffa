"""The command line: the grammar, its refusals, and what is printed. Both front ends."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from conftest import CANONICAL_GROUP, CANONICAL_PASSWD, FRONTS, Front, Rootfs, refused

import sgexec
from sgexec import Identity, Policy, SecurityContext

CANONICAL = ["--run-as-user", "1000", "-g", "3000", "-G", "4000"]

JSON_MERGE = (
    '{"schema": "sgexec/identity/v1", "uid": 1000, "gid": 3000, "supplementalGroups": [3000, 4000,'
    ' 50000], "policy": "Merge", "home": "/home/user-defined-in-image", "user":'
    ' "user-defined-in-image", "grants": [{"gid": 3000, "origin": "runAsGroup", "where":'
    ' "--run-as-group"}, {"gid": 4000, "origin": "supplementalGroups", "where":'
    ' "--supplemental-groups[0]"}, {"gid": 50000, "origin": "image", "where": "/etc/group:3", "group":'
    ' "group-defined-in-image"}], "withheld": [], "escapes": ["setIdPrograms"]}\n'
)


def test_the_canonical_example_to_the_letter(front: Front, rootfs: Rootfs) -> None:
    def output(*more: str) -> str:
        done = front("resolve", "--rootfs", path, *CANONICAL, *more)
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout.decode()

    path = rootfs()
    assert output("--format", "id") == "uid=1000 gid=3000 groups=3000,4000,50000\n"
    assert output("--format", "id", "-p", "Strict") == "uid=1000 gid=3000 groups=3000,4000\n"
    assert output("--format", "json") == JSON_MERGE
    assert (
        output("--format=status", "--policy=Strict")
        == '{"linux": {"gid": 3000, "supplementalGroups": [3000, 4000], "uid": 1000}}\n'
    )
    withheld = json.loads(output("--format", "json", "-pStrict"))["withheld"]
    assert withheld == [
        {
            "gid": 50000,
            "origin": "image",
            "where": "/etc/group:3",
            "group": "group-defined-in-image",
        }
    ]


def test_without_run_as_group_the_gid_is_that_of_the_passwd_line(front: Front, rootfs: Rootfs) -> None:
    done = front("resolve", "--rootfs", rootfs(), "--run-as-user=1000", "-G4000", "--format=id")
    assert done.stdout == b"uid=1000 gid=1000 groups=1000,4000,50000\n"


def test_the_text_has_a_table_of_why(front: Front, rootfs: Rootfs) -> None:
    lines = front("resolve", "--rootfs", rootfs(), *CANONICAL, "-p", "Strict").stdout.decode()
    assert lines.splitlines()[0] == "uid=1000 gid=3000 groups=3000,4000"
    assert "3000  runAsGroup          --run-as-group\n" in lines
    assert "50000  image               /etc/group:3  group-defined-in-image\n" in lines.split("withholds")[1]


def test_id_format_has_the_gid_first_and_the_rest_ascending(front: Front, rootfs: Rootfs) -> None:
    done = front("resolve", "--rootfs", rootfs(), "-u1:3000", "-G4000,2000", "--format", "id")
    assert done.stdout == b"uid=1 gid=3000 groups=3000,2000,4000\n"


def test_the_library_prints_what_the_command_line_prints(rootfs: Rootfs) -> None:
    path = rootfs()
    context = SecurityContext(run_as_user=1000, run_as_group=3000, supplemental_groups=(4000,), policy=Policy.MERGE)
    ours = sgexec.resolve(context, rootfs=path).to_json()
    printed = JSON_MERGE.replace("--run-as-group", "runAsGroup")
    assert ours + "\n" == printed.replace("--supplemental-groups", "supplementalGroups")
    assert Identity.from_json(printed).to_json() + "\n" == printed


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "nothing to do"),
        (["frobnicate"], "neither an option nor a verb"),
        (["--", "id"], "nobody is named"),
        (["run", "id"], "nobody is named"),
        (["-g", "5", "--", "id"], "nobody is named"),
        (["-u", "0"], "no command"),
        (["-u", "0", "--"], "no command"),
        (["--frobnicate", "--", "id"], "unknown option '--frobnicate'"),
        (["-x", "--", "id"], "unknown option '-x'"),
        (["--use", "0", "--", "id"], "unknown option '--use'"),
        (["-u"], "'-u' needs a value"),
        (["--user"], "'--user' needs a value"),
        (["-u", "0", "--chroot=x", "--", "id"], "'--chroot' takes no value"),
        (["-u", "0", "-u", "0", "--", "id"], "given twice"),
        (["-u", "0", "--format", "json", "--", "id"], "option of resolve only"),
        (["-u", "0", "--flavour", "crio", "--", "id"], "option of resolve only"),
        (["-u", "0", "-p", "strict", "--", "id"], "Merge or Strict"),
        (["-u", "0", "-p", "", "--", "id"], "Merge or Strict"),
        (["-u", "0", "--allow-privilege-escalation=true", "--", "id"], "can only be false"),
        (["-u", "0", "--file-limit", "1k", "--", "id"], "number of bytes"),
        (["-u", "0", "--file-limit", "", "--", "id"], "number of bytes"),
        (["-u", "0", "--file-limit", "9" * 30, "--", "id"], "number of bytes"),
        (["resolve", "--format", "xml"], "text, json, id and status"),
        (["resolve", "--flavour", "lxc"], "oci, containerd"),
        (["resolve", "--", "id"], "takes no command"),
        (["resolve", "-g", "5"], "needs a user"),
        (["resolve", "-u", "0", "--flavour", "crio", "-g", "5"], "needs a user"),
        (["resolve", "--flavour", "docker", "-p", "Strict"], "always merge"),
        (["-u", "bogus", "--", "id"], "no such user"),
        (["-u", "0:bogus", "--", "id"], "no such group"),
        (["-u", "0", "-G", "5,bogus", "--", "id"], "--supplemental-groups 'bogus'"),
        (["--run-as-user", "alice", "--", "id"], "--run-as-user 'alice' is not an id"),
        (["--run-as-user-name", "a:b", "--", "id"], "--run-as-user-name"),
        (["--run-as-user", "0", "--run-as-non-root", "--", "id"], "uid is 0"),
        (["--exact", "1", "--", "id"], "UID:GID"),
        (["--exact", "1:", "--", "id"], "UID:GID"),
        (["--exact", "1:2:", "--", "id"], "UID:GID"),
        (["--exact", "1:2:3,", "--", "id"], "UID:GID"),
        (["--exact", "a:2", "--", "id"], "UID:GID"),
        (["--exact", "1:2:3:4", "--", "id"], "UID:GID"),
        (["--exact", "4294967295:2", "--", "id"], "too large"),
        (["--exact", "1:4294967295", "--", "id"], "too large"),
        (["--exact", "1:2", "-G", "x", "--", "id"], "--supplemental-groups"),
        (["--exact", "1:2", "-u", "0", "--", "id"], "does not go with --exact"),
        (["--exact", "1:2", "-p", "Strict", "--", "id"], "does not go with --exact"),
        (["--exact", "1:2", "--rootfs", "/", "--", "id"], "does not go with --exact"),
        (["--rootfs", "/nonexistent", "-u", "0", "--", "id"], "no such file"),
        (["--rootfs", "/etc/passwd", "-u", "0", "--", "id"], "not a directory"),
        (["--rootfs", "", "-u", "0", "--", "id"], "rootfs ''"),
    ],
)
def test_bad_usage_is_one_clear_line_and_125(front: Front, args: list[str], words: str, rootfs: Rootfs) -> None:
    refused(front(*args), words)


BAD_USERS = [
    "", ":", "alice:", ":x", "a:b:c", "-1", "+5", " 5x\n", "4294967295", "4294967296", "2147483648",
    "1" * 20, "alice:-1", "alice:4294967295", "0:", "5,6", "a,b", "x" * 256,
]  # fmt: skip


@pytest.mark.parametrize("spec", BAD_USERS)
def test_a_malformed_user_is_refused_before_any_file_is_read(front: Front, spec: str) -> None:
    refused(front("-u", spec, "--rootfs", "/proc/self/fdinfo", "--", "id"), "--user")


@pytest.mark.parametrize("text", ["", "-1", "+1", "1_000", " 1", "1 ", "0x1", "\u0661", "4294967295",
                                  "4294967296", "2147483648", "1" * 20])  # fmt: skip
@pytest.mark.parametrize("option", ["--run-as-user"])
def test_an_id_is_decimal_digits_in_range(front: Front, option: str, text: str) -> None:
    refused(front(option, text, "--", "id"), option)


@pytest.mark.parametrize("option", ["--run-as-group", "--fs-group", "--supplemental-groups"])
@pytest.mark.parametrize("text", ["", "-1", "+1", "4294967295", "4294967296", "2147483648", "1" * 20, "5,", ","])
def test_a_group_is_an_id_in_range_or_a_name(front: Front, option: str, text: str) -> None:
    refused(front("-u", "0", option, text, "--", "id"), option)


def test_leading_zeros_are_no_octal(front: Front, rootfs: Rootfs) -> None:
    path = rootfs(passwd=b"alice:x:01000:0010::/:\n", group=None)
    done = front("resolve", "--rootfs", path, "--run-as-user", "001000", "--format", "id")
    assert done.stdout == b"uid=1000 gid=10 groups=10\n"


def test_names_are_shown_harmlessly(front: Front, rootfs: Rootfs) -> None:
    evil = b'\x1b[31m\xff\\"'
    path = rootfs(passwd=b"alice:x:1:1::/ho\x07me:/bin/sh\n", group=evil + b":x:7:alice\n")
    for shape in ("text", "json"):
        out = front("resolve", "--rootfs", path, "-u", "alice", "--format", shape).stdout
        assert all(byte == 10 or 0x20 <= byte < 0x7F for byte in out)
    document = json.loads(out)
    assert document["home"] == "/ho\\x07me"
    assert document["grants"][1]["group"] == '\\x1b[31m\\xff\\\\"'
    assert os.fsencode(Identity.from_json(out).grants[1].group or "") == evil
    refused(front("-u", b"\x1b]0;x\x07\n\xff", "--", "id"), "\\x1b")


def test_policy_is_the_option_then_the_variable_then_merge(front: Front, rootfs: Rootfs) -> None:
    def groups(*args: str, **variables: str) -> bytes:
        environment = {**os.environ, **variables}
        done = front("resolve", "--rootfs", path, *CANONICAL, *args, "--format=id", env=environment)
        return done.stdout.split(b"=")[-1]

    path = rootfs()
    assert groups() == b"3000,4000,50000\n"
    assert groups(SGEXEC_POLICY="Strict") == b"3000,4000\n"
    assert groups("-p", "Merge", SGEXEC_POLICY="Strict") == b"3000,4000,50000\n"
    for bad in ("", "strict"):
        environment = {**os.environ, "SGEXEC_POLICY": bad}
        refused(front("resolve", env=environment), "SGEXEC_POLICY", f"'{bad}'")


def test_a_user_beside_run_as_user_is_ignored_with_its_group_and_resolve_says_so(front: Front, rootfs: Rootfs) -> None:
    done = front(
        "resolve",
        "--rootfs",
        rootfs(),
        "-u",
        "bogus:bogus",
        "--run-as-user",
        "1000",
        "--format=json",
    )
    document = json.loads(done.stdout)
    assert (document["gid"], document["supplementalGroups"]) == (1000, [1000, 50000])
    assert "--user is ignored" in document["notes"][0]


def test_help_and_version_are_on_stdout_and_0(front: Front) -> None:
    for words in (["help"], ["--help"], ["-h"], ["run", "--help"], ["resolve", "-h"]):
        done = front(*words)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.startswith(b"usage: sgexec ")
    for words in (["version"], ["--version"], ["-V"]):
        done = front(*words)
        assert done.returncode == 0 and done.stdout.startswith(b"sgexec 0.")
    said = {"static": b"static program", "python": b"Python wrapper"}
    assert said[front.name] in done.stdout


def test_both_parts_are_of_one_build() -> None:
    said = [
        subprocess.run([*argv, "version"], capture_output=True, check=True).stdout.split()[-1]
        for argv in FRONTS.values()
    ]
    assert said[0] == said[1]


def test_an_answer_that_cannot_be_written_is_125(front: Front) -> None:
    with open("/dev/full", "wb") as full:
        done = front("help", stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (125, b"sgexec: writing the answer: no space left\n")


def test_a_reader_who_went_away_does_not_kill_it(front: Front) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = front("help", stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (125, b"sgexec: writing the answer: nobody reads\n")


def test_an_option_after_the_command_is_the_commands(front: Front, rootfs: Rootfs) -> None:
    refused(front("-u", "bogus", "id", "--no-such-option"), "no such user")


def test_a_python_verb_imports_nothing_of_the_working_directory(tmp_path: Path, place: Path) -> None:
    trap = "import os; os.write(1, b'TRAPPED')\n"
    (tmp_path / "sgexec").mkdir()
    for name in (
        "sgexec/__init__.py",
        "json.py",
        "argparse.py",
        "os.py",
        "site.py",
        "sitecustomize.py",
    ):
        (tmp_path / name).write_text(trap)
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path),
        "PYTHONHOME": str(tmp_path),
        "PYTHONPYCACHEPREFIX": str(tmp_path),
        "PYTHONSTARTUP": str(tmp_path / "json.py"),
        "PYTHONINSPECT": "1",
    }
    program = Path(FRONTS["static"][0])
    beside = program.parent.parent / ".venv" / "bin" / "sgexec"
    command = beside if beside.exists() else Path(os.sys.prefix) / "bin" / "sgexec"  # type: ignore[attr-defined]
    done = subprocess.run(
        [command, "observe", str(os.getpid()), "--format", "id"],
        cwd=tmp_path, env=environment, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done
    assert done.stdout.startswith(f"uid={os.getuid()} ".encode())


def test_a_python_verb_without_its_python_part_is_one_line(place: Path) -> None:
    alone = place / "alone"
    alone.write_bytes(Path(FRONTS["static"][0]).read_bytes())
    alone.chmod(0o755)
    done = subprocess.run([alone, "observe", "1"], capture_output=True, check=False)
    refused(done, "sgexec-py", "no such file")


def test_a_verb_refuses_another_build() -> None:
    environment = {**os.environ, "SGEXEC_STAMP": "0.0.0+other"}
    done = subprocess.run([*FRONTS["python"], "observe", "1"], env=environment, capture_output=True, check=False)
    refused(done, "0.0.0+other")


def test_the_images_files_are_the_examples(rootfs: Rootfs) -> None:
    example = Path(__file__).parent.parent.parent / "examples" / "implicit-groups" / "rootfs" / "etc"
    assert (example / "passwd").read_bytes() == CANONICAL_PASSWD
    assert (example / "group").read_bytes() == CANONICAL_GROUP
