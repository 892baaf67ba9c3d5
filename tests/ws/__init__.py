"""The socket: its protocol without I/O, and against real servers."""
