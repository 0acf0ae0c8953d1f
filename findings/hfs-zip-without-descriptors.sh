#!/usr/bin/env bash
# Program: HFS 0.52.9 (npm hfs) in Node.js 20.20, seen 2026-12-01; read by UnZip 6.00
#          (Debian unzip 6.0-28+deb12u1) and bsdtar (libarchive-tools 3.6.2-1+deb12u5).
# Guess:   the archive of a folder can be opened by UnZip, and read from a pipe.
# Seen:    each local header has bit 3 set and sizes of zero, but no data descriptor stands
#          behind any file. UnZip takes the entries for overlapping ones ("possible zip
#          bomb") and refuses the archive; bsdtar, from a pipe, gives the first file all that
#          follows. Readers of the central directory alone, such as Python's, notice nothing.
set -euo pipefail
command -v node >/dev/null && command -v npm >/dev/null || { echo "Node.js is missing"; exit 2; }
tmp=$(mktemp -d); server=
trap '[ -z "$server" ] || kill "$server" || true; rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get download -q unzip=6.0-28+deb12u1 libarchive{-tools,13}=3.6.2-1+deb12u5 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$tmp/root/usr/lib/$(uname -m)-linux-gnu"
npm install --silent --no-audit --no-fund --ignore-scripts hfs@0.52.9 koa@2.16.4

mkdir files conf
echo one >files/1.txt
echo two >files/2.txt
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >conf/config.yaml <<EOF
port: $port
listen_interface: 127.0.0.1
vfs:
  children:
    - name: files
      source: $tmp/files
EOF
node node_modules/hfs/src/index.js --cwd "$tmp/conf" >log 2>&1 </dev/null &
server=$!
curl -sf --retry 60 --retry-connrefused --retry-delay 1 -o files.zip "http://127.0.0.1:$port/files/?get=zip"

python3 - <<'PY' | tee seen
import struct
import zipfile

data = open("files.zip", "rb").read()
with zipfile.ZipFile("files.zip") as archive:
    print("Python reads", [archive.read(name) for name in archive.namelist()])
    first, second = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
flags, _, _, _, _, packed, _, name, extra = struct.unpack_from("<4H3L2H", data, 6)
print("bit 3:", flags >> 3 & 1, "- size in the local header:", packed)
print("bytes behind the data:", second.header_offset - (30 + name + extra + first.file_size))
PY
status=0; root/usr/bin/unzip -tq files.zip >unzip.txt 2>&1 || status=$?
grep -q 'possible zip bomb' unzip.txt
echo "UnZip: exit code $status, possible zip bomb" | tee -a seen
status=0; cat files.zip | root/usr/bin/bsdtar -xOf - >piped 2>bsdtar.txt || status=$?
echo "bsdtar from a pipe: exit code $status, $(wc -c <piped) bytes" | tee -a seen
cat bsdtar.txt
diff seen - <<'EOF'
Python reads [b'one\n', b'two\n']
bit 3: 1 - size in the local header: 0
bytes behind the data: 0
UnZip: exit code 12, possible zip bomb
bsdtar from a pipe: exit code 1, 165 bytes
EOF
