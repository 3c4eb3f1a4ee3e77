CREATE TABLE cpu_out_alerts (
    id STRING,
    event STRING,
    hostname STRING,
    cpu STRING,
    opened TIMESTAMP_LTZ(3),
    closed TIMESTAMP_LTZ(3),
    usage_avg DOUBLE,
    peak_avg DOUBLE,
    allowed_top DOUBLE,
    windows BIGINT,
    readings BIGINT,
    as_of TIMESTAMP_LTZ(3)
) WITH (
    'connector' = 'kafka',
    'topic' = 'cpu_alerts',
    'properties.bootstrap.servers' = '${kafka}',
    'properties.transaction.timeout.ms' = '900000',
    'sink.delivery-guarantee' = 'exactly-once',
    'sink.transactional-id-prefix' = 'cpu_notification',
    'key.format' = 'json',
    'key.fields' = 'hostname',
    'value.format' = 'json',
    'value.json.timestamp-format.standard' = 'ISO-8601'
)
