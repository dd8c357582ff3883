"""Everything that thinks: rules, tamper evidence, live protocol, verbs and the adapters they call through."""
