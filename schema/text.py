"""Texts for people, in a language that the query names; nothing depends on a header."""

from enum import Enum

import strawberry

from casework.model.procedure import Texts
from casework.model.wording import Lang


@strawberry.enum(description="Languages of texts for people.")
class Language(Enum):
    """Languages of texts for people."""

    VI = strawberry.enum_value("vi", description="Vietnamese.")
    EN = strawberry.enum_value("en", description="English.")
    FR = strawberry.enum_value("fr", description="French.")


LANGS: dict[Language, Lang] = {Language.VI: "vi", Language.EN: "en", Language.FR: "fr"}


def said(texts: Texts, lang: Language) -> str:
    """Choose the text of a language."""
    return {"vi": texts.vi, "en": texts.en, "fr": texts.fr}[LANGS[lang]]
