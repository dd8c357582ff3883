"""Texts for people, in a language that the query names; nothing depends on a header."""

from enum import Enum
from typing import Annotated

import strawberry

from casework.model import wording
from casework.model.procedure import Texts


@strawberry.enum(description="Languages of texts for people.")
class Language(Enum):
    """Languages of texts for people."""

    VI = strawberry.enum_value("vi", description="Vietnamese.")
    EN = strawberry.enum_value("en", description="English.")
    FR = strawberry.enum_value("fr", description="French.")


Lang = Annotated[Language, strawberry.argument(description="The language of the text.")]
LANGS: dict[Language, wording.Lang] = {Language.VI: "vi", Language.EN: "en", Language.FR: "fr"}


def said(texts: Texts, lang: Language) -> str:
    """Choose the text of a language."""
    return {"vi": texts.vi, "en": texts.en, "fr": texts.fr}[LANGS[lang]]
