CREATE TEMPORARY VIEW cpu_opens AS
-- Over, and not over within the cooldown before: an episode opens.
SELECT
    *,
    is_over AND (goes_on_until IS NULL OR window_start > goes_on_until) AS opens
FROM cpu_before
WHERE seen_before IS NULL OR window_end > seen_before  -- a window sent twice counts once
