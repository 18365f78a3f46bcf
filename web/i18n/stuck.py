"""Why a stage stands, in sentences for people: a few words, and what to do or what happens by itself.

Lazy, as in ``messages``. A stage's own reason takes the place of ours where it says more.
"""

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from domain.monitoring.stuck import StuckStage
from domain.monitoring.stuck_rules import StuckReason
from web.i18n.messages import reason_advice, reason_words

STANDSTILLS: dict[StuckReason, tuple[LazyString, LazyString]] = {
    StuckReason.NO_WORKER: (
        _("no worker is running"),
        _("Start a worker. Nothing is lost meanwhile."),
    ),
    StuckReason.NOT_TAKEN_UP: (
        _("nobody takes it up"),
        _("A worker is there, but the sweep does not run. Look at its log, start beat, then restart the worker."),
    ),
    StuckReason.DISK_FULL: (
        _("there is no room to store the work"),
        _(
            "Make room in MEDIA_DIR, or see why the bucket of MEDIA_URL takes no files."
            " A finished song or video is only downloaded again, which costs nothing."
        ),
    ),
    StuckReason.JOB_KEY_UNREADABLE: (
        _("the key that ordered this work cannot be read"),
        _(
            "A new key does not help this work. Put the ADMIN_SECRET_KEY of that time into ADMIN_SECRET_KEY_PREVIOUS"
            " and restart: the work then goes on, and costs nothing."
        ),
    ),
    StuckReason.JOB_KEY_REFUSED: (
        _("the key that ordered this work no longer serves"),
        _("A new key does not help this work. Put the old one in order at the provider, or look for the work there."),
    ),
    StuckReason.WORKERS_BUSY: (
        _("all workers are busy"),
        _("It is taken up when one is free. If this happens often, start more workers or raise WORKER_THREADS."),
    ),
    StuckReason.CALL_HANGS: (
        _("the worker hangs at this work"),
        _("Restart the worker, by force if need be: nothing is lost."),
    ),
    StuckReason.CLOCK_SET: (
        _("the clock was set back"),
        _("Check the clocks of all machines."),
    ),
    StuckReason.JOB_SLOW: (
        _("the provider takes longer than usual"),
        _("There is nothing to do yet."),
    ),
    StuckReason.ANSWER_LOST: (
        _("the provider's answer was lost"),
        _("There is nothing to do yet: it is being looked for, and nothing is ordered twice."),
    ),
    StuckReason.SETTINGS: (
        _("the settings of this work do not serve"),
        _("Set them right; the work then starts by itself."),
    ),
    StuckReason.DECISION: (
        _("a person has to decide"),
        _("Look for the work at the provider's site, then try again or leave it."),
    ),
    StuckReason.POEM_UNDECIDED: (
        _("the poem needs a decision"),
        _("Decide about the poem; this work follows by itself."),
    ),
    StuckReason.POEM_FAILED: (
        _("the poem did not work out"),
        _("Try the poem again; this work follows by itself."),
    ),
}

#: Here the stage's own reason tells what the section lacks, or what has to be decided.
_REASON_SAYS_MORE = (StuckReason.SETTINGS, StuckReason.DECISION)
#: Here the stage's own reason, if it is this one, would say the same once more.
_SAYS_THE_SAME = {
    StuckReason.DISK_FULL: "storage_full",
    StuckReason.ANSWER_LOST: "answer_lost",
    StuckReason.JOB_KEY_UNREADABLE: "job_key_unreadable",
    StuckReason.POEM_UNDECIDED: "no_poem",
    StuckReason.POEM_FAILED: "no_poem",
}


def standstill_words(standing: StuckStage) -> LazyString | str:
    """Why the stage stands, in a few words without a capital or a full stop."""
    return reason_words(standing.reason) if _is_told_by_reason(standing) else STANDSTILLS[standing.why][0]


def standstill_advice(standing: StuckStage) -> LazyString | str:
    """What to do about it, as whole sentences."""
    return reason_advice(standing.reason) if _is_told_by_reason(standing) else STANDSTILLS[standing.why][1]


def latest_failure(standing: StuckStage) -> LazyString | str:
    """The stage's own reason in a few words, where ``standstill_words`` leaves it out; empty for none."""
    is_said = _is_told_by_reason(standing) or _SAYS_THE_SAME.get(standing.why) == standing.reason
    return "" if is_said else reason_words(standing.reason)


def _is_told_by_reason(standing: StuckStage) -> bool:
    return standing.why in _REASON_SAYS_MORE and standing.reason is not None
