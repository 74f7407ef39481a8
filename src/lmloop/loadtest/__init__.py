"""Load testing: schedules, a client that stamps what it reads, parsers of the wire, and a server with known delays.

What a measuring process imports is the standard library (and uvloop and orjson, if there): it starts at once.
"""
