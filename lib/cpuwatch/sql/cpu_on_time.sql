EXECUTE STATEMENT SET BEGIN
INSERT INTO cpu_out_on_time
SELECT
    window_start,
    window_end,
    hostname,
    cpu,
    AVG(usage) AS usage_avg,
    COUNT(*) AS readings
FROM TABLE(
    TUMBLE(TABLE cpu_arriving, DESCRIPTOR(time_ltz), INTERVAL '30' SECOND)
)
WHERE time_ltz IS NOT NULL
GROUP BY window_start, window_end, hostname, cpu;
INSERT INTO cpu_out_late
SELECT
    time_ltz,
    hostname,
    cpu,
    usage,
    CURRENT_WATERMARK(time_ltz) AS at_watermark
FROM TABLE(
    TUMBLE(TABLE cpu_arriving, DESCRIPTOR(time_ltz), INTERVAL '30' SECOND)
)
WHERE time_ltz IS NOT NULL
    AND window_end <= CURRENT_WATERMARK(time_ltz);
END
