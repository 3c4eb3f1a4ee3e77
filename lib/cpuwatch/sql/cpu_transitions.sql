CREATE TEMPORARY VIEW cpu_transitions AS
-- A record for each closing, then one for each opening.
SELECT
    event, hostname, cpu, usage_avg, readings, window_end AS as_of,
    CASE WHEN event = 'closed' THEN last_opened ELSE opened END AS opened,
    CASE WHEN event = 'closed' THEN last_closed END AS closed,
    CASE WHEN event = 'closed' THEN last_peak ELSE peak_avg END AS peak_avg,
    CASE WHEN event = 'closed' THEN last_top ELSE opening_top END AS allowed_top,
    CASE WHEN event = 'closed' THEN last_windows ELSE windows END AS windows
FROM cpu_closes
CROSS JOIN UNNEST(
    ARRAY[CASE WHEN closes THEN 'closed' END, CASE WHEN opens THEN 'opened' END]
) AS each_of_them (event)
WHERE event IS NOT NULL
