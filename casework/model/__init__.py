"""Domain rules, pure: no clock, no environment, no library of AWS or of GraphQL."""
