"""The synchronous client, generated from `_async` by `make client-models`; `_io.py` is not."""
