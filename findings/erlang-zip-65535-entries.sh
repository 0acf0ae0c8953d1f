#!/usr/bin/env bash
# Program: zip module of Erlang/OTP 25, stdlib 4.2
#          (Debian erlang-base 1:25.2.3+dfsg-1+deb12u4), seen 2026-11-29.
# Guess:   an archive of 70,000 entries (ZIP64 end record) is listed whole, or
#          the call returns an error.
# Seen:    zip:foldl and zip:table return ok with the first 65,535 entries.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get download -q erlang-base=1:25.2.3+dfsg-1+deb12u4 >/dev/null 2>&1
dpkg -x erlang-base_*.deb root
export ROOTDIR="$tmp/root/usr/lib/erlang" EMU=beam PROGNAME=erl
BINDIR=$(echo "$ROOTDIR"/erts-*/bin); export BINDIR

python3 - <<'PY'
import zipfile
with zipfile.ZipFile("many.zip", "w") as archive:
    for number in range(70000):
        archive.writestr("%05d" % number, b"")
PY
timeout 120 "$BINDIR/erlexec" -noshell -boot "$ROOTDIR/bin/no_dot_erlang" -eval '
  {ok, Count} = zip:foldl(fun(_, _, _, Sum) -> Sum + 1 end, 0, "many.zip"),
  {ok, [_Comment | Files]} = zip:table("many.zip"),
  io:format("foldl: ok, ~p entries; table: ok, ~p entries~n", [Count, length(Files)]),
  halt().' </dev/null | tee seen
grep -qx 'foldl: ok, 65535 entries; table: ok, 65535 entries' seen
