"""For pytest, beside ipykernel's own tests: all kernels that they start are forked."""

from __future__ import annotations

import os
from importlib.metadata import EntryPoint

import pytest
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from traitlets import default

from lesesal_notebook.kernels.client import ForkServer
from lesesal_notebook.kernels.provisioner import ForkProvisioner

NAME = "lesesal-test"
_server = ForkServer(["numpy", "matplotlib"], environment=os.environ, threads=True)


class ServersProvisioner(ForkProvisioner):
    """Of the one server here."""

    @default("socket")
    def _its_socket(self) -> str:
        return str(_server.socket)


def pytest_addoption(parser: pytest.Parser) -> None:
    """They ask whether their coverage is measured, which is a plugin's option."""
    parser.addoption("--cov", default=None)


def pytest_sessionstart() -> None:
    """Before they start a kernel."""
    _server.start()
    where = f"{__name__}:{ServersProvisioner.__name__}"
    entry = EntryPoint(NAME, where, KernelProvisionerFactory.GROUP_NAME)
    KernelProvisionerFactory.provisioners[NAME] = entry
    os.environ[KernelProvisionerFactory.default_provisioner_name_env] = NAME


def pytest_unconfigure() -> None:
    """The last kernel may be in use until here."""
    _server.close()
