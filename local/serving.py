"""`giamsat serve`: the engine, the tables, the register, the stream's pump, the schedule and the server, started and ended together."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import uvicorn

from casework.model.packing import moment
from casework.model.parties import Role
from casework.ports import Services
from handlers import log
from local import engine as engines
from local.courier import LocalCourier
from local.demo import COUNT, Mover, begin, fill, progress
from local.faults import LocalError
from local.home import Home, Run
from local.progress import bar
from local.pump import Pump
from local.schedule import Schedule
from local.seeding import NOTE, seed, total
from local.server import application
from local.tokens import issued

HOST = "127.0.0.1"
HOUR = timedelta(hours=1)
ENGINE_LOOK_S = 0.5
LEVEL = "POWERTOOLS_LOG_LEVEL"
LONGEST_FRAME = 1024 * 1024  # past the protocol's own limit, so that it is the protocol that answers


def serve(data: Path, port: int, *, demo: bool = False) -> None:
    """Serve until a signal ends it; with `demo`, an empty store is filled first, and some of what fills it goes on moving.

    Raises:
        LocalError: the port is taken, the engine does not start, the folder cannot be written to, the store is older than its log.
    """
    if not os.environ.get(LEVEL):  # A terminal is no place for a line of each request.
        log.setLevel("WARNING")
    home = Home(data)
    with _listening(port) as listener, engines.start(data) as engine:
        courier = LocalCourier()
        url = f"http://{HOST}:{port}"
        opened = home.services(engine.endpoint, courier)
        depot = home.depot(url)
        opened = replace(opened, services=replace(opened.services, depot=depot))
        home.hold_to_logs(opened.services)
        _fill(opened.services, demo=demo, empty=home.empty(engine.endpoint))
        moving = Mover(opened.services) if demo and progress(opened.services) else None
        schedule = Schedule(opened.services)
        pump = Pump(opened.services, engine.endpoint, lambda: courier.connected > 0, schedule.wake)

        async def beside() -> AsyncIterator[None]:
            pump.start()
            schedule.start()
            home.announce(Run(os.getpid(), engine.endpoint, url))
            _greet(home, url)
            watch = asyncio.create_task(_watched(engine, pump, schedule, server))
            if moving:
                moving.start()
            try:
                yield
            finally:
                watch.cancel()
                home.withdraw()
                if moving:
                    moving.stop()
                schedule.stop()
                pump.stop()

        config = uvicorn.Config(
            application(opened.services, courier, beside, pump.lag_s, schedule.merge_delay_s),
            log_level="warning",
            ws="websockets-sansio",
            ws_max_size=LONGEST_FRAME,
            timeout_graceful_shutdown=3,
        )
        server = uvicorn.Server(config)
        with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C is how it is ended.
            server.run(sockets=[listener])
        if engine.process.poll() is not None:
            raise LocalError(f"the engine ended with status {engine.process.returncode}; see {data}/store/engine.log")
        if pump.fault is not None:
            raise LocalError(f"the stream could not be followed: {pump.fault!r}")
        if schedule.fault is not None:
            raise LocalError(f"the schedule has ended: {schedule.fault!r}")


def _fill(services: Services, *, demo: bool, empty: bool) -> None:
    """Load what the store lacks: the register, and the demonstration data where it is wanted and the store was empty."""
    if empty and services.store.swept() is None:
        services.store.keep_swept(moment(services.now() - HOUR)[:13])  # Before, there is nothing to sweep.
    # The small register of version 0.1 has no province for it.
    ours = services.store.noted(NOTE) is not None or not services.store.versions("XD-01")
    if demo and empty and ours and progress(services) is None:
        begin(services)
    if services.store.noted(NOTE) is None:
        told = ", and demonstration data (DEMO=0 leaves it out)" if demo and progress(services) else ""
        print(f"First start: the register is loaded{told}", flush=True)
        with bar("loading the register", total()) as advance:
            seed(services.store, advance)
    else:
        seed(services.store)
    left = progress(services) if demo else None
    if left and left.done < COUNT:
        with bar("making demonstration dossiers", COUNT - left.done) as advance:
            fill(services, advance)


async def _watched(engine: engines.Engine, pump: Pump, schedule: Schedule, server: uvicorn.Server) -> None:
    """End the service with its engine, its pump or its schedule: what it answered then would not be true, pushed or noticed."""
    while engine.process.poll() is None and pump.alive and schedule.alive:  # noqa: ASYNC110 - a process sets no event
        await asyncio.sleep(ENGINE_LOOK_S)
    server.should_exit = True


@contextlib.contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """Take the port first: it costs nothing, and a taken one is told at once."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise LocalError(f"cannot listen on {HOST}:{port}: {reason}; choose another port with PORT=") from error
    with listener:
        yield listener


def _greet(home: Home, url: str) -> None:
    print(f"giamsat serves {url}/graphql (HTTP and graphql-transport-ws); data in {home.path}", flush=True)
    print(f"In a browser: {url}/ and {url}/graphiql; whether it is well: {url}/health", flush=True)
    print(
        "The engine listens on every interface of this machine: keep a firewall in front. Tokens for eight hours:",
        flush=True,
    )
    for role in (Role.CITIZEN, Role.RECEPTION, Role.HEAD, Role.OFFICER, Role.SUPERVISOR, Role.INSPECTOR, Role.ADMIN):
        print(f"  {role:<10} {issued(home, role)}", flush=True)
    print("Ready.", flush=True)
