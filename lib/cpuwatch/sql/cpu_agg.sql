INSERT INTO cpu_out_agg
SELECT
    window_start,
    window_end,
    hostname,
    cpu,
    AVG(usage) AS usage_avg,
    MAX(usage) AS usage_max,
    COUNT(*) AS readings
FROM TABLE(
    TUMBLE(TABLE cpu_in, DESCRIPTOR(time_ltz), ${window})
)
WHERE time_ltz IS NOT NULL
GROUP BY window_start, window_end, hostname, cpu
