CREATE TEMPORARY VIEW cpu_so_far AS
-- How far this cpu's windows reach, and until when it was over.
SELECT
    *,
    MAX(window_end) OVER series AS seen_until,
    MAX(CASE WHEN is_over THEN window_end END) OVER series AS over_until
FROM cpu_judged
WINDOW series AS (PARTITION BY hostname, cpu ORDER BY looked_up_at)
