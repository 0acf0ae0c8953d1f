"""HTTP semantics without HTTP: requests and answers as values (RFC 9110).

No socket, no clock, no file.  `response_plan.plan` decides what a request means.
"""
