CREATE TABLE cpu_out_over (
    window_start TIMESTAMP_LTZ(3),
    window_end TIMESTAMP_LTZ(3),
    hostname STRING,
    cpu STRING,
    usage_avg DOUBLE,
    usage_max DOUBLE,
    readings BIGINT,
    allowed_top DOUBLE
) WITH (
    'connector' = 'kafka',
    'topic' = 'cpu_over_threshold',
    'properties.bootstrap.servers' = '${kafka}',
    'properties.transaction.timeout.ms' = '900000',
    'sink.delivery-guarantee' = 'exactly-once',
    'sink.transactional-id-prefix' = 'cpu_over',
    'key.format' = 'json',
    'key.fields' = 'hostname;cpu',
    'value.format' = 'json',
    'value.json.timestamp-format.standard' = 'ISO-8601'
)
