"""Messages on their way to sockets: in order, from any thread, and never without an end for a reader that is too slow."""

import asyncio
import threading

from casework.ports import Courier
from local import courier as couriers
from local.courier import TOO_SLOW, Closing, LocalCourier


async def settled() -> None:
    """Let what other threads handed over come in."""
    for _ in range(3):
        await asyncio.sleep(0)


def test_it_is_a_courier() -> None:
    made: Courier = LocalCourier()
    assert not made.post("nobody", "text")
    made.close_all(["nobody"], 1000, "bye")


def test_messages_keep_their_order() -> None:
    async def scene() -> None:
        courier = LocalCourier()
        line = courier.opened("a")
        assert all(courier.post("a", str(number)) for number in range(100))
        courier.close_all(["a"], 4400, "Bad")
        await settled()
        assert [line.queue.get_nowait() for _ in range(101)] == [*map(str, range(100)), Closing(4400, "Bad")]

    asyncio.run(scene())


def test_messages_of_another_thread_keep_their_order() -> None:
    async def scene() -> None:
        courier = LocalCourier()
        line = courier.opened("a")
        poster = threading.Thread(target=lambda: [courier.post("a", str(number)) for number in range(1000)])
        poster.start()
        assert [await line.queue.get() for _ in range(1000)] == [*map(str, range(1000))]
        poster.join()

    asyncio.run(scene())


def test_each_connection_has_a_line_of_its_own() -> None:
    async def scene() -> None:
        courier = LocalCourier()
        first, second = courier.opened("a"), courier.opened("b")
        assert courier.connected == 2
        courier.post("b", "hers")
        courier.post("a", "his")
        await settled()
        assert (first.queue.get_nowait(), second.queue.get_nowait()) == ("his", "hers")

    asyncio.run(scene())


def test_one_that_is_gone_is_told() -> None:
    async def scene() -> None:
        courier = LocalCourier()
        line = courier.opened("a")
        courier.gone("a")
        courier.gone("a")
        assert courier.connected == 0
        assert not courier.post("a", "late")
        courier.close_all(["a"], 1000, "late")
        await settled()
        assert line.queue.empty()

    asyncio.run(scene())


def test_nothing_follows_an_end() -> None:
    async def scene() -> None:
        courier = LocalCourier()
        line = courier.opened("a")
        courier.close_all(["a"], 4409, "Twice")
        courier.post("a", "between")  # handed over before the end has come in
        await settled()
        assert not courier.post("a", "after")
        courier.close_all(["a"], 4400, "Again")
        await settled()
        assert line.queue.get_nowait() == Closing(4409, "Twice")
        assert line.queue.empty()

    asyncio.run(scene())


def test_a_slow_reader_is_let_go() -> None:
    async def scene() -> None:
        courier = LocalCourier()
        slow, quick = courier.opened("slow"), courier.opened("quick")
        for number in range(couriers.MOST_PENDING + 10):
            courier.post("slow", str(number))
            courier.post("quick", str(number))
            await asyncio.sleep(0)
            assert await quick.queue.get() == str(number)
        assert not courier.post("slow", "more")
        pending = [slow.queue.get_nowait() for _ in range(slow.queue.qsize())]
        assert pending == [*map(str, range(couriers.MOST_PENDING)), Closing(*TOO_SLOW)]
        assert TOO_SLOW[0] == 1013
        assert courier.post("quick", "more")

    asyncio.run(scene())
