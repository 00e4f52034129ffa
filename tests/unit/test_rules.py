"""The rules of resolution, a test each, through the library."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Rootfs

import sgexec
from sgexec import Flavour, Identity, Origin, Policy, SecurityContext

PASSWD = (
    b"root:x:0:7:root:/root:/bin/sh\n"
    b"alice:x:1000:1000::/home/alice:/bin/sh\n"
    b"alias:x:1000:2000::/home/alias:/bin/sh\n"
    b"1234:x:5555:5555::/home/digits:/bin/sh\n"
    b"a,b:x:3000:3000::relative:/bin/sh\n"
)
GROUP = (
    b"root:x:0:root\nalice:x:8000:alice\nusers:x:100:alice,root\nhidden:x:50000:alice\n"
    b"alias:x:60000:alias\n777:x:8888:alice\ncomma:x:9000:a,b\n"
)


@pytest.fixture
def image(rootfs: Rootfs) -> Path:
    return rootfs(passwd=PASSWD, group=GROUP)


def identity(image: Path, flavour: Flavour = Flavour.OCI, **context: object) -> Identity:
    return sgexec.resolve(SecurityContext(**context), rootfs=image, flavour=flavour)  # type: ignore[arg-type]


def ids(found: Identity) -> tuple[int, int, tuple[int, ...]]:
    return found.uid, found.gid, found.groups


def test_rule_1_run_as_user_name_wins_over_run_as_user_over_user(image: Path) -> None:
    assert identity(image, user="root", run_as_user=1000, run_as_user_name="1234").uid == 1234
    assert identity(image, user="root", run_as_user=1000).uid == 1000
    assert identity(image, user="alice").uid == 1000
    assert identity(image).uid == 0


def test_rule_2_digits_are_an_id_even_where_a_name_is_of_digits(image: Path) -> None:
    assert ids(identity(image, user="1234")) == (1234, 0, (0,))
    assert identity(image, user="alice:777").groups == (777,)
    with pytest.raises(sgexec.SpecError):
        identity(image, user="99999999999")
    with pytest.raises(sgexec.UserNotFound):
        identity(image, user="0x10")


def test_rule_3_the_first_line_wins_and_an_unknown_id_has_gid_0(image: Path) -> None:
    assert identity(image, run_as_user=1000).user == "alice"
    found = identity(image, run_as_user=4242)
    assert ids(found) == (4242, 0, (0,))
    assert (found.user, found.home, found.grants[0].origin) == (None, "/", Origin.DEFAULT)
    with pytest.raises(sgexec.UserNotFound):
        identity(image, user="bogus")


@pytest.mark.parametrize("spec", ["alice:", ":users", ":", "a:b:c", "alice:-5", ""])
def test_rule_4_a_malformed_user_spec_is_an_error(image: Path, spec: str) -> None:
    with pytest.raises(sgexec.SpecError):
        identity(image, user=spec)


def test_rule_4_a_group_by_name_must_exist_and_one_by_id_need_not(image: Path) -> None:
    found = identity(image, user="alice:users")
    assert ids(found) == (1000, 100, (100,))
    assert found.grants[0].where == "user -> /etc/group:3"
    assert ids(identity(image, user="alice:4242")) == (1000, 4242, (4242,))
    with pytest.raises(sgexec.GroupNotFound):
        identity(image, user="alice:bogus")


def test_rule_5_run_as_group_needs_a_user(image: Path) -> None:
    with pytest.raises(sgexec.SpecError, match="needs a user"):
        identity(image, run_as_group=5)
    assert identity(image, user="alice", run_as_group=5).gid == 5
    for flavour in (Flavour.CONTAINERD, Flavour.CRIO):
        with pytest.raises(sgexec.SpecError, match="needs a user"):
            identity(image, flavour, user="alice", run_as_group=5)
        assert identity(image, flavour, run_as_user=1000, run_as_group=5).gid == 5


def test_rule_6_the_primary_gid_is_always_in_the_list(image: Path) -> None:
    for policy in Policy:
        for context in ({"user": "alice"}, {"run_as_user": 4242}, {"user": "alice:users"}, {}):
            found = identity(image, policy=policy, **context)
            assert found.gid in found.groups


def test_rule_7_memberships_are_those_of_the_name(image: Path) -> None:
    assert identity(image, run_as_user=1000).groups == (100, 1000, 8000, 8888, 50000)
    assert identity(image, user="alias").groups == (2000, 60000)
    assert identity(image, run_as_user=3000).groups == (3000,)  # a name with a comma has none
    assert 50000 in identity(image, run_as_user=1000, run_as_group=5).groups
    assert identity(image, user="alice:5").groups == (5,)


def test_rule_8_strict_changes_the_groups_only(image: Path) -> None:
    merge = identity(image, user="alice", supplemental_groups=(50000,))
    strict = identity(image, user="alice", supplemental_groups=(50000,), policy=Policy.STRICT)
    assert (strict.uid, strict.gid, strict.home) == (merge.uid, merge.gid, merge.home)
    assert strict.groups == (1000, 50000)
    assert strict.withheld == tuple(g for g in merge.grants if g.origin is Origin.IMAGE)


def test_rule_8_strict_does_not_read_etc_group_to_launch(image: Path) -> None:
    (image / "etc" / "group").unlink()
    (image / "etc" / "group").mkdir()
    context = SecurityContext(user="alice", policy=Policy.STRICT)
    assert sgexec.resolve(context, rootfs=image, explain=False).groups == (1000,)


def test_rule_10_an_unknown_policy_is_an_error_and_none_is_merge(image: Path) -> None:
    for policy in ("strict", "", "MERGE", 1):
        with pytest.raises(sgexec.SpecError):
            identity(image, user="alice", policy=policy)
    assert identity(image, user="alice", policy=None).policy is Policy.MERGE


def test_rule_11_groups_are_ascending_and_unique(image: Path) -> None:
    found = identity(image, run_as_user=0, fs_group=9, supplemental_groups=(9, 3, 100, 3))
    assert found.groups == (0, 3, 7, 9, 100)
    assert [(g.gid, g.where) for g in found.grants] == [
        (0, "/etc/group:1"), (3, "supplementalGroups[1]"), (3, "supplementalGroups[3]"),
        (7, "/etc/passwd:1"), (9, "fsGroup"), (9, "supplementalGroups[0]"),
        (100, "supplementalGroups[2]"), (100, "/etc/group:3"),
    ]  # fmt: skip


def test_a_million_memberships_are_an_error_and_quickly_so(rootfs: Rootfs) -> None:
    group = b"".join(b"g%d:x:%d:alice\n" % (i, i + 1) for i in range(200_000))
    path = rootfs(passwd=PASSWD, group=group)
    for explain in (True, False):
        with pytest.raises(sgexec.SpecError, match="more than"):
            sgexec.resolve(SecurityContext(user="alice"), rootfs=path, explain=explain)
    found = sgexec.resolve(SecurityContext(user="alice", policy=Policy.STRICT), rootfs=path)
    assert found.withheld is None and "more than" in (found.withheld_error or "")


def test_run_as_non_root_looks_at_the_resolved_uid(image: Path) -> None:
    with pytest.raises(sgexec.SpecError, match="uid is 0"):
        identity(image, user="root", run_as_non_root=True)
    assert identity(image, user="alice", run_as_non_root=True).uid == 1000


def test_flavour_containerd(image: Path) -> None:
    ours = Flavour.CONTAINERD
    assert identity(image, ours, user="alice:users").groups == (100, 8888, 50000)
    assert identity(image, ours, user="alice").groups == (100, 1000, 8888, 50000)
    assert ids(identity(image, ours)) == (0, 0, (0, 100))
    assert identity(image, ours, policy=Policy.STRICT, fs_group=5).groups == (5,)


def test_flavours_have_their_own_order(image: Path) -> None:
    context = {"run_as_user": 1000, "supplemental_groups": (50000, 4, 4)}
    assert identity(image, Flavour.CRIO, **context).groups == (1000, 8000, 100, 50000, 8888, 4)
    assert identity(image, Flavour.PODMAN, **context).groups == (1000, 50000, 4, 8000, 100, 8888)
    assert identity(image, Flavour.DOCKER, **context).groups == (
        1000, 8000, 100, 50000, 8888, 50000, 4,
    )  # fmt: skip
    with pytest.raises(sgexec.SpecError, match="always merge"):
        identity(image, Flavour.DOCKER, policy=Policy.STRICT)


def test_getgrouplist_has_the_shape_of_the_one_in_os(image: Path) -> None:
    assert sgexec.getgrouplist("alice", 1000, rootfs=image) == [100, 1000, 8000, 8888, 50000]
    assert sgexec.getgrouplist("nobody-knows", 7, rootfs=image) == [7]
    with sgexec.Rootfs(image) as held:
        assert sgexec.getgrouplist("alias", 60000, rootfs=held) == [60000]
    for gid in (-1, 4294967295, True, "5"):
        with pytest.raises(sgexec.SpecError):
            sgexec.getgrouplist("alice", gid, rootfs=image)  # type: ignore[arg-type]
