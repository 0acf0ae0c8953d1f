"""zipstream-ng behind aiohttp: stored entries, with the length known in advance."""

from pathlib import Path

from sending import Packing, serve
from zipstream import ZIP_STORED, ZipStream


def _pack(album: Path) -> Packing:
    stream = ZipStream.from_path(album, compress_type=ZIP_STORED, sized=True)
    return stream, len(stream)


if __name__ == "__main__":
    serve(_pack)
