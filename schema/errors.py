"""One table: the service's codes to what front ends read, in three languages. Each code has a page in docs/errors/.

Refusals of a mutation are values, `UserError`. What goes to the top level is for authentication, limits and bugs, under the closed set of
codes of `TopLevel`; a bug shows its correlation id and nothing else.
"""

import logging
from enum import StrEnum

import strawberry
from graphql import GraphQLError

from casework.model.errors import (
    Conflict as Stale,
)
from casework.model.errors import (
    Contended,
    Fault,
    Forbidden,
    Unauthenticated,
    Unavailable,
)
from casework.model.errors import Invalid as Wrong
from casework.model.errors import NotFound as Absent
from casework.model.errors import Refused as No
from casework.model.record import State
from schema.text import Lang, Language

log = logging.getLogger("giamsat")
MASKED = "something went wrong here; the correlation id helps us to find out what"


class TopLevel(StrEnum):
    """`extensions.code` of errors at the top level."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    RATE_LIMITED = "RATE_LIMITED"
    COST_EXCEEDED = "COST_EXCEEDED"
    INTERNAL = "INTERNAL"


# code: (Vietnamese, French). English is the message itself, which also names the values at fault.
TEXTS: dict[str, tuple[str, str]] = {
    "INVALID": ("Dữ liệu nhập không hợp lệ.", "La saisie n'est pas valable."),
    "CLOCK_INPUT": ("Không thể tính thời hạn từ dữ liệu này.", "Aucun délai ne peut être calculé à partir de cette saisie."),
    "CURSOR": ("Con trỏ không thuộc danh sách này.", "Ce curseur n'appartient pas à cette liste."),
    "NOT_FOUND": ("Không tìm thấy hồ sơ.", "Dossier introuvable."),
    "NOT_RECEIVED": ("Hồ sơ chưa được tiếp nhận nên chưa tính thời hạn.", "Le délai court à partir de la réception."),
    "CONFLICT": ("Hồ sơ đã thay đổi; hãy xem lại rồi làm lại.", "Le dossier a changé ; relisez-le puis recommencez."),
    "STATE": ("Trạng thái hiện tại của hồ sơ không cho phép.", "L'état actuel du dossier ne le permet pas."),
    "NOT_YOUR_MOVE": ("Việc này không thuộc thẩm quyền của bạn.", "Cette action ne vous revient pas."),
    "DUE_BEFORE_START": ("Thời hạn nằm trước lúc phân công.", "L'échéance précède l'affectation."),
    "LEAD_FIRST": ("Phải phân công đơn vị chủ trì trước.", "Il faut d'abord désigner le pilote."),
    "STEP_ORDER": ("Chưa đến bước này.", "Ce n'est pas l'étape suivante."),
    "AFTER_DUE": ("Đã quá thời hạn giải quyết.", "Le délai est dépassé."),
    "ONCE_PER_STAGE": ("Mỗi bước chỉ được yêu cầu bổ sung một lần.", "Un seul complément peut être demandé par étape."),
    "OPINION_MISSING": ("Còn thiếu ý kiến phối hợp.", "Il manque un avis."),
    "UNKNOWN_COMPONENT": ("Thành phần hồ sơ không có trong thủ tục.", "Cette pièce n'est pas prévue par la procédure."),
    "UNKNOWN_STEP": ("Bước không có trong thủ tục.", "Cette étape n'est pas prévue par la procédure."),
    "UNKNOWN_ASSIGNMENT": ("Không có phân công phối hợp nào như vậy.", "Aucune coordination de ce numéro n'est en cours."),
    "UNKNOWN_UNIT": ("Không có cơ quan nào như vậy đang hoạt động.", "Aucune unité active de ce code."),
    "UNKNOWN_OFFICER": ("Không có cán bộ nào như vậy tại cơ quan đó.", "Aucun instructeur de ce code dans cette unité."),
    "UNKNOWN_POINT": ("Không có bộ phận một cửa nào như vậy.", "Aucun guichet de ce code."),
    "UNKNOWN_PROCEDURE": ("Không có thủ tục nào như vậy.", "Aucune procédure de ce code."),
    "NAME_TAKEN": ("Tên này đã có trong danh mục.", "Ce nom existe déjà dans le registre."),
    "NOT_IN_FORCE": ("Thủ tục không còn hoặc chưa có hiệu lực.", "La procédure n'est pas en vigueur ce jour-là."),
    "CHANNEL_NOT_ALLOWED": ("Thủ tục không nhận hồ sơ qua kênh này.", "La procédure n'admet pas ce canal."),
    "INCOMPLETE": ("Hồ sơ còn thiếu thành phần.", "Le dossier est incomplet."),
    "NO_ITEM": ("Phải nêu ít nhất một thành phần cần bổ sung.", "Indiquez au moins une pièce."),
    "UNCLEAR_ASSIGNMENT": ("Phân công chưa rõ người, rõ việc.", "L'affectation n'est pas complète."),
    "BEFORE_LAST_MOVE": ("Thời điểm nằm trước việc liền trước.", "L'instant précède l'action antérieure."),
    "IN_FUTURE": ("Thời điểm nằm trong tương lai.", "L'instant est dans le futur."),
    "BACKDATING_REASON_NEEDED": ("Phải nêu lý do ghi lùi ngày.", "Indiquez le motif de l'antidatage."),
    "TOO_MANY": ("Quá nhiều mục.", "Trop d'éléments."),
    "TOO_LONG": ("Văn bản quá dài.", "Le texte est trop long."),
    "EMPTY": ("Cần nhập nội dung.", "Un texte est attendu."),
    "BAD_CHARACTER": ("Có ký tự không được phép.", "Un caractère n'est pas admis."),
    "BAD_DIGEST": ("Mã băm không hợp lệ.", "L'empreinte n'est pas valable."),
    "BAD_KEY": ("Khoá chống lặp không hợp lệ.", "La clé d'idempotence n'est pas valable."),
    "ERASED": ("Thông tin người nộp hồ sơ đã được xoá.", "Les données de l'usager ont été effacées."),
    "NO_APPLICANT": ("Hồ sơ không có thông tin người nộp.", "Le dossier ne nomme aucun usager."),
    "ALREADY_RATED": ("Hồ sơ đã được đánh giá.", "Le dossier est déjà évalué."),
    "BAD_SCORE": ("Điểm đánh giá từ 1 đến 5.", "La note va de 1 à 5."),
    "BAD_VALIDITY": ("Ngày hiệu lực không phù hợp.", "Les dates de validité ne conviennent pas."),
    "KIND_CHANGED": ("Loại hồ sơ của thủ tục không được thay đổi.", "Le genre d'une procédure ne change pas."),
    "NOT_COMPETENT": ("Cơ quan này không có thẩm quyền giải quyết.", "Cette unité n'est pas compétente."),
    "NO_INDEX": ("Không có danh sách cho bộ lọc này.", "Aucun index ne sert ce filtre."),
    "OTHER_PROVINCE": ("Bộ phận một cửa thuộc tỉnh khác.", "Le guichet relève d'une autre province."),
    "UNIT_NEEDED": ("Phải chọn xã, phường giải quyết.", "Indiquez la commune compétente."),
    "EXTENSION_LIMIT": ("Không được gia hạn thêm như vậy.", "Une telle prolongation n'est pas admise."),
    "ALREADY_APOLOGISED": ("Đã có văn bản xin lỗi.", "Des excuses ont déjà été présentées."),
    "UNKNOWN_FEE": ("Không có khoản phí nào như vậy cần thu.", "Aucun droit de ce code n'est à percevoir."),
    "ALERT_CLOSED": ("Cảnh báo này đã được tiếp nhận hoặc đã tự đóng.", "Cette alerte est prise en compte ou close."),
    "UNKNOWN_ALERT": ("Không có cảnh báo nào như vậy.", "Il n'y a pas d'alerte de ce numéro."),
    "UNKNOWN_BLOCKER": ("Không có vướng mắc nào như vậy.", "Aucun blocage de ce numéro ne subsiste."),
    "UNKNOWN_INCIDENT": ("Không có sự cố nào như vậy đang diễn ra.", "Aucun incident ouvert de cet identifiant."),
    "UNKNOWN_DOSSIER": ("Không có hồ sơ nào như vậy.", "Il n'y a pas de dossier de ce code."),
    "BAD_FORM": ("Dạng xuất này không dùng được ở đây.", "Cette forme d'exportation n'est pas possible ici."),
    "BAD_PERIOD": ("Khoảng thời gian không phù hợp.", "La période ne convient pas."),
    "BAD_SCOPE": ("Phạm vi không rõ.", "L'étendue n'est pas claire."),
    "UNKNOWN_INSPECTION": ("Không có cuộc thanh tra nào như vậy đang mở.", "Aucune inspection ouverte de cet identifiant."),
    "OUT_OF_SCOPE": ("Nằm ngoài phạm vi của cuộc thanh tra.", "C'est hors du champ de l'inspection."),
    "NO_LOG": ("Hệ thống này chưa có sổ nhật ký kiểm chứng.", "Ce déploiement ne tient pas de journal vérifiable."),
    "INSPECTION_NEEDED": ("Chỉ được xem khi có cuộc thanh tra đang mở.", "Il y faut une inspection en cours."),
    "ALREADY_OFF": ("Ngày này đã là ngày nghỉ.", "Ce jour est déjà chômé."),
    "ALREADY_WORKED": ("Ngày này đã là ngày làm việc.", "Ce jour est déjà travaillé."),
    "UNPAIRED_SWAP": ("Ngày hoán đổi thiếu ngày tương ứng.", "L'autre jour de l'échange manque."),
    "DAY_TWICE": ("Một ngày được nêu hai lần.", "Un jour figure deux fois."),
    "IDEMPOTENCY_KEY_REUSED": ("Khoá này đã dùng cho dữ liệu khác.", "Cette clé a servi à une autre saisie."),
}  # fmt: skip


@strawberry.interface(description="A refusal that concerns the input or the dossier. Codes never change; texts may.")
class UserError:
    """A refusal as a value."""

    fault: strawberry.Private[Fault]

    @strawberry.field(description="A stable code; docs/errors/ has a page on each.")
    def code(self) -> str:
        """Give the code."""
        return self.fault.code

    @strawberry.field(description="What is wrong and what to do, for people.")
    def message(self, lang: Lang = Language.VI) -> str:
        """Say it in a language."""
        texts = TEXTS.get(self.fault.code)
        if lang is Language.EN or texts is None:
            return self.fault.message
        return texts[0] if lang is Language.VI else texts[1]

    @strawberry.field(description="The input field at fault, outermost first; null when it is none.")
    def path(self) -> list[str] | None:
        """Name the field."""
        found = getattr(self.fault, "path", ())
        return list(found) or None


@strawberry.type(description="The input is wrong.")
class Invalid(UserError):
    """`errors.Invalid` as a value."""


@strawberry.type(description="There is no such thing, or none for this viewer.")
class NotFound(UserError):
    """`errors.NotFound` as a value."""


@strawberry.type(description="The dossier does not allow the move now, or not to this viewer (NOT_YOUR_MOVE).")
class Refused(UserError):
    """`errors.Refused` as a value."""

    state: State = strawberry.field(description="The state it is in.")
    allowed_from: list[State] = strawberry.field(description="The states in which the move is allowed.")


def refused_shown(fault: No) -> Refused:
    """Tell a refusal as a value."""
    return Refused(fault=fault, state=State(fault.state), allowed_from=[State(state) for state in fault.allowed_from])


def top_level(error: GraphQLError, correlation: str) -> GraphQLError:
    """Give an error its closed code and correlation id; a bug loses its words and is logged with them."""
    cause = error.original_error
    code, message = TopLevel.BAD_USER_INPUT, error.message
    match cause:
        case None:
            code = TopLevel(error.extensions["code"]) if error.extensions and "code" in error.extensions else code
        case Wrong() | Absent() | No() | Stale():
            message = cause.message
        case Unauthenticated():
            code = TopLevel.UNAUTHENTICATED
        case Forbidden():
            code = TopLevel.FORBIDDEN
        case Contended() | Unavailable():
            log.warning("%s %s", correlation, cause.message)
            code, message = TopLevel.INTERNAL, cause.message
        case GraphQLError():
            pass
        case _:
            log.error("%s unexpected", correlation, exc_info=cause)
            code, message = (
                TopLevel.INTERNAL,
                MASKED,
            )
    extensions = {"code": code.value, "correlationId": correlation}
    return GraphQLError(message, error.nodes, error.source, error.positions, error.path, extensions=extensions)
