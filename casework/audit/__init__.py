"""Tamper evidence, pure: canonical bytes and the chain of entries."""
