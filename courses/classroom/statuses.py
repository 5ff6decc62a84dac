"""Which HTTP status an error has, and what is said where there is no error of ours."""

from __future__ import annotations

from courses import errors
from courses.language import gettext as _

_STATUSES: dict[type[errors.CourseError], int] = {
    errors.Malformed: 400,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.DeadlinePassed: 409,
    errors.Refused: 409,
    errors.FeedbackIsOut: 409,
    errors.Outdated: 409,
    errors.TooLarge: 413,
    errors.Unavailable: 503,
    errors.NoSpace: 507,
}


def status_of(error: errors.CourseError) -> int:
    """The status of an error of ours; 500 for those that no request should meet."""
    return next((_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES), 500)


def sentence_for(status: int) -> str:
    """What a person reads about a status that has no error of ours behind it."""
    sentences = {
        400: _("The request cannot be understood. Go back and try again."),
        403: _("You may not do this. Log in again, or ask the people who run the course."),
        404: _("There is nothing at this address. Look at the list of your courses."),
        405: _("This address does not do that."),
        413: _("This is larger than what is accepted here."),
    }
    return sentences.get(status) or _(
        "Something went wrong in the classroom, and it was written to its log. "
        "Try again; if it stays so, tell the people who run this service."
    )
