"""Specbus: publish/subscribe whose OpenAPI and AsyncAPI documents are the program."""

__version__ = "0.1.0"
