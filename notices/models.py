"""The nouns of telling: mails with people's choices of them (`mail.tables`), webhooks (`webhooks.tables`)."""

from notices.mail.tables import DigestHour as DigestHour
from notices.mail.tables import Letter as Letter
from notices.mail.tables import MailChoice as MailChoice
from notices.mail.tables import MailDefault as MailDefault
from notices.webhooks.tables import Attempt as Attempt
from notices.webhooks.tables import Delivery as Delivery
from notices.webhooks.tables import Endpoint as Endpoint
from notices.webhooks.tables import Event as Event
