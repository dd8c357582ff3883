"""The words a clock is explained in: Vietnamese, English and French.

Only tables and the few functions that fill them. Nothing here decides anything, and no other module holds a
sentence of a clock for people. Public holidays come named in
Vietnamese and English by their source; the French names are ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
Lang = Literal["vi", "en", "fr"]


@dataclass(frozen=True, slots=True)
class Words:
    """One thing said in the three languages of the service."""

    vi: str
    en: str
    fr: str

    def said(self, lang: Lang) -> str:
        """These words in one language."""
        return {"vi": self.vi, "en": self.en, "fr": self.fr}[lang]


WEEKDAYS: Mapping[str, tuple[str, ...]] = {
    "vi": ("thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy", "Chủ nhật"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
}
# One line a month would hide the table.
# fmt: off
MONTHS: Mapping[str, tuple[str, ...]] = {
    "en": ("January", "February", "March", "April", "May", "June",
           "July", "August", "September", "October", "November", "December"),
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin",
           "juillet", "août", "septembre", "octobre", "novembre", "décembre"),
}
# fmt: on

WORKING_DAY = Words("ngày làm việc", "working day", "jour ouvré")
ANNOUNCED = Words(
    "Theo ngày nghỉ lễ do pháp luật quy định và văn bản của Chính phủ đã nhập cho năm này.",
    "By the holidays that the law fixes and the documents of the Government that are entered for this year.",
    "Selon les jours fériés fixés par la loi et les documents du Gouvernement saisis pour cette année.",
)
UNANNOUNCED = Words(
    "Tính theo ngày nghỉ lễ do pháp luật quy định; chưa có văn bản nào của Chính phủ được nhập cho năm này.",
    "Computed from the holidays that the law fixes: no document of the Government is entered for this year.",
    "Calculé d'après les jours fériés fixés par la loi : aucun document du Gouvernement n'est saisi pour cette année.",
)
WEEKLY_REST = Words("nghỉ hằng tuần", "weekly rest", "repos hebdomadaire")
DAY_OFF = Words("ngày nghỉ", "day off", "jour chômé")
MAKEUP_WORK = Words("ngày làm bù", "make-up working day", "jour de rattrapage")

HOLIDAYS_IN_FRENCH: Mapping[str, str] = {
    "New Year's Day": "Jour de l'An",
    "29 of Lunar New Year": "29 du Têt",
    "Lunar New Year's Eve": "Veille du Nouvel An lunaire (Têt)",
    "Lunar New Year": "Nouvel An lunaire (Têt)",
    "Second Day of Lunar New Year": "Deuxième jour du Têt",
    "Third Day of Lunar New Year": "Troisième jour du Têt",
    "Fourth Day of Lunar New Year": "Quatrième jour du Têt",
    "Fifth Day of Lunar New Year": "Cinquième jour du Têt",
    "Sixth Day of Lunar New Year": "Sixième jour du Têt",
    "Hung Kings' Commemoration Day": "Commémoration des rois Hùng",
    "Liberation Day/Reunification Day": "Jour de la Réunification",
    "International Labor Day": "Fête du Travail",
    "National Day": "Fête nationale",
    "Vietnam Cultural Day": "Journée de la culture vietnamienne",
}

QUANTITIES: Mapping[str, Words] = {
    "WORKING_DAYS": Words("{n} ngày làm việc", "{n} working day{s}", "{n} jour{s} ouvré{s}"),
    "CALENDAR_DAYS": Words("{n} ngày (kể cả ngày nghỉ)", "{n} calendar day{s}", "{n} jour{s} calendaire{s}"),
    "WORKING_HOURS": Words("{n} giờ làm việc", "{n} working hour{s}", "{n} heure{s} ouvrée{s}"),
    "WORKING_MINUTES": Words("{n} phút làm việc", "{n} working minute{s}", "{n} minute{s} ouvrée{s}"),
    "MONTHS": Words("{n} tháng", "{n} month{s}", "{n} mois"),
}

SENTENCES: Mapping[str, Words] = {
    "START": Words(
        "Thời hạn {limit} tính từ {on}; chính ngày này không được tính.",
        "The time limit of {limit} runs from {on}; that day itself is not counted.",
        "Le délai de {limit} court à compter du {on} ; ce jour lui-même n'est pas compté.",
    ),
    "START_LATE": Words(
        "Tiếp nhận sau giờ chốt ngày {from} nên coi như tiếp nhận {to}; thời hạn {limit} tính từ ngày đó, chính ngày đó không được tính.",
        "Received on {from} after the cut-off hour, hence counted as received on {to}; the time limit of "
        "{limit} runs from that day, which is not itself counted.",
        "Reçu le {from} après l'heure limite, donc compté comme reçu le {to} ; le délai de {limit} court à "
        "compter de ce jour, qui n'est pas lui-même compté.",
    ),
    "START_OFF": Words(
        "Tiếp nhận vào ngày nghỉ, {from} ({name}), nên coi như tiếp nhận {to}; thời hạn {limit} tính từ "
        "ngày đó, chính ngày đó không được tính.",
        "Received on a day off, {from} ({name}), hence counted as received on {to}; the time limit of "
        "{limit} runs from that day, which is not itself counted.",
        "Reçu un jour non ouvré, le {from} ({name}), donc compté comme reçu le {to} ; le délai de {limit} "
        "court à compter de ce jour, qui n'est pas lui-même compté.",
    ),
    "REOPENED": Words(
        "Hồ sơ được mở lại; thời hạn {limit} tính từ {on}; chính ngày này không được tính.",
        "Reopened: the time limit of {limit} runs anew from {on}; that day itself is not counted.",
        "Rouvert : le délai de {limit} court de nouveau à compter du {on} ; ce jour lui-même n'est pas compté.",
    ),
    "REOPENED_LATE": Words(
        "Mở lại sau giờ chốt ngày {from} nên coi như mở lại {to}; thời hạn {limit} tính từ ngày đó, chính ngày đó không được tính.",
        "Reopened on {from} after the cut-off hour, hence counted as reopened on {to}; the time limit of "
        "{limit} runs anew from that day, which is not itself counted.",
        "Rouvert le {from} après l'heure limite, donc compté comme rouvert le {to} ; le délai de {limit} court de "
        "nouveau à compter de ce jour, qui n'est pas lui-même compté.",
    ),
    "REOPENED_OFF": Words(
        "Mở lại vào ngày nghỉ, {from} ({name}), nên coi như mở lại {to}; thời hạn {limit} tính từ ngày đó, chính ngày đó không được tính.",
        "Reopened on a day off, {from} ({name}), hence counted as reopened on {to}; the time limit of "
        "{limit} runs anew from that day, which is not itself counted.",
        "Rouvert un jour non ouvré, le {from} ({name}), donc compté comme rouvert le {to} ; le délai de {limit} "
        "court de nouveau à compter de ce jour, qui n'est pas lui-même compté.",
    ),
    "START_HOURS": Words(
        "Thời hạn {limit} tính từ {to_at}, chỉ trong giờ làm việc (07:30-11:30 và 13:00-17:00).",
        "The time limit of {limit} runs from {to_at}, inside opening hours alone (07:30-11:30 and 13:00-17:00).",
        "Le délai de {limit} court à compter de {to_at}, pendant les seules heures d'ouverture (07:30-11:30 et 13:00-17:00).",
    ),
    "REOPENED_HOURS": Words(
        "Hồ sơ được mở lại; thời hạn {limit} tính từ {to_at}, chỉ trong giờ làm việc (07:30-11:30 và 13:00-17:00).",
        "Reopened: the time limit of {limit} runs anew from {to_at}, inside opening hours alone (07:30-11:30 and 13:00-17:00).",
        "Rouvert : le délai de {limit} court de nouveau à compter de {to_at}, pendant les seules heures d'ouverture "
        "(07:30-11:30 et 13:00-17:00).",
    ),
    "SKIPPED_DAY": Words(
        "{on} không phải là ngày làm việc ({name}).",
        "{on} is not a working day ({name}).",
        "Le {on} n'est pas un jour ouvré ({name}).",
    ),
    "MAKEUP_DAY": Words(
        "{on} là ngày làm việc ({name}).",
        "{on} is worked and counts as a working day ({name}).",
        "Le {on} est travaillé et compte comme jour ouvré ({name}).",
    ),
    "PAUSE_WORKING_DAYS": Words(
        "Tạm dừng tính thời hạn từ {from} đến {to}; còn lại {limit}, tính từ ngày liền sau {on}.",
        "The clock was stopped from {from} to {to}; {limit} left, counted from the day after {on}.",
        "Le délai a été suspendu du {from} au {to} ; il reste {limit}, à compter du lendemain du {on}.",
    ),
    "PAUSE_NO_DAY_LEFT": Words(
        "Tạm dừng tính thời hạn từ {from} đến {to}; không còn ngày nào nên thời hạn kết thúc vào {on}.",
        "The clock was stopped from {from} to {to}; no day was left, so the time limit ends on {on}.",
        "Le délai a été suspendu du {from} au {to} ; il ne reste aucun jour, donc il prend fin le {on}.",
    ),
    "PAUSE_CALENDAR_DAYS": Words(
        "Tạm dừng tính thời hạn từ {from} đến {to}; ngày cuối của thời hạn lùi {limit}.",
        "The clock was stopped from {from} to {to}; the last day moves by {limit}.",
        "Le délai a été suspendu du {from} au {to} ; le dernier jour est reporté de {limit}.",
    ),
    "PAUSE_WORKING_MINUTES": Words(
        "Tạm dừng tính thời hạn từ {from_at} đến {to_at}; còn lại {limit}, tính từ lúc đó.",
        "The clock was stopped from {from_at} to {to_at}; {limit} left from then on.",
        "Le délai a été suspendu de {from_at} à {to_at} ; il reste {limit} à compter de ce moment.",
    ),
    "PAUSE_OPEN": Words(
        "Tạm dừng tính thời hạn từ {from}; ngày hẹn nêu ở đây là ngày có hiệu lực khi bắt đầu tạm dừng.",
        "The clock has been stopped since {from}; the date shown is the one that stood when it stopped.",
        "Le délai est suspendu depuis le {from} ; la date indiquée est celle qui valait à ce moment.",
    ),
    "PAUSE_AFTER_DUE": Words(
        "Tạm dừng từ {from} đến {to}, sau khi đã hết hạn; ngày đến hạn không thay đổi.",
        "The clock was stopped from {from} to {to}, after the due date; that date does not move.",
        "Le délai a été suspendu du {from} au {to}, après l'échéance ; celle-ci ne change pas.",
    ),
    "EXTENSION": Words(
        "Gia hạn thêm {limit}: ngày đến hạn chuyển từ {from} sang {to}.",
        "Extended by {limit}: the due date moves from {from} to {to}.",
        "Prolongé de {limit} : l'échéance passe du {from} au {to}.",
    ),
    "EXTENSION_HOURS": Words(
        "Gia hạn thêm {limit}: thời điểm đến hạn chuyển từ {from_at} sang {to_at}.",
        "Extended by {limit}: the due time moves from {from_at} to {to_at}.",
        "Prolongé de {limit} : l'échéance passe de {from_at} à {to_at}.",
    ),
    "ROLLED": Words(
        "Ngày cuối của thời hạn, {from}, là ngày nghỉ nên thời hạn kết thúc vào {to}.",
        "The last day, {from}, is a day off: the time limit ends on the next working day, {to}.",
        "Le dernier jour, {from}, n'est pas ouvré : le délai prend fin le jour ouvré suivant, {to}.",
    ),
    "AMENDED": Words(
        "Lịch làm việc được sửa đổi: ngày đến hạn chuyển từ {from} sang {to}.",
        "The working calendar was amended: the due date moves from {from} to {to}.",
        "Le calendrier de travail a été modifié : l'échéance passe du {from} au {to}.",
    ),
    "IMPORTED": Words(
        "Ngày đến hạn {on} được ghi nhận từ hệ thống nguồn, không tính lại.",
        "The due date, {on}, was taken over as recorded at its source; it was not computed.",
        "L'échéance, {on}, a été reprise telle qu'enregistrée à la source ; elle n'est pas calculée.",
    ),
}


def day_said(on: date | None, lang: Lang) -> str:
    """A legal day as people write it, with its weekday; a dash where there is none."""
    if on is None:
        return "—"
    weekday = WEEKDAYS[lang][on.weekday()]
    if lang == "vi":
        return f"{weekday}, {on:%d/%m/%Y}"
    first = "1er" if lang == "fr" and on.day == 1 else str(on.day)
    return f"{weekday} {first} {MONTHS[lang][on.month - 1]} {on.year}"


def instant_said(at: datetime | None, lang: Lang) -> str:
    """An instant as people in Viet Nam write it: the time and the day; a dash where there is none."""
    if at is None:
        return "—"
    local = at.astimezone(ZONE)
    between = {"vi": ", ", "en": " on ", "fr": ", le "}[lang]
    return f"{local:%H:%M}{between}{day_said(local.date(), lang)}"


def quantity_said(amount: int | None, unit: str | None, lang: Lang) -> str:
    """A number of days in words; a dash where there is no number."""
    words = QUANTITIES.get(unit or "")
    if amount is None or words is None:
        return "—"
    # French writes zero and one in the singular, English only one.
    plural = amount > 1 or (amount == 0 and lang == "en")
    return words.said(lang).format(n=amount, s="s" if plural else "")


def sentence_said(key: str, lang: Lang, fields: Mapping[str, str], basis: str) -> str:
    """One sentence with its fields filled and, where there is one, the document it rests on."""
    text = SENTENCES[key].said(lang).format_map(fields)
    text = text[0].upper() + text[1:]
    return f"{text[:-1]} [{basis}]." if basis else text


def holiday_in_french(name: str) -> str:
    """The French name of a holiday known by its English one; "jour férié" for one not known."""
    said = []
    for part in name.split("; "):
        plain, _, observed = part.partition(" (observed")
        french = HOLIDAYS_IN_FRENCH.get(plain, "jour férié")
        said.append(f"{french} (jour de compensation)" if observed else french)
    return " ; ".join(said)


def swapped_off(pair: date | None) -> Words:
    """The name of a day off that another day makes up for."""
    if pair is None:
        return DAY_OFF
    return Words(
        f"nghỉ hoán đổi với {day_said(pair, 'vi')}",
        f"day off swapped with {day_said(pair, 'en')}",
        f"repos échangé avec le {day_said(pair, 'fr')}",
    )


def making_up(pair: date | None) -> Words:
    """The name of a day worked in place of a day off."""
    if pair is None:
        return MAKEUP_WORK
    return Words(
        f"làm bù cho {day_said(pair, 'vi')}",
        f"making up for {day_said(pair, 'en')}",
        f"rattrapage du {day_said(pair, 'fr')}",
    )
