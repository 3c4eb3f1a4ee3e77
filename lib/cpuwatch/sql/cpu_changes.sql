CREATE TEMPORARY VIEW cpu_changes AS
-- An episode opens with a window over the threshold that continues none. It closes with the
-- first window that shows it: one over the threshold by its start, another by its end.
SELECT
    *,
    is_over
        AND (goes_on_until IS NULL OR window_start > goes_on_until)
        AS opens,
    seen_before <= goes_on_until
        AND CASE WHEN is_over THEN window_start ELSE window_end END
            > goes_on_until AS closes
FROM cpu_before
-- a window that is sent twice counts once
WHERE seen_before IS NULL OR window_end > seen_before
