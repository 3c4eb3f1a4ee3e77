CREATE TABLE cpu_in_change WITH (
    'topic' = 'cpu_change'
) LIKE cpu_in (OVERWRITING OPTIONS)
