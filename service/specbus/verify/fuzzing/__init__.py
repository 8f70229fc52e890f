"""Schemathesis against the REST side: all that it makes of the OpenAPI document, and all that it judges by.

Its engine runs in a process of its own (`worker`), as a server can make it hang, and as its hooks and settings must not
mix with those of whoever runs the checks. `run` starts and watches it, `findings` reads what it tells, `checks` are the
checks that come of it.
"""
