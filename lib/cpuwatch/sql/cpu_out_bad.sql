CREATE TABLE cpu_out_bad (
    `partition` INT,
    `offset` BIGINT,
    reason STRING
) WITH (
    'connector' = 'kafka',
    'topic' = 'cpu_bad_readings',
    'properties.bootstrap.servers' = '${kafka}',
    'properties.transaction.timeout.ms' = '900000',
    'sink.delivery-guarantee' = 'exactly-once',
    'sink.transactional-id-prefix' = 'cpu_bad',
    'format' = 'json'
)
