"""What every client has: connection, subscriptions, errors, notices. Copied into each package as it is."""
