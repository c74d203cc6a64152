"""What callers read: a builder for each response."""
