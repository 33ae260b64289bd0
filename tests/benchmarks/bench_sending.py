"""How fast the outbox hands mails over, beside the same mails over a bare SMTP connection.

`uv run python -m tests.benchmarks.bench_sending` measures SQLite, or the database that
`DATABASE_URL` names. The mail server shares this machine's cores.
"""

import os
import smtplib
import tempfile
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from tests.e2e.mailbox import Server
from tests.e2e.stack import Stack, free_port

MAILS = 2_000


def measure() -> None:
    """Send `MAILS` updates and print both rates. Runs in a process with Django set up."""
    # The apps can be imported only once Django is set up.
    from django.core.mail import get_connection  # noqa: PLC0415  # see above
    from django.utils import timezone  # noqa: PLC0415  # see above

    from comms.channels.email import as_mail  # noqa: PLC0415  # see above
    from comms.models import Message  # noqa: PLC0415  # see above
    from comms.outbox import draining  # noqa: PLC0415  # see above

    at = timezone.now()
    rows = Message.objects.bulk_create(
        Message(
            key=f"bench-{number}", channel="email", recipient=f"p{number}@example.com",
            priority=30, subject="INC-142 Checkout is slow", body="We are looking into it. " * 20,
            html="<p>We are looking into it.</p>" * 40, created_at=at, due_at=at,
            give_up_at=at + timedelta(hours=6),
        )
        for number in range(MAILS)
    )  # fmt: skip
    server = get_connection()
    server.open()
    connection: smtplib.SMTP = server.connection
    began = perf_counter()
    for row in rows:
        mail = as_mail(row)
        connection.sendmail("m@example.com", [row.recipient], mail.message().as_bytes())
    bare = MAILS / (perf_counter() - began)
    server.close()
    began = perf_counter()
    with draining("email") as step:
        while step(timezone.now()):
            pass
    outbox = MAILS / (perf_counter() - began)
    assert Message.objects.filter(state="sent").count() == MAILS
    print(f"bare SMTP {bare:.0f}/s, outbox {outbox:.0f}/s, ratio {outbox / bare:.2f}")


def main() -> None:
    """Start a mail server and a fresh database, and measure."""
    with Server(port=free_port()) as mail, tempfile.TemporaryDirectory() as folder:
        stack = Stack(data_dir=Path(folder), smtp_port=mail.port)
        stack.prepare()
        print(stack.database_url or "SQLite", f"load {os.getloadavg()[0]:.1f}")
        print(stack.run("-c", f"import django; django.setup(); {MEASURE}"))


MEASURE = "from tests.benchmarks.bench_sending import measure; measure()"

if __name__ == "__main__":
    main()
