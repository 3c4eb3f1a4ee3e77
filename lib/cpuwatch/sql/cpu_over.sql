INSERT INTO cpu_out_over
SELECT
    a.window_start,
    a.window_end,
    a.hostname,
    a.cpu,
    a.usage_avg,
    a.usage_max,
    a.readings,
    COALESCE(t.allowed_top, ${default_top}) AS allowed_top
FROM cpu_out_agg AS a
LEFT JOIN cpu_thresholds FOR SYSTEM_TIME AS OF a.looked_up_at AS t
    ON a.hostname = t.hostname
WHERE a.usage_avg > COALESCE(t.allowed_top, ${default_top})
