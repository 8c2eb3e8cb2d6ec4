"""Keeps templates as compiled code beside our modules' own: compiling them at every start took a second."""

import sys
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path

from jinja2 import __version__
from jinja2.bccache import Bucket, FileSystemBytecodeCache


class CompiledTemplates(FileSystemBytecodeCache):
    """Where Python keeps its .pyc files, if it does: who may write there may change our code anyway. Each file names
    the text that it was made from, and is made anew for another one."""

    def __init__(self) -> None:
        super().__init__(str(Path(cache_from_source(__file__)).parent), f"jinja-{__version__}-%s.cache")

    def load_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):  # another user's, or no file descriptor left: it is compiled
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        if sys.dont_write_bytecode:
            return
        with suppress(OSError):  # a folder that nobody may write to, or a full disk: it is compiled at the next start
            super().dump_bytecode(bucket)
