"""nbgrader in a session of the reading room. Outside of one, nbgrader stays as it is."""

import os

from lesesal_notebook.exchange.prepare import course_directory

c = get_config()  # noqa: F821 - traitlets provides it

if os.environ.get("LESESAL_CLASSROOM_URL") and os.environ.get("LESESAL_COURSE"):
    c.CourseDirectory.course_id = os.environ["LESESAL_COURSE"]
    if folder := course_directory():
        c.CourseDirectory.root = str(folder)

    # One home serves all courses of a person: ~/<course>/<assignment>.
    c.Exchange.path_includes_course = True

    exchange = "lesesal_notebook.exchange"
    c.ExchangeFactory.exchange = f"{exchange}.base.Exchange"
    c.ExchangeFactory.fetch_assignment = f"{exchange}.student.ExchangeFetchAssignment"
    c.ExchangeFactory.submit = f"{exchange}.student.ExchangeSubmit"
    c.ExchangeFactory.fetch_feedback = f"{exchange}.student.ExchangeFetchFeedback"
    c.ExchangeFactory.release_assignment = f"{exchange}.staff.ExchangeReleaseAssignment"
    c.ExchangeFactory.collect = f"{exchange}.staff.ExchangeCollect"
    c.ExchangeFactory.release_feedback = f"{exchange}.staff.ExchangeReleaseFeedback"
    c.ExchangeFactory.list = f"{exchange}.listing.ExchangeList"

    # Others on the node could listen to the kernel of a validation, as to a session's.
    c.KernelManager.transport_encryption = "auto"

    # What late work costs is the course's rule, by each person's own deadline.
    c.AssignLatePenalties.plugin_class = "lesesal_nbgrader.penalties.NotedPenalties"

    # Formulas become MathML, and pages load nothing from outside.
    c.HTMLExporter.preprocessors.append(f"{exchange}.math.Formulas")
