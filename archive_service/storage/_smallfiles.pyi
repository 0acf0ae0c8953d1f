from array import array
from collections.abc import Sequence

def stat_files(directory: int, names: list[bytes]) -> bytes: ...
def read_files(
    directory: int,
    prefix: bytes,
    paths: Sequence[bytes],
    sources: array[int],
    sizes: array[int],
    mtimes_ns: array[int],
    change_tokens: bytes,
) -> list[bytes]: ...
