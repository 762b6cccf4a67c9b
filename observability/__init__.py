"""Everything by which a running program is watched from outside: liveness, probes, metrics, logs."""
