CREATE TABLE cpu_returning WITH (
    'topic' = 'cpu_load_stats_live',
    'scan.watermark.idle-timeout' = '5 s'
)
LIKE cpu_in (OVERWRITING OPTIONS)
