"""The pure rules: standard library only, no clock (`now_ms` is an argument), no I/O."""
