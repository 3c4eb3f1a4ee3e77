CREATE TEMPORARY VIEW cpu_usual AS
-- The mean of a cpu's averages so far, and how far they spread; this one is among them.
SELECT
    *,
    AVG(usage_avg) OVER past AS mean_so_far,
    STDDEV_POP(usage_avg) OVER past AS spread_so_far,
    COUNT(*) OVER past AS windows
FROM cpu_out_agg
WINDOW past AS (PARTITION BY hostname, cpu ORDER BY looked_up_at)
