"""Run every notebook and save its outputs anew: `make notebooks`.

Cells with the name of an exercise, a prediction or a diagram as their tag are filled from there
first.

What is saved is what `nbval` compares: the first text of a line that changes, not its
updates. Nothing of the run itself is kept, such as times or the version of Python.
"""

from __future__ import annotations

import base64
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from cpuwatch import exercises, kernels
from cpuwatch.settings import settings

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"

#: What stands under a live cell until it is run: by a word of the cell, a picture and what it says.
STILLS = {
    "figures.follow(": ("follow.png", "the latest mean of each host, once a second"),
    "figures.roll(": ("roll.png", "how far each host is over its limit, window after window"),
    "IFrame(": ("standin.png", "the channel in the stand-in for Slack, with its messages"),
}


#: The data's way, as each chapter opens with it.
WAY = """graph LR
  R[readings] --> K1([cpu_load_stats_real])
  K1 --> F[cpu_filter] --> K2([cpu_load_stats_real_filter])
  K1 --> A[cpu_agg] --> K3([cpu_agg_stats])
  K1 --> B[cpu_bad] --> K4([cpu_bad_readings])
  K3 --> O[cpu_over] --> K5([cpu_over_threshold])
  K3 --> N[cpu_notification] --> K6([cpu_alerts])
  P[(cpu_thresholds)] --> O
  P --> N
  K6 --> S[notifier] --> C[Slack channel]
  K6 --> D[plots]"""

#: The parts of it that are a chapter's own, by its number.
LIT = {
    "01": "R,K1",
    "02": "F,K2",
    "03": "A,K3,B,K4",
    "04": "P",
    "05": "O,K5",
    "06": "N,K6",
    "07": "S,C",
    "08": "D",
    "09": "R,K1,F,A,O,N,S,C",
    "10": "U,K7,L,K8",
    "11": "R,E1,E2,E3,E4,E5,E6",
    "12": "K7,H,K8,V",
    "13": "W1,W2,W3,W4",
}


#: How a lit part looks.
COLOUR = "classDef lit fill:#F0E442,stroke:#333,color:#000"

#: What chapters beyond the tutorial add to it.
MORE = {
    "10": """
  K3 --> U[cpu_unusual] --> K7([cpu_unusual])
  K1 --> L[cpu_learned] --> K8([cpu_scores])""",
    "13": """
  R --> K9([cpu_load_stats_wide])
  K9 --> W1[worker] --> K10([cpu_agg_wide])
  K9 --> W2[worker] --> K10
  K9 --> W3[worker] --> K10
  K9 --> W4[worker] --> K10""",
    "11": """
  R --> E1([cpu_arrivals])
  E1 --> E2[cpu_on_time] --> E3([cpu_on_time])
  E2 --> E4([cpu_late])
  E1 --> E5[cpu_corrected] --> E6([cpu_corrected])""",
    "12": """
  R --> K7([cpu_change])
  K7 --> H[cpu_hosts] --> K8([cpu_hosts_stats])
  H --> V[(savepoint)]""",
}


class Client(NotebookClient):
    """Runs a notebook; leaves out cells that nbval leaves out, and updates of outputs."""

    async def async_execute_cell(self, cell: Any, cell_index: int, **more: Any) -> Any:
        if "nbval-skip" in cell.metadata.get("tags", []):
            cell.outputs, cell.execution_count = still(cell.source), None
            return cell
        return await super().async_execute_cell(cell, cell_index, **more)

    def output(self, outs: list[Any], msg: Any, display_id: str, cell_index: int) -> Any:
        if msg["msg_type"] == "update_display_data":
            return None
        return super().output(outs, msg, display_id, cell_index)

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        if msg["msg_type"] == "update_display_data":
            return None
        return super().process_message(msg, cell, cell_index)


def still(source: str) -> list[Any]:
    """The outputs of a live cell that was not run: a picture with a caption, or none."""
    for word, (name, says) in STILLS.items():
        if word in source:
            picture = base64.b64encode((ROOT / "docs" / "stills" / name).read_bytes()).decode()
            caption = f"A still picture: {says}. Run the cell to see it move."
            return [
                nbformat.v4.new_output("stream", name="stdout", text=caption + "\n"),
                nbformat.v4.new_output(
                    "display_data", {"image/png": picture, "text/plain": f"[still picture: {says}]"}
                ),
            ]
    return []


def fill(notebook: Any) -> None:
    """Put into the cells of exercises, predictions and diagrams what these say now."""
    wanted: dict[tuple[str, str], str] = {}
    for chapter in exercises.CHAPTERS.values():
        for one in chapter.exercises:
            help_ = f'`workshop.hint("{one.name}")` helps.'
            wanted[one.name, "markdown"] = f"### {one.level.capitalize()}\n\n{one.task}\n\n{help_}"
            wanted[one.name, "code"] = one.starter
        for guess in chapter.predictions:
            wanted[guess.name, "markdown"] = (
                f"**Guess first.** {guess.asks} Put a number in place of `None`, or go on without."
            )
            wanted[guess.name, "code"] = f'guess = None\nworkshop.predict("{guess.name}", guess)'
    for number, lit in LIT.items():
        drawn = f"{WAY}{MORE.get(number, '')}\n  {COLOUR}\n  class {lit} lit"
        wanted[f"way-{number}", "markdown"] = (
            f"Where we are: this chapter's own part is yellow.\n\n```mermaid\n{drawn}\n```"
        )
    for cell in notebook.cells:
        for tag in cell.metadata.get("tags", []):
            cell.source = wanted.get((tag, cell.cell_type), cell.source)


def refresh(path: Path) -> None:
    """Run one notebook and save it with its outputs."""
    notebook = nbformat.read(path, 4)
    fill(notebook)
    client = Client(
        notebook,
        timeout=120,
        record_timing=False,
        coalesce_streams=True,  # in how many pieces a text came is the run's, not the cell's
        resources={"metadata": {"path": path.parent}},
    )
    client.execute()
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, path)


def main() -> None:
    """Refresh the notebooks that are named, or all."""
    kernels.settle(settings().cache / "jupyter")
    wanted = sys.argv[1:]
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        if not wanted or any(word in path.name for word in wanted):
            start = time.monotonic()
            refresh(path)
            print(f"{path.name}: {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
