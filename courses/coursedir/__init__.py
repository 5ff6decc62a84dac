"""A course's course directory of nbgrader's: made, brought up to date, filled, and published from.

Here nbgrader generates student versions and feedback, in processes of its own. What grades is in
`courses.grading`.
"""
