"""The one-machine mode: the engine, the servers and the command line."""
