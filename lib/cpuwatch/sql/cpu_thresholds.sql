CREATE TABLE cpu_thresholds (
    hostname STRING,
    allowed_top DOUBLE,
    PRIMARY KEY (hostname) NOT ENFORCED
) WITH (
    'connector' = 'jdbc',
    'url' = '${postgres}',
    'table-name' = 'cpu_thresholds',
    'lookup.cache' = 'PARTIAL',
    'lookup.partial-cache.max-rows' = '1000',
    'lookup.partial-cache.expire-after-write' = '2s'
)
