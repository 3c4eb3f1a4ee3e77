"""Notebooks as slides: each a page of its own that loads nothing from anywhere.

The way: `blocks` (a cell becomes blocks, clean and coloured) → `cut` (blocks are dealt out on
slides) → `page` (slides become a page). `diagram` draws, `clean` keeps out what would load or run.
"""
