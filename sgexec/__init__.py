"""Run a command with exactly the identity that was declared, and prove it.

    identity = sgexec.resolve(sgexec.SecurityContext(run_as_user=1000), rootfs="/srv/image")
    sgexec.run(sgexec.Plan(identity=identity, command=("id",)))

Names load when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself takes 2 ms; type checkers know the name
if TYPE_CHECKING:
    from sgexec.errors import (
        DatabaseError as DatabaseError,
    )
    from sgexec.errors import (
        GroupNotFound as GroupNotFound,
    )
    from sgexec.errors import (
        LaunchError as LaunchError,
    )
    from sgexec.errors import (
        ObserveError as ObserveError,
    )
    from sgexec.errors import (
        RootfsError as RootfsError,
    )
    from sgexec.errors import (
        SgexecError as SgexecError,
    )
    from sgexec.errors import (
        SpecError as SpecError,
    )
    from sgexec.errors import (
        UserNotFound as UserNotFound,
    )
    from sgexec.launch import Plan as Plan
    from sgexec.launch import execute as execute
    from sgexec.launch import run as run
    from sgexec.model import (
        Difference as Difference,
    )
    from sgexec.model import (
        Flavour as Flavour,
    )
    from sgexec.model import (
        Gid as Gid,
    )
    from sgexec.model import (
        Grant as Grant,
    )
    from sgexec.model import (
        Identity as Identity,
    )
    from sgexec.model import (
        Ids as Ids,
    )
    from sgexec.model import (
        Observed as Observed,
    )
    from sgexec.model import (
        Origin as Origin,
    )
    from sgexec.model import (
        Policy as Policy,
    )
    from sgexec.model import (
        SecurityContext as SecurityContext,
    )
    from sgexec.model import (
        Uid as Uid,
    )
    from sgexec.observe import observe as observe
    from sgexec.observe import verify as verify
    from sgexec.resolve import (
        Rootfs as Rootfs,
    )
    from sgexec.resolve import (
        getgrouplist as getgrouplist,
    )
    from sgexec.resolve import (
        resolve as resolve,
    )

_HOME = {
    name: module
    for module, names in {
        "errors": (
            "DatabaseError GroupNotFound LaunchError ObserveError RootfsError SgexecError SpecError UserNotFound"
        ),
        "launch": "Plan execute run",
        "model": ("Difference Flavour Gid Grant Identity Ids Observed Origin Policy SecurityContext Uid"),
        "observe": "observe verify",
        "resolve": "Rootfs getgrouplist resolve",
    }.items()
    for name in names.split()
}

__all__ = sorted(_HOME)


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
