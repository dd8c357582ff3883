"""The register that the service starts with: Viet Nam's units in two tiers, their reception points, officers, procedures and calendar.

The files here are data, `reading` turns them into the things of the model. Nothing here is loaded into a store: `local/seeding` does that.
"""

from local.register.reading import Thing, digest, named, things

__all__ = ["Thing", "digest", "named", "things"]
