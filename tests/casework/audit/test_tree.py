"""The log's tree, held to a naive one, to public vectors wherever they are, and to known roots everywhere."""

import hashlib
import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.audit import tree
from casework.audit.tree import EMPTY, HASH_BYTES, LARGEST, TILE_WIDTH, Frontier, Refuted, Tile, leaf_hash, node_hash

DATA = Path(__file__).parents[4] / "shared" / "data" / "vectors"
VECTORS = DATA / "transparency-dev-merkle"
SHOWN = settings(print_blob=True, deadline=None)
MOST = 300
# Roots over the first leaves of RFC 6962's well-known test tree: "", 00, 10, 2021, 3031, 40414243, ...
LEAVES = [
    bytes.fromhex(one) for one in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
}


def leaf(number: int) -> bytes:
    return leaf_hash(number.to_bytes(4, "big"))


def naive(hashes: list[bytes]) -> bytes:
    """The definition: split at the largest power of two below."""
    if len(hashes) <= 1:
        return hashes[0] if hashes else hashlib.sha256().digest()
    half = 1
    while 2 * half < len(hashes):
        half *= 2
    return hashlib.sha256(b"\x01" + naive(hashes[:half]) + naive(hashes[half:])).digest()


def reader(size: int) -> tree.Read:
    """Read the nodes of a tree of numbered leaves; only of whole subtrees."""

    def read(level: int, index: int) -> bytes:
        low, high = index << level, (index + 1) << level
        assert high <= size
        return naive([leaf(number) for number in range(low, high)])

    return read


def root_of(size: int) -> bytes:
    return naive([leaf(number) for number in range(size)])


def test_known_roots() -> None:
    assert [tree.root(map(leaf_hash, LEAVES[:size])).hex() for size in ROOTS] == list(ROOTS.values())
    assert EMPTY.hex() == ROOTS[0]


def test_a_frontier_is_the_root_at_every_size() -> None:
    grown = Frontier()
    for size in range(MOST):
        assert (grown.size, grown.root) == (size, root_of(size))
        again = Frontier(grown.size, list(grown.hashes))
        assert again.root == grown.root
        grown.append(leaf(size))


@pytest.mark.parametrize(("size", "hashes"), [(-1, []), (0, [EMPTY]), (3, [EMPTY]), (1, [b"short"]), (4, [EMPTY, EMPTY])])
def test_what_is_no_frontier_is_refused(size: int, hashes: list[bytes]) -> None:
    with pytest.raises(ValueError, match="subtrees"):
        Frontier(size, hashes)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 64, 100])
def test_each_leaf_is_proved_to_be_in(size: int) -> None:
    for index in range(size):
        proof = tree.inclusion(index, size, reader(size))
        tree.included(index, size, leaf(index), proof, root_of(size))


@pytest.mark.parametrize("new", [1, 2, 3, 7, 8, 64, 65])
def test_each_size_is_proved_to_begin_with_the_ones_before(new: int) -> None:
    for old in range(1, new + 1):
        proof = tree.consistency(old, new, reader(new))
        tree.consistent(old, new, root_of(old), root_of(new), proof)


@SHOWN
@given(st.data())
def test_a_proof_of_anything_else_is_refuted(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, MOST))
    index = data.draw(st.integers(0, size - 1))
    proof, root = tree.inclusion(index, size, reader(size)), root_of(size)
    tree.included(index, size, leaf(index), proof, root)
    other = data.draw(st.integers(0, size).filter(lambda one: one != index))
    wrong: list[tuple[Any, ...]] = [
        (other, size, leaf(index), proof, root),
        (index, size, leaf(size), proof, root),
        (index, size, leaf(index), [*proof, leaf(0)], root),
        (index, size, leaf(index), [leaf(0), *proof], root),
        (index, size, leaf(index), proof, leaf(size)),
        (index, size, leaf(index), [*proof, b"no hash"], root),
        *[(index, size, leaf(index), [*proof[:place], *proof[place + 1 :]], root) for place in range(len(proof))],
        *[
            (index, size, leaf(index), [*proof[:place], bytes([one[0] ^ 1]) + one[1:], *proof[place + 1 :]], root)
            for place, one in enumerate(proof)
        ],
        (-1, size, leaf(index), proof, root),
        (index, LARGEST + 1, leaf(index), proof, root),
    ]
    for given_ in wrong:
        with pytest.raises(Refuted):
            tree.included(*given_)


@SHOWN
@given(st.data())
def test_a_proof_of_another_growth_is_refuted(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, MOST))
    old = data.draw(st.integers(1, new - 1))
    proof, before, after = tree.consistency(old, new, reader(new)), root_of(old), root_of(new)
    tree.consistent(old, new, before, after, proof)
    forked = naive([leaf(number if number != old - 1 else 10**6) for number in range(old)])
    wrong: list[tuple[Any, ...]] = [
        (old, new, forked, after, proof),
        (old, new, before, leaf(0), proof),
        (old, new, before, after, [*proof, leaf(0)]),
        (old, new, after, before, proof),
        (new, old, before, after, proof),
        (old, old, before, after, []),
        (old, old, before, before, proof or [leaf(0)]),
        (0, new, before, after, []),
        (0, new, EMPTY, after, []),
        (0, 0, EMPTY, EMPTY, []),
        (old, new, before, after, []),
        (-1, new, before, after, proof),
        (old, LARGEST + 1, before, after, proof),
        *[(old, new, before, after, [*proof[:place], *proof[place + 1 :]]) for place in range(len(proof))],
        *[
            (old, new, before, after, [*proof[:place], bytes([one[0] ^ 1]) + one[1:], *proof[place + 1 :]])
            for place, one in enumerate(proof)
        ],
    ]
    for given_ in wrong:
        with pytest.raises(Refuted):
            tree.consistent(*given_)


@pytest.mark.parametrize(
    "ask",
    [lambda read: tree.inclusion(5, 5, read), lambda read: tree.inclusion(-1, 5, read), lambda read: tree.consistency(0, 5, read),
     lambda read: tree.consistency(6, 5, read)],
)  # fmt: skip
def test_what_cannot_be_proved_is_refused(ask: Callable[[tree.Read], object]) -> None:
    with pytest.raises(ValueError, match=r"leaf|prove"):
        ask(reader(5))


# Tiles.


def test_tiles_are_those_of_the_specification() -> None:
    """The example of C2SP tlog-tiles: a tree of 70,000."""
    found = list(tree.tiles(0, 70_000))
    assert [one.width for one in found if one.level == 0] == [TILE_WIDTH] * 273 + [112]
    assert [(one.index, one.width) for one in found if one.level == 1] == [(0, TILE_WIDTH), (1, 17)]
    assert [(one.index, one.width) for one in found if one.level == 2] == [(0, 1)]
    assert [one.path for one in tree.tiles(0, 256)] == ["tile/0/000", "tile/1/000.p/1"]
    assert Tile(0, 1_234_067).path == "tile/0/x001/x234/067"
    assert Tile(3, 999, 7).path == "tile/3/999.p/7"
    assert tree.bundle_path(1_000, 3) == "tile/entries/x001/000.p/3"
    assert list(tree.tiles(7, 7)) == list(tree.tiles(0, 0)) == []


@pytest.mark.parametrize(("old", "new"), [(0, 5), (3, 300), (255, 256), (256, 257), (300, 600), (512, 66_000), (65_535, 65_537)])
def test_tiles_of_a_growth_are_those_that_are_new(old: int, new: int) -> None:
    assert {*tree.tiles(old, new)} == {*tree.tiles(0, new)} - {*tree.tiles(0, old)}


def test_proofs_are_made_out_of_tiles() -> None:
    size = 70_000
    levels = [[hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(size)]]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)])
    stored = {(one.level, one.index): b"".join(levels[8 * one.level][one.index * TILE_WIDTH :][: one.width]) for one in tree.tiles(0, size)}
    read = tree.tiled(lambda level, index: stored[level, index])
    head = tree.root(levels[0])
    for index in (0, 1, 255, 256, 65_535, 65_536, 69_999):
        tree.included(index, size, levels[0][index], tree.inclusion(index, size, read), head)
    for old in (1, 255, 256, 300, 65_536, 69_999, 70_000):
        tree.consistent(old, size, tree.root(levels[0][:old]), head, tree.consistency(old, size, read))
    with pytest.raises(Refuted, match="short"):
        tree.tiled(lambda level, index: stored[level, index][:-HASH_BYTES])(0, 69_999)


# Public vectors.


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the shared vectors are absent")
def test_public_vectors() -> None:
    checked = 0
    for path in sorted((VECTORS / "testdata").glob("inclusion/**/*.json")):
        case = _case(path)
        proof = [b64decode(one) for one in case["proof"] or ()]
        _expect(case, lambda c=case, p=proof: tree.included(c["leafIdx"], c["treeSize"], b64decode(c["leafHash"]), p, b64decode(c["root"])))  # type: ignore[misc]
        checked += 1
    for path in sorted((VECTORS / "testdata" / "consistency").glob("**/*.json")):
        case = _case(path)
        proof = [b64decode(one) for one in case["proof"] or ()]
        roots = b64decode(case["root1"] or ""), b64decode(case["root2"] or "")
        _expect(case, lambda c=case, p=proof, r=roots: tree.consistent(c["size1"], c["size2"], r[0], r[1], p))  # type: ignore[misc]
        checked += 1
    assert checked == 196


def _case(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _expect(case: dict[str, Any], check: Callable[[], None]) -> None:
    if case["wantErr"]:
        with pytest.raises(Refuted):
            check()
    else:
        check()


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the shared vectors are absent")
def test_the_reference_tree() -> None:
    found = _case(VECTORS / "reference_tree.json")
    leaves = [leaf_hash(bytes.fromhex(one)) for one in found["leaf_inputs_hex"]]
    roots = found["root_hashes_hex"]
    sizes = range(len(leaves) + 1)[-len(roots) :]
    assert [tree.root(leaves[:size]).hex() for size in sizes] == roots
