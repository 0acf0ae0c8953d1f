"""A peer of BitTorrent without trackers: `seed` or `fetch`, a .torrent, a directory, a port."""

import sys
import time

import libtorrent

ALONE = {
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
}
BYTES_PER_S = 500_000


def main(work: str, torrent: str, directory: str, port: str) -> None:
    listens = port if work == "seed" else "0"
    session = libtorrent.session({**ALONE, "listen_interfaces": f"127.0.0.1:{listens}"})
    session.set_peer_class_filter(libtorrent.ip_filter())  # peers nearby have no limit otherwise
    parameters = libtorrent.add_torrent_params()
    parameters.ti = libtorrent.torrent_info(torrent)
    parameters.save_path = directory
    parameters.upload_limit = BYTES_PER_S
    transfer = session.add_torrent(parameters)
    while work == "seed" or not transfer.status().is_seeding:
        if work == "fetch":
            transfer.connect_peer(("127.0.0.1", int(port)))
        time.sleep(0.2)


main(*sys.argv[1:])
