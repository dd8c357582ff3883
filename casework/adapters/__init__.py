"""What the ports are in fact: the tables, the tokens, the keys."""
