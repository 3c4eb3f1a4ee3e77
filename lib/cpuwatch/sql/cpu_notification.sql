INSERT INTO cpu_out_alerts
SELECT
    CONCAT(
        hostname, '/', cpu, '/',
        DATE_FORMAT(opened, 'yyyy-MM-dd''T''HH:mm:ss''Z''')
    ) AS id,
    event,
    hostname,
    cpu,
    opened,
    CASE WHEN event = 'closed' THEN over_before END AS closed,
    usage_avg,
    peak_avg,
    opening_top AS allowed_top,
    windows,
    readings,
    window_end AS as_of
FROM cpu_counted
WHERE event <> 'goes on'
