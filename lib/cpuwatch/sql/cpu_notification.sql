-- From averages to episodes: a record when a cpu goes over its host's threshold, and a
-- record when it has come back. Why it is done this way stands in docs/episodes.md.
INSERT INTO cpu_out_alerts
WITH judged AS (
    -- Each window against its threshold; one of too few readings is no evidence.
    SELECT
        a.hostname, a.cpu, a.window_start, a.window_end, a.usage_avg, a.readings,
        COALESCE(t.allowed_top, 80) AS allowed_top,
        a.usage_avg > COALESCE(t.allowed_top, 80) AS is_over,
        a.looked_up_at
    FROM cpu_out_agg AS a
    LEFT JOIN cpu_thresholds FOR SYSTEM_TIME AS OF a.looked_up_at AS t
        ON a.hostname = t.hostname
    WHERE a.readings >= 3
), so_far AS (
    -- How far this cpu's windows reach, and until when it was over.
    SELECT
        *,
        MAX(window_end) OVER series AS seen_until,
        MAX(CASE WHEN is_over THEN window_end END) OVER series AS over_until
    FROM judged
    WINDOW series AS (PARTITION BY hostname, cpu ORDER BY looked_up_at)
), before AS (
    -- The same, as it was one window earlier.
    SELECT
        *,
        LAG(seen_until) OVER series AS seen_before,
        LAG(over_until) OVER series + INTERVAL '60' SECOND AS goes_on_until
    FROM so_far
    WINDOW series AS (PARTITION BY hostname, cpu ORDER BY looked_up_at)
), judged_again AS (
    -- Over, and not over within the cooldown before: an episode opens.
    SELECT
        *,
        is_over AND (goes_on_until IS NULL OR window_start > goes_on_until) AS opens
    FROM before
    WHERE seen_before IS NULL OR window_end > seen_before  -- a window sent twice counts once
), numbered AS (
    SELECT
        *,
        MAX(CASE WHEN opens THEN window_start END) OVER series AS opened
    FROM judged_again
    WINDOW series AS (PARTITION BY hostname, cpu ORDER BY looked_up_at)
), counted AS (
    -- The episode so far.
    SELECT
        *,
        MAX(CASE WHEN is_over THEN usage_avg END) OVER episode AS peak_avg,
        COUNT(CASE WHEN is_over THEN 1 END) OVER episode AS windows,
        FIRST_VALUE(allowed_top) OVER episode AS opening_top
    FROM numbered
    WINDOW episode AS (PARTITION BY hostname, cpu, opened ORDER BY looked_up_at)
), transitions AS (
    -- A closing tells of the episode as it stood one window earlier, since this window
    -- may open the next. It closes when it is back for longer than the cooldown.
    SELECT
        *,
        LAG(opened) OVER series AS last_opened,
        LAG(over_until) OVER series AS last_closed,
        LAG(peak_avg) OVER series AS last_peak,
        LAG(windows) OVER series AS last_windows,
        LAG(opening_top) OVER series AS last_top,
        ARRAY[
            CASE WHEN seen_before <= goes_on_until AND window_end > goes_on_until
                AND (opens OR NOT is_over) THEN 'closed' END,
            CASE WHEN opens THEN 'opened' END
        ] AS events
    FROM counted
    WINDOW series AS (PARTITION BY hostname, cpu ORDER BY looked_up_at)
), records AS (
    SELECT
        event, hostname, cpu, usage_avg, readings, window_end AS as_of,
        CASE WHEN event = 'closed' THEN last_opened ELSE opened END AS opened,
        CASE WHEN event = 'closed' THEN last_closed END AS closed,
        CASE WHEN event = 'closed' THEN last_peak ELSE peak_avg END AS peak_avg,
        CASE WHEN event = 'closed' THEN last_top ELSE opening_top END AS allowed_top,
        CASE WHEN event = 'closed' THEN last_windows ELSE windows END AS windows
    FROM transitions
    CROSS JOIN UNNEST(events) AS each_of_them (event)
    WHERE event IS NOT NULL
)
SELECT
    CONCAT(hostname, '/', cpu, '/', DATE_FORMAT(opened, 'yyyy-MM-dd''T''HH:mm:ss''Z''')) AS id,
    event, hostname, cpu, opened, closed, usage_avg, peak_avg, allowed_top, windows, readings,
    as_of
FROM records
