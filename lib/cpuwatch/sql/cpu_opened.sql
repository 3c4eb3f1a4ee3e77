CREATE TEMPORARY VIEW cpu_opened AS
-- The episode that a window belongs to, by its start.
SELECT *, MAX(CASE WHEN opens THEN window_start END) OVER series AS opened
FROM cpu_opens
WINDOW series AS (PARTITION BY hostname, cpu ORDER BY looked_up_at)
