"""What all clients share: connection, subscriptions, errors, notices. Copied into each package unchanged."""
