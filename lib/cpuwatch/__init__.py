"""cpuwatch: the helper library behind the streaming anomaly detection workshop."""

import os

import platformdirs

# Where matplotlib keeps its list of fonts: with our other caches, not in a folder of its own.
os.environ.setdefault("MPLCONFIGDIR", str(platformdirs.user_cache_path("cpuwatch") / "matplotlib"))
