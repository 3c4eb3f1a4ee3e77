"""What matplotlib says of its first look at the fonts, which takes long on a slow machine.

It says so on stderr after five seconds, in the midst of whatever a beginner is looking at.
"""

from __future__ import annotations

import logging


def _is_another(record: logging.LogRecord) -> bool:
    return "building the font cache" not in record.getMessage()


# Before matplotlib looks: importing it is what makes it look.
logging.getLogger("matplotlib.font_manager").addFilter(_is_another)
