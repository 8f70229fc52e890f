"""The documents as plain data, read once, for all who need them."""
