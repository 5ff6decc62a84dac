"""The end of a session: known before, and met with everything saved.

The hub tells when the session ends; ``<session>/lesesal/end`` passes that on to the pages, and
``<session>/lesesal/more`` asks for more time. Shortly before the end Slurm sends SIGUSR1
(sbatch's ``--signal``). Then all open JupyterLabs are told to save, the kernels that are busy are
interrupted, and the JupyterLabs are told to save what came of that.

The JupyterLabs listen through Jupyter's events; their part is in share/jupyter/labextensions.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from .. import language
from ..language import gettext as _
from .hub import Hub, HubRefused, HubSilent, Told

SETTING = "lesesal_end"
# Seconds from one question to the hub to the next: the end seldom changes.
LOOK = 60.0
# The first one waits, so that it costs a session's start nothing. Who needs it earlier asks.
FIRST_LOOK = 10.0
# Seconds before the end at which it is met when no signal came; one comes 60 s before or earlier,
# and only once: not again when the end is moved after it (seen with Slurm 22.05).
UNTOLD = 45.0
# Seconds that JupyterLabs get to save before kernels are interrupted, and kernels to stop.
SAVE_SECONDS = 5.0
STOP_SECONDS = 5.0

EVENT = "https://lesesal.invalid/events/session-end"
SCHEMA: dict[str, Any] = {
    "$id": EVENT,
    "version": "1",
    "title": "The session's end",
    "description": "What a page of the session has to do about the session's end.",
    "type": "object",
    "required": ["step"],
    "properties": {
        "step": {
            "description": (
                "ask: there is something new about the end. save: the session is about to end, "
                "save everything. stopped: running kernels were interrupted, save once more."
            ),
            "enum": ["ask", "save", "stopped"],
        }
    },
}


def left(ends: float | None, now: float) -> float | None:
    """Seconds that are left; None when the end is unknown."""
    return None if ends is None else max(0.0, ends - now)


def is_due(ends: float | None, now: float) -> bool:
    """Whether the end must be met now, signal or not."""
    return ends is not None and ends - now <= UNTOLD


def pause(ends: float | None, now: float) -> float:
    """Seconds until there is something to do again."""
    if ends is None or is_due(ends, now):
        return LOOK
    return min(LOOK, ends - now - UNTOLD)


class End:
    """What is known of one session's end, and what is done about it.

    Args:
        hub: who knows the end; None without a hub.
        ends: the end as the cluster told it at the start; None when it did not.
        kernels: the server's kernel manager.
        emit: sends a step of `SCHEMA` to the pages.
    """

    def __init__(
        self, hub: Hub | None, ends: float | None, kernels: Any, emit: Callable[[str], None]
    ) -> None:
        self.told = Told(ends=ends)
        self.ending = False
        self._hub = hub
        self._kernels = kernels
        self._emit = emit
        self._asked = hub is None
        self._saved = asyncio.Event()
        # An answer that is overtaken would count, though another one is newer.
        self._asking = asyncio.Lock()
        self._log = logging.getLogger(__name__)

    async def known(self) -> dict[str, Any]:
        """What ``lesesal/end`` answers. Asks the hub if nobody has yet."""
        if not self._asked:
            await self.look()
        return {
            "ends": self.told.ends,
            "left": left(self.told.ends, time.time()),
            "more": self.told.more,
            "news": self.told.news,
            "ending": self.ending,
        }

    async def look(self) -> None:
        """Ask the hub. One that does not answer changes nothing."""
        if self._hub is None:
            return
        try:
            async with self._asking:
                self._take(await self._hub.ask())
        except HubSilent as silent:
            self._log.debug("%s The last known end stays.", silent)

    async def more(self) -> None:
        """Ask the hub for more time. Raises `HubRefused`, `HubSilent`."""
        if self._hub is None:
            raise HubRefused(
                _("No hub started this session; its time is not limited by one.", language.latest())
            )
        async with self._asking:
            self._take(await self._hub.more())

    async def watch(self) -> None:
        """Follow the end for as long as the server runs."""
        await asyncio.sleep(min(FIRST_LOOK, pause(self.told.ends, time.time())))
        while True:
            await self.look()
            if is_due(self.told.ends, time.time()):
                await self.meet()
            await asyncio.sleep(pause(self.told.ends, time.time()))

    async def meet(self) -> None:
        """Let everything be saved and stopped, once."""
        if self.ending:
            return
        self.ending = True
        self._log.info("The session is about to end: saving, and interrupting what runs.")
        self._saved.clear()
        self._emit("save")
        # Nobody answers where no JupyterLab is open.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._saved.wait(), SAVE_SECONDS)
        await self._interrupt()
        self._emit("stopped")

    def take_saved(self) -> None:
        """A JupyterLab has saved all that it has open."""
        self._saved.set()

    def _take(self, told: Told) -> None:
        self._asked = True
        told = replace(told, ends=self.told.ends if told.ends is None else told.ends)
        if told == self.told:
            return
        later = (told.ends or 0) > (self.told.ends or 0)
        if self.ending and later and not is_due(told.ends, time.time()):
            self.ending = False
        self.told = told
        self._emit("ask")

    def _busy(self) -> list[str]:
        models = self._kernels.list_kernels()
        return [model["id"] for model in models if model["execution_state"] == "busy"]

    async def _interrupt(self) -> None:
        busy = self._busy()
        asked = [self._kernels.interrupt_kernel(kernel) for kernel in busy]
        for kernel, answer in zip(
            busy, await asyncio.gather(*asked, return_exceptions=True), strict=True
        ):
            if isinstance(answer, Exception):
                self._log.warning("Kernel %s was not interrupted: %s", kernel, answer)
        deadline = time.monotonic() + STOP_SECONDS
        while self._busy() and time.monotonic() < deadline:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.1)


class EndHandler(JupyterHandler):
    """``lesesal/end``."""

    @web.authenticated
    async def get(self) -> None:
        """What is known of the end: `End.known`."""
        language.of(self)
        self.finish(await self.settings[SETTING].known())


class MoreHandler(JupyterHandler):
    """``lesesal/more``."""

    @web.authenticated
    async def post(self) -> None:
        """Ask for more time: what is known of the end then, or a message why there is none."""
        end: End = self.settings[SETTING]
        chosen = language.of(self)
        try:
            await end.more()
        except HubRefused as refused:
            self.set_status(409)
            self.finish({"message": str(refused)})
        except HubSilent as silent:
            self.log.warning("No more time: %s", silent)
            self.set_status(503)
            self.finish({"message": _("The hub does not answer. Try again in a minute.", chosen)})
        else:
            self.finish(await end.known())


class SavedHandler(JupyterHandler):
    """``lesesal/saved``: where a JupyterLab says that it has saved."""

    @web.authenticated
    def post(self) -> None:
        """204."""
        self.settings[SETTING].take_saved()
        self.set_status(204)


def first_end(environment: Mapping[str, str]) -> float | None:
    """The end as Slurm knows it when the job starts (sbatch(1))."""
    value = environment.get("SLURM_JOB_END_TIME", "")
    return float(value) if value.isdigit() else None


def _hub(app: Any) -> Hub | None:
    auth = getattr(app.identity_provider, "hub_auth", None)
    if auth is None or "JUPYTERHUB_SERVER_NAME" not in os.environ:
        return None
    from jupyterhub.utils import make_ssl_context

    tls = make_ssl_context(auth.keyfile, auth.certfile, cafile=auth.client_ca)
    return Hub(
        auth.api_url,
        auth.api_token,
        os.environ["JUPYTERHUB_USER"],
        os.environ["JUPYTERHUB_SERVER_NAME"],
        tls,
    )


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    app.event_logger.register_event_schema(SCHEMA)
    app.web_app.settings[SETTING] = End(
        _hub(app),
        first_end(os.environ),
        app.kernel_manager,
        lambda step: app.event_logger.emit(schema_id=EVENT, data={"step": step}),
    )
    base = url_path_join(app.web_app.settings["base_url"], "lesesal")
    handlers = {"end": EndHandler, "more": MoreHandler, "saved": SavedHandler}
    app.web_app.add_handlers(
        ".*$", [(url_path_join(base, name), handler) for name, handler in handlers.items()]
    )


async def _start_jupyter_server_extension(app: Any) -> None:
    end: End = app.web_app.settings[SETTING]
    tasks = {asyncio.create_task(end.watch())}

    def meet() -> None:
        tasks.add(asyncio.create_task(end.meet()))

    # Jupyter Server's own handler prints what runs.
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, meet)
