CREATE TABLE cpu_out_corrected (
    window_start TIMESTAMP_LTZ(3),
    hostname STRING,
    cpu STRING,
    usage_avg DOUBLE,
    readings BIGINT,
    PRIMARY KEY (window_start, hostname, cpu) NOT ENFORCED
) WITH (
    'connector' = 'upsert-kafka',
    'topic' = 'cpu_corrected',
    'properties.bootstrap.servers' = '${kafka}',
    'properties.transaction.timeout.ms' = '900000',
    'sink.delivery-guarantee' = 'exactly-once',
    'sink.transactional-id-prefix' = 'cpu_corrected',
    'key.format' = 'json',
    'key.json.timestamp-format.standard' = 'ISO-8601',
    'value.format' = 'json',
    'value.json.timestamp-format.standard' = 'ISO-8601'
)
