INSERT INTO cpu_out_wide
SELECT
    window_start,
    window_end,
    hostname,
    cpu,
    AVG(usage) AS usage_avg,
    MAX(usage) AS usage_max,
    COUNT(*) AS readings
FROM TABLE(
    TUMBLE(TABLE cpu_wide, DESCRIPTOR(time_ltz), ${window})
)
WHERE time_ltz IS NOT NULL
GROUP BY window_start, window_end, hostname, cpu
