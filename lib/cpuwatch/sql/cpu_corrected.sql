INSERT INTO cpu_out_corrected
SELECT
    TO_TIMESTAMP_LTZ(occurred_at / 30000 * 30000, 3) AS window_start,
    hostname,
    cpu,
    AVG(usage) AS usage_avg,
    COUNT(*) AS readings
FROM cpu_arriving
WHERE time_ltz IS NOT NULL
GROUP BY TO_TIMESTAMP_LTZ(occurred_at / 30000 * 30000, 3), hostname, cpu
