"""The code that proves an address: short, since it may arrive as an SMS."""

from datetime import datetime
from zoneinfo import ZoneInfo

from comms.content import Content
from comms.notices.registry import words_for
from roster.models import Notice, NoticeKind
from roster.verification import make_code


@words_for(NoticeKind.VERIFICATION_CODE)
def code(notice: Notice) -> Content | None:
    if notice.contact_method is None:
        return None
    sent_at = datetime.fromisoformat(str(notice.data["sent_at"]))
    made = make_code(notice.contact_method, sent_at=sent_at)
    if made is None:
        return None
    digits, expires_at = made
    until = expires_at.astimezone(ZoneInfo(notice.person.time_zone))
    return Content(
        "Muster: your code",
        f"**{digits}** is the code that shows Muster that you read messages here. Enter it on "
        f"your page until {until:%H:%M %Z}.\n\nYou asked for no code? Then ignore this: somebody "
        "mistyped their address.",
        is_confidential=True,
    )
