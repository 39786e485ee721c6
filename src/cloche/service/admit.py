"""Breaking glass: letting something past the rules of an index, for a reason and a time."""

from dataclasses import dataclass
from datetime import datetime

from cloche.core import admitting, marks
from cloche.core.errors import Error, NoSuchAdmission
from cloche.core.marks import Part
from cloche.core.policy import Admission
from cloche.logs import Log
from cloche.ports import Admissions, Admitted, Clock, Deed, Pulse
from cloche.service.view import View

log = Log(__name__)

AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Admit:
    """Every worker and node shows a change when its method returns."""

    view: View
    admissions: Admissions
    pulse: Pulse
    clock: Clock

    async def admit(
        self, part: Part, who: str, why: str, until: datetime, rule: str | None = None
    ) -> Admitted:
        """Let the part past one rule of its index, or past all of them.

        Raise BadRequest when no reason is given, or too long a time.
        """
        now = self.clock()
        reason = admitting.reason(why)
        admitting.check(self.view.index(part.index), rule, until, now)
        admission = Admission(part=part, who=who, reason=reason, until=until, rule=rule)
        made = await self.admissions.admit(admission, now)
        await self.pulse.settle()
        log.info("admitted", index=part.index, what=str(part), by=who, until=until.isoformat())
        return made

    async def lifted(self, admitted: Admitted) -> list[str] | None:
        """The files that a rule objects to no more; None when that cannot be known now."""
        admission = admitted.admission
        try:
            sight = await self.view.project(admission.part.index, admission.part.project)
        except Error:
            return None
        return [
            name
            for name, rulings in sight.rulings.items()
            if any(each.lifted == admission for each in rulings)
        ]

    async def end(self, index: str, serial: int, who: str, why: str) -> Admitted:
        """End it before its time. Raise NoSuchAdmission if there is none that holds."""
        deed = Deed(who=who, at=self.clock(), reason=marks.reason(why))
        ended = await self.admissions.end(index, serial, deed)
        await self.pulse.settle()
        return ended

    async def end_all(self, part: Part, who: str, why: str, rule: str | None) -> list[Admitted]:
        """End all that say this very part and rule. Raise NoSuchAdmission if none does."""
        now = self.clock()
        meant = [
            each
            for each in await self._all(part.index)
            if (each.admission.part, each.admission.rule) == (part, rule) and each.holds(now)
        ]
        if not meant:
            raise NoSuchAdmission(
                f"nothing lets {part} past {rule or 'all rules'} of index {part.index} now; "
                "`cloche admissions` lists what is let past"
            )
        deed = Deed(who=who, at=now, reason=marks.reason(why))
        ended = [await self.admissions.end(part.index, each.serial, deed) for each in meant]
        await self.pulse.settle()
        return ended

    async def history(self, index: str | None, since: int, most: int) -> list[Admitted]:
        """At most `most` after a serial: those that are over, too."""
        return await self.admissions.history(index, since, most)

    async def _all(self, index: str) -> list[Admitted]:
        found: list[Admitted] = []
        while True:
            since = found[-1].serial if found else 0
            more = await self.admissions.history(index, since, AT_ONCE)
            found += more
            if len(more) < AT_ONCE:
                return found
