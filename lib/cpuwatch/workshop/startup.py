"""Run by each kernel of `make lab` at its start: a cell before the first one is explained, too.

It runs in the notebook's own namespace, and leaves no name there.
"""

try:
    __import__("cpuwatch.workshop.errors", fromlist=["errors"]).explain_errors()
except Exception:
    pass  # whatever it is, the notebook's own cells say it better
