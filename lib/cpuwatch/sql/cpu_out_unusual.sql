CREATE TABLE cpu_out_unusual (
    window_start TIMESTAMP_LTZ(3),
    window_end TIMESTAMP_LTZ(3),
    hostname STRING,
    cpu STRING,
    usage_avg DOUBLE,
    usual DOUBLE,
    spread DOUBLE
) WITH (
    'connector' = 'kafka',
    'topic' = 'cpu_unusual',
    'properties.bootstrap.servers' = '${kafka}',
    'properties.transaction.timeout.ms' = '900000',
    'sink.delivery-guarantee' = 'exactly-once',
    'sink.transactional-id-prefix' = 'cpu_unusual',
    'key.format' = 'json',
    'key.fields' = 'hostname',
    'value.format' = 'json',
    'value.json.timestamp-format.standard' = 'ISO-8601'
)
