"""The commands that talk to a running service, on the Python SDK: topics, pub, sub, ping, top, demo.

Exit statuses, the same for all of them:

0: done; also when a reader of the output has gone, or a signal ended what has no end of its own.
1: the server refused, or not all that was asked for came.
2: the command line was wrong.
3: the server could not be reached, or the connection broke while it mattered.
130, 143, 129: SIGINT, SIGTERM or SIGHUP came before the work was done.
"""
