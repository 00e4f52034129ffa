"""The C core against the reference, on whatever an attacker may write."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterator
from dataclasses import replace

import core
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import Refused
from sgexec._sgexec import lib
from worlds import World, group_files, passwd_files, worlds

from sgexec.model import Grant, Identity, Origin, Policy, escape, unescape

MANY = settings(max_examples=3000 if os.environ.get("CI") else 600)

CODES = {
    "malformed": errno.EINVAL,
    "unknown-policy": errno.EINVAL,
    "unknown-flavour": errno.EINVAL,
    "signed": errno.EDOM,
    "too-large": errno.ERANGE,
    "no-policy": errno.ENOTSUP,
    "needs-user": errno.ENOKEY,
    "unknown-user": errno.ENOENT,
    "unknown-group": errno.ENOENT,
    "malformed-line": errno.EBADMSG,
    "root": errno.EPERM,
    "too-many": errno.E2BIG,
    "too-many-names": errno.ENOBUFS,
}


@pytest.fixture(scope="module")
def files() -> Iterator[core.Files]:
    made = core.Files()
    yield made
    made.close()


def expected(world: World, explain: bool = True) -> object:
    try:
        return reference.resolve(world.passwd, world.group, world.context, flavour=world.flavour, explain=explain)
    except Refused as refused:
        step = getattr(lib, "SG_STEP_" + refused.about.upper())
        at = refused.at if refused.kind != "too-many" else None
        return CODES[refused.kind], step, at


def actual(files: core.Files, world: World, explain: bool = True) -> object:
    files.write(world.passwd, world.group)
    try:
        return core.resolve(files.rootfs, world.context, world.flavour, explain)
    except core.Failed as failed:
        at = failed.at if failed.code != errno.E2BIG else None
        return failed.code, failed.step, at


@MANY
@given(worlds())
def test_the_core_decides_as_the_reference(files: core.Files, world: World) -> None:
    assert expected(world) == actual(files, world)


@MANY
@given(worlds())
def test_a_launch_decides_as_the_reference(files: core.Files, world: World) -> None:
    assert expected(world, explain=False) == actual(files, world, explain=False)


@given(
    st.binary(max_size=400),
    st.binary(max_size=400),
    worlds(),
)
def test_arbitrary_bytes_are_decided_as_the_reference_decides_them(
    files: core.Files, passwd: bytes, group: bytes, world: World
) -> None:
    world = replace(world, passwd=passwd, group=group)
    assert expected(world) == actual(files, world)


@given(worlds(flavours=("oci",)))
def test_strict_does_not_depend_on_etc_group_where_no_group_is_given_by_name(files: core.Files, world: World) -> None:
    context = replace(world.context, policy="Strict", run_as_group=None, fs_group=None)
    context = replace(context, supplemental_groups=(b"4000",))
    if context.user is not None and b":" in context.user:
        context = replace(context, user=b"alice")
    one = actual(files, replace(world, context=context), explain=False)
    other = actual(files, replace(world, context=context, group=None), explain=False)
    assert one == other


@given(worlds(flavours=("oci",)))
def test_strict_is_a_subset_of_merge_and_both_hold_the_primary_gid(files: core.Files, world: World) -> None:
    merge = actual(files, replace(world, context=replace(world.context, policy="Merge")))
    strict = actual(files, replace(world, context=replace(world.context, policy="Strict")))
    if not isinstance(merge, reference.Identity) or not isinstance(strict, reference.Identity):
        return
    assert set(strict.groups) <= set(merge.groups)
    for identity in (merge, strict):
        assert identity.gid in identity.groups
        assert list(identity.groups) == sorted(set(identity.groups))
        assert max(identity.uid, *identity.groups) < 4294967295


@MANY
@given(
    st.one_of(passwd_files, group_files, st.binary(max_size=300)),
    st.sampled_from(sorted(core.SOUGHT)),
    st.sampled_from([b"alice", b"a", b"root", b"777", b"\xff", b" ", b"x" * 255]),
    st.sampled_from([0, 1000, 777, 4294967294]),
    st.lists(st.integers(0, 400), max_size=12),
)
def test_block_borders_never_matter(content: bytes | None, sought: str, name: bytes, uid: int, cuts: list[int]) -> None:
    content = content or b""
    borders = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    blocks = [content[a:b] for a, b in itertools.pairwise(borders)]
    single = [content[i : i + 1] for i in range(min(len(content), 2000))] + [content[2000:]]
    whole = core.entries([content], sought, name, uid)
    assert whole == core.entries(blocks, sought, name, uid)
    assert whole == core.entries(single, sought, name, uid)


names = st.binary(max_size=12).map(os.fsdecode)
ids = st.integers(0, 4294967294)
grants = st.builds(Grant, gid=ids, origin=st.sampled_from(Origin), where=st.text(), group=st.none() | names)


@given(
    st.builds(
        Identity,
        uid=ids,
        gid=ids,
        groups=st.lists(ids).map(tuple),
        policy=st.none() | st.sampled_from(Policy),
        home=names,
        user=st.none() | names,
        grants=st.lists(grants, max_size=3).map(tuple),
        withheld=st.none() | st.lists(grants, max_size=3).map(tuple),
        notes=st.lists(st.text(), max_size=2).map(tuple),
    )
)
def test_an_identity_survives_json(identity: Identity) -> None:
    text = identity.to_json()
    assert text.isascii()
    assert identity == Identity.from_json(text)


@given(st.binary())
def test_the_escape_is_harmless_and_reversible_and_the_same_in_c(name: bytes) -> None:
    from sgexec._sgexec import ffi

    text, out = ffi.new("struct sg_text *"), ffi.new("char[]", 4 * len(name) + 1)
    held = ffi.from_buffer(name)
    text.ptr, text.len = held, len(name)
    escaped = ffi.buffer(out)[: lib.sg_escape(text[0], out, 4 * len(name))]
    assert escaped.decode("ascii") == escape(os.fsdecode(name))
    assert all(0x20 <= byte < 0x7F for byte in escaped)
    assert os.fsencode(unescape(escaped.decode())) == name
