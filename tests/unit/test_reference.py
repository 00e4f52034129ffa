"""The reference says what the semantics say: each example, rule and row of a table, by name."""

from dataclasses import replace

import pytest
from hypothesis import given
from reference import (
    FLAVOURS,
    Context,
    Grant,
    Identity,
    Refused,
    malformed_group_lines,
    malformed_passwd_lines,
    resolve,
)
from worlds import World, worlds

PASSWD = b"root:x:0:0:root:/root:/bin/sh\nuser-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh\n"
GROUP = b"root:x:0:\nuser-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n"
CANONICAL = Context(run_as_user=b"1000", run_as_group=b"3000", supplemental_groups=(b"4000",))
ALICE = b"alice:x:1000:1000::/home/alice:/bin/sh\n"
ALICE_BY_NAME = Context(user=b"alice")
ALICE_BY_ID = Context(user=b"1000")


def refusal(passwd: bytes | None, group: bytes | None, context: Context, flavour: str = "oci") -> tuple[str, str, int]:
    """Why there is no identity."""
    with pytest.raises(Refused) as caught:
        resolve(passwd, group, context, flavour=flavour)
    return caught.value.kind, caught.value.about, caught.value.at


def ids(identity: Identity) -> tuple[int, int, tuple[int, ...]]:
    """What setresuid, setresgid and setgroups would get."""
    return identity.uid, identity.gid, identity.groups


def groups_of_alice(group: bytes) -> tuple[int, ...]:
    """What such an etc/group adds to alice under Merge."""
    identity = resolve(ALICE, group, ALICE_BY_NAME)
    return tuple(grant.gid for grant in identity.grants if grant.origin == "image")


# ---- The canonical example ----------------------------------------------------------------------


def test_merge_adds_the_groups_of_the_image() -> None:
    identity = resolve(PASSWD, GROUP, CANONICAL)
    assert ids(identity) == (1000, 3000, (3000, 4000, 50000))
    assert identity.grants == (
        Grant(gid=3000, origin="runAsGroup", where="--run-as-group"),
        Grant(gid=4000, origin="supplementalGroups", where="--supplemental-groups[0]"),
        Grant(
            gid=50000,
            origin="image",
            where="/etc/group:3",
            group=b"group-defined-in-image",
        ),
    )
    assert identity.withheld == ()
    assert identity.user == b"user-defined-in-image"
    assert identity.home == b"/home/user-defined-in-image"


def test_strict_withholds_them_and_says_so() -> None:
    merge = resolve(PASSWD, GROUP, CANONICAL)
    strict = resolve(PASSWD, GROUP, replace(CANONICAL, policy="Strict"))
    assert ids(strict) == (1000, 3000, (3000, 4000))
    assert strict.withheld == merge.grants[2:]


def test_without_run_as_group_the_gid_of_the_image_takes_its_place() -> None:
    identity = resolve(PASSWD, GROUP, replace(CANONICAL, run_as_group=None, policy="Strict"))
    assert ids(identity) == (1000, 1000, (1000, 4000))
    assert identity.grants[0] == Grant(gid=1000, origin="passwd", where="/etc/passwd:2")


# ---- Rules of resolution ------------------------------------------------------------------------


def test_rule_1_the_cri_name_wins_over_the_id_and_the_id_over_the_image_user() -> None:
    passwd = b"a:x:1:1\nb:x:2:2\nc:x:3:3\n"
    user, number, name = (
        Context(user=b"a:9"),
        Context(user=b"a:9", run_as_user=b"2"),
        Context(user=b"a:9", run_as_user=b"2", run_as_user_name=b"c"),
    )
    assert ids(resolve(passwd, None, user)) == (1, 9, (9,))
    assert ids(resolve(passwd, None, number)) == (2, 2, (2,))
    assert ids(resolve(passwd, None, name)) == (3, 3, (3,))
    assert [resolve(passwd, None, who).user_ignored for who in (user, number, name)] == [
        False,
        True,
        True,
    ]


def test_rule_1_with_nobody_named_it_is_uid_0_with_its_gid_and_groups() -> None:
    identity = resolve(b"toor:x:0:7::/toor:\n", b"wheel:x:8:toor\n", Context())
    assert ids(identity) == (0, 7, (7, 8))
    assert identity.home == b"/toor"


def test_rule_2_digits_are_an_id_even_where_an_entry_has_that_name() -> None:
    passwd, group = b"777:x:0:0\nx:x:777:5\n", b"777:x:0:777\nx:x:6:x\n"
    assert ids(resolve(passwd, group, Context(user=b"777"))) == (777, 5, (5, 6))
    assert ids(resolve(passwd, group, Context(run_as_user_name=b"0777"))) == (777, 5, (5, 6))
    assert ids(resolve(passwd, group, Context(user=b"777:777"))) == (777, 777, (777,))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("too-large", b"2147483648"),
        ("too-large", b"4294967295"),
        ("too-large", b"4294967296"),
        ("too-large", b"1" * 20),
        ("too-large", b"1" * 5000),
        ("signed", b"-1"),
        ("signed", b"+5"),
        ("malformed", b""),
        ("malformed", b"a\nb"),
        ("malformed", b"a\0b"),
        ("malformed", b"n" * 256),
    ],
)
def test_rule_2_such_a_text_is_refused_in_every_field(kind: str, text: bytes) -> None:
    for field in ("user", "run_as_user", "run_as_user_name", "run_as_group", "fs_group"):
        context = Context(**{"user": b"0", field: text})  # type: ignore[arg-type]
        assert refusal(None, None, context) == (kind, field, 0)
    context = Context(user=b"0", supplemental_groups=(b"4,5", b"6," + text))
    assert refusal(None, None, context) == (kind, "supplemental_groups", 3)
    assert refusal(None, None, Context(user=b"0:" + text)) == (kind, "user_group", 0)


@pytest.mark.parametrize("text", [b" 5", b"5 ", b"0x10", b"1_0", b"\xd9\xa1", b"+5x", b"+", b"--5"])
def test_rule_2_what_is_not_all_digits_is_a_name_and_never_an_id(text: bytes) -> None:
    assert refusal(PASSWD, GROUP, Context(user=text)) == ("unknown-user", "user", 0)
    assert refusal(PASSWD, GROUP, Context(run_as_user=text)) == ("malformed", "run_as_user", 0)
    assert refusal(PASSWD, GROUP, Context(fs_group=text)) == ("unknown-group", "fs_group", 0)


def test_rule_2_leading_zeros_are_allowed() -> None:
    assert ids(resolve(None, None, Context(user=b"0" * 5000 + b"5:007"))) == (5, 7, (7,))


def test_rule_2_a_text_is_refused_also_where_another_one_overrides_it() -> None:
    context = Context(user=b"alice:", run_as_user=b"1000", run_as_user_name=b"alice")
    assert refusal(ALICE, None, context) == ("malformed", "user_group", 0)


def test_rule_3_the_first_line_that_concerns_the_look_up_ends_it() -> None:
    passwd = b"alice:x:1:1\nalice:x:2:2\nalice:x:zero:0\nbob:x:2:3\n"
    assert ids(resolve(passwd, None, ALICE_BY_NAME)) == (1, 1, (1,))
    assert ids(resolve(passwd, None, Context(user=b"2"))) == (2, 2, (2,))
    assert refusal(b"alice\n" + passwd, None, ALICE_BY_NAME) == ("malformed-line", "passwd_line", 1)


def test_rule_3_a_uid_is_compared_as_a_number() -> None:
    assert ids(resolve(b"alice:x:01000:7\n", None, ALICE_BY_ID)) == (1000, 7, (7,))


@pytest.mark.parametrize("passwd", [None, b"", b"bob:x:1:1\n"])
def test_rule_3_an_id_without_a_line_has_gid_0_and_no_groups(passwd: bytes | None) -> None:
    identity = resolve(passwd, b"w:x:5:alice,1000\n", ALICE_BY_ID)
    assert ids(identity) == (1000, 0, (0,))
    assert identity.grants == (Grant(gid=0, origin="default", where="/etc/passwd: no line"),)
    assert (identity.user, identity.home) == (None, b"/")


@pytest.mark.parametrize("passwd", [None, b"", b"alicex:x:1:1\n", b"Alice:x:1:1", b"#alice:x:1:1"])
def test_rule_3_a_name_without_a_line_is_an_error(passwd: bytes | None) -> None:
    assert refusal(passwd, None, ALICE_BY_NAME) == ("unknown-user", "user", 0)
    context = Context(run_as_user_name=b"alice")
    assert refusal(passwd, None, context) == ("unknown-user", "run_as_user_name", 0)


def test_rule_4_an_explicit_group_is_an_id_or_a_name_of_the_image() -> None:
    group = b"users:x:100:alice\nusers:x:200:\n"
    by_name = resolve(ALICE, group, Context(user=b"alice:users"))
    assert ids(by_name) == (1000, 100, (100,))
    where = "--user -> /etc/group:1"
    assert by_name.grants == (Grant(gid=100, origin="user", where=where, group=b"users"),)
    by_id = resolve(ALICE, group, Context(user=b"1000:12345"))
    assert by_id.grants == (Grant(gid=12345, origin="user", where="--user"),)
    assert refusal(ALICE, group, Context(user=b"alice:x")) == ("unknown-group", "user_group", 0)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (b"", "user"),
        (b":", "user"),
        (b":users", "user"),
        (b"alice:", "user_group"),
        (b"a:b:c", "user_group"),
    ],
)
def test_rule_4_these_forms_are_errors_in_every_flavour(text: bytes, part: str) -> None:
    for flavour in FLAVOURS:
        assert refusal(ALICE, None, Context(user=text), flavour) == ("malformed", part, 0)


def test_rule_5_run_as_group_replaces_the_gid_and_needs_a_user() -> None:
    identity = resolve(ALICE, b"w:x:5:alice\n", Context(user=b"alice", run_as_group=b"w"))
    assert ids(identity) == (1000, 5, (5,))
    assert [(grant.origin, grant.where) for grant in identity.grants] == [
        ("runAsGroup", "--run-as-group -> /etc/group:1"),
        ("image", "/etc/group:1"),
    ]
    assert refusal(ALICE, None, Context(run_as_group=b"5")) == ("needs-user", "run_as_group", 0)


@pytest.mark.parametrize("flavour", ["containerd", "crio"])
def test_rule_5_there_an_image_user_is_no_user_for_run_as_group(flavour: str) -> None:
    context = Context(user=b"alice", run_as_group=b"5")
    assert refusal(ALICE, None, context, flavour) == ("needs-user", "run_as_group", 0)
    for given_as in (Context(run_as_user=b"1000"), Context(run_as_user_name=b"alice")):
        identity = resolve(ALICE, None, replace(given_as, run_as_group=b"5"), flavour=flavour)
        assert ids(identity) == (1000, 5, (5,))


def test_rule_5_an_unknown_group_of_the_user_is_an_error_beside_run_as_group_too() -> None:
    context = Context(user=b"alice:x", run_as_group=b"5")
    assert refusal(ALICE, None, context) == ("unknown-group", "user_group", 0)


@pytest.mark.parametrize("policy", ["Merge", "Strict"])
def test_rule_6_the_primary_gid_is_in_the_list(policy: str) -> None:
    context = Context(user=b"alice", supplemental_groups=(b"4000,7",), policy=policy)
    assert resolve(ALICE, None, context).groups == (7, 1000, 4000)


def test_rule_7_two_names_of_one_uid_have_their_own_memberships() -> None:
    passwd, group = b"a:x:5:5\nb:x:5:6\n", b"ga:x:70:a\ngb:x:80:b\n"
    assert ids(resolve(passwd, group, Context(user=b"a"))) == (5, 5, (5, 70))
    assert ids(resolve(passwd, group, Context(user=b"b"))) == (5, 6, (6, 80))
    assert ids(resolve(passwd, group, Context(user=b"5"))) == (5, 5, (5, 70))


def test_rule_7_a_name_with_a_comma_has_no_memberships() -> None:
    assert ids(resolve(b"a,b:x:5:5\n", b"g:x:7:a,b\n", Context(user=b"5"))) == (5, 5, (5,))


def test_rule_7_run_as_group_does_not_suppress_memberships_and_a_group_of_the_user_does() -> None:
    group = b"w:x:7:alice\n"
    with_group = Context(user=b"alice:9", run_as_group=b"5")
    assert resolve(ALICE, group, Context(user=b"alice", run_as_group=b"5")).groups == (5, 7)
    assert resolve(ALICE, group, with_group).groups == (5,)
    assert resolve(ALICE, group, replace(with_group, policy="Strict")).withheld == ()
    assert resolve(ALICE, group, replace(with_group, run_as_user=b"1000")).groups == (5, 7)


def test_rule_7_every_line_is_listed_and_a_line_once() -> None:
    group = b"w:x:7:alice,alice\nv:x:7:alice\n"
    identity = resolve(ALICE, group, ALICE_BY_NAME)
    assert identity.groups == (7, 1000)
    assert [grant.where for grant in identity.grants] == [
        "/etc/group:1",
        "/etc/group:2",
        "/etc/passwd:1",
    ]


def test_rule_8_strict_does_not_read_etc_group_unless_a_group_is_given_by_name() -> None:
    bad = b"w:x:abc:alice\n"
    context = Context(user=b"alice", supplemental_groups=(b"4000",), policy="Strict")
    blind = resolve(ALICE, bad, context, explain=False)
    told = resolve(ALICE, bad, context)
    assert ids(blind) == ids(told) == (1000, 1000, (1000, 4000))
    assert (blind.withheld, blind.withheld_error) == (None, False)
    assert (told.withheld, told.withheld_error) == (None, True)
    by_name = replace(context, fs_group=b"w")
    assert refusal(ALICE, bad, by_name) == ("malformed-line", "group_line", 1)


def test_rule_9_declared_groups_are_fs_group_and_each_element_of_each_text() -> None:
    context = Context(
        user=b"1:1",
        fs_group=b"v",
        supplemental_groups=(b"5,w", b"5"),
        policy="Strict",
    )
    identity = resolve(None, b"v:x:5:\nw:x:6:\n", context)
    assert [(grant.gid, grant.where, grant.group) for grant in identity.grants] == [
        (1, "--user", None),
        (5, "--fs-group -> /etc/group:1", b"v"),
        (5, "--supplemental-groups[0]", None),
        (5, "--supplemental-groups[2]", None),
        (6, "--supplemental-groups[1] -> /etc/group:2", b"w"),
    ]


@pytest.mark.parametrize("policy", ["", "strict", "MERGE", "Strict ", "None"])
def test_rule_10_an_unknown_policy_is_an_error(policy: str) -> None:
    assert refusal(None, None, Context(policy=policy)) == ("unknown-policy", "policy", 0)


def test_rule_11_more_groups_than_the_kernel_takes_are_an_error() -> None:
    full = b"".join(b"g:x:%d:alice\n" % gid for gid in range(65536))
    more = full + b"g:x:65536:alice\n"
    assert len(resolve(ALICE, full, ALICE_BY_NAME).groups) == 65536
    assert refusal(ALICE, more, ALICE_BY_NAME) == ("too-many", "groups", 65536)
    strict = resolve(ALICE, more, replace(ALICE_BY_NAME, policy="Strict"))
    assert (strict.groups, strict.withheld, strict.withheld_error) == ((1000,), None, True)


def test_rule_11_more_grants_than_can_be_kept_are_an_error() -> None:
    assert len(resolve(ALICE, b"g:x:7:alice\n" * 131071, ALICE_BY_NAME).grants) == 131072
    many = b"g:x:7:alice\n" * 131072
    assert refusal(ALICE, many, ALICE_BY_NAME) == ("too-many", "groups", 131072)


def test_run_as_non_root_looks_at_the_resolved_uid() -> None:
    passwd = b"alice:x:0:5\n"
    for context in (Context(), Context(user=b"alice"), Context(user=b"0:7")):
        context = replace(context, run_as_non_root=True)
        assert refusal(passwd, None, context) == ("root", "run_as_non_root", 0)


@pytest.mark.parametrize(
    ("line", "home"),
    [
        (b"a:x:5:5", b"/"),
        (b"a:x:5:5:", b"/"),
        (b"a:x:5:5::", b"/"),
        (b"a:x:5:5::home:", b"/"),
        (b"a:x:5:5:: /home:", b"/"),
        (b"a:x:5:5::/home \t\r", b"/home"),
        (b"a:x:5:5::/home :", b"/home "),
        (b"a:x:5:5::/" + b"h" * 4094 + b":", b"/" + b"h" * 4094),
    ],
)
def test_home_is_the_sixth_field_where_it_is_absolute(line: bytes, home: bytes) -> None:
    assert resolve(line, None, Context(user=b"a")).home == home


# ---- Flavours -----------------------------------------------------------------------------------


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_flavours_only_containerd_adds_image_groups_beside_an_explicit_group(flavour: str) -> None:
    identity = resolve(ALICE, b"w:x:7:alice\n", Context(user=b"alice:5"), flavour=flavour)
    assert identity.groups == ((5, 7) if flavour == "containerd" else (5,))


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_flavours_only_containerd_leaves_out_a_group_named_like_the_user(flavour: str) -> None:
    group = b"alice:x:7:alice\nalicex:x:8:alice\n"
    identity = resolve(ALICE, group, Context(user=b"alice:5"), flavour="containerd")
    assert identity.groups == (5, 8)
    if flavour != "containerd":
        assert set(resolve(ALICE, group, ALICE_BY_NAME, flavour=flavour).groups) == {7, 8, 1000}


@pytest.mark.parametrize(
    ("flavour", "groups"),
    [
        ("oci", (5, 10, 20, 30, 40, 1000)),
        ("containerd", (5, 10, 20, 30, 40, 1000)),
        ("crio", (1000, 30, 20, 10, 40, 5)),
        ("podman", (1000, 10, 40, 5, 30, 20)),
        ("docker", (1000, 30, 20, 30, 1000, 10, 40, 5)),
    ],
)
def test_flavours_report_the_list_in_their_own_order(flavour: str, groups: tuple[int, ...]) -> None:
    group = b"a:x:30:alice\nb:x:20:alice\nc:x:30:alice\nd:x:1000:alice\n"
    context = Context(user=b"alice", fs_group=b"10", supplemental_groups=(b"40,5", b"10"))
    assert resolve(ALICE, group, context, flavour=flavour).groups == groups


def test_flavours_docker_keeps_a_declared_group_that_is_there_already() -> None:
    context = Context(user=b"alice", supplemental_groups=(b"7,1000,7",))
    identity = resolve(ALICE, b"w:x:7:alice\n", context, flavour="docker")
    assert identity.groups == (1000, 7, 7, 1000)


@pytest.mark.parametrize(("flavour", "groups"), [("oci", (0,)), ("containerd", ()), ("crio", (0,))])
def test_flavours_nothing_set_under_strict(flavour: str, groups: tuple[int, ...]) -> None:
    passwd = b"root:x:0:0:root:/root:\n"
    identity = resolve(passwd, None, Context(policy="Strict"), flavour=flavour)
    assert ids(identity) == (0, 0, groups)
    assert len(identity.grants) == len(groups)
    assert identity.home == b"/root"


@pytest.mark.parametrize(
    ("flavour", "gid"),
    [("oci", 7), ("containerd", 0), ("crio", 7), ("docker", 7), ("podman", 7)],
)
def test_flavours_nothing_set_and_the_gid_of_root_is_7(flavour: str, gid: int) -> None:
    identity = resolve(b"root:x:0:7\n", b"w:x:9:root\n", Context(), flavour=flavour)
    assert ids(identity) == (0, gid, (gid, 9))
    assert identity.grants[0].origin == ("default" if flavour == "containerd" else "passwd")


@pytest.mark.parametrize("flavour", ["docker", "podman"])
def test_flavours_docker_and_podman_have_no_policy(flavour: str) -> None:
    context = Context(user=b"1", policy="Strict")
    assert refusal(None, None, context, flavour) == ("no-policy", "policy", 0)
    assert ids(resolve(None, None, Context(user=b"1", policy="Merge"), flavour=flavour))[0] == 1


def test_flavours_an_unknown_one_is_an_error() -> None:
    assert refusal(None, None, Context(), "Docker") == ("unknown-flavour", "flavour", 0)


# ---- Lines --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        b"alice",
        b"alice:x::1000::/:",
        b"alice:x:4294967296:1000::/:",
        b"alice:x:4294967295:1000::/:",
        b"alice:x:1000",
        b"alice:x:1000:::/:",
        b"alice:x:1000:4294967295::/:",
        b"alice:x:-1:1000::/:",
        b"alice:x:+5:1000::/:",
        b"alice:x: 5:1000::/:",
        b"alice:x:0x10:1000::/:",
        b"alice:x:1000:1000:\0:/:",
        b"alice:x:1000:1000::/" + b"h" * 4095 + b":",
    ],
)
def test_a_malformed_passwd_line_of_the_name_sought_is_an_error(line: bytes) -> None:
    passwd = b"# users\n\n" + line + b"\n" + ALICE
    assert refusal(passwd, None, ALICE_BY_NAME) == ("malformed-line", "passwd_line", 3)
    assert malformed_passwd_lines(passwd) == (3,)


@pytest.mark.parametrize(
    "line",
    [
        b"bob:x:1000",
        b"bob:x:01000:",
        b":x:1000:5",
        b"n" * 256 + b":x:1000:5",
        b"b\0b:x:1000:5",
        b"bob:x:1000:5::/" + b"h" * 4095,
    ],
)
def test_a_malformed_passwd_line_of_the_uid_sought_is_an_error(line: bytes) -> None:
    assert refusal(line, None, ALICE_BY_ID) == ("malformed-line", "passwd_line", 1)
    assert ids(resolve(line + b"\n" + ALICE, None, ALICE_BY_NAME)) == (1000, 1000, (1000,))


@pytest.mark.parametrize("uid", [b"", b"4294967296", b"4294967295", b"x", b"+0", b" 0", b"-0"])
def test_a_uid_field_that_is_no_id_is_never_the_uid_0(uid: bytes) -> None:
    identity = resolve(b"alice:x:" + uid + b":5::/:\n", None, Context(user=b"0"))
    assert identity.user is None


@pytest.mark.parametrize("start", [b"#", b" \t#", b"+", b"-", b" +", b"\t-@"])
def test_comments_and_nis_lines_are_skipped_in_both_files(start: bytes) -> None:
    assert ids(resolve(start + ALICE, None, ALICE_BY_ID)) == (1000, 0, (0,))
    assert groups_of_alice(start + b"grp:x:5000:alice\n") == ()
    assert malformed_passwd_lines(start + b"alice\n \t\r\n\n") == ()
    assert malformed_group_lines(start + b"users") == ()


@pytest.mark.parametrize(
    "line",
    [
        b"grp:x::alice",
        b"grp:x:abc:alice",
        b"grp:x:+5000:alice",
        b"grp:x: 5000:alice",
        b"grp:x:4294967295:alice",
        b"grp:x:4294967296:bob,alice,",
        b":x:5000:alice",
        b"n" * 256 + b":x:5000:alice",
        b"grp:x:5000:bob\0,alice",
        b"grp:x:5000:alice:\0",
    ],
)
def test_a_malformed_group_line_with_the_user_is_an_error(line: bytes) -> None:
    group = b"users:x:100:alice\n" + line + b"\n"
    assert refusal(ALICE, group, ALICE_BY_NAME) == ("malformed-line", "group_line", 2)
    assert ids(resolve(ALICE + b"bob2:x:5:5", group, Context(user=b"bob2"))) == (5, 5, (5,))
    assert malformed_group_lines(group) == (2,)


@pytest.mark.parametrize(
    ("line", "gids"),
    [
        (b"grp:x:5000:alice", (5000,)),
        (b"grp:x:05000:alice", (5000,)),
        (b"grp:x:4294967294:alice", (4294967294,)),
        (b"grp:x:5000:bob, alice", ()),
        (b"grp:x:5000:alice ,bob", ()),
        (b" \tgrp:x:5000:bob,alice\t \r", (5000,)),
        (b"grp:x:5000:alicex,xalice", ()),
        (b"grp:x:5000:Alice", ()),
        (b"grp:x:5000:,,alice,", (5000,)),
        (b"grp:x:5000:,", ()),
        (b"grp:x:5000:bob:alice", ()),
        (b"grp:alice:5000:", ()),
        (b"grp:x:5000", ()),
        (b"alice:x:5000", ()),
        (b"grp:x:5000:alice\0", ()),
        (b"grp:x:5000:" + b"b," * 600000 + b"alice", (5000,)),
        (b"n" * 255 + b":x:5000:alice", (5000,)),
    ],
)
def test_members_are_compared_byte_for_byte(line: bytes, gids: tuple[int, ...]) -> None:
    assert groups_of_alice(line) == gids
    assert groups_of_alice(line + b"\n") == gids


def test_a_group_without_a_member_field_can_be_given_by_name() -> None:
    assert resolve(None, b"w:x:7", Context(user=b"1:w")).gid == 7
    assert refusal(None, b"w:x\nw:x:7", Context(user=b"1:w")) == ("malformed-line", "group_line", 1)


@pytest.mark.parametrize("separator", [b"\r", b"\x0b", b"\x0c", b"\x85", b"\0"])
def test_only_a_newline_ends_a_line(separator: bytes) -> None:
    passwd = b"bob:x:1:1:" + separator + ALICE
    assert refusal(passwd, None, ALICE_BY_NAME) == ("unknown-user", "user", 0)


# ---- Laws ---------------------------------------------------------------------------------------


def answer(world: World, context: Context, *, explain: bool = True) -> Identity | None:
    """The identity, or None where it is refused."""
    try:
        return resolve(world.passwd, world.group, context, flavour=world.flavour, explain=explain)
    except Refused:
        return None


@given(worlds())
def test_every_identity_is_well_formed(world: World) -> None:
    identity = answer(world, world.context)
    if identity is None:
        return
    assert max(identity.uid, identity.gid, *identity.groups, 0) < 4294967295
    assert {grant.gid for grant in identity.grants} == set(identity.groups)
    nobody = world.context.user is world.context.run_as_user is world.context.run_as_user_name
    if not (world.flavour == "containerd" and world.context.policy == "Strict" and nobody):
        assert identity.gid in identity.groups
    if world.flavour in ("oci", "containerd"):
        assert list(identity.groups) == sorted(set(identity.groups))


@given(worlds(flavours=("oci", "crio")))
def test_strict_is_merge_without_the_grants_of_the_image(world: World) -> None:
    merge = answer(world, replace(world.context, policy="Merge"))
    strict = answer(world, replace(world.context, policy="Strict"))
    if merge is None:
        assert strict is None or strict.withheld_error
        return
    assert strict is not None
    assert strict.withheld == tuple(grant for grant in merge.grants if grant.origin == "image")
    assert strict.grants == tuple(grant for grant in merge.grants if grant.origin != "image")
    assert (strict.uid, strict.gid, strict.home) == (merge.uid, merge.gid, merge.home)


@given(worlds())
def test_explaining_changes_nothing_but_the_explanation(world: World) -> None:
    told, blind = (answer(world, world.context, explain=explain) for explain in (True, False))
    assert (told is None) == (blind is None)
    if told is not None and blind is not None:
        assert ids(told) == ids(blind)
        assert [grant.where for grant in told.grants] == [grant.where for grant in blind.grants]
