CREATE TABLE cpu_ahead WITH (
    'topic' = 'cpu_ahead'
)
LIKE cpu_arriving (OVERWRITING OPTIONS)
