"""How a figure is shown under a cell, and saved."""

from __future__ import annotations

import base64
import io
import warnings
from html import escape
from pathlib import Path
from typing import IO, Any

from matplotlib.figure import Figure
from PIL import Image


def show(figure: Figure, says: str) -> None:
    """Show a figure under the cell.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    says : str
        What is to be seen, in a few words; for those who cannot see it, and for a test.
    """
    from IPython.display import display

    show_it: Any = display
    encoded = base64.b64encode(small_png(figure)).decode()
    text = {"text/plain": f"[figure: {says}]"}
    handle = show_it({"image/png": encoded, **text}, raw=True, display_id=True)
    # JupyterLab shows a PNG without any text for those who cannot see it; in HTML there is one.
    # A notebook that is saved by a tool keeps the PNG, which other viewers know, too.
    if handle is not None:
        image = f'<img alt="{escape(says, quote=True)}" src="data:image/png;base64,{encoded}">'
        # In the same box as a PNG of JupyterLab's own, which fits it into the page.
        boxed = f'<div class="jp-RenderedImage">{image}</div>'
        handle.update({"text/html": boxed, **text}, raw=True)


def small_png(figure: Figure) -> bytes:
    """The figure as PNG for a screen, with 128 colours: a notebook should stay small."""
    full, small = io.BytesIO(), io.BytesIO()
    figure.set_dpi(72)
    save(figure, full)
    Image.open(full).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(
        small, "PNG", optimize=True
    )
    return small.getvalue()


def save(figure: Figure, path: str | Path | IO[bytes]) -> None:
    """Write a figure as PNG. The same figure gives the same bytes: no time, no version.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : str, Path or binary file
    """
    with warnings.catch_warnings():
        # A host name may be in a script that the font lacks; a box is drawn for it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(path, format="png", metadata={"Software": None})
