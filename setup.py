"""The rest of pyproject.toml: the wheel carries example/ and profiles/ too, which stand at the top, once."""

from pathlib import Path
from shutil import copytree, rmtree

from setuptools import setup
from setuptools.command.build_py import build_py


class WithStarter(build_py):
    """gateway/starter/ in the wheel is the folder that `gateway init` writes: see gateway/config/example_files.py."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:  # there they are read where they stand
            starter = Path(self.build_lib, "gateway", "starter")
            rmtree(starter, ignore_errors=True)
            copytree("example", starter)
            copytree("profiles", starter / "profiles")


setup(cmdclass={"build_py": WithStarter})
