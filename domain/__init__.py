"""What is true: the facts of the chat, and the pure decisions that make new ones.

A *command* is decided against the states of a few small streams and becomes *events*, or is refused. Nothing here does
I/O, reads a clock, makes random ids or is `async`: time and ids are fields of the command. The words are those of
docs/glossary.md: stream, version, position, feed, seq, follow interval.
"""
