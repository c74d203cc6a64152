"""`make demo`: a trace of LLM requests through the whole service, checked from the outside.

Nothing here imports the service's own package: what the demo believes, it saw on the wire.
"""
