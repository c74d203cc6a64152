"""The local stack: the whole service on one machine, in an AWS emulator."""
