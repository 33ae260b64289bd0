"""A test page, in the words of a page: what it is about, why you, and the one link."""

from comms.content import Content
from comms.notices.registry import words_for
from comms.rendering import escape_markdown
from roster.link_purposes.page_tests import AcknowledgeTestPage
from roster.links import make_url
from roster.models import Notice, NoticeKind, PageTestCall


@words_for(NoticeKind.PAGE_TEST)
def page(notice: Notice) -> Content | None:
    """An unannounced one says that it needs an answer; that it was a test is said afterwards."""
    call = PageTestCall.objects.select_related("test").filter(pk=notice.data["call"]).first()
    if call is None or call.acknowledged_at:
        return None
    test = call.test
    name, person = escape_markdown(test.name), escape_markdown(notice.person.name)
    link = f"[I have it]({make_url(AcknowledgeTestPage.name, call.pk, notice.person)})"
    if test.is_unannounced:
        why = f"{person}, you are paged: {escape_markdown(call.via)}."
        lines = [f"**{name}**", why, "This needs your acknowledgement.", link]
        return Content(f"Page: {test.name}", "\n\n".join(lines))
    lines = [
        f"{person}, this is a test page; nothing is wrong. It came the way a real page comes.",
        link,
    ]
    return Content(f"Test page: {test.name}", "\n\n".join(lines))
