"""Who is asking."""

import strawberry

from casework.model.parties import Role


@strawberry.type(description="Who asks, as the token says and the register confirms.")
class Viewer:
    """The viewer."""

    role: Role = strawberry.field(description="The role; PUBLIC without a token.")
    sub: str | None = strawberry.field(description="The token's subject: an officer's code, a citizen's account.")
    units: list[str] = strawberry.field(description="Codes of the units, or of the reception point, it stands for.")
    on_behalf_of: str | None = strawberry.field(description="For whom it acts, when not for itself.")
