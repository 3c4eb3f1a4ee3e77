INSERT INTO cpu_out_unusual
SELECT window_start, window_end, hostname, cpu, usage_avg, usual, spread
FROM cpu_expected
WHERE windows > 5
    AND usage_avg > usual + 3 * CASE WHEN spread > 1 THEN spread ELSE 1 END
