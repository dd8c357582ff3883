"""A ping to each connection every few minutes, so that a silent one outlives API Gateway's ten minutes, and a dead one is found.

Each connection is in the bucket of a minute, and each minute one bucket is done; nothing is scanned. Source: live.md, heartbeat. A client's
own pings (`keepAlive`) find a dead network sooner, and are what docs/live.md asks for.
"""

from datetime import timedelta

from casework.live import messages
from casework.live.connection import LIFE, beat_of
from casework.ports import Posted, Services

PAGE = 500  # connections
OPENING = timedelta(minutes=1)  # a connection that is younger may not be there yet


def beat(services: Services) -> int:
    """Ping the connections whose minute it is, and forget those that are gone; gives how many are there.

    Raises:
        Unavailable: the store did not answer; the others are pinged the next time round.
    """
    now = services.now()
    bucket, after, there = beat_of(now), None, 0
    while True:
        connections = services.store.beating(bucket, after, PAGE)
        outcomes = services.courier.post_all([(connection, messages.ping()) for connection in connections])
        for connection, outcome in zip(connections, outcomes, strict=True):
            if outcome is Posted.GONE and _stood(services, connection):
                services.store.disconnect(connection)
        there += sum(outcome is Posted.DONE for outcome in outcomes)
        if len(connections) < PAGE:
            return there
        after = connections[-1]


def _stood(services: Services, connection: str) -> bool:
    """Whether a connection has been there: of one that is just opening nothing may be written yet but its place among the others."""
    now = services.now()
    found = services.store.connection(connection, now)
    return found is not None and found.expires_at - LIFE <= now - OPENING
