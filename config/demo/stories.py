"""What goes wrong at Halyard Freight: the plots that the history is made from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Story:
    """One thing that can go wrong, from the first sign to what was learnt."""

    service: str
    alert: str
    title: str
    impact: str
    extent: str
    degree: str
    suspicion: str
    cause: str
    fix: str
    workaround: str = ""
    notes: tuple[str, ...] = ()
    actions: tuple[tuple[str, str], ...] = ()  # kind and title


# The matrix makes these SEV1 or SEV2.
MAJOR = (
    Story(
        service="booking-api",
        alert="BookingErrorRate",
        title="Booking answers with errors",
        impact="About one booking in five fails at the last step.",
        extent="many",
        degree="unusable",
        suspicion="The connection pool of the booking database is exhausted.",
        cause="A report that ran on the primary held locks on the bookings table.",
        fix="Stopped the report and moved it to the replica; bookings go through again.",
        workaround="Bookings made through the carrier desk by phone work.",
        notes=(
            "Errors began three minutes after the nightly report was moved to the morning.",
            "Restarting two of the six nodes changed nothing.",
            "Database shows 480 of 500 connections waiting on one lock.",
        ),
        actions=(
            ("prevent", "Run reports on the replica only, enforced by its own database role"),
            ("detect", "Alert when more than fifty connections wait on one lock"),
            ("process", "Add the reporting team to the booking runbook"),
        ),
    ),
    Story(
        service="payments",
        alert="PaymentTimeouts",
        title="Card payments time out",
        impact="Card payments take longer than thirty seconds and mostly fail; invoices work.",
        extent="many",
        degree="degraded",
        suspicion="The payment provider answers slowly from one region.",
        cause="The provider moved to new addresses, and our firewall knew only half of them.",
        fix="Opened the firewall for the provider's new addresses.",
        workaround="Customers can choose to pay by invoice.",
        notes=(
            "The provider's status page shows nothing.",
            "Requests from the Frankfurt nodes succeed, from Dublin they do not.",
        ),
        actions=(
            ("prevent", "Read the provider's address list every day and compare"),
            ("mitigate", "Offer invoice by itself when card payments fail three times"),
        ),
    ),
    Story(
        service="tracking",
        alert="TrackingLag",
        title="Shipment positions are hours old",
        impact="Customers see positions that are up to four hours old; some alarms are late.",
        extent="all",
        degree="degraded",
        suspicion="The consumer of carrier events is stuck on one message.",
        cause="A carrier sent a message of forty megabytes, which the consumer retried for ever.",
        fix="Put the message aside by hand; the backlog was worked off in fifty minutes.",
        notes=(
            "Lag grows on one partition only.",
            "The message is a customs document attached to a position report.",
            "Backlog at 2.1 million events, falling by forty thousand a minute.",
        ),
        actions=(
            ("prevent", "Set messages larger than one megabyte aside, with a note"),
            ("detect", "Alert on lag of a single partition, not on the average"),
            ("mitigate", "Show the age of a position to customers"),
        ),
    ),
    Story(
        service="customer-portal",
        alert="PortalLoginFailures",
        title="Nobody can log in to the customer portal",
        impact="Log-in fails for everybody; those already logged in can work.",
        extent="all",
        degree="unusable",
        suspicion="The certificate of the sign-in service has expired.",
        cause="The renewal of the certificate had failed for three weeks, and its warning went to a"
        " mailbox that nobody reads.",
        fix="Renewed the certificate by hand.",
        workaround="The mobile app keeps people logged in.",
        notes=(
            "The certificate expired at midnight UTC.",
            "The renewal job says: permission denied, since the move to the new vault.",
        ),
        actions=(
            ("detect", "Page the platform team seven days before a certificate expires"),
            ("process", "Give every shared mailbox an owner, or close it"),
            ("prevent", "Test renewal in staging each week"),
        ),
    ),
)
# The matrix makes these SEV3.
MIDDLING = (
    Story(
        service="carrier-gateway",
        alert="CarrierQueueGrowing",
        title="Orders to one carrier are not going out",
        impact="Orders to Nordsee Lines wait; other carriers are not affected.",
        extent="some",
        degree="degraded",
        suspicion="The carrier's interface refuses our log-in.",
        cause="The carrier had rotated our password without telling us.",
        fix="Got the new password from the carrier's desk and sent the queue again.",
        notes=("The carrier's desk opens at six, their time.",),
    ),
    Story(
        service="customer-portal",
        alert="PortalSlow",
        title="Portal pages take ten seconds",
        impact="The shipment list is slow for customers with many shipments.",
        extent="some",
        degree="degraded",
        suspicion="The new filter does not use the index.",
        cause="The new filter compared text where the index holds numbers.",
        fix="Took the filter back; it returns with the right index.",
        workaround="The export button is fast.",
        notes=("Only accounts with more than five thousand shipments.",),
    ),
    Story(
        service="data-platform",
        alert="NightlyLoadLate",
        title="Yesterday's figures are missing",
        impact="Planning and sales work with figures of the day before.",
        extent="internal",
        degree="unusable",
        suspicion="A load job waits for a file that never came.",
        cause="A supplier's export had moved to another folder.",
        fix="Loaded the file by hand and corrected the folder.",
    ),
    Story(
        service="tracking",
        alert="GeocoderErrors",
        title="Some ports are shown in the wrong place",
        impact="Eleven ports appear a few hundred kilometres off on the map.",
        extent="some",
        degree="degraded",
        suspicion="The last update of the port list is wrong.",
        cause="Two columns of the port list had changed places.",
        fix="Rolled the port list back.",
    ),
)
# One person handles these, in working hours.
SMALL = (
    Story(
        service="data-platform",
        alert="DiskFilling",
        title="Disk of the archive node is at 85 %",
        impact="Nobody notices yet.",
        extent="internal",
        degree="nuisance",
        suspicion="",
        cause="Old exports were not removed.",
        fix="Removed exports older than ninety days.",
    ),
    Story(
        service="customer-portal",
        alert="ImageErrors",
        title="Company logos are missing on invoices",
        impact="Invoices show a grey box where the logo should be.",
        extent="some",
        degree="nuisance",
        suspicion="",
        cause="The folder of logos was renamed.",
        fix="Gave the folder its name back.",
    ),
    Story(
        service="carrier-gateway",
        alert="RetryRateHigh",
        title="A carrier's interface answers slowly",
        impact="Orders arrive a minute later than usual.",
        extent="some",
        degree="nuisance",
        suspicion="",
        cause="The carrier was doing maintenance that it had not announced.",
        fix="Waited until they were done; retries worked.",
    ),
    Story(
        service="booking-api",
        alert="CacheMisses",
        title="Price cache is cold after a deployment",
        impact="Quotes took two seconds for some minutes.",
        extent="many",
        degree="nuisance",
        suspicion="",
        cause="The cache key contains the version.",
        fix="It warmed up by itself within ten minutes.",
    ),
)
# What alerts on its own and goes away.
NOISE = (
    ("data-platform", "LoadAverageHigh", "Load is high on a batch node"),
    ("carrier-gateway", "TimeoutsBurst", "A burst of timeouts to one carrier"),
    ("tracking", "ConsumerRestarted", "A consumer restarted"),
    ("booking-api", "LatencyP99", "Slowest requests above two seconds"),
)
REASONS_TO_DISMISS = (
    "A deployment was running; expected.",
    "The threshold is too tight, nobody was affected.",
    "A load test that was announced in the chat.",
)
