"""The domain's enums as the schema shows them, each value described."""

import strawberry

from casework.accesses import AccessKind
from casework.model.alert import AlertLevel, DeadlineKind
from casework.model.derivation import ReasonKind
from casework.model.export import ExportForm, ExportScope, ExportState
from casework.model.inspection import InspectionScope
from casework.model.limit import LimitUnit
from casework.model.moves import MoveName
from casework.model.parties import PartyKind, Role
from casework.model.procedure import Channel, DossierKind, StepOrder
from casework.model.record import AssignmentRole, HolderKind, IntervalKind, Medium, Outcome, State
from casework.model.task import TaskKind, TaskState
from casework.model.unit import PointKind
from casework.model.workdays import DayKind, OverrideKind

strawberry.enum(State, name="DossierState", description="Where a dossier stands in its lifecycle.")
strawberry.enum(DossierKind, description="What a dossier is. All kinds share one lifecycle.")
strawberry.enum(Channel, description="How a dossier comes in.")
strawberry.enum(AlertLevel, description="How urgent a deadline is, ascending.")
strawberry.enum(LimitUnit, description="What a limit is counted in.")
strawberry.enum(DeadlineKind, description="What a deadline is for.")
strawberry.enum(ReasonKind, name="ClockReasonKind", description="What a line of a clock's explanation tells.")
strawberry.enum(Role, description="The role of a token.")
strawberry.enum(PartyKind, name="ActorKind", description="What kind of actor an entry names.")
strawberry.enum(StepOrder, description="Whether steps follow each other.")
strawberry.enum(AssignmentRole, description="Part of a unit in a dossier.")
strawberry.enum(IntervalKind, description="Whether the clock runs.")
strawberry.enum(HolderKind, description="Who holds the dossier.")
strawberry.enum(Outcome, description="What was decided.")
strawberry.enum(Medium, description="How a result is handed out.")
strawberry.enum(MoveName, name="Move", description="The moves of a dossier.")
strawberry.enum(DayKind, description="Why a day is worked or not.")
strawberry.enum(OverrideKind, description="What a document makes of a day.")
strawberry.enum(TaskKind, description="What a task carries out.")
strawberry.enum(TaskState, description="How far a task is.")
strawberry.enum(ExportScope, description="What an export holds all of.")
strawberry.enum(ExportForm, description="How an export shows that entries are in the log.")
strawberry.enum(ExportState, description="How far an export is.")
strawberry.enum(InspectionScope, description="What an inspection is of.")
strawberry.enum(AccessKind, description="What an access is.")
strawberry.enum(PointKind, name="ReceptionPointKind", description="Kinds of reception point.")

# Enum name in the schema: its values' descriptions.
VALUES: dict[str, dict[str, str]] = {
    "DossierState": {
        "SUBMITTED": "Handed in, not yet taken in.",
        "RECEIVED": "Taken in: the clock runs.",
        "REFUSED": "Not taken in, with reason and legal basis.",
        "IN_PROCESS": "Assigned and being handled.",
        "AWAITING_SUPPLEMENT": "Waiting for the applicant's supplements; the clock is paused.",
        "AWAITING_PAYMENT": "Waiting for a payment; the clock is paused where the version says so.",
        "DECIDED": "Decided: the clock has stopped.",
        "DELIVERED": "The result is with the applicant.",
        "WITHDRAWN": "Withdrawn by the applicant.",
        "STOPPED": "Stopped by an approver.",
    },
    "AccessKind": {
        "VIEWED": "An official was shown the applicant's values: once for ten minutes.",
        "UNMASKED": "They were masked, and unmasked for a reason.",
    },
    "DossierKind": {
        "ADMINISTRATIVE": "An administrative procedure.",
        "COMPLAINT": "A complaint (khiếu nại).",
        "DENUNCIATION": "A denunciation (tố cáo).",
        "FEEDBACK": "Feedback or a petition (phản ánh, kiến nghị).",
        "ACCESS_REQUEST": "A request for access to information.",
    },
    "Channel": {
        "ONLINE": "By the portal.",
        "COUNTER": "At a counter.",
        "POST": "By post.",
        "EMAIL": "By e-mail.",
        "INTERNAL": "From inside the administration.",
    },
    "AlertLevel": {
        "AT_RISK": "Little of the limit is left.",
        "DUE_TODAY": "The due day has begun.",
        "OVERDUE": "The due instant has passed.",
        "ESCALATED": "Five working days have passed since.",
    },
    "LimitUnit": {
        "WORKING_DAYS": "Working days.",
        "WORKING_HOURS": "Working hours, to the minute, inside 07:30-11:30 and 13:00-17:00; eight are a day.",
        "CALENDAR_DAYS": "Calendar days; an end on a day off rolls to the next working day.",
        "MONTHS": "Months; an end on a day off rolls to the next working day.",
        "FIXED_DATE": "A given instant, as an import brings it.",
    },
    "DeadlineKind": {
        "DOSSIER": "The dossier itself.",
        "FEEDBACK": "The answer to feedback: the dossier itself, where it is of that kind.",
        "STEP": "The step that is due next, within its allotment.",
        "COORDINATION": "The opinion of a coordinating unit.",
        "SUPPLEMENT": "The applicant's supplements.",
        "PAYMENT": "The applicant's payment.",
    },
    "ClockReasonKind": {
        "START": "The day from which days are counted.",
        "SKIPPED_DAY": "A day that does not count.",
        "MAKEUP_DAY": "A Saturday that is worked and counts.",
        "PAUSE": "A time in which the clock stood.",
        "EXTENSION": "Units that were added to the limit.",
        "ROLLED": "The end fell on a day off and moved on.",
        "AMENDED": "The calendar was amended.",
        "IMPORTED": "The due instant came with an import.",
    },
    "Role": {
        "PUBLIC": "No token.",
        "CITIZEN": "An applicant.",
        "RECEPTION": "Staff of a reception point.",
        "OFFICER": "Handles dossiers.",
        "HEAD": "Head of a unit.",
        "SUPERVISOR": "Supervises a unit and all below it.",
        "INSPECTOR": "Inspects, anywhere.",
        "ADMIN": "Keeps the register; sees no dossier.",
        "IMPORT": "A log that is read in; no token has it.",
    },
    "ActorKind": {
        "CITIZEN": "A citizen, under a pseudonym that holds for one dossier.",
        "OFFICER": "A person in office, by the register's code.",
        "IMPORT": "A log that was read in.",
        "SERVICE": "The service itself.",
    },
    "StepOrder": {"ORDERED": "One after the other.", "FREE": "In any order; a step may recur."},
    "AssignmentRole": {
        "LEAD": "Answers for the dossier (chủ trì).",
        "COORDINATING": "Gives an opinion (phối hợp).",
    },
    "IntervalKind": {"RUNNING": "The clock runs.", "PAUSED": "The clock stands."},
    "HolderKind": {
        "UNIT": "A unit, no person named yet.",
        "OFFICER": "A person.",
        "APPLICANT": "The applicant.",
        "TREASURY": "Whoever takes the payment.",
        "INCIDENT": "An incident.",
        "BLOCKER": "A blocker.",
    },
    "Outcome": {"GRANTED": "As asked.", "REJECTED": "Not as asked.", "OTHER": "Neither, or not known."},
    "Medium": {"ELECTRONIC": "An electronic document.", "PAPER": "On paper."},
    "DayKind": {
        "WEEKDAY": "Monday to Friday.",
        "WEEKEND": "Saturday or Sunday.",
        "HOLIDAY": "A public holiday.",
        "SWAPPED_OFF": "Off, in exchange for a make-up day.",
        "MAKEUP": "A day off that is worked, in exchange for another.",
    },
    "OverrideKind": {"OFF": "It is off.", "MAKEUP": "A day off that is worked, in exchange for another."},
    "TaskKind": {
        "AMENDMENT": "Brings an amended calendar to the dossiers that it moves.",
        "INCIDENT": "Brings an incident to the dossiers that it affects, or its end.",
    },
    "TaskState": {
        "PENDING": "Not begun yet: it is within seconds.",
        "RUNNING": "Begun; between two passes it waits.",
        "DONE": "All was done.",
    },
    "ExportScope": {
        "DOSSIER": "One dossier.",
        "UNIT": "The dossiers that a unit opened in a period.",
        "ALL": "Everything that the log has.",
    },
    "ExportForm": {
        "FULL": "All leaves of the log: it shows that nothing was left out.",
        "LIGHT": "A proof of each entry: small, but entries missing at the end do not show.",
    },
    "ExportState": {
        "REQUESTED": "Waits for the log to publish what was there when it was asked for: some seconds.",
        "RUNNING": "Is being made.",
        "READY": "The file is there.",
        "FAILED": "It could not be made; `failure` says why.",
        "EXPIRED": "The file is gone; ask again.",
    },
    "InspectionScope": {
        "DOSSIER": "One dossier.",
        "UNIT": "A unit and all below it.",
        "ALL": "Everything.",
    },
    "Move": {
        "SUBMIT": "Hand in.",
        "RECEIVE": "Take in.",
        "REFUSE": "Do not take in.",
        "ASSIGN": "Name the lead, or a unit that coordinates.",
        "RETURN": "Give an assignment back.",
        "COMPLETE_STEP": "Record a step as done.",
        "GIVE_OPINION": "Answer as a coordinating unit.",
        "REQUEST_SUPPLEMENT": "Ask for what is missing.",
        "SUPPLY": "Hand in what was asked for.",
        "DECIDE": "Decide.",
        "DELIVER": "Hand out the result.",
        "WITHDRAW": "Take it back.",
        "STOP": "End it without a decision.",
        "EXTEND": "Add units to the limit.",
        "APOLOGISE": "Promise another date by a letter.",
        "REQUIRE_PAYMENT": "Ask for a fee.",
        "RECORD_PAYMENT": "Record a fee as paid.",
        "RAISE_BLOCKER": "Say what keeps everybody from going on.",
        "CLEAR_BLOCKER": "Say that it is gone.",
        "ACKNOWLEDGE": "Take note of an alert.",
        "ERASE": "Erase who the applicant is.",
        "REOPEN": "Handle it anew.",
        "RATE": "Say how it went.",
        "ROTATE": "Make the tracking secret void, and a new one.",
    },
    "ReceptionPointKind": {
        "CENTRE": "A provincial centre.",
        "BRANCH": "A branch of it.",
        "COMMUNE_COUNTER": "A commune's counter.",
        "POSTAL_AGENT": "A post office.",
        "ONLINE": "The portal.",
    },
}
