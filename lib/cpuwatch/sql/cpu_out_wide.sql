CREATE TABLE cpu_out_wide WITH (
    'topic' = 'cpu_agg_wide',
    'sink.transactional-id-prefix' = 'cpu_agg_wide'
) LIKE cpu_out_agg (OVERWRITING OPTIONS)
