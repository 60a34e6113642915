"""The catalogue: the 27 kinds of event, each column with its header, source and format on one line.

A column's source is a column of the kind's event table, or of the joined profile or campaign. The order of the columns
is part of the contract; a later version only appends.
"""

from dataclasses import dataclass
from enum import Enum

from . import models


class Format(Enum):
    """How a value is written in a file; the words are those of the catalogue."""

    INTEGER = "integer"
    TEXT = "text"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    MOMENT = "moment"
    LIST = "list"


integer, text, decimal, boolean, moment, list_ = Format


class Table(Enum):
    """Where a column's value is read from."""

    EVENT = "e"
    PROFILE = "p"
    CAMPAIGN = "c"


@dataclass(frozen=True)
class Column:
    header: str
    source: str
    format: Format
    table: Table = Table.EVENT
    meaning: str = ""


@dataclass(frozen=True)
class Kind:
    """One OUT flow of the catalogue.

    `number` is what event rows store. `moment` is the source of the moment at which the event happened, which a date
    range and a flow's start refer to. Enrichment follows the column `businessKey`.
    """

    number: int
    code: str
    family: str
    label: str
    model: type[models.Event]
    moment: str
    columns: tuple[Column, ...]

    @property
    def headers(self) -> list[str]:
        return [column.header for column in self.columns]


# fmt: off
EVENT = (Column("eventId", "id", integer, meaning="Number of the event, unique within the profile table."),)
PROFILE = (
    Column("profileId", "profile_id", integer, meaning="Number of the profile."),
    Column("businessKey", "business_key", text, Table.PROFILE, "The client's own key of the profile; missing when the profile is not known."),
)
CAMPAIGN = (
    Column("campaignId", "campaign_id", integer, meaning="Number of the campaign; missing when no campaign is involved."),
    Column("campaignName", "name", text, Table.CAMPAIGN, "Name of the campaign, as it is now."),
    Column("campaignType", "type", text, Table.CAMPAIGN, "ONE_SHOT, SCENARIZED, AB_TESTING or TRANSACTIONAL."),
)

KINDS: dict[str, Kind] = {kind.code: kind for kind in (
    Kind(1, "email_sent", "email", "E-mails sent", models.EmailEvent, moment="sending_moment", columns=(
        *EVENT,
        *PROFILE,
        *CAMPAIGN,
        Column("emailAddress", "email_address", text, meaning="Address at the time of the event."),
        Column("language", "language", text, meaning="Language of the message."),
        Column("versionName", "version_name", text, meaning="Version of the message, in an A/B test."),
        Column("sendingMoment", "sending_moment", moment, meaning="When the message was sent."),
    )),
    Kind(2, "email_not_sent", "email", "E-mails not sent", models.EmailEvent, moment="attempt_moment", columns=(
        *EVENT,
        *PROFILE,
        *CAMPAIGN,
        Column("emailAddress", "email_address", text, meaning="Address at the time of the event."),
        Column("language", "language", text, meaning="Language of the message."),
        Column("attemptMoment", "attempt_moment", moment, meaning="When sending was tried."),
        Column("reason", "reason", text, meaning="Why it was not sent."),
        Column("reasonDetail", "reason_detail", text, meaning="More about the reason."),
    )),
    Kind(3, "email_hard_bounce", "email", "Hard bounces of e-mails", models.EmailEvent, moment="bounce_moment", columns=(
        *EVENT,
        *PROFILE,
        *CAMPAIGN,
        Column("emailAddress", "email_address", text, meaning="Address at the time of the event."),
        Column("sendingMoment", "sending_moment", moment, meaning="When the message was sent."),
        Column("bounceMoment", "bounce_moment", moment, meaning="When the bounce came in."),
        Column("bounceCategory", "bounce_category", text, meaning="Sort of bounce."),
        Column("smtpCode", "smtp_code", text, meaning="Reply code of the receiving server."),
        Column("bounceMessage", "bounce_message", text, meaning="Reply text of the receiving server."),
    )),
    Kind(4, "email_soft_bounce", "email", "Soft bounces of e-mails", models.EmailEvent, moment="bounce_moment", columns=(
        *EVENT,
        *PROFILE,
        *CAMPAIGN,
        Column("emailAddress", "email_address", text, meaning="Address at the time of the event."),
        Column("sendingMoment", "sending_moment", moment, meaning="When the message was sent."),
        Column("bounceMoment", "bounce_moment", moment, meaning="When the bounce came in."),
        Column("bounceCategory", "bounce_category", text, meaning="Sort of bounce."),
        Column("smtpCode", "smtp_code", text, meaning="Reply code of the receiving server."),
        Column("bounceMessage", "bounce_message", text, meaning="Reply text of the receiving server."),
    )),
    Kind(5, "email_opening", "email", "E-mail openings", models.EmailEvent, moment="opening_moment", columns=(
        *EVENT,
        *PROFILE,
        *CAMPAIGN,
        Column("emailAddress", "email_address", text, meaning="Address at the time of the event."),
        Column("sendingMoment", "sending_moment", moment, meaning="When the message was sent."),
        Column("openingMoment", "opening_moment", moment, meaning="When the e-mail was opened."),
        Column("device", "device", text, meaning="Sort of device."),
        Column("userAgent", "user_agent", text, meaning="Browser or mail program, as it named itself."),
    )),
    Kind(6, "email_click", "email", "Clicks in e-mails", models.EmailEvent, moment="click_moment", columns=(
        *EVENT,
        *PROFILE,
        *CAMPAIGN,
        Column("emailAddress", "email_address", text, meaning="Address at the time of the event."),
        Column("sendingMoment", "sending_moment", moment, meaning="When the message was sent."),
        Column("clickMoment", "click_moment", moment, meaning="When the link was clicked."),
        Column("linkName", "link_name", text, meaning="Name of the link."),
        Column("url", "url", text, meaning="Address of the page."),
        Column("device", "device", text, meaning="Sort of device."),
        Column("userAgent", "user_agent", text, meaning="Browser or mail program, as it named itself."),
    )),
    Kind(7, "email_unsubscribe", "email", "Unsubscriptions from e-mails", models.EmailEvent, moment="unsubscribe_moment", columns=(
        *EVENT,
        *PROFILE,
        *CAMPAIGN,
        Column("emailAddress", "email_address", text, meaning="Address at the time of the event."),
        Column("unsubscribeMoment", "unsubscribe_moment", moment, meaning="When the profile unsubscribed."),
        Column("subscriptionName", "subscription_name", text, meaning="Name of the subscription."),
    )),
    Kind(8, "sms_sent", "sms", "SMS sent", models.SmsEvent, moment="sending_moment", columns=(
        *EVENT,
        *PROFILE,
        *CAMPAIGN,
        Column("gsmNumber", "gsm_number", text, meaning="Mobile number at the time of the event."),
        Column("language", "language", text, meaning="Language of the message."),
        Column("messageParts", "message_parts", integer, meaning="Number of SMS that the message took."),
        Column("sendingMoment", "sending_moment", moment, meaning="When the message was sent."),
    )),
    Kind(9, "sms_not_sent", "sms", "SMS not sent", models.SmsEvent, moment="attempt_moment", columns=(
        *EVENT,
        *PROFILE,
        *CAMPAIGN,
        Column("gsmNumber", "gsm_number", text, meaning="Mobile number at the time of the event."),
        Column("language", "language", text, meaning="Language of the message."),
        Column("attemptMoment", "attempt_moment", moment, meaning="When sending was tried."),
        Column("reason", "reason", text, meaning="Why it was not sent."),
        Column("reasonDetail", "reason_detail", text, meaning="More about the reason."),
    )),
    Kind(10, "sms_delivered", "sms", "SMS delivered", models.SmsEvent, moment="delivery_moment", columns=(
        *EVENT,
        *PROFILE,
        *CAMPAIGN,
        Column("gsmNumber", "gsm_number", text, meaning="Mobile number at the time of the event."),
        Column("sendingMoment", "sending_moment", moment, meaning="When the message was sent."),
        Column("deliveryMoment", "delivery_moment", moment, meaning="When the operator delivered the SMS."),
    )),
    Kind(11, "sms_bounce", "sms", "SMS bounces", models.SmsEvent, moment="bounce_moment", columns=(
        *EVENT,
        *PROFILE,
        *CAMPAIGN,
        Column("gsmNumber", "gsm_number", text, meaning="Mobile number at the time of the event."),
        Column("sendingMoment", "sending_moment", moment, meaning="When the message was sent."),
        Column("bounceMoment", "bounce_moment", moment, meaning="When the bounce came in."),
        Column("reason", "reason", text, meaning="Why it bounced."),
        Column("operatorCode", "operator_code", text, meaning="The operator's code."),
    )),
    Kind(12, "print_ready", "print", "Print ready", models.PrintEvent, moment="ready_moment", columns=(
        *EVENT,
        *PROFILE,
        *CAMPAIGN,
        Column("readyMoment", "ready_moment", moment, meaning="When the file was ready."),
        Column("campaignData", "campaign_data", list_, meaning="The data chosen for the campaign's file, as name=value pairs."),
    )),
    Kind(13, "print_not_sent", "print", "Print not sent", models.PrintEvent, moment="attempt_moment", columns=(
        *EVENT,
        *PROFILE,
        *CAMPAIGN,
        Column("attemptMoment", "attempt_moment", moment, meaning="When sending was tried."),
        Column("reason", "reason", text, meaning="Why it was not sent."),
        Column("reasonDetail", "reason_detail", text, meaning="More about the reason."),
    )),
    Kind(14, "print_download", "print", "Print downloaded", models.PrintEvent, moment="download_moment", columns=(
        *EVENT,
        *PROFILE,
        *CAMPAIGN,
        Column("readyMoment", "ready_moment", moment, meaning="When the file was ready."),
        Column("downloadMoment", "download_moment", moment, meaning="When the file was downloaded."),
        Column("fileName", "file_name", text, meaning="Name of the downloaded file."),
        Column("downloadedBy", "downloaded_by", text, meaning="Who downloaded it."),
    )),
    Kind(15, "audience_ready", "audience", "Custom audience ready", models.AudienceEvent, moment="ready_moment", columns=(
        *EVENT,
        *PROFILE,
        *CAMPAIGN,
        Column("audienceName", "audience_name", text, meaning="Name of the custom audience."),
        Column("network", "network", text, meaning="Social network."),
        Column("readyMoment", "ready_moment", moment, meaning="When the file was ready."),
    )),
    Kind(16, "audience_not_sent", "audience", "Custom audience not sent", models.AudienceEvent, moment="attempt_moment", columns=(
        *EVENT,
        *PROFILE,
        *CAMPAIGN,
        Column("audienceName", "audience_name", text, meaning="Name of the custom audience."),
        Column("network", "network", text, meaning="Social network."),
        Column("attemptMoment", "attempt_moment", moment, meaning="When sending was tried."),
        Column("reason", "reason", text, meaning="Why it was not sent."),
        Column("reasonDetail", "reason_detail", text, meaning="More about the reason."),
    )),
    Kind(17, "audience_download", "audience", "Custom audience downloaded", models.AudienceEvent, moment="download_moment", columns=(
        *EVENT,
        *PROFILE,
        *CAMPAIGN,
        Column("audienceName", "audience_name", text, meaning="Name of the custom audience."),
        Column("network", "network", text, meaning="Social network."),
        Column("readyMoment", "ready_moment", moment, meaning="When the file was ready."),
        Column("downloadMoment", "download_moment", moment, meaning="When the file was downloaded."),
        Column("fileName", "file_name", text, meaning="Name of the downloaded file."),
        Column("downloadedBy", "downloaded_by", text, meaning="Who downloaded it."),
    )),
    Kind(18, "call_center_ready", "call_center", "Call center ready", models.CallCenterEvent, moment="ready_moment", columns=(
        *EVENT,
        *PROFILE,
        *CAMPAIGN,
        Column("phoneNumber", "phone_number", text, meaning="Phone number at the time of the event."),
        Column("readyMoment", "ready_moment", moment, meaning="When the file was ready."),
        Column("campaignData", "campaign_data", list_, meaning="The data chosen for the campaign's file, as name=value pairs."),
    )),
    Kind(19, "call_center_not_sent", "call_center", "Call center not sent", models.CallCenterEvent, moment="attempt_moment", columns=(
        *EVENT,
        *PROFILE,
        *CAMPAIGN,
        Column("phoneNumber", "phone_number", text, meaning="Phone number at the time of the event."),
        Column("attemptMoment", "attempt_moment", moment, meaning="When sending was tried."),
        Column("reason", "reason", text, meaning="Why it was not sent."),
        Column("reasonDetail", "reason_detail", text, meaning="More about the reason."),
    )),
    Kind(20, "call_center_download", "call_center", "Call center downloaded", models.CallCenterEvent, moment="download_moment", columns=(
        *EVENT,
        *PROFILE,
        *CAMPAIGN,
        Column("phoneNumber", "phone_number", text, meaning="Phone number at the time of the event."),
        Column("readyMoment", "ready_moment", moment, meaning="When the file was ready."),
        Column("downloadMoment", "download_moment", moment, meaning="When the file was downloaded."),
        Column("fileName", "file_name", text, meaning="Name of the downloaded file."),
        Column("downloadedBy", "downloaded_by", text, meaning="Who downloaded it."),
    )),
    Kind(21, "goal_webvisit", "goal", "Web visit goal reached", models.GoalEvent, moment="reach_moment", columns=(
        *EVENT,
        *PROFILE,
        Column("goalId", "goal_id", integer, meaning="Number of the goal."),
        Column("goalName", "goal_name", text, meaning="Name of the goal."),
        Column("url", "url", text, meaning="Address of the page."),
        Column("reachMoment", "reach_moment", moment, meaning="When the goal was reached."),
        *CAMPAIGN,
    )),
    Kind(22, "goal_transaction", "goal", "Transactional goal reached", models.GoalEvent, moment="reach_moment", columns=(
        *EVENT,
        *PROFILE,
        Column("goalId", "goal_id", integer, meaning="Number of the goal."),
        Column("goalName", "goal_name", text, meaning="Name of the goal."),
        Column("reachMoment", "reach_moment", moment, meaning="When the goal was reached."),
        Column("transactionId", "transaction_id", text, meaning="Number of the transaction."),
        Column("amount", "amount", decimal, meaning="Amount of the transaction."),
        Column("currency", "currency", text, meaning="Currency of the amount."),
        *CAMPAIGN,
    )),
    Kind(23, "survey_participation", "survey", "Survey participations", models.SurveyEvent, moment="participation_moment", columns=(
        *EVENT,
        *PROFILE,
        Column("formId", "form_id", integer, meaning="Number of the form."),
        Column("formName", "form_name", text, meaning="Name of the form."),
        Column("participationId", "participation_id", integer, meaning="Number of the participation."),
        Column("participationMoment", "participation_moment", moment, meaning="When the profile took part."),
        Column("updateMoment", "update_moment", moment, meaning="When it last changed."),
        Column("status", "status", text, meaning="State of the participation."),
    )),
    Kind(24, "survey_answer", "survey", "Survey answers", models.SurveyEvent, moment="participation_moment", columns=(
        *EVENT,
        *PROFILE,
        Column("formId", "form_id", integer, meaning="Number of the form."),
        Column("formName", "form_name", text, meaning="Name of the form."),
        Column("participationId", "participation_id", integer, meaning="Number of the participation."),
        Column("participationMoment", "participation_moment", moment, meaning="When the profile took part."),
        Column("questionName", "question_name", text, meaning="Name of the question."),
        Column("answer", "answer", list_, meaning="The answer or answers."),
    )),
    Kind(25, "subscription_update", "profile", "Subscription updates (all sources)", models.SubscriptionEvent, moment="update_moment", columns=(
        *EVENT,
        *PROFILE,
        Column("subscriptionName", "subscription_name", text, meaning="Name of the subscription."),
        Column("subscribed", "subscribed", boolean, meaning="Whether the profile is subscribed since then."),
        Column("updateMoment", "update_moment", moment, meaning="When it last changed."),
        Column("sourceType", "source_type", text, meaning="EMAIL, FORM, API, PLATFORM_UPDATE or PLATFORM_IMPORT."),
        Column("sourceId", "source_id", text, meaning="Number of the source."),
        Column("sourceName", "source_name", text, meaning="Name of the source."),
        Column("application", "application", text, meaning="Application that made the change."),
        Column("dataCollectionSource", "data_collection_source", text, meaning="Where consent was collected."),
        Column("dataCollectionWay", "data_collection_way", text, meaning="How consent was collected."),
        Column("dataCollectionMoment", "data_collection_moment", moment, meaning="When consent was collected."),
    )),
    Kind(26, "email_complaint", "profile", "E-mail complaints", models.ComplaintEvent, moment="complaint_moment", columns=(
        *EVENT,
        *PROFILE,
        Column("emailAddress", "email_address", text, meaning="Address at the time of the event."),
        Column("complaintMoment", "complaint_moment", moment, meaning="When the complaint came in."),
        *CAMPAIGN,
        Column("feedbackType", "feedback_type", text, meaning="abuse, fraud, virus, other or not-spam (RFC 5965)."),
        Column("provider", "provider", text, meaning="Mailbox provider that reported it."),
    )),
    Kind(27, "email_do_not_contact", "profile", "E-mails not to be contacted", models.DoNotContactEvent, moment="blacklist_moment", columns=(
        *EVENT,
        *PROFILE,
        Column("emailAddress", "email_address", text, meaning="Address at the time of the event."),
        Column("blacklistMoment", "blacklist_moment", moment, meaning="When the address was put on the list."),
        Column("reason", "reason", text, meaning="HARD_BOUNCE, SOFT_BOUNCES, COMPLAINT or MANUAL."),
    )),
)}
# fmt: on

KIND_CHOICES = [(kind.code, kind.label) for kind in KINDS.values()]
