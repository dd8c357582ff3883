"""What front ends see: one file for each noun, with its types, queries and mutations."""

import schema.enums  # noqa: F401 - Strawberry must know the enums before any type names one
