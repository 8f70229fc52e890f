"""Contract tests: whether a running server keeps `openapi.yaml`, `asyncapi.yaml` and the behaviour that they describe.

The server is a black box behind a URL: nothing here imports the service's own parts, but for the reading of documents.
"""
