CREATE TEMPORARY VIEW cpu_closes AS
-- It closes when it is back for longer than the cooldown. A closing tells of the episode as
-- it stood one window earlier, since this window may open the next.
SELECT
    *,
    seen_before <= goes_on_until AND window_end > goes_on_until
        AND (opens OR NOT is_over) AS closes,
    LAG(opened) OVER series AS last_opened,
    LAG(over_until) OVER series AS last_closed,
    LAG(peak_avg) OVER series AS last_peak,
    LAG(windows) OVER series AS last_windows,
    LAG(opening_top) OVER series AS last_top
FROM cpu_counted
WINDOW series AS (PARTITION BY hostname, cpu ORDER BY looked_up_at)
