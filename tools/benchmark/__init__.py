"""What `tools/bench.py` measures, one thing a module."""
