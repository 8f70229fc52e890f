"""Edits of the documents as their users make them, and whether the service and `specbus verify` agree on each."""
