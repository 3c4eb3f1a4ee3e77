CREATE TEMPORARY VIEW cpu_judged AS
-- Each window by its highest score: a window of one reading counts, too.
SELECT
    hostname,
    cpu,
    window_start,
    window_end,
    usage_avg,
    readings,
    CAST(NULL AS DOUBLE) AS allowed_top,
    anomaly_score >= 0.5 AS is_over,
    looked_up_at
FROM cpu_out_scored
