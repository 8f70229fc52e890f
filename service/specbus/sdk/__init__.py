"""Client SDKs written from an OpenAPI and an AsyncAPI document."""
