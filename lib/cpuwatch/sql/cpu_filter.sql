INSERT INTO cpu_out_filter
SELECT time_ltz, hostname, cpu, usage
FROM cpu_in
WHERE usage > 80 AND time_ltz IS NOT NULL
