"""Applications that call a model through the client, as users' programs do.

The model is the client's fake provider. Its log is the truth that the service's books are held to.
"""
