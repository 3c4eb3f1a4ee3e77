"""Blocks dealt out on slides."""

from __future__ import annotations

from dataclasses import dataclass, field

from presenter.blocks import HEIGHT, TASKS, Block, Title, Unit


@dataclass
class Slide:
    """One slide.

    Attributes
    ----------
    title
        Its heading; None before the first.
    over
        The heading that this one is a part of, as HTML.
    anchors
        The ids of the headings that begin here.
    blocks
        What is on it.
    """

    title: Title | None = None
    over: str = ""
    anchors: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    has_code: bool = False
    is_guess: bool = False
    is_closed: bool = False

    @property
    def height(self) -> float:
        return sum(block.height for block in self.blocks)

    def next(self) -> Slide:
        """An empty slide under the same heading."""
        return Slide(self.title, self.over)


def cut(units: list[Unit]) -> list[Slide]:
    """Deal units out on slides.

    A heading begins a slide; so does a task, and each cell after another. What explains a cell
    is with it if there is room. A unit that is higher than a slide goes on on the next.
    """
    slides = [Slide()]
    for at, unit in enumerate(units):
        if unit.title is not None:
            slides.append(_under(unit.title, slides[-1]))
        elif slides[-1].blocks and _begins_one(slides[-1], unit, units[at + 1 : at + 2]):
            slides.append(slides[-1].next())
        for block in unit.blocks:
            if slides[-1].blocks and slides[-1].height + block.height > HEIGHT:
                slides.append(slides[-1].next())
            slides[-1].blocks.append(block)
        slides[-1].has_code |= unit.kind == "code"
        slides[-1].is_guess |= unit.kind == "guess"
        slides[-1].is_closed |= unit.kind in TASKS
    return [slide for slide in slides if slide.blocks or (slide.title and slide is slides[-1])]


def _under(title: Title, before: Slide) -> Slide:
    """A slide for a heading; one without anything on it gives its anchors to the next."""
    slide = Slide(title, anchors=[title.anchor] if title.anchor else [])
    if not before.blocks:
        slide.anchors = before.anchors + slide.anchors
    if title.level == 3 and before.title is not None:
        slide.over = before.title.html if before.title.level < 3 else before.over
    return slide


def _begins_one(slide: Slide, unit: Unit, following: list[Unit]) -> bool:
    if slide.is_closed or unit.kind in TASKS:
        return True
    if unit.kind == "code":
        return slide.has_code or slide.height + unit.together > HEIGHT
    # A text between two cells mostly leads to the second one.
    leads_on = bool(following) and following[0].kind == "code" and following[0].title is None
    return (slide.has_code and leads_on) or slide.height + unit.height > HEIGHT
