"""Secure connections: what clients are told of secrets, and which grants each component needs."""
