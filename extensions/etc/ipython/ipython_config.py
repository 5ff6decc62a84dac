"""IPython in a session of the reading room: ``%%measure`` is there without being asked for."""

c = get_config()  # noqa: F821 - IPython provides it

c.InteractiveShellApp.extensions.append("lesesal_notebook")
