"""cpuwatch: the helper library behind the streaming anomaly detection workshop."""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

import platformdirs

# Where matplotlib keeps its list of fonts, and would look for somebody's taste in figures: with our
# other caches, whatever is set for other programs.
_cache = Path(os.path.expanduser(os.environ.get("CPUWATCH_CACHE", "")))
if not _cache.is_absolute():
    _cache = platformdirs.user_cache_path("cpuwatch")
if not os.access(next(one for one in (_cache, *_cache.parents) if os.path.exists(one)), os.W_OK):
    # What is wrong with that folder is said where it is needed, and not by matplotlib.
    _cache = Path(tempfile.mkdtemp(prefix="cpuwatch-"))
    atexit.register(shutil.rmtree, _cache, ignore_errors=True)
os.environ["MPLCONFIGDIR"] = str(_cache / "matplotlib")
os.environ.pop("MATPLOTLIBRC", None)
# In a notebook figures belong under the cell, where the kernel puts them if nobody says otherwise.
if "ipykernel" in sys.modules and "://" not in os.environ.get("MPLBACKEND", "://"):
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
