#!/usr/bin/env bash
# Program: mogrify of ImageMagick 6.9.11-60 (Debian imagemagick-6.q16
#          8:6.9.11.60+dfsg-1.6+deb12u13), seen 2026-11-30.
# Guess:   while it computes, the picture stands as it was, and a temporary file replaces it
#          at the end, as jpegoptim, exiftool and exiftran do.
# Seen:    first it renames the picture to NAME~ and leaves an empty NAME that nobody has open;
#          only after it has compressed the new picture is NAME opened again and written.
