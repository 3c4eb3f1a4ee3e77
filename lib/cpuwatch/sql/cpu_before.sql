CREATE TEMPORARY VIEW cpu_before AS
-- The same, as it was one window earlier, and until when an episode goes on by that.
SELECT
    *,
    LAG(seen_until) OVER series AS seen_before,
    LAG(over_until) OVER series AS over_before,
    LAG(over_until) OVER series + ${cooldown} AS goes_on_until
FROM cpu_so_far
WINDOW series AS (PARTITION BY hostname, cpu ORDER BY looked_up_at)
