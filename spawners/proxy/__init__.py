"""JupyterHub's proxy in Python, with room for a class."""
