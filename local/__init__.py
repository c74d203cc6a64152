"""The whole service on one machine: emulator, deploy, front door."""
