CREATE TEMPORARY VIEW cpu_events AS
-- A row for each thing that a window tells: it may close one episode and open the next.
SELECT *
FROM cpu_changes
CROSS JOIN UNNEST(ARRAY[
    CASE WHEN closes THEN 'closed' END,
    CASE WHEN opens THEN 'opened' WHEN is_over THEN 'goes on' END
]) AS each_of_them (event)
WHERE event IS NOT NULL
