from array import array
from collections.abc import Sequence

def stat_files(directory: int, names: list[bytes], /) -> bytes: ...
def read_files(
    root: bytes,
    album: bytes,
    paths: Sequence[bytes],
    sources: array[int],
    columns: tuple[array[int], array[int], bytes],
    buffer: memoryview,
    positions: array[int],
    /,
) -> int: ...
def read_cached_files(
    root: bytes,
    album: bytes,
    paths: Sequence[bytes],
    sources: array[int],
    columns: tuple[array[int], array[int], bytes],
    buffer: memoryview,
    positions: array[int],
    /,
) -> int: ...
def unwritten_files(
    root: bytes,
    album: bytes,
    paths: Sequence[bytes],
    sources: array[int],
    columns: tuple[array[int], array[int], bytes],
    young_from_ns: int,
    /,
) -> int: ...
