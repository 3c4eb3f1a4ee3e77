CREATE TEMPORARY VIEW cpu_counted AS
-- The episode so far; the window that closes it is none of its own.
SELECT
    *,
    MAX(CASE WHEN event <> 'closed' THEN usage_avg END)
        OVER episode AS peak_avg,
    COUNT(CASE WHEN event <> 'closed' THEN 1 END) OVER episode AS windows,
    FIRST_VALUE(allowed_top) OVER episode AS opening_top
FROM cpu_opened
WINDOW episode AS (PARTITION BY hostname, cpu, opened ORDER BY looked_up_at)
