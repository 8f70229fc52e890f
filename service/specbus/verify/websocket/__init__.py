"""The WebSocket, from the AsyncAPI document alone: any document of commands with replies over one connection.

A valid frame gets a reply that is declared for it, with its correlation id; an invalid one exactly one refusal; and the
connection lives. Nothing here knows a name that stands in a document.
"""
