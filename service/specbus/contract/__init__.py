"""The contract runtime: what the two documents say, compiled to what the program runs.

It reads `openapi.yaml` and `asyncapi.yaml`; it knows nothing of the bus, of sockets or of HTTP servers.
"""
