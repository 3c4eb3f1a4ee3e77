INSERT INTO cpu_out_alerts
SELECT
    CONCAT(hostname, '/', cpu, '/', DATE_FORMAT(opened, 'yyyy-MM-dd''T''HH:mm:ss''Z''')) AS id,
    event, hostname, cpu, opened, closed, usage_avg, peak_avg, allowed_top, windows, readings,
    as_of
FROM cpu_transitions
