"""`sgexec observe PID... [--against FILE] [--format text|json|id|status]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NoReturn

from sgexec import errors
from sgexec.cli import FAILED, complain
from sgexec.model import Identity, Observed, escape, status
from sgexec.observe import observe, verify

CLEAN, FINDINGS, UNREADABLE = 0, 1, 2


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        complain(escape(message))
        raise SystemExit(FAILED)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="sgexec observe",
        description="Show the identity that processes really have, from /proc.",
        epilog="exit: 0 clean, 1 a difference was found, 2 something could not be read",
        allow_abbrev=False,
    )
    parser.add_argument("pid", nargs="+", help="a process id")
    parser.add_argument("--against", metavar="FILE", help="identity JSON of resolve; - is stdin")
    parser.add_argument("--format", choices=["text", "json", "id", "status"], default="text")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Do what the arguments say and give the exit code."""
    said = _parser().parse_args(arguments)
    try:
        planned = None if said.against is None else _read_identity(said.against)
    except (OSError, errors.SpecError) as error:
        complain(f"{escape(said.against)}: {escape(str(error))}")
        return UNREADABLE
    worst = CLEAN
    for word in said.pid:
        if not (word.isascii() and word.isdecimal()) or int(word) == 0:
            return complain(f"'{escape(word)}' is not a process id")
        worst = max(worst, _one(int(word), planned, said.format))
    return worst


def _read_identity(path: str) -> Identity:
    if path == "-":
        return Identity.from_json(sys.stdin.buffer.read())
    with open(path, "rb") as file:
        return Identity.from_json(file.read())


def _one(pid: int, planned: Identity | None, shape: str) -> int:
    try:
        seen = observe(pid)
    except errors.ObserveError as error:
        complain(str(error))
        return UNREADABLE
    differences = () if planned is None else verify(planned, seen)
    print(_SHAPES[shape](seen) if shape != "json" else _json(seen, planned, differences))
    if shape != "json":
        for difference in differences:
            print(f"{seen.pid}: {difference.field}: planned {difference.planned}, observed {difference.observed}")
    return FINDINGS if differences else CLEAN


def _ids(seen: Observed) -> tuple[int | None, int | None, tuple[int | None, ...]]:
    own = seen.own or seen.reader
    return own.uids[1], own.gids[1], own.groups


def _shown(i: int | None) -> str:
    return "unmapped" if i is None else str(i)


def _id(seen: Observed) -> str:
    uid, gid, groups = _ids(seen)
    ordered = [gid] * (gid in groups) + [g for g in groups if g != gid]
    listed = f" groups={','.join(map(_shown, ordered))}" if ordered else ""
    return f"uid={_shown(uid)} gid={_shown(gid)}{listed}"


def _text(seen: Observed) -> str:
    lines = [f"{seen.pid}: {_id(seen)}"]
    if seen.own is None:
        lines.append("  in the reader's view: the process's own may not be known")
    elif seen.own != seen.reader:
        uid, gid, groups = seen.reader.uids[1], seen.reader.gids[1], seen.reader.groups
        lines.append(
            f"  in the reader's view: uid={_shown(uid)} gid={_shown(gid)} groups={','.join(map(_shown, groups))}"
        )
    for name, ids in (
        ("uids", (seen.own or seen.reader).uids),
        ("gids", (seen.own or seen.reader).gids),
    ):
        if len(set(ids)) > 1:
            lines.append(f"  {name} real, effective, saved, filesystem: {','.join(map(_shown, ids))}")
    lines.append(
        f"  capabilities permitted {seen.permitted:#x}, effective {seen.effective:#x},"
        f" inheritable {seen.inheritable:#x}, ambient {seen.ambient:#x}, bounding {seen.bounding:#x}"
    )
    lines.append(f"  no_new_privs {'on' if seen.no_new_privs else 'off'}")
    return "\n".join(lines)


def _status(seen: Observed) -> str:
    return json.dumps(status(*_ids(seen)))


def _json(seen: Observed, planned: Identity | None, differences: Sequence[Any]) -> str:
    document: dict[str, Any] = {
        "schema": "sgexec/observed/v1",
        "pid": seen.pid,
        "own": None if seen.own is None else asdict(seen.own),
        "reader": asdict(seen.reader),
        "capabilities": {
            name: f"{getattr(seen, name):#x}"
            for name in ("permitted", "effective", "inheritable", "ambient", "bounding")
        },
        "noNewPrivs": seen.no_new_privs,
    }
    if planned is not None:
        document["differences"] = [asdict(difference) for difference in differences]
    return json.dumps(document)


_SHAPES = {"text": _text, "id": _id, "status": _status}
