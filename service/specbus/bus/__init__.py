"""The domain: topics, subscriptions, order, replay, bounded queues. No JSON, no socket, no framework."""
