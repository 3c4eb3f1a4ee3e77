"""cpuwatch: the helper library behind the streaming anomaly detection workshop."""
