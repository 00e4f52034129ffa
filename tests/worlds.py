"""Hypothesis strategies: pairs of files that are nasty but interesting, and contexts.

Most names and ids are the same few, so that look-ups often succeed; the rest is what somebody once
got wrong: prefixes and suffixes of names, digits as names, ids past every limit, comments, NIS
lines, blanks, NULs, missing newlines, lines that cross a block of reads.
"""

from dataclasses import dataclass
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from reference import FLAVOURS, Context

T = TypeVar("T")

BLOCK = 131072  # bytes of one read; only a hint where lines become interesting

NAMES = (b"alice", b"alice", b"alice", b"a", b"root")
ODD_NAMES = (
    b"alicex", b"xalice", b"Alice", b"alic", b"777", b"1234", b"01000", b"1000", b"0", b"a,b",
    b"#x", b"+x", b"-x", b"#alice", b"+alice", b"+", b"al ice", b"alice ", b" alice", b"alice\r",
    b"al\0ice", b"alice\0", b"al\xffce", b"", b"n" * 255, b"n" * 256, b"alice" * 51, b"alice" * 52,
)  # fmt: skip

GROUP_NAMES = (b"users", b"wheel", b"alice", b"777")

IDS = (b"1000", b"1000", b"1000", b"0", b"777", b"50000", b"7")
ODD_IDS = (
    b"01000", b"00", b"000000000000000000000001000", b"65534", b"65535", b"65536", b"65537",
    b"66536", b"2147483647", b"2147483648", b"4294967294", b"4294967295", b"4294967296",
    b"4294968296", b"18446744073709551615", b"18446744073709551616", b"18446744073709552616",
    b"99999999999999999999", b"1" * 20, b"0" * 300 + b"7", b"+5", b"-1", b"-0", b"+1000", b" 5",
    b"5 ", b" 1000", b"1000 ", b"0x10", b"1e3", b"1_000", b"1000\0", b"1000,", b"abc", b"x1000",
    b"1000x", b"", b"\xd9\xa1\xd9\xa0", b"\t0", b"0\r",
)  # fmt: skip

HOMES = (b"/home/alice", b"/", b"/root")
ODD_HOMES = (
    b"", b"home", b" /home", b"/h ", b"~", b"/\xff\x1b[31m", b"/\0", b"/" + b"h" * 4094,
    b"/" + b"h" * 4095, b"h" * 4096,
)  # fmt: skip


PASSWD_LINES = (
    b"alice:x:1000:1000::/home/alice:/bin/sh", b"alice:x:1000:1000::/home/alice:/bin/sh",
    b"alice:x:1000:7:Alice:/home/alice:/bin/sh", b"alice:x:01000:50000::/:", b"alice:x:777:1000",
    b"a:x:1000:7::/home/a:/bin/sh", b"a,b:x:1000:777::/home/a:/bin/sh", b"alicex:x:1000:0",
    b"xalice:x:7:1000::/:/bin/sh", b"root:x:0:0:root:/root:/bin/sh",
    b"root:x:0:7:root:/root:/bin/sh", b"777:x:1234:777::relative:/bin/sh",
    b"1000:x:7:7::/seven:/bin/sh", b"alice:x:0:0::/root:/bin/sh",
)  # fmt: skip
GROUP_LINES = (
    b"users:x:50000:alice", b"users:x:50000:root,alice", b"users:x:777:alice,a",
    b"users:x:01000:a,alice,root", b"wheel:x:7:alice", b"wheel:x:0:alice,alice", b"alice:x:1000:",
    b"alice:x:65534:alice", b"777:x:50000:alice", b"root:x:0:root", b"root:x:0:",
    b"users:x:4294967294:a,777,1000", b"wheel:x:5:alicex,xalice", b"wheel:x:5:bob, alice",
    b"users:x:6", b"a,b:x:9:a,b", b"high:x:65536:,alice,,", b"five:x:8:a:alice",
)  # fmt: skip

PASSWD_TRAPS = (
    b"alice", b"alice:x::1000::/:", b"alice:x:4294967296:0::/:", b"alice:x:1000:+7::/:",
    b"alice:x:1000", b":x:1000:7::/:", b"al\0ice:x:1000:7::/:", b"alice:x:-1:7::/:",
    b"alice:x:1000:1000::/\0:", b"a:x:1000:", b"alice:x:4294967295:7::/:",
    b"a:x:1000:4294967295::/:", b"alice::1000", b"#alice:x:1000:7::/:", b"-alice:x:1000:7::/:",
    b"+alice:x:1000:7::/:", b" -:x:1000:7::/:", b"n" * 255 + b":x:1000:7::/n:",
    b"alice:x:1000: 7::/:", b"n" * 256 + b":x:1000:7", b"alice :x:1000:7::/home/b:",
    b"alice:x:1000:7::/" + b"h" * 4094, b"alice:x:1000:7::/" + b"h" * 4095,
)  # fmt: skip
GROUP_TRAPS = (
    b"users", b"users:x::alice", b"users:x:abc:alice", b"users:x:+5000:alice",
    b"users:x: 5000:alice", b":x:5000:alice", b"users:x:4294967295:alice", b"us\0ers:x:5:alice",
    b"wheel:x:5:alice,\0", b"wheel:x", b"users:x:4294967296:a,alice", b"users:x:0x10:alice",
    b"w" * 256 + b":x:5:alice", b"w" * 255 + b":x:5:alice", b"-wheel:x:5:alice",
    b"#wheel:x:5:alice", b" +wheel:x:5:alice", b"wheel:x:5:" + b"alicex," * 18 + b"alice",
    b"wheel:x:5:alice:\0",
)  # fmt: skip


def mostly(usual: tuple[bytes, ...], odd: tuple[bytes, ...], one_in: int = 6) -> SearchStrategy[bytes]:
    """One of the usual values, and about once in `one_in` an odd one."""
    return rarely(st.sampled_from(odd), st.sampled_from(usual), one_in)


def rarely(odd: SearchStrategy[T], usual: SearchStrategy[T], one_in: int) -> SearchStrategy[T]:
    """What is usual, and about once in `one_in` what is odd."""
    return st.sampled_from(range(one_in)).flatmap(lambda die: odd if die == one_in - 1 else usual)


nothing = st.just(b"")
noise = st.text(alphabet="alice:x,017\r\t #+-\0\n\x0b\x85", max_size=30).map(lambda text: text.encode("latin-1"))
blanks = st.text(alphabet=" \t\r", min_size=1, max_size=3).map(str.encode)
BEFORE = (b"#", b"+", b"-", b" #", b"\t+", b"+@", b"\0", b":", b"\x0b", b"\n")
BEHIND = (b"\r\n", b"\n", b"\0", b":", b",", b"#", b",alice", b"\x0b", b"\xa0")
before = st.one_of(nothing, blanks, st.sampled_from(BEFORE))
behind = st.one_of(nothing, blanks, st.sampled_from(BEHIND))


@st.composite
def odd_passwd_lines(draw: st.DrawFn) -> bytes:
    """A line with fields that are odd, too few or too many, or with something around it."""
    fields = [
        draw(mostly(NAMES, ODD_NAMES)),
        draw(mostly((b"x",), (b"", b"alice", b"1000"))),
        draw(mostly(IDS, ODD_IDS, one_in=4)),
        draw(mostly(IDS, ODD_IDS, one_in=4)),
        draw(mostly((b"",), (b"alice", b"1000", b"g" * 300))),
        draw(mostly(HOMES, ODD_HOMES, one_in=4)),
        b"/bin/sh",
        b"more",
    ]
    line = b":".join(fields[: draw(st.sampled_from((7, 7, 7, 7, 6, 6, 5, 4, 4, 3, 2, 1, 8)))])
    return draw(rarely(before, nothing, 4)) + line + draw(rarely(behind, nothing, 4))


@st.composite
def members(draw: st.DrawFn) -> bytes:
    """A member list: often with alice, rarely with names that look like hers, or very many."""
    several = draw(st.lists(mostly((*NAMES, b"bob", b"alicex"), ODD_NAMES), max_size=4))
    crowd = draw(st.sampled_from((0,) * 20 + (3, 15, 16, 17, 31, 33, 64, 20000)))
    return b",".join([draw(st.sampled_from((b"alicex", b"alic", b"a", b"")))] * crowd + several)


@st.composite
def odd_group_lines(draw: st.DrawFn) -> bytes:
    """The same of etc/group."""
    fields = [
        draw(mostly(GROUP_NAMES, ODD_NAMES)),
        draw(mostly((b"x",), (b"", b"alice", b"a,alice"))),
        draw(mostly(IDS, ODD_IDS, one_in=3)),
        draw(members()),
        draw(st.sampled_from((b"alice", b"", b"\0"))),
    ]
    line = b":".join(fields[: draw(st.sampled_from((4, 4, 4, 4, 4, 4, 4, 3, 2, 1, 5)))])
    return draw(rarely(before, nothing, 4)) + line + draw(rarely(behind, nothing, 4))


@st.composite
def long_lines(draw: st.DrawFn) -> bytes:
    """A line that concerns nobody and, at the head of a file, ends near the border of a block."""
    start = draw(st.sampled_from((b"#", b"f:x:9:9:", b"f:x:9:", b" ")))
    return start + b"," * (BLOCK - len(start) - draw(st.integers(-3, 70)))


@st.composite
def files(
    draw: st.DrawFn,
    plain: tuple[bytes, ...],
    traps: tuple[bytes, ...],
    odd: SearchStrategy[bytes],
) -> bytes:
    """A file mostly of plain lines, with and without the last newline."""
    disguised = st.tuples(before, st.sampled_from(plain), behind).map(b"".join)
    skipped = st.sampled_from((b"", b"# root", b"#", b"+", b"+::::::", b"-alice", b" \r", b"\0"))
    trap = st.sampled_from(traps)
    strange = st.one_of(odd, odd, disguised, trap, skipped, noise)
    lines = draw(st.lists(rarely(strange, st.sampled_from(plain), 5), min_size=2, max_size=6))
    if draw(st.sampled_from(range(4))) == 3:
        lines.insert(0, draw(trap))
    if draw(st.sampled_from(range(40))) == 39:
        lines.insert(0, draw(long_lines()))
    end = draw(st.sampled_from((b"\n", b"\n", b"\n", b"", b"", b"\r\n", b"\n\n", b"\r")))
    return b"\n".join(lines) + end


no_files = st.one_of(st.none(), st.binary(max_size=60), noise)
passwd_files = rarely(no_files, files(PASSWD_LINES, PASSWD_TRAPS, odd_passwd_lines()), 20)
group_files = rarely(no_files, files(GROUP_LINES, GROUP_TRAPS, odd_group_lines()), 20)

ODD_TEXTS = (  # for every field: see in_every_field
    *ODD_NAMES, *ODD_IDS, b":", b"::", b"alice:", b":alice", b":7", b"7:", b"alice:users:",
    b"a:b:c", b"7:-1", b"alice:4294967296", b"4294967295:7", b"alice,", b"alice\n", b"nobody",
    b"+5x", b"--5", b"5,", b"\xff",
)  # fmt: skip

LIMITS = (
    b"2147483647", b"2147483648", b"2147483649", b"4294967294", b"4294967295", b"4294967296",
    b"-1", b"+5", b"n" * 255, b"n" * 256, b"", b"a,b", b"alice:", b"alice:users:7",
)  # fmt: skip
odd_texts = st.one_of(st.sampled_from(LIMITS), st.sampled_from(ODD_TEXTS), st.binary(max_size=4))


def texts(usual: tuple[bytes, ...], one_in: int = 12) -> SearchStrategy[bytes]:
    """One of the usual texts, and about once in `one_in` any other."""
    return rarely(odd_texts, st.sampled_from(usual), one_in)


def maybe(text: SearchStrategy[bytes]) -> SearchStrategy[bytes | None]:
    """Given about once in four."""
    return st.sampled_from((0, 1, 2, 3)).flatmap(lambda die: text if die == 3 else st.none())


OTHER_USERS = (
    b"a", b"root", b"0", b"7", b"1234", b"01000", b"alice:users", b"1000:7", b"alice:50000",
    b"1000:users",
)  # fmt: skip
user_texts = texts((b"alice",) * 5 + (b"1000",) * 4 + OTHER_USERS)
id_texts = texts((b"1000",) * 4 + (b"0", b"777", b"01000", b"2147483647", b"1234"))
name_texts = texts((b"alice",) * 5 + (b"a", b"root", b"1000", b"777"))
group_texts = texts((b"3000", b"7", b"0", b"50000", b"777", b"users", b"wheel"))
list_texts = st.lists(
    texts((b"4000", b"4000", b"7", b"50000", b"777", b"0", b"0007", b"users"), one_in=40),
    min_size=1,
    max_size=3,
).map(b",".join)


def contexts(*, with_policy: bool = True) -> SearchStrategy[Context]:
    """A context: mostly one way to name the user, now and then several or none."""
    policies = ("Merge", "Strict", "Strict") * 8 if with_policy else ("Merge",) * 24
    ways = ("user", "user", "user", "id", "id", "name", "both", "all", "none")
    return st.sampled_from(ways).flatmap(
        lambda way: st.builds(
            Context,
            user=user_texts if way in ("user", "both", "all") else st.none(),
            run_as_user=id_texts if way in ("id", "both", "all") else st.none(),
            run_as_user_name=name_texts if way in ("name", "all") else st.none(),
            run_as_group=maybe(group_texts),
            fs_group=maybe(group_texts),
            supplemental_groups=st.lists(list_texts, max_size=2).map(tuple),
            policy=st.sampled_from((None, *policies, "strict", *policies)),
            run_as_non_root=st.sampled_from((False,) * 7 + (True,)),
        )
    )


def in_every_field(text: bytes) -> tuple[Context, ...]:
    """One context for each place where a text can stand, with all others good."""
    return (
        Context(user=text),
        Context(user=b"alice:" + text),
        Context(user=text, run_as_user=b"1000"),
        Context(run_as_user=text),
        Context(run_as_user_name=text),
        Context(run_as_user=b"1000", run_as_group=text),
        Context(user=b"alice", fs_group=text),
        Context(user=b"alice", supplemental_groups=(text,)),
        Context(user=b"alice", supplemental_groups=(b"4000,7", b"5," + text + b",6")),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All that a resolution depends on."""

    passwd: bytes | None
    group: bytes | None
    context: Context
    flavour: str = "oci"


@st.composite
def worlds(draw: st.DrawFn, flavours: tuple[str, ...] = ("oci", "oci", "oci", *FLAVOURS)) -> World:
    """Two files, a context and a flavour; docker and podman are seldom asked for a policy."""
    flavour = draw(st.sampled_from(flavours))
    asks_policy = st.just(True)
    if flavour in ("docker", "podman"):
        asks_policy = st.sampled_from((False,) * 9 + (True,))
    return World(
        passwd=draw(passwd_files),
        group=draw(group_files),
        context=draw(contexts(with_policy=draw(asks_policy))),
        flavour=flavour,
    )
