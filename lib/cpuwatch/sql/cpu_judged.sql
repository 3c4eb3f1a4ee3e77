CREATE TEMPORARY VIEW cpu_judged AS
-- Each window against its threshold; one of too few readings is no evidence.
SELECT
    a.hostname,
    a.cpu,
    a.window_start,
    a.window_end,
    a.usage_avg,
    a.readings,
    COALESCE(t.allowed_top, ${default_top}) AS allowed_top,
    a.usage_avg > COALESCE(t.allowed_top, ${default_top}) AS is_over,
    a.looked_up_at
FROM cpu_out_agg AS a
LEFT JOIN cpu_thresholds FOR SYSTEM_TIME AS OF a.looked_up_at AS t
    ON a.hostname = t.hostname
WHERE a.readings >= ${min_readings}
