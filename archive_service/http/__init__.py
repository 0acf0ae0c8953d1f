"""HTTP semantics without HTTP: requests and answers as values (RFC 9110).

No socket, no clock, no file: what a request means is decided here, and `plan` is the way in.
"""
