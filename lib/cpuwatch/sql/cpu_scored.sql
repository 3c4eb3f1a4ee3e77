INSERT INTO cpu_out_scored
SELECT
    window_start,
    window_end,
    hostname,
    cpu,
    AVG(usage) AS usage_avg,
    MAX(usage) AS usage_max,
    COUNT(*) AS readings,
    MAX(anomaly_score) AS anomaly_score
FROM TABLE(
    TUMBLE(TABLE cpu_out_scores, DESCRIPTOR(time_ltz), ${window})
)
WHERE time_ltz IS NOT NULL
GROUP BY window_start, window_end, hostname, cpu
