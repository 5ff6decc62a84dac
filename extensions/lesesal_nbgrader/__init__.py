"""What both sides put into nbgrader: the hub's, which grades courses, and the session's.

Formulas in the pages that are made of notebooks, what late work costs, and imports without what
they bring for nothing. It is in both distributions and imports nothing of either.
"""
