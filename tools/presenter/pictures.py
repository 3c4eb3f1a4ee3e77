"""Pictures within the page's own text, and their shapes."""

from __future__ import annotations

import base64
import binascii
import io
import re

from PIL import Image, UnidentifiedImageError

#: In the order in which they are preferred.
KINDS = ("image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp")

#: Height over width where a picture does not say it.
_USUAL = 0.5


def data_of(kind: str, content: str) -> tuple[str, float]:
    """A picture's address, which holds the picture itself; and its height over its width.

    Parameters
    ----------
    kind
        One of `KINDS`.
    content
        As an output holds it: SVG as text, all others in base64.
    """
    if kind == "image/svg+xml":
        coded = base64.b64encode(content.encode()).decode()
        return f"data:{kind};base64,{coded}", ratio_of_svg(content)
    address = f"data:{kind};base64,{re.sub(r'[^A-Za-z0-9+/=]', '', content)}"
    return address, ratio_of_data(address)


def ratio_of_data(address: str) -> float:
    """Height over width of the picture that an address holds."""
    try:
        content = base64.b64decode(address.partition(",")[2], validate=True)
        if address.startswith("data:image/svg"):
            return ratio_of_svg(content.decode(errors="replace"))
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
    except (binascii.Error, ValueError, OSError, UnidentifiedImageError):
        return _USUAL
    return height / width


def ratio_of_svg(text: str) -> float:
    """Height over width of a drawing: what it says itself, or what it shows of its plane."""
    found = re.search(r"<svg[^>]*>", text, re.IGNORECASE)
    head = found[0] if found else ""
    box = re.search(r"viewbox=[\"']([^\"']+)", head, re.IGNORECASE)
    if box:
        numbers = re.split(r"[\s,]+", box[1].strip())
    else:
        sides = (
            re.search(rf"\s{side}=[\"']\s*([\d.]+)(?!\s*%)", head) for side in ("width", "height")
        )
        numbers = ["0", "0", *(side[1] if side else "0" for side in sides)]
    try:
        width, height = float(numbers[2]), float(numbers[3])
    except (IndexError, ValueError):
        return _USUAL
    return height / width if width > 0 and height > 0 else _USUAL
