"""The socket below its protocol: bytes, buffers, deadlines, and clients that misuse them."""
