"""The figure shows each host's averages, threshold and alerts, whatever the hosts are."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from cpuwatch import readings
from cpuwatch.figures import MOST_PANELS, alerts_figure, colour, save

WINDOW = pd.Timedelta("30s")
START = pd.Timestamp("2026-01-05T09:00:00Z")


@pytest.fixture(autouse=True)
def a_warning_is_a_failure() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # what matplotlib complains with
        yield


def windows(*hosts: str, count: int = 4, average: float = 50.0) -> pd.DataFrame:
    rows = [
        (START + n * WINDOW, START + (n + 1) * WINDOW, host, "cpu1", average, average, 30)
        for host in hosts
        for n in range(count)
    ]
    columns = ["window_start", "window_end", "hostname", "cpu", "usage_avg", "usage_max",
               "readings"]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    return table.astype(
        {"window_start": "datetime64[ns, UTC]", "window_end": "datetime64[ns, UTC]"}
    )


def figure(
    table: pd.DataFrame,
    alerts: pd.DataFrame | None = None,
    thresholds: dict[str, float] | None = None,
    incidents: pd.DataFrame | None = None,
) -> Figure:
    no_alerts = table.head(0)
    return alerts_figure(
        table, no_alerts if alerts is None else alerts, thresholds or {}, 80.0, incidents, WINDOW
    )


def panels(drawn: Figure) -> list[Axes]:
    return [axes for axes in drawn.axes if axes.axison]


def names(drawn: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in panels(drawn)]


def words(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def title(drawn: Figure) -> str:
    return drawn.get_suptitle()


def png(drawn: Figure) -> bytes:
    out = io.BytesIO()
    save(drawn, out)
    return out.getvalue()


def test_the_seven_hosts_have_seven_colours_and_others_always_the_same_one() -> None:
    assert len({colour(host) for host in readings.HOSTS}) == 7
    assert colour("db-1") == "#D55E00" and colour("größe") == colour("größe")


def test_each_host_has_a_panel_in_the_order_of_the_fleet_then_by_name() -> None:
    assert names(figure(windows("zed", "dopey", "doc", "abc"))) == ["doc", "dopey", "abc", "zed"]


def test_the_figure_is_wide_and_its_panels_share_0_to_100_percent_and_the_time_in_utc() -> None:
    drawn = figure(windows("doc", "happy"))
    assert tuple(drawn.get_size_inches()) == (16, 9)
    assert {axes.get_ylim() for axes in panels(drawn)} == {(0, 100)}
    assert len({axes.get_xlim() for axes in panels(drawn)}) == 1
    assert panels(drawn)[-1].get_xlabel() == "time (UTC)"


def test_the_text_is_big_enough_for_the_back_of_a_room() -> None:
    drawn = figure(windows("doc", "happy"))
    for axes in panels(drawn):
        assert float(axes.title.get_fontsize()) >= 12
        assert min(float(label.get_fontsize()) for label in axes.get_yticklabels()) >= 14


def test_a_threshold_is_dashed_and_labelled_and_the_default_is_named_so() -> None:
    drawn = figure(windows("doc", "other"), thresholds={"doc": 20.0})
    doc, other = panels(drawn)
    assert words(doc) == ["20"] and words(other) == ["80\ndefault"]
    assert [line for line in doc.lines if line.get_linestyle() == "--"]


def test_alerts_are_marked_with_a_shape_and_counted_in_the_title() -> None:
    table = windows("doc", "happy")
    drawn = figure(table, alerts=table[table["hostname"] == "doc"])
    doc, happy = panels(drawn)
    marks = {
        host: sum(np.size(line.get_xdata()) for line in axes.lines if line.get_marker() == "^")
        for host, axes in (("doc", doc), ("happy", happy))
    }
    assert marks == {"doc": 4, "happy": 0}
    assert title(drawn) == "CPU usage, averages of 30 s: 4 alerts on 1 host"
    assert len(drawn.legends) == 1


def test_without_alerts_the_title_says_so() -> None:
    assert title(figure(windows("doc"))).endswith("no alerts")


def test_incidents_are_shaded_and_named_with_their_kind() -> None:
    incidents = readings.incidents()
    drawn = figure(windows(*readings.HOSTS, count=20), incidents=incidents)
    shown = dict(zip(names(drawn), panels(drawn), strict=True))
    for host in readings.HOSTS:
        kinds = incidents.loc[incidents["hostname"] == host, "kind"].tolist()
        assert words(shown[host])[1:] == kinds
        assert len(shown[host].patches) == len(kinds)
    assert "incident" in [text.get_text() for text in drawn.legends[0].texts]
    png(drawn)


def test_names_of_incidents_never_lie_over_each_other_or_over_the_host() -> None:
    ticks = 6000
    drawn = figure(windows(*readings.HOSTS, count=200), incidents=readings.incidents(ticks=ticks))
    png(drawn)
    for axes in panels(drawn):
        boxes = [text.get_window_extent() for text in axes.texts[1:]]
        host = axes.get_title(loc="left")
        boxes += [
            text.get_window_extent() for text in axes.findobj(Text) if text.get_text() == host
        ]
        boxes.sort(key=lambda box: box.x0)
        assert all(a.x1 <= b.x0 for a, b in pairwise(boxes))


def test_an_incident_outside_of_the_time_shown_is_left_out() -> None:
    drawn = figure(windows(*readings.HOSTS, count=1), incidents=readings.incidents())
    assert not any(axes.patches for axes in panels(drawn))


def test_no_incidents_are_no_shade_and_no_word_in_the_legend() -> None:
    for incidents in (None, readings.incidents(ticks=0)):
        drawn = figure(windows("doc"), incidents=incidents)
        assert "incident" not in [text.get_text() for text in drawn.legends[0].texts]
        png(drawn)


def test_of_many_hosts_those_with_most_alerts_are_shown_and_the_rest_is_counted() -> None:
    table = windows(*(f"host{n:02d}" for n in range(50)))
    alerts = pd.concat(
        [table.query("hostname == 'host40'"), table.query("hostname == 'host30'")[:2]]
    )
    drawn = figure(table, alerts=alerts)
    assert len(names(drawn)) == MOST_PANELS
    assert names(drawn)[:3] == ["host40", "host30", "host00"]
    assert title(drawn).endswith("6 alerts on 2 hosts (42 more hosts not shown)")


def test_one_host_has_one_big_panel() -> None:
    axes, = panels(figure(windows("doc")))  # fmt: skip
    assert axes.get_position().width > 0.8


def test_a_single_window_is_a_visible_dot() -> None:
    axes, = panels(figure(windows("doc", count=1)))  # fmt: skip
    assert [
        line for line in axes.lines if line.get_marker() == "o" and np.size(line.get_xdata()) == 1
    ]


def test_a_line_breaks_where_windows_are_missing() -> None:
    axes, = panels(figure(windows("doc", count=6).drop(index=[2, 3])))  # fmt: skip
    assert np.isnan(np.asarray(axes.lines[0].get_ydata())).sum() == 1


def test_without_windows_the_figure_says_so() -> None:
    drawn = figure(windows())
    assert "no windows" in [text.get_text() for text in drawn.texts]
    png(drawn)


def test_strange_names_are_drawn_as_they_are_and_long_ones_shortened() -> None:
    strange = ["$a_b$", "$\\frac{", "größe_1", "日本", "a\nb", "x" * 300]
    drawn = figure(windows(*strange))
    assert set(names(drawn)) == {*strange[:4], "a\ufffdb", "x" * 27 + "…"}
    png(drawn)


def test_two_figures_of_the_same_readings_are_the_same_bytes_without_a_time() -> None:
    once, again = (png(figure(windows("doc", "happy"))) for _ in range(2))
    assert once == again
    assert once.startswith(b"\x89PNG") and b"tEXt" not in once and b"tIME" not in once


@pytest.mark.parametrize(
    ("window", "said"), [("30s", "30 s"), ("1min", "1 min"), ("1h", "1 h"), ("90s", "90 s")]
)
def test_the_title_says_how_long_a_window_is(window: str, said: str) -> None:
    table = windows("doc")
    drawn = alerts_figure(table, table.head(0), {}, 80.0, None, pd.Timedelta(window))
    assert f"averages of {said}:" in title(drawn)


@pytest.mark.parametrize(
    ("bad", "late", "said"),
    [
        (0, 0, None),
        (1, 0, "in no average: 1 record that is no reading"),
        (0, 2, "in no average: 2 readings that came too late"),
        (
            1200,
            1,
            "in no average: 1,200 records that are no readings and 1 reading that came too late",
        ),
    ],
)
def test_what_is_in_no_average_is_said_below(bad: int, late: int, said: str | None) -> None:
    table = windows("doc")
    drawn = alerts_figure(table, table.head(0), {}, 80.0, None, WINDOW, bad=bad, late=late)
    found = [text.get_text() for text in drawn.texts if text.get_text().startswith("in no")]
    assert found == ([] if said is None else [said])
