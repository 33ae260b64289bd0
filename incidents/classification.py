"""How bad is it? Two answers propose a severity, and a person may overrule it with a reason."""

from dataclasses import dataclass

from incidents.models.incident_changes import IncidentError
from incidents.models.severities import ImpactDegree, ImpactExtent, Severity


@dataclass(frozen=True)
class Classification:
    """The severity chosen, beside what the matrix proposed (None where it proposes nothing)."""

    severity: Severity
    proposed: Severity | None

    @property
    def is_overruled(self) -> bool:
        return self.proposed is not None and self.severity != self.proposed


def classify(
    extent: ImpactExtent | None,
    degree: ImpactDegree | None,
    *,
    severity: Severity | None,
    reason: str,
) -> Classification:
    """Ask the severity matrix (R122), unless `severity` overrules it. One query.

    Raises IncidentError if there is no reason for overruling it, or no severity at all.
    """
    proposed = Severity.objects.for_impact(extent, degree) if extent and degree else None
    chosen = severity or proposed
    if chosen is None:
        raise IncidentError.of_field("severity", "The matrix has no severity for this. Choose one.")
    classification = Classification(chosen, proposed)
    if proposed and classification.is_overruled and not reason:
        raise IncidentError.of_field(
            "reason", f"The matrix says {proposed.name}. Say why it is {chosen.name}."
        )
    return classification
