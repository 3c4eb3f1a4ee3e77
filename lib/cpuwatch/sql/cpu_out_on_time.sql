CREATE TABLE cpu_out_on_time (
    window_start TIMESTAMP_LTZ(3),
    window_end TIMESTAMP_LTZ(3),
    hostname STRING,
    cpu STRING,
    usage_avg DOUBLE,
    readings BIGINT
) WITH (
    'connector' = 'kafka',
    'topic' = 'cpu_on_time',
    'properties.bootstrap.servers' = '${kafka}',
    'properties.transaction.timeout.ms' = '900000',
    'sink.delivery-guarantee' = 'exactly-once',
    'sink.transactional-id-prefix' = 'cpu_on_time',
    'format' = 'json',
    'json.timestamp-format.standard' = 'ISO-8601'
)
