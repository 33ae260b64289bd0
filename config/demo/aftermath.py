"""What became of the postmortems and promises of the demo's history."""

from datetime import date, datetime, timedelta
from random import Random

from config.demo.organisation import Organisation
from config.demo.replay import Replay
from config.demo.stories import MAJOR, Story
from incidents.models import Phase
from postmortems.action_items import NewActionItem, add_action_item
from postmortems.models import ActionItem, Invitation, Postmortem
from postmortems.models.action_items import ActionKind, Priority
from roster.actors import Actor

APPROVER = "stefan-kruger"
TEXTS = {
    "Why it happened": "{cause}\n\nWhat we first took it for: {suspicion}",
    "What went well, and where we were lucky": (
        "- The first responder was on it within minutes.\n"
        "- Customers heard from us before they asked.\n\n"
        "We were lucky that it began on a working day."
    ),
    "What we change": "See the action items. The risk that stays: {impact}",
}


def tell_aftermath(company: Organisation, at: datetime, rng: Random) -> None:
    """Bring each postmortem to where it stands today: the older ones further than the younger."""
    plots = {story.title: story for story in MAJOR}
    opened = Postmortem.objects.filter(incident__phase=Phase.RESTORED)
    for postmortem in opened.select_related("incident__severity", "owner").order_by("number"):
        aftermath = _Aftermath(company, postmortem, plots[postmortem.incident.title], at, rng)
        aftermath.tell()
        aftermath.replay.finish()


class _Aftermath:
    def __init__(
        self,
        company: Organisation,
        postmortem: Postmortem,
        story: Story,
        at: datetime,
        rng: Random,
    ) -> None:
        self.company = company
        self.postmortem = postmortem
        self.story = story
        self.now = at
        self.rng = rng
        self.replay = Replay(company, postmortem.opened_at + timedelta(hours=3), rng)
        self.replay.incident = postmortem.incident
        self.owner = Actor.of_person(postmortem.owner or company.people["ines-okafor"], via="admin")
        self.age = at - postmortem.opened_at

    def tell(self) -> None:
        self.replay.do(self.postmortem.incident.start_learning, by=self.owner)
        self._answer_invitations()
        if self.age < timedelta(days=5):
            return
        self._write()
        self._promise()
        if self._is_neglected():
            return
        self._wait_days(3)
        self.replay.do(self.postmortem.send_to_review, by=self.owner)
        if self.age < timedelta(days=14):
            return
        self._wait_days(2)
        approver = Actor.of_person(self.company.people[APPROVER], via="admin")
        self.replay.do(self.postmortem.approve, by=approver)
        if self.age < timedelta(days=24):
            return
        self._wait_days(1)
        self.replay.do(self.postmortem.publish, by=self.owner)
        self.replay.do(self.postmortem.incident.close, by=self.owner)

    def _is_neglected(self) -> bool:
        """One of them waits for its owner, well past its day."""
        return timedelta(days=24) < self.age < timedelta(days=34)

    def _wait_days(self, days: int) -> None:
        self.replay.clock.at = min(self.replay.at + timedelta(days=days), self.now)

    def _answer_invitations(self) -> None:
        invitations = Invitation.objects.filter(postmortem=self.postmortem)
        for invitation in invitations.select_related("person", "postmortem__incident"):
            luck = self.rng.random()
            self.replay.clock.pass_minutes(1, 30)
            by = Actor.of_person(invitation.person)
            if luck < 0.65:
                self.replay.do(invitation.accept, by=by)
            elif luck < 0.8:
                self.replay.do(invitation.decline, by=by, reason="I am on leave that week.")
        review_at = self.postmortem.review_at
        if review_at and review_at < self.now:
            invitations.filter(state=Invitation.State.ACCEPTED).update(attended=True)
            invitations.filter(state=Invitation.State.DECLINED).update(attended=False)

    def _write(self) -> None:
        facts = {name: getattr(self.story, name) for name in ("cause", "suspicion", "impact")}
        for section in self.postmortem.sections.filter(body=""):
            if text := TEXTS.get(section.title):
                section.body = text.format(**facts)
                section.save(update_fields=["body"])

    def _promise(self) -> None:
        """Action items, some done by now, some open, some past their day."""
        for kind, title in self.story.actions:
            self._wait_days(0)
            item = NewActionItem(
                title=title,
                kind=ActionKind(kind),
                priority=self.rng.choice(list(Priority)),
                owner=self.rng.choice(self.replay.engineers()),
                due_on=self._due_on(),
            )
            added: ActionItem = self.replay.do(
                add_action_item, self.postmortem.incident, item, by=self.owner
            )
            self._follow_up(added)

    def _due_on(self) -> date:
        return self.replay.at.date() + timedelta(days=self.rng.choice((14, 21, 30, 45)))

    def _follow_up(self, item: ActionItem) -> None:
        luck = self.rng.random()
        ended_at = self.replay.at + timedelta(days=self.rng.randint(5, 25))
        by = Actor.of_person(item.owner, via="admin") if item.owner else self.owner
        if ended_at >= self.now:
            return
        if luck < 0.6:
            item.finish(by=by, at=ended_at, outcome="Done and watched for a week.")
        elif luck < 0.7:
            item.drop(by=by, at=ended_at, reason="Replaced by the move to the new platform.")
