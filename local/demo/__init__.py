"""`make demo`: replays a trace of LLM requests through the service and checks the results.

The demo does not import the service's package: it knows only the responses that it received.
"""
