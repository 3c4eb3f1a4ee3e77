CREATE TABLE cpu_arriving (
    arrived_at BIGINT
) WITH (
    'topic' = 'cpu_arrivals'
)
LIKE cpu_in (OVERWRITING OPTIONS)
