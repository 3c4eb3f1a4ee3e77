INSERT INTO cpu_out_hosts
SELECT
    window_start,
    window_end,
    hostname,
    COUNT(*) AS readings,
    MAX(usage) AS usage_max
FROM TABLE(
    TUMBLE(TABLE cpu_in_change, DESCRIPTOR(time_ltz), ${window})
)
WHERE time_ltz IS NOT NULL
GROUP BY window_start, window_end, hostname
