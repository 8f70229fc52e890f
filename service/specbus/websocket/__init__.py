"""The WebSocket edge: handshake, frames, the commands that clients send."""
