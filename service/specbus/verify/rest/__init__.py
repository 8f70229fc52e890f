"""The REST side, from the OpenAPI document: requests of our own, for what Schemathesis does not try."""
