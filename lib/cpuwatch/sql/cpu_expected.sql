CREATE TEMPORARY VIEW cpu_expected AS
-- The same, as it was one window earlier: what was usual before this one.
SELECT
    *,
    LAG(mean_so_far) OVER past AS usual,
    LAG(spread_so_far) OVER past AS spread
FROM cpu_usual
WINDOW past AS (PARTITION BY hostname, cpu ORDER BY looked_up_at)
