"""For `pytest --nbval notebooks`: they run in this project's Python, whatever other Jupyters hear."""

from cpuwatch import kernels
from cpuwatch.settings import settings

kernels.settle(settings().cache / "jupyter")
