CREATE TABLE cpu_wide WITH (
    'topic' = 'cpu_load_stats_wide'
) LIKE cpu_in (OVERWRITING OPTIONS)
