"""The dead-letter queues: list, show and redrive."""
