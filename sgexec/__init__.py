"""Run a command with exactly the identity that was declared, and prove it.

    identity = sgexec.resolve(sgexec.SecurityContext(run_as_user=1000), rootfs="/srv/image")
    sgexec.run(sgexec.Plan(identity=identity, command=("id",)))

Names load when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sgexec.errors import (
        DatabaseError as DatabaseError,
        GroupNotFound as GroupNotFound,
        IdentityMismatch as IdentityMismatch,
        LaunchError as LaunchError,
        ObserveError as ObserveError,
        RootfsError as RootfsError,
        SgexecError as SgexecError,
        SpecError as SpecError,
        UserNotFound as UserNotFound,
    )
    from sgexec.launch import Plan as Plan, execute as execute, run as run
    from sgexec.model import (
        Difference as Difference,
        Flavour as Flavour,
        Gid as Gid,
        Grant as Grant,
        Identity as Identity,
        Ids as Ids,
        Observed as Observed,
        Origin as Origin,
        Policy as Policy,
        SecurityContext as SecurityContext,
        Uid as Uid,
    )
    from sgexec.observe import observe as observe, verify as verify
    from sgexec.resolve import (
        Rootfs as Rootfs,
        getgrouplist as getgrouplist,
        resolve as resolve,
    )

_HOME = {
    name: module
    for module, names in {
        "errors": (
            "DatabaseError GroupNotFound IdentityMismatch LaunchError ObserveError RootfsError"
            " SgexecError SpecError UserNotFound"
        ),
        "launch": "Plan execute run",
        "model": (
            "Difference Flavour Gid Grant Identity Ids Observed Origin Policy SecurityContext Uid"
        ),
        "observe": "observe verify",
        "resolve": "Rootfs getgrouplist resolve",
    }.items()
    for name in names.split()
}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # A function may be called like its module: both names are then the function's.
    module = import_module(f"{__name__}.{_HOME[name]}")
    for public, home in _HOME.items():
        if home == _HOME[name]:
            globals()[public] = getattr(module, public)
    return globals()[name]


def __dir__() -> list[str]:
    return [*__all__]
