"""The command line: one module for each command, and what they share.

Exit statuses of the commands that talk to a running service (topics, pub, sub, ping, top, demo):

0: success; also when the reader of the output is gone, or a signal ended a command that has no end of its own.
1: the server refused, or not everything that was asked for came.
2: the command line was wrong.
3: the server could not be reached, or the connection broke while it was needed.
130, 143, 129: SIGINT, SIGTERM or SIGHUP came before the work was done.
"""
