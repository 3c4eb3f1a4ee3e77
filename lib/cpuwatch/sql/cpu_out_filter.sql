CREATE TABLE cpu_out_filter (
    time_ltz TIMESTAMP_LTZ(3),
    hostname STRING,
    cpu STRING,
    usage DOUBLE
) WITH (
    'connector' = 'kafka',
    'topic' = 'cpu_load_stats_real_filter',
    'properties.bootstrap.servers' = '${kafka}',
    'properties.transaction.timeout.ms' = '900000',
    'sink.delivery-guarantee' = 'exactly-once',
    'sink.transactional-id-prefix' = 'cpu_filter',
    'key.format' = 'json',
    'key.fields' = 'hostname',
    'value.format' = 'json',
    'value.json.timestamp-format.standard' = 'ISO-8601'
)
