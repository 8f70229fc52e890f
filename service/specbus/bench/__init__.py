"""`specbus bench`: throughput, latency and memory of a publish/subscribe server, with losses checked."""
