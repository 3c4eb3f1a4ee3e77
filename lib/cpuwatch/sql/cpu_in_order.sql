CREATE TEMPORARY VIEW cpu_in_order AS
-- A running count can be given out only once the watermark has passed a reading: so the readings
-- of a series come out in the order of their times, though they arrive in another.
SELECT hostname, cpu, usage, occurred_at
FROM (
    SELECT *, COUNT(*) OVER series AS place
    FROM cpu_in
    WHERE time_ltz IS NOT NULL
    WINDOW series AS (PARTITION BY hostname, cpu ORDER BY time_ltz)
)
WHERE place > 0
