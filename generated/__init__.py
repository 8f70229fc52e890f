"""Written by `tools/dev generate` from `specs/`. Do not edit."""
