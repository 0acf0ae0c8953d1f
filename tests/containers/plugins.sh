#!/usr/bin/env bash
# Puts the plugins `docker compose` and `docker buildx` into a directory: Debian 12 has neither, so
# they come out of the packages of Debian 13, which is not installed for that.
#
#     plugins.sh DIRECTORY
set -euo pipefail

target=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$scratch/sources.list"
mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial"
own=(-o "Dir::Etc::SourceList=$scratch/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$scratch/lists" -o "Dir::Cache=$scratch/cache" -o APT::Sandbox::User=root)
cd "$scratch"
apt-get "${own[@]}" update -qq
apt-get "${own[@]}" download -qq docker-compose docker-buildx
for package in ./*.deb; do dpkg -x "$package" unpacked; done
mkdir -p "$target"
mv unpacked/usr/libexec/docker/cli-plugins/* "$target/"
