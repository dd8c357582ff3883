"""The verbs: load, decide, commit. No action calls another action."""
