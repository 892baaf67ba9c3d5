"""The program: settings, event store, wiring, command line. It imports everything; nothing imports it."""
