#!/usr/bin/env bash
# Writes to standard output a tar archive that stands in for the image python:3.12-slim-bookworm,
# where no image registry can be reached: Debian 12 by debootstrap, and a Python 3.12 of this
# machine in /usr/local.  What builds in a container then finds the package indexes that this
# machine has: it trusts the same authorities, and pip is told of the same index.
#
#     base_image.sh PREFIX_OF_PYTHON EMPTY_DIRECTORY >base.tar
set -euo pipefail

prefix=$1
root=$2/root
log=$2/log
libraries=ca-certificates,libbz2-1.0,libexpat1,libffi8,liblzma5,libncursesw6,libreadline8,libsqlite3-0,libssl3,libuuid1,zlib1g
not_in_slim=(test idlelib turtledemo tkinter site-packages 'config-*' __pycache__)

quietly() { "$@" >"$log" 2>&1 || { tail "$log" >&2; exit 1; }; }

mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)
# Without a mirror of this machine's own debootstrap takes Debian's.
quietly debootstrap --variant=minbase --include="$libraries" bookworm "$root" ${mirror:+"$mirror"}

tar -C "$prefix" -c "${not_in_slim[@]/#/--exclude=}" bin/python3.12 include/python3.12 lib |
    tar -C "$root/usr/local" -x --no-same-owner
mkdir "$root/usr/local/lib/python3.12/site-packages"
ln -s python3.12 "$root/usr/local/bin/python3"
ln -s python3.12 "$root/usr/local/bin/python"
find "$root/usr/local" -name '*.so*' -exec strip --strip-unneeded {} + || true
chroot "$root" ldconfig
quietly chroot "$root" python -m ensurepip

cp --dereference "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$root/etc/ssl/certs/ca-certificates.crt"
{
    printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n'
    python3 -m pip config list 2>/dev/null |
        sed -nE "s/^(global|:env:)\.(index-url|trusted-host)='(.*)'\$/\2 = \3/p" | sort -u -t= -k1,1
} >"$root/etc/pip.conf"

rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/*
tar -C "$root" -c --numeric-owner .
