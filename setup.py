"""What pyproject.toml cannot say: the extension, the static program, and what stands in for it.

A wheel holds the program twice: as the command `sgexec`, and as sgexec/sgexec-static, which the
library starts and so finds without guessing directories. setuptools has no word for an executable that
is compiled: build_ext makes it like an extension, build_scripts copies it like a script. (scripts=[an
ELF file] fails to build, and data_files is silently left out of an editable install.)
"""

import os
import runpy
import shutil
import sysconfig
from pathlib import Path
from types import SimpleNamespace

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

# setuptools.command has no build_scripts; distutils is setuptools' own after the imports above.
from distutils.command.build_scripts import build_scripts  # isort: skip

build = SimpleNamespace(**runpy.run_path("csrc/build.py"))

PROGRAM = os.path.join("sgexec", "sgexec-static")
WITH_PROGRAM = build.can_build_program()
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))  # has no stable ABI


class BuildExt(build_ext):
    """Compile the static program beside the extension, and in place where that is built in place."""

    def run(self):
        super().run()
        # Always compiled: it takes less time than it would take to be sure that it is not stale.
        if WITH_PROGRAM:
            made = Path(self.build_lib, PROGRAM)
            dynamic = build.linked_dynamically()
            build.build_program(made, build.program_compiler(), [], dynamic=dynamic)
        else:
            self.warn(
                "no static program can be built here (no musl-gcc, no static libc): the command"
                " `sgexec` is the Python wrapper, and sgexec.run() has nothing to start."
                " Install musl-tools, or name a compiler in SGEXEC_STATIC_CC."
            )
        if not self.inplace:
            return
        for made, place in self._program().items():
            part = place + ".part"
            shutil.copy(made, part)
            os.replace(part, place)
        if not WITH_PROGRAM:
            Path(PROGRAM).unlink(missing_ok=True)  # an older one would carry another stamp

    def _program(self):
        return {os.path.join(self.build_lib, PROGRAM): PROGRAM} if WITH_PROGRAM else {}

    def get_outputs(self):
        return [*super().get_outputs(), *self._program()]

    def get_output_mapping(self):
        return {**super().get_output_mapping(), **(self._program() if self.inplace else {})}


class BuildScripts(build_scripts):
    """Copy the static program as the command `sgexec`."""

    def copy_scripts(self):
        self.run_command("build_ext")
        self.mkpath(self.build_dir)
        made = os.path.join(self.get_finalized_command("build_ext").build_lib, PROGRAM)
        command = shutil.copy(made, os.path.join(self.build_dir, "sgexec"))
        return [command], [command]


class Wheel(bdist_wheel):
    """Start from nothing: pip builds in the tree, and a deleted module came back out of build/lib."""

    def run(self):
        tree = self.get_finalized_command("build")
        for stale in (os.path.join(tree.build_lib, "sgexec"), tree.build_scripts, self.bdist_dir):
            shutil.rmtree(stale, ignore_errors=True)
        super().run()


def commands():
    """Name the commands. pip writes those of Python, and no other way survives a blank in a path."""
    names = ["sgexec-py"] if WITH_PROGRAM else ["sgexec-py", "sgexec"]
    return [f"{name} = sgexec.cli:main" for name in names]


setup(
    cffi_modules=["csrc/build.py:extension"],
    cmdclass={"build_ext": BuildExt, "build_scripts": BuildScripts, "bdist_wheel": Wheel},
    # Named only so that setuptools runs build_scripts.
    scripts=["csrc/main.c"] if WITH_PROGRAM else [],
    entry_points={"console_scripts": commands()},
    options={} if FREE_THREADED else {"bdist_wheel": {"py_limited_api": "cp311"}},
)
