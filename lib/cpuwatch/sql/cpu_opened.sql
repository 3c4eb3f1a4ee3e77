CREATE TEMPORARY VIEW cpu_opened AS
-- The episode that a row belongs to, by its start.
SELECT
    *,
    MAX(CASE WHEN event = 'opened' THEN window_start END)
        OVER series AS opened
FROM cpu_events
WINDOW series AS (PARTITION BY hostname, cpu ORDER BY looked_up_at)
