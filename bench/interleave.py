"""The measuring that every bench shares: peers side by side in one run.

A figure alone says little on a machine that others use too. So every round measures every peer
once, in an order of its own, and what is compared is the median of a peer with the median of the
floor of the same run. Every peer's answer is checked first: whoever is wrong is not timed.
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Table = list[tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Say what is measured beside others.

    `sample` does the work once or often and gives nanoseconds for one time. `check` gives "" or
    what is wrong with the answer. `missing` says why the peer cannot be measured here. `target`
    is the largest ratio to the floor that is good enough. `ours`: a wrong answer fails the bench.
    `note` is printed below the table.
    """

    name: str
    sample: Callable[[], float]
    check: Callable[[], str]
    missing: str = ""
    target: float | None = None
    ours: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Hold what one run found, in nanoseconds. `left_out`: who was not timed, and why."""

    floor: str
    times: dict[Peer, list[float]]
    left_out: dict[Peer, str]

    def median(self, peer: Peer) -> float:
        """Give the median of a peer."""
        return statistics.median(self.times[peer])

    def ratio(self, peer: Peer) -> float:
        """Give a peer's median as a multiple of the floor's."""
        floor = next(peer for peer in self.times if peer.name == self.floor)
        return self.median(peer) / self.median(floor)

    def missed(self) -> list[Peer]:
        """List who is over the target."""
        return [p for p in self.times if p.target is not None and self.ratio(p) > p.target]

    def wrong(self) -> list[Peer]:
        """List who of us gave a wrong answer."""
        return [peer for peer in self.left_out if peer.ours and not peer.missing]


def measure(peers: Sequence[Peer], *, floor: str, rounds: int) -> Result:
    """Check all peers, then time those that are here and right, `rounds` times each."""
    left_out = {peer: peer.missing or peer.check() for peer in peers}
    timed = [peer for peer in peers if not left_out[peer]]
    if floor not in [peer.name for peer in timed]:
        reasons = [left_out[peer] for peer in peers if peer.name == floor]
        raise SystemExit(f"the floor cannot be measured: {floor}: {'; '.join(reasons)}")
    times: dict[Peer, list[float]] = {peer: [] for peer in timed}
    order = random.Random(0)
    for number in range(-(rounds // 10) - 1, rounds):
        for peer in order.sample(timed, len(timed)):
            took = peer.sample()
            if number >= 0:  # what is before warms up
                times[peer].append(took)
    return Result(floor=floor, times=times, left_out={peer: why for peer, why in left_out.items() if why})


def digits(number: float) -> str:
    """Write three digits, or all of a whole number."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def table(result: Result, *, unit: str) -> Table:
    """Make the rows, the heading first. `unit` is "ms" or "us"."""
    scale = {"ms": 1e6, "us": 1e3}[unit]
    rows: Table = [("", f"median {unit}", "middle half", "to the floor", "target")]
    for peer, times in result.times.items():
        low, median, high = statistics.quantiles(times, n=4)
        ratio = result.ratio(peer)
        verdict = ""
        if peer.target is not None:
            verdict = f"{peer.target:.2f} {'met' if ratio <= peer.target else 'MISSED'}"
        spread = f"{digits(low / scale)} to {digits(high / scale)}"
        rows.append((peer.name, digits(median / scale), spread, f"{ratio:.2f}", verdict))
    return rows


def as_text(rows: Table) -> str:
    """Align the columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def as_markdown(rows: Table) -> str:
    """Write a Markdown table."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" + "|---:" * (len(rows[0]) - 1) + "|", *lines[1:]])


def report(result: Result, *, title: str, unit: str, markdown: bool) -> str:
    """Write the table, and below it the notes and who was left out."""
    rows = table(result, unit=unit)
    mark = "* " if markdown else "  "
    notes = [f"{mark}{peer.name}: {peer.note}" for peer in result.times if peer.note]
    gone = [
        f"{mark}{peer.name}: {'missing' if peer.missing else 'WRONG, not timed'}: {why}"
        for peer, why in result.left_out.items()
    ]
    parts = [f"### {title}" if markdown else title, (as_markdown if markdown else as_text)(rows)]
    return "\n\n".join([*parts, *("\n".join(lines) for lines in (notes, gone) if lines)])


def arguments(doc: str, *, rounds: int) -> argparse.ArgumentParser:
    """Make the parser with the options that all benches have."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds, help="how often (%(default)s)")
    parser.add_argument("--markdown", action="store_true", help="a Markdown table")
    parser.add_argument("--enforce", action="store_true", help="a missed target exits 1")
    return parser


def exit_code(results: Sequence[Result], *, enforce: bool) -> int:
    """1: one of ours gave a wrong answer, or, where that is asked for, missed its target."""
    return int(any(r.wrong() or (enforce and r.missed()) for r in results))
