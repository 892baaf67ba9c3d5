"""The resumable socket (docs/protocol.md). Commands come in and are acknowledged after their commit; the log goes out.

outbox.py      what goes to one client, bounded; on any ASGI server
transport.py   the one file that touches uvicorn: frames as ready bytes, close, back-pressure
wire.py        the forms of a frame, each made once for all
frames.py      what the frames look like: client frames in, events and control frames out
session.py     one connection's protocol without I/O: frames and ticks in, effects out
recovery.py    what a person follows when, and which stretches of the log that makes: pure
hub.py         which live connections follow which feed; encodes a frame once and hands it to all
connection.py  one connection with its I/O: catch-up from the log, the seam to live, commands in order
route.py       the endpoint and the ticker
origin.py      which web pages may connect
registry.py    who is connected, and whose turn it is (wheel.py)
ports.py       what the socket needs of the program
"""
