"""The tests: unit/ mirrors gateway/, stories/ are told in the product's words, integration/ runs real servers."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"  # inputs that nobody here wrote; not part of the project

# PYTHONDONTWRITEBYTECODE=1 would have each test process, and each gateway that a test starts, compile everything anew
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
