"""Bytes without I/O: what goes over a WebSocket or HTTP connection, and how it is encoded."""
