CREATE TABLE cpu_out_late (
    time_ltz TIMESTAMP_LTZ(3),
    hostname STRING,
    cpu STRING,
    usage DOUBLE,
    at_watermark TIMESTAMP_LTZ(3)
) WITH (
    'connector' = 'kafka',
    'topic' = 'cpu_late',
    'properties.bootstrap.servers' = '${kafka}',
    'properties.transaction.timeout.ms' = '900000',
    'sink.delivery-guarantee' = 'exactly-once',
    'sink.transactional-id-prefix' = 'cpu_late',
    'format' = 'json',
    'json.timestamp-format.standard' = 'ISO-8601'
)
