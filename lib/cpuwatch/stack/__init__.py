"""The embedded services: Kafka, PostgreSQL and a Flink session cluster, under supervisor."""
