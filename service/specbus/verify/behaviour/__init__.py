"""What the documents say in words: order, replay, deletion, counts, slow readers, heartbeats.

Each check creates topics of its own and looks at what real connections get. Nothing sleeps: an answer, or a frame sent
last, tells that all before it has come.
"""
