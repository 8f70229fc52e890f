"""`specbus bench`: how fast a publish/subscribe server is, and whether it loses anything on the way."""
